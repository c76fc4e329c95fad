"""The conformance catalogue for a user's own optimizer, in the user's own environment and tests.

    import rmsuite
    test_my_rmsprop = rmsuite.conformance(make, dialect="torch")

It is installed as `rmsuite` and needs NumPy (1.23 to 2.x), safetensors and packaging. The oracle runs in a server
process; neither it nor a framework is imported here. Imports in this package are relative, because its name in a
checkout is another one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .adapters import Unsupported
    from .client import ServerError, UserError
    from .pytest_plugin import conformance
    from .user_optimizer import UserOptimizer

_MODULES = {
    "ServerError": "client",
    "Unsupported": "adapters",
    "UserError": "client",
    "UserOptimizer": "user_optimizer",
    "conformance": "pytest_plugin",
}
_RENAMED = {
    "FactoryError": "UserError",
    "JudgeError": "ServerError",
    "Mistake": "UserError",
    "Subject": "UserOptimizer",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use: pytest imports this package wherever it is installed."""
    name = _RENAMED.get(name, name)
    if name in _MODULES:
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["ServerError", "Unsupported", "UserError", "UserOptimizer", "conformance"]
