"""A pair (init, update), as optax has it: over JAX's arrays where JAX has been imported, else over NumPy's."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from . import contract
from .contract import Array, Tensor, Unsupported, copied


def _jax() -> Any:
    """JAX, if it is there. A transformation can be written without: it is no more than two functions."""
    if "jax" not in sys.modules:
        return None
    import jax

    return jax


class Bound(contract.Bound):
    """It has no learning rate that could change: another one is made, which goes on from the same state."""

    distribution = "optax"

    @classmethod
    def parameter(cls, array: Array, dtype: str) -> Tensor:
        """An array."""
        jax = _jax()
        if jax is None:
            if dtype == "bfloat16":
                raise Unsupported("NumPy has no bfloat16")
            return copied(array, dtype)
        if dtype == "float64" and not jax.config.jax_enable_x64:
            raise Unsupported("JAX has no float64 here; it has with JAX_ENABLE_X64=1")
        return jax.numpy.asarray(array, dtype)

    def prepare(self) -> None:
        """Make the state."""
        self.slots = self.made[0](self.parameters)

    def numpy(self, tensor: Tensor) -> Array:
        """See `contract.Bound`."""
        return np.array(tensor, np.float32 if self.dtype == "bfloat16" else self.dtype)

    def set_rate(self, learning_rate: float) -> None:
        """Make another one."""
        self.made = self.make(learning_rate)

    def step(self, gradients: list[Tensor]) -> None:
        """One `update`, and what `optax.apply_updates` does: the sum, in the parameter's format."""
        updates, self.slots = self.made[1](gradients, self.slots, self.parameters)
        self.parameters = [(p + u).astype(p.dtype) for p, u in zip(self.parameters, updates)]
