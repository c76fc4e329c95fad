"""A function `step(gradients)` over NumPy arrays, or an object that has one."""

from __future__ import annotations

import inspect

import numpy as np

from . import contract
from .contract import Array, Tensor, Unsupported, copied


class Bound(contract.Bound):
    """It changes the parameters that the factory has seen, or returns new ones in a list.

    Whatever else it computes with is its own affair: it is given arrays, and what it leaves is read as arrays.
    """

    dtypes = ("float16", "float32", "float64")

    @classmethod
    def parameter(cls, array: Array, dtype: str) -> Tensor:
        """An array."""
        if dtype not in cls.dtypes:
            raise Unsupported(f"NumPy has no {dtype}")
        return copied(array, dtype)

    def prepare(self) -> None:
        """See whether it takes a learning rate with each step."""
        self.advance = self.made.step if hasattr(self.made, "step") else self.made
        self.takes = next((n for n in ("learning_rate", "lr") if n in inspect.signature(self.advance).parameters), None)

    def numpy(self, tensor: Tensor) -> Array:
        """See `contract.Bound`."""
        return np.array(tensor)

    def set_rate(self, learning_rate: float) -> None:
        """With the next step."""
        if self.takes is None:
            raise Unsupported("its `step` takes no `learning_rate`, so that it can't change")
        self.learning_rate = learning_rate

    def step(self, gradients: list[Tensor]) -> None:
        """One call, with the learning rate if it takes one."""
        rate = {} if self.takes is None or self.learning_rate is None else {self.takes: self.learning_rate}
        after = self.advance(gradients, **rate)
        if isinstance(after, (list, tuple)):
            self.parameters = list(after)
