"""Tables, figures and the page, made from a results folder and nothing else.

This package must not know how the results were made: it imports neither the suite nor a framework, and it
treats what it reads as coming from a stranger.
"""

from reports.files import write
from reports.results import Results, load
from reports.schema import ReportError
from reports.terminal import show

__all__ = ["ReportError", "Results", "load", "show", "write"]
