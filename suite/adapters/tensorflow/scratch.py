"""RMSProp from TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf

from suite.adapters.contract import Tensor
from suite.adapters.scratch import Scratch


class TensorFlowScratch(Scratch):
    """RMSProp from TensorFlow operations, eager, in place."""

    native = "TensorFlow operations, in place"
    longest = 1000

    def update(self, gradients: list[Tensor]) -> None:
        """One step, for any dialect."""
        a, n, rates = self.algorithm, self.numbers, self.rates
        for i, (x, grad, v, rate) in enumerate(zip(self.parameters, gradients, self.square_average, rates)):
            g = self.effective_gradient(grad, x)
            if a.decoupled:
                x.assign(x * (1 - rate * n["weight_decay"]))
            v.assign(v * n["decay"] + tf.square(g) * n["complement"])
            w, correction = v, 1 - n["decay"] ** (self.steps + 1) if a.bias_corrected else 1.0
            if a.bias_corrected:
                w = w / correction
            if a.centered:
                m = self.mean_gradient[i]
                m.assign(m * n["decay"] + g * n["complement"])
                w = w - tf.square(m / correction if a.bias_corrected else m)
            d = tf.sqrt(w + n["epsilon"]) if a.epsilon_inside else tf.sqrt(w) + n["epsilon"]
            u = (g * rate if a.rate_in_buffer else g) / d
            if a.buffered:
                b = self.momentum_buffer[i]
                b.assign(b * n["momentum"] + u)
                u = u + b * n["momentum"] if a.nesterov else b
            x.assign_sub(u if a.rate_in_buffer else u * rate)
            if a.clip_weights is not None:
                x.assign(tf.clip_by_value(x, -n["clip_weights"], n["clip_weights"]))

    def clipped(self, g: Tensor) -> Tensor:
        """With its norm, and then each coordinate, kept within bounds."""
        a, n = self.algorithm, self.numbers
        if a.clip_norm is not None:
            norm = tf.sqrt(tf.reduce_sum(tf.square(g)))
            g = g * n["clip_norm"] / tf.maximum(norm, n["clip_norm"])
        return g if a.clip_gradient is None else tf.clip_by_value(g, -n["clip_gradient"], n["clip_gradient"])
