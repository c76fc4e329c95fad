"""RMSProp's conformance catalogue in a user's own environment: their optimizer, their tests. Installed as `rmsuite`.

    import rmsuite
    test_my_rmsprop = rmsuite.conformance(make, dialect="torch")

Needs NumPy (1.23 to 2.x) and safetensors. What judges runs in a process of its own, and neither it nor a framework is
imported here. All imports in here are relative: the folder has another name in the repository.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .adapters.contract import Unsupported
    from .client import JudgeError, Mistake
    from .signature import FactoryError
    from .testing import conformance
    from .user_optimizer import Subject

_WHERE = {
    "conformance": "testing",
    "JudgeError": "client",
    "Mistake": "client",
    "Unsupported": "adapters.contract",
    "FactoryError": "signature",
    "Subject": "user_optimizer",
}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first asked for: pytest imports this package wherever it is installed."""
    if name in _WHERE:
        return getattr(import_module(f".{_WHERE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["FactoryError", "JudgeError", "Mistake", "Subject", "Unsupported", "conformance"]
