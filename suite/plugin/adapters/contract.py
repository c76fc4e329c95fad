"""What a kind is: how arrays become its parameters, and how what a factory has made takes a step on them."""

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
    """A kind or a factory can't do what is asked for; the message says what, and why."""


class Bound(ABC):
    """What a factory has made, bound to parameters.

    Attributes:
        dtypes: the formats that parameters of this kind can have.
        distribution: of which the version is told; None: the factory's own.
    """

    dtypes: ClassVar[Sequence[str]] = ("float16", "bfloat16", "float32", "float64")
    distribution: ClassVar[str | None] = None

    def __init__(
        self, made: Any, parameters: list[Tensor], dtype: str, make: Make, learning_rate: float | None = None
    ) -> None:
        """Bind.

        Args:
            made: what the factory has made, with the first learning rate.
            parameters: that the factory has seen, if it asked for them.
            dtype: theirs.
            make: of a learning rate what the factory makes with it, for a kind that takes no new one.
            learning_rate: with which it was made; None if it has the factory's default.
        """
        self.made, self.parameters, self.dtype, self.make = made, parameters, dtype, make
        self.learning_rate = learning_rate
        self.prepare()

    def prepare(self) -> None:  # noqa: B027  (most kinds are ready)
        """Make what has to be there before the first step."""

    @classmethod
    @abstractmethod
    def parameter(cls, array: Array, dtype: str) -> Tensor:
        """A parameter that holds a copy of the array, rounded to the format.

        Raises:
            Unsupported: if there is none of this format.
        """

    @classmethod
    def gradient(cls, array: Array, dtype: str) -> Tensor:
        """A gradient, likewise."""
        return cls.parameter(array, dtype)

    @abstractmethod
    def numpy(self, tensor: Tensor) -> Array:
        """A copy; bfloat16 as float32, which loses nothing."""

    @abstractmethod
    def set_rate(self, learning_rate: float) -> None:
        """Take a learning rate from the next step on.

        Raises:
            Unsupported: if what was made has no way to.
        """

    @abstractmethod
    def step(self, gradients: list[Tensor]) -> None:
        """Change `self.parameters`, in place or for others."""

    def state(self) -> dict[str, list[Array]]:
        """What it shows of its state in the oracle's terms, an array a parameter. Empty where that is not public."""
        return {}


def copied(array: Array, dtype: str) -> Array:
    """A copy of an array in a format that NumPy has; what is too large becomes infinite."""
    with np.errstate(over="ignore"):
        return np.array(array, dtype, order="C")
