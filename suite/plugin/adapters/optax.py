"""Gradient transformations of optax, pairs (init, update): over arrays of JAX if it is imported, else of NumPy."""

from __future__ import annotations

import sys

import numpy as np

from . import Array, OptimizerAdapter, Tensor, Unsupported, copied


class Adapter(OptimizerAdapter):
    """A transformation with a fixed learning rate; for another rate a new one is made, which continues the state."""

    distribution = "optax"

    @classmethod
    def parameter(cls, array: Array, dtype: str) -> Tensor:
        if "jax" not in sys.modules:  # a transformation of two functions can be written without it
            return copied(array, dtype)
        import jax

        if dtype == "float64" and not jax.config.jax_enable_x64:
            raise Unsupported("JAX has no float64 unless JAX_ENABLE_X64=1")
        return jax.numpy.asarray(array, dtype)

    def prepare(self) -> None:
        self.slots = self.made[0](self.parameters)

    def numpy(self, tensor: Tensor) -> Array:
        return np.array(tensor, np.float32 if self.dtype == "bfloat16" else self.dtype)

    def set_rate(self, learning_rate: float) -> None:
        self.made = self.make(learning_rate)

    def step(self, gradients: list[Tensor]) -> None:
        """Call `update`, and add the updates in the format of the parameters, as `optax.apply_updates` does."""
        updates, self.slots = self.made[1](gradients, self.slots, self.parameters)
        self.parameters = [(p + u).astype(p.dtype) for p, u in zip(self.parameters, updates)]
