"""Optimizers of PyTorch, `torch.optim.Optimizer`."""

from __future__ import annotations

import numpy as np
import torch

from . import Array, OptimizerAdapter, Tensor


class Adapter(OptimizerAdapter):
    """An optimizer with `param_groups` and `state`."""

    distribution = "torch"

    @classmethod
    def parameter(cls, array: Array, dtype: str) -> Tensor:
        """Make a leaf that requires gradients."""
        return torch.nn.Parameter(cls.gradient(array, dtype))

    @classmethod
    def gradient(cls, array: Array, dtype: str) -> Tensor:
        return torch.tensor(array, dtype=getattr(torch, dtype))

    def numpy(self, tensor: Tensor) -> Array:
        tensor = tensor.detach()
        return np.array((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy())

    def set_rate(self, learning_rate: float) -> None:
        """Set it in every group; in place if it is a tensor."""
        for group in self.made.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(learning_rate)
            else:
                group["lr"] = learning_rate

    def step(self, gradients: list[Tensor]) -> None:
        for parameter, gradient in zip(self.parameters, gradients):
            parameter.grad = gradient
        self.made.step()

    def state(self) -> dict[str, list[Array]]:
        """Return the parts that every parameter has under the names of `torch.optim.RMSprop`."""
        names = {"square_average": "square_avg", "mean_gradient": "grad_avg", "momentum_buffer": "momentum_buffer"}
        slots = [self.made.state.get(parameter, {}) for parameter in self.parameters]
        return {
            ours: [self.numpy(slot[name]) for slot in slots]
            for ours, name in names.items()
            if all(getattr(slot.get(name), "shape", None) == x.shape for slot, x in zip(slots, self.parameters))
        }
