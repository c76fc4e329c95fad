"""Adapters for the optimizers that a factory may make: the contract, and one module for each kind of optimizer.

An adapter makes parameters of a framework from arrays and performs the steps of an optimizer on them. Only the modules
of the kinds import a framework, which the user has imported before. The kind is determined from the object that the
factory makes.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Tensor = Any

KINDS: Mapping[str, Callable[[Any], bool]] = {
    "torch": lambda made: hasattr(made, "param_groups") and hasattr(made, "step"),
    "keras": lambda made: hasattr(made, "apply_gradients"),
    "mxnet": lambda made: hasattr(made, "create_state") and hasattr(made, "update"),
    "optax": lambda made: isinstance(made, tuple) and len(made) == 2 and all(map(callable, made)),
    "numpy": lambda made: callable(made) or hasattr(made, "step"),
}
"""Kind -> whether an object is of that kind; the first match counts."""

EXPECTED = "a torch.optim.Optimizer, a Keras or MXNet optimizer, a pair (init, update), or a function step(gradients)"


class Unsupported(Exception):
    """A kind of optimizer or a factory can't do what is requested; the message says what, and why."""


class OptimizerAdapter(ABC):
    """An optimizer that a factory has made, with its parameters.

    Attributes:
        dtypes: the formats that parameters of this kind can have.
        distribution: the distribution package whose version is reported.
    """

    dtypes: ClassVar[Sequence[str]] = ("float16", "bfloat16", "float32", "float64")
    distribution: ClassVar[str]

    def __init__(
        self,
        made: Any,
        parameters: list[Tensor],
        dtype: str,
        make: Callable[[float], Any],
        learning_rate: float | None = None,
    ) -> None:
        """Prepare for the first step.

        Args:
            made: what the factory has made, with the first learning rate.
            parameters: the parameters that the factory has received, if it takes any.
            dtype: the format of the parameters.
            make: calls the factory with another learning rate, for optimizers whose learning rate is fixed.
            learning_rate: the first learning rate; None if it is the factory's default.
        """
        self.made, self.parameters, self.dtype, self.make = made, parameters, dtype, make
        self.learning_rate = learning_rate
        self.prepare()

    def prepare(self) -> None:  # noqa: B027  (most kinds need nothing)
        """Create what must exist before the first step."""

    @classmethod
    @abstractmethod
    def parameter(cls, array: Array, dtype: str) -> Tensor:
        """Make a parameter with a copy of the array, rounded to the format.

        Raises:
            Unsupported: if the framework lacks the format.
        """

    @classmethod
    def gradient(cls, array: Array, dtype: str) -> Tensor:
        """Make a gradient, as `parameter`."""
        return cls.parameter(array, dtype)

    @abstractmethod
    def numpy(self, tensor: Tensor) -> Array:
        """Return a copy as a NumPy array; bfloat16 as float32, which is exact."""

    @abstractmethod
    def set_rate(self, learning_rate: float) -> None:
        """Set the learning rate of the next steps.

        Raises:
            Unsupported: if it can't change.
        """

    @abstractmethod
    def step(self, gradients: list[Tensor]) -> None:
        """Take one step: update `self.parameters`, in place or by new ones."""

    def state(self) -> dict[str, list[Array]]:
        """Return the state under the oracle's names, an array for each parameter; empty where it is not public."""
        return {}


def adapter_class(kind: str) -> type[OptimizerAdapter]:
    """Return the adapter of a kind. This imports the framework of the kind."""
    adapter: type[OptimizerAdapter] = importlib.import_module(f".{kind}", __name__).Adapter
    return adapter


def copied(array: Array, dtype: str) -> Array:
    """Return a copy of an array in a format of NumPy; numbers that are too large become infinite.

    Raises:
        Unsupported: if NumPy lacks the format.
    """
    if dtype == "bfloat16":
        raise Unsupported("NumPy has no bfloat16")
    with np.errstate(over="ignore"):
        return np.array(array, dtype, order="C")
