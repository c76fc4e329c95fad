"""Adapters: run RMSProp in each framework. These are the only modules that import a framework.

`contract.py` describes what an adapter is; each framework has a folder of the same four modules. An adapter imports its
framework, NumPy, `reference` and the modules beside this one; nothing else of the project.
"""

from __future__ import annotations

import importlib

from suite.adapters.contract import Framework
from suite.errors import UserError

FRAMEWORKS = ("torch", "tensorflow", "mxnet")
"""The frameworks that have an adapter; each is also the name of its folder here and of its environment."""

ORACLE = "oracle"
"""The adapter of the oracle, which runs in the harness's own environment."""


def load(name: str, device: str) -> Framework:
    """Import the adapter of a framework, in that framework's environment, for a device.

    Raises:
        ModuleNotFoundError: if the framework is not installed here.
        UserError: if there is no such adapter, or no such device.
    """
    if name not in (*FRAMEWORKS, ORACLE):
        raise UserError(f"no adapter for {name!r}; there are {', '.join(FRAMEWORKS)}")
    framework: Framework = importlib.import_module(f"suite.adapters.{name}").Adapter(device)
    return framework
