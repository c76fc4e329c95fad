"""A `torch.optim.Optimizer`."""

from __future__ import annotations

import numpy as np
import torch

from . import contract
from .contract import Array, Tensor


class Bound(contract.Bound):
    """Its learning rate stands in its groups, its state in `state`."""

    distribution = "torch"

    @classmethod
    def parameter(cls, array: Array, dtype: str) -> Tensor:
        """A leaf that wants gradients."""
        return torch.nn.Parameter(cls.gradient(array, dtype))

    @classmethod
    def gradient(cls, array: Array, dtype: str) -> Tensor:
        """A tensor."""
        return torch.tensor(array, dtype=getattr(torch, dtype))

    def numpy(self, tensor: Tensor) -> Array:
        """See `contract.Bound`."""
        tensor = tensor.detach()
        return np.array((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy())

    def set_rate(self, learning_rate: float) -> None:
        """Into every group; in place, where a tensor stands there."""
        for group in self.made.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(learning_rate)
            else:
                group["lr"] = learning_rate

    def step(self, gradients: list[Tensor]) -> None:
        """One `optimizer.step()`."""
        for parameter, gradient in zip(self.parameters, gradients):
            parameter.grad = gradient
        self.made.step()

    def state(self) -> dict[str, list[Array]]:
        """Under the names that `torch.optim.RMSprop` has for it, if every parameter has it."""
        theirs = {"square_average": "square_avg", "mean_gradient": "grad_avg", "momentum_buffer": "momentum_buffer"}
        slots = [self.made.state.get(parameter, {}) for parameter in self.parameters]
        return {
            ours: [self.numpy(slot[name]) for slot in slots]
            for ours, name in theirs.items()
            if all(getattr(slot.get(name), "shape", None) == x.shape for slot, x in zip(slots, self.parameters))
        }
