"""Gradient transformations of optax, pairs (init, update): over arrays of JAX if it is imported, else of NumPy."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .contract import Array, OptimizerAdapter, Tensor, Unsupported, copied


def _jax() -> Any:
    """Return JAX if it is imported, else None: a transformation of two functions can be written without it."""
    if "jax" not in sys.modules:
        return None
    import jax

    return jax


class Adapter(OptimizerAdapter):
    """A transformation with a fixed learning rate; for another rate a new one is made, which continues the state."""

    distribution = "optax"

    @classmethod
    def parameter(cls, array: Array, dtype: str) -> Tensor:
        """Make an array."""
        jax = _jax()
        if jax is None:
            if dtype == "bfloat16":
                raise Unsupported("NumPy has no bfloat16")
            return copied(array, dtype)
        if dtype == "float64" and not jax.config.jax_enable_x64:
            raise Unsupported("JAX has no float64 unless JAX_ENABLE_X64=1")
        return jax.numpy.asarray(array, dtype)

    def prepare(self) -> None:
        """Create the state."""
        self.slots = self.made[0](self.parameters)

    def numpy(self, tensor: Tensor) -> Array:
        """See `OptimizerAdapter`."""
        return np.array(tensor, np.float32 if self.dtype == "bfloat16" else self.dtype)

    def set_rate(self, learning_rate: float) -> None:
        """Make a transformation with another learning rate."""
        self.made = self.make(learning_rate)

    def step(self, gradients: list[Tensor]) -> None:
        """Call `update`, and add the updates in the format of the parameters, as `optax.apply_updates` does."""
        updates, self.slots = self.made[1](gradients, self.slots, self.parameters)
        self.parameters = [(p + u).astype(p.dtype) for p, u in zip(self.parameters, updates)]
