"""Where the house is, and what stands on both sides: loaded by its path, under a name of ours.

The house (`reference`, `suite`, `reports`) has names that a user's own packages may have, so it is never imported in a
user's process. What both sides need, and what needs nothing of the house itself, is read from its file.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference import hyperparameters
    from suite.cases import expression
    from suite.workers import arrays, protocol

_INSTALLED = Path(__file__).parent
HOUSE = _INSTALLED if (_INSTALLED / "reference").is_dir() else Path(__file__).resolve().parents[2]
"""The folder that holds `reference`, `suite` and `reports`: in a wheel our own, else the repository."""

_SHARED = {
    "arrays": "suite/workers/arrays.py",
    "protocol": "suite/workers/protocol.py",
    "expression": "suite/cases/expression.py",
    "hyperparameters": "reference/hyperparameters.py",
}


def _load(name: str) -> ModuleType:
    ours = f"{__package__}.shared_{name}"
    if ours not in sys.modules:
        spec = importlib.util.spec_from_file_location(ours, HOUSE / _SHARED[name])
        assert spec is not None and spec.loader is not None  # noqa: PT018, S101  (it has the name of a Python file)
        sys.modules[ours] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[ours]


def __getattr__(name: str) -> ModuleType:
    """A shared module, read when it is first asked for: collecting tests needs none."""
    if name in _SHARED:
        return _load(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["HOUSE", "arrays", "expression", "hyperparameters", "protocol"]
