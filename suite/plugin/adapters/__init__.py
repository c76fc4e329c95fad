"""Adapters for what a factory may make: one module for each kind of optimizer.

Only these modules import a framework, which the user has imported before. The kind is determined from the object that
the factory makes. An adapter converts arrays and takes steps.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .contract import Array, OptimizerAdapter

KINDS: Mapping[str, Callable[[Any], bool]] = {
    "torch": lambda made: hasattr(made, "param_groups") and hasattr(made, "step"),
    "keras": lambda made: hasattr(made, "apply_gradients"),
    "mxnet": lambda made: hasattr(made, "create_state") and hasattr(made, "update"),
    "optax": lambda made: isinstance(made, tuple) and len(made) == 2 and all(map(callable, made)),
    "numpy": lambda made: callable(made) or hasattr(made, "step"),
}
"""Kind -> whether an object is of that kind; the first match counts."""

EXPECTED = "a torch.optim.Optimizer, a Keras or MXNet optimizer, a pair (init, update), or a function step(gradients)"


def adapter_class(kind: str) -> type[OptimizerAdapter]:
    """Return the adapter of a kind. This imports the framework of the kind."""
    module = importlib.import_module(f".{kind}", __name__)
    adapter: type[OptimizerAdapter] = module.Adapter
    return adapter


def parameter_kinds(takes_parameters: bool) -> list[str]:
    """Return the kinds of parameters that a factory of unknown kind may need, most likely first.

    A framework that has not been imported is not considered.
    """
    return ["torch", "numpy"] if takes_parameters and "torch" in sys.modules else ["numpy"]


__all__ = ["EXPECTED", "KINDS", "Array", "OptimizerAdapter", "adapter_class", "parameter_kinds"]
