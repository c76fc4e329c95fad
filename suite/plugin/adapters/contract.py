"""The contract of an adapter: how arrays become parameters of a framework, and how its optimizer takes a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Tensor = Any
Make = Callable[[float], Any]


class Unsupported(Exception):
    """A kind of optimizer or a factory can't do what is requested; the message says what, and why."""


class OptimizerAdapter(ABC):
    """An optimizer that a factory has made, with its parameters.

    Attributes:
        dtypes: the formats that parameters of this kind can have.
        distribution: the distribution package whose version is reported; None for that of NumPy.
    """

    dtypes: ClassVar[Sequence[str]] = ("float16", "bfloat16", "float32", "float64")
    distribution: ClassVar[str | None] = None

    def __init__(
        self, made: Any, parameters: list[Tensor], dtype: str, make: Make, learning_rate: float | None = None
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


def copied(array: Array, dtype: str) -> Array:
    """Return a copy of an array in a format of NumPy; numbers that are too large become infinite."""
    with np.errstate(over="ignore"):
        return np.array(array, dtype, order="C")
