"""Tables, figures and the page, made from a results folder and nothing else.

This package must not know how the results were made: it imports neither the suite nor a framework, and it
treats what it reads as coming from a stranger.
"""

from reports.comparison import Comparison, Time
from reports.comparison import build as compare
from reports.files import write
from reports.results import Results, load
from reports.schema import ReportError
from reports.side_by_side import show as show_comparison
from reports.side_by_side import write as write_comparison
from reports.terminal import show

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
