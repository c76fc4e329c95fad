"""RMSProp from mxnet.nd operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import mxnet as mx
import numpy as np

from reference import Dialect
from suite.adapters.contract import Tensor
from suite.adapters.mxnet import TRUNCATED
from suite.adapters.scratch import Scratch


class MxnetScratch(Scratch):
    """RMSProp from mxnet.nd operations, in place."""

    native = "mxnet.nd operations, in place"
    refused: ClassVar[Mapping[str, str]] = TRUNCATED
    longest = 1000

    def prepare(self, dialect: Dialect) -> None:
        """Make the state, and of the numbers what operations take."""
        super().prepare(dialect)
        self.numbers = {name: self.exact(value) for name, value in self.numbers.items()}

    def rounded(self, learning_rate: float) -> Any:
        """As the dialect rounds it, and as an operation reads it."""
        return self.exact(super().rounded(learning_rate))

    def exact(self, value: float) -> Any:
        """A number that an operation reads without error: as an array where text is too coarse."""
        wide = self.framework.dtype(self.parameters[0]) == "float64"
        return self.framework.tensor(np.array(value), "float64") if wide else value

    def update(self, gradients: list[Tensor]) -> None:
        """One step, for any dialect."""
        a, n, rates = self.algorithm, self.numbers, self.rates
        for i, (x, grad, v, rate) in enumerate(zip(self.parameters, gradients, self.square_average, rates)):
            g = self.effective_gradient(grad, x)
            if a.decoupled:
                x *= 1 - rate * n["weight_decay"]
            v *= n["decay"]
            v += g * g * n["complement"]
            w, correction = v, 1 - n["decay"] ** (self.steps + 1) if a.bias_corrected else 1.0
            if a.bias_corrected:
                w = w / correction
            if a.centered:
                m = self.mean_gradient[i]
                m *= n["decay"]
                m += g * n["complement"]
                w = w - mx.nd.square(m / correction if a.bias_corrected else m)
            d = mx.nd.sqrt(w + n["epsilon"]) if a.epsilon_inside else mx.nd.sqrt(w) + n["epsilon"]
            u = (g * rate if a.rate_in_buffer else g) / d
            if a.buffered:
                b = self.momentum_buffer[i]
                b *= n["momentum"]
                b += u
                u = u + b * n["momentum"] if a.nesterov else b
            x -= u if a.rate_in_buffer else u * rate
            if a.clip_weights is not None:
                within(x, n["clip_weights"]).copyto(x)

    def clipped(self, g: Tensor) -> Tensor:
        """With its norm, and then each coordinate, kept within bounds."""
        a, n = self.algorithm, self.numbers
        if a.clip_norm is not None:
            norm = mx.nd.sqrt(mx.nd.sum(mx.nd.square(g)))
            g = g * n["clip_norm"] / mx.nd.maximum(norm, n["clip_norm"])
        return g if a.clip_gradient is None else within(g, n["clip_gradient"])


def within(z: Tensor, limit: Any) -> Tensor:
    """Each coordinate of z kept within ±limit; `mx.nd.clip` would round the limit to float32."""
    return mx.nd.minimum(mx.nd.maximum(z, -limit), limit)
