"""RMSProp's conformance catalogue in a user's own environment: their optimizer, their tests. Installed as `rmsuite`.

    import rmsuite
    test_my_rmsprop = rmsuite.conformance(make, dialect="torch")

Needs NumPy (1.23 to 2.x) and safetensors. What judges runs in a process of its own, and neither it nor a framework is
imported here. All imports in here are relative: the folder has another name in the repository.
"""

from __future__ import annotations

from .kinds.contract import Unsupported
from .signature import FactoryError
from .subject import Subject

__all__ = ["FactoryError", "Subject", "Unsupported"]
