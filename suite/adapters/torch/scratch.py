"""RMSProp from torch operations."""

from __future__ import annotations

import torch

from suite.adapters.contract import Tensor
from suite.adapters.scratch import Scratch


class TorchScratch(Scratch):
    """RMSProp from torch operations, in place."""

    native = "torch operations, in place"

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def update(self, gradients: list[Tensor]) -> None:
        """One step, for any dialect."""
        a, n, rates = self.algorithm, self.numbers, self.rates
        for i, (x, grad, v, rate) in enumerate(zip(self.parameters, gradients, self.square_average, rates)):
            g = self.effective_gradient(grad, x)
            if a.decoupled:
                x.mul_(1 - rate * n["weight_decay"])
            v.mul_(n["decay"]).addcmul_(g, g, value=n["complement"])
            w, correction = v, 1 - n["decay"] ** (self.steps + 1) if a.bias_corrected else 1.0
            if a.bias_corrected:
                w = w / correction
            if a.centered:
                m = self.mean_gradient[i]
                m.mul_(n["decay"]).add_(g, alpha=n["complement"])
                w = w - torch.square(m / correction if a.bias_corrected else m)
            d = (w + n["epsilon"]).sqrt_() if a.epsilon_inside else w.sqrt().add_(n["epsilon"])
            u = (g * rate if a.rate_in_buffer else g) / d
            if a.buffered:
                b = self.momentum_buffer[i]
                b.mul_(n["momentum"]).add_(u)
                u = u + b * n["momentum"] if a.nesterov else b
            x.sub_(u if a.rate_in_buffer else u * rate)
            if a.clip_weights is not None:
                x.clamp_(-n["clip_weights"], n["clip_weights"])

    def clipped(self, g: Tensor) -> Tensor:
        """With its norm, and then each coordinate, kept within bounds."""
        a, n = self.algorithm, self.numbers
        if a.clip_norm is not None:
            norm = torch.square(g).sum().sqrt()
            g = g * n["clip_norm"] / norm.clamp(min=n["clip_norm"])
        return g if a.clip_gradient is None else g.clamp(-n["clip_gradient"], n["clip_gradient"])
