"""What a factory may make: a module a kind. These alone import a framework, which the user has imported before.

A kind is told from what is made. Its `Bound` moves arrays in and out, and takes steps.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .contract import Array, Bound

KINDS: Mapping[str, Callable[[Any], bool]] = {
    "torch": lambda made: hasattr(made, "param_groups") and hasattr(made, "step"),
    "keras": lambda made: hasattr(made, "apply_gradients"),
    "mxnet": lambda made: hasattr(made, "create_state") and hasattr(made, "update"),
    "optax": lambda made: isinstance(made, tuple) and len(made) == 2 and all(map(callable, made)),
    "numpy": lambda made: callable(made) or hasattr(made, "step"),
}
"""Kind -> whether something is of that kind; the first that holds."""

MADE_OF = "a torch.optim.Optimizer, a Keras or MXNet optimizer, a pair (init, update), or a function step(gradients)"


def bound_of(kind: str) -> type[Bound]:
    """The class of a kind. It imports the kind's framework."""
    module = importlib.import_module(f".{kind}", __name__)
    found: type[Bound] = module.Bound
    return found


def candidates(takes_parameters: bool) -> list[str]:
    """The kinds of parameters that a factory may want to see before it can be known what it makes.

    A framework that nobody has imported is nobody's kind.
    """
    return ["torch", "numpy"] if takes_parameters and "torch" in sys.modules else ["numpy"]


__all__ = ["KINDS", "MADE_OF", "Array", "Bound", "bound_of", "candidates"]
