"""Modules that the plugin shares with its server, loaded from their files under names of the plugin's own.

`reference`, `suite` and `reports` may also be the names of a user's own packages, so that the plugin never imports them
in the user's process. The shared modules need the standard library, NumPy and safetensors only.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference import hyperparameters
    from suite import errors
    from suite.cases import expression
    from suite.workers import arrays, protocol

_HERE = Path(__file__).resolve().parent
ROOT = _HERE if (_HERE / "reference").is_dir() else _HERE.parents[1]
"""The folder with `reference`, `suite` and `reports`: the installed package, or the checkout."""

_FILES = {
    "arrays": "suite/workers/arrays.py",
    "errors": "suite/errors.py",
    "expression": "suite/cases/expression.py",
    "hyperparameters": "reference/hyperparameters.py",
    "protocol": "suite/workers/protocol.py",
}


def load(name: str, file: Path) -> ModuleType:
    """Import a module, or a package's `__init__.py`, from its file, without a search path."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None  # noqa: PT018, S101  (the file is a Python file)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def __getattr__(name: str) -> ModuleType:
    """Load a shared module on first use, because collecting tests needs none."""
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module_name = f"{__package__}.shared_{name}"
    return sys.modules.get(module_name) or load(module_name, ROOT / _FILES[name])


__all__ = ["ROOT", "arrays", "errors", "expression", "hyperparameters", "load", "protocol"]
