"""Tables, figures and the page, made from a results folder and nothing else.

This package must not know how the results were made: it imports neither the suite nor a framework, and it
treats what it reads as coming from a stranger.
"""

from reports.read.results import Results, load
from reports.read.schema import ReportError
from reports.render.comparison import show as show_comparison
from reports.render.comparison import write as write_comparison
from reports.render.files import write
from reports.render.terminal import show
from reports.tables.comparison import Comparison, Time
from reports.tables.comparison import build as compare

__all__ = [
    "Comparison",
    "ReportError",
    "Results",
    "Time",
    "compare",
    "load",
    "show",
    "show_comparison",
    "write",
    "write_comparison",
]
