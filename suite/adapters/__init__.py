"""Who answers: one folder per framework, the only place that imports it."""

from __future__ import annotations

import importlib

from suite.adapters.contract import Framework
from suite.errors import UserError

FRAMEWORKS = ("torch", "tensorflow", "mxnet")
"""The frameworks that have an adapter; each is also the name of its folder here and of its environment."""


ORACLE = "oracle"
"""The oracle's adapter; it runs in the harness's own environment."""


def load(name: str, device: str) -> Framework:
    """The adapter of a framework, on a device. Works in that framework's environment only.

    Raises:
        ModuleNotFoundError: if the framework is not installed here.
        UserError: if there is no such adapter, or no such device.
    """
    if name not in (*FRAMEWORKS, ORACLE):
        raise UserError(f"no adapter for {name!r}; there are {', '.join(FRAMEWORKS)}")
    module = importlib.import_module(f"suite.adapters.{name}" if name == ORACLE else f"suite.adapters.{name}.adapter")
    framework: Framework = module.Adapter(device)
    return framework
