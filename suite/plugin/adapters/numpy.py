"""Functions `step(gradients)` over NumPy arrays, and objects with such a method."""

from __future__ import annotations

import inspect

import numpy as np

from . import Array, OptimizerAdapter, Tensor, Unsupported, copied


class Adapter(OptimizerAdapter):
    """A function that changes the parameters which the factory received, or returns new ones in a list.

    It receives NumPy arrays and its results are read as NumPy arrays, whatever it computes with.
    """

    dtypes = ("float16", "float32", "float64")
    distribution = "numpy"

    @classmethod
    def parameter(cls, array: Array, dtype: str) -> Tensor:
        return copied(array, dtype)

    def prepare(self) -> None:
        """Find out whether a step takes a learning rate."""
        self.advance = self.made.step if hasattr(self.made, "step") else self.made
        self.rate_argument = next(
            (n for n in ("learning_rate", "lr") if n in inspect.signature(self.advance).parameters), None
        )

    def numpy(self, tensor: Tensor) -> Array:
        return np.array(tensor)

    def set_rate(self, learning_rate: float) -> None:
        """Pass it to the next steps."""
        if self.rate_argument is None:
            raise Unsupported("its `step` takes no argument `learning_rate`")
        self.learning_rate = learning_rate

    def step(self, gradients: list[Tensor]) -> None:
        """Call the function, with the learning rate if it takes one."""
        rate = (
            {} if self.rate_argument is None or self.learning_rate is None else {self.rate_argument: self.learning_rate}
        )
        after = self.advance(gradients, **rate)
        if isinstance(after, (list, tuple)):
            self.parameters = list(after)
