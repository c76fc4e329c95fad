"""Tables, figures and pages, made from a results folder and nothing else.

This package does not know how results are made: of the suite it imports only `suite.results` and `suite.errors`. It
treats the contents of a results folder as untrusted. The functions below are imported when they are first used, so that
`reports.tables.table` and `reports.render.text` can be used where neither pandas nor rich is installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.read.results import Results, load
    from reports.render.comparison import show as show_comparison
    from reports.render.comparison import write as write_comparison
    from reports.render.files import write
    from reports.render.report_terminal import show
    from reports.tables.comparison import RunComparison, Time
    from reports.tables.comparison import build as compare

__all__ = [
    "Results",
    "RunComparison",
    "Time",
    "compare",
    "load",
    "show",
    "show_comparison",
    "write",
    "write_comparison",
]

_HOME = {
    "RunComparison": ("tables.comparison", "RunComparison"),
    "Results": ("read.results", "Results"),
    "Time": ("tables.comparison", "Time"),
    "compare": ("tables.comparison", "build"),
    "load": ("read.results", "load"),
    "show": ("render.report_terminal", "show"),
    "show_comparison": ("render.comparison", "show"),
    "write": ("render.files", "write"),
    "write_comparison": ("render.comparison", "write"),
}
"""Public name -> the module that defines it, and its name there."""


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOME[name]
    return getattr(importlib.import_module(f"reports.{module}"), attribute)
