"""Tables, figures and pages, made from a results folder and nothing else.

This package does not know how results are made: of the suite it imports only `suite.results` and `suite.errors`. It
treats the contents of a results folder as untrusted. The functions below are imported when they are first used, so that
`reports.tables.table` can be used where neither pandas nor rich is installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.read import Results, load
    from reports.render.files import write, write_comparison
    from reports.render.terminal import show, show_comparison
    from reports.tables.comparison import RunComparison, Time, compare

__all__ = ["Results", "RunComparison", "Time", "compare", "load", "show", "show_comparison", "write",
           "write_comparison"]  # fmt: skip

_HOME = {
    **dict.fromkeys(("Results", "load"), "read"),
    **dict.fromkeys(("RunComparison", "Time", "compare"), "tables.comparison"),
    **dict.fromkeys(("show", "show_comparison"), "render.terminal"),
    **dict.fromkeys(("write", "write_comparison"), "render.files"),
}
"""Public name -> the module that defines it."""


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"reports.{_HOME[name]}"), name)
