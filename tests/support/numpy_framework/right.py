"""Correct implementations, and base classes of the others."""

from __future__ import annotations

import numpy as np

from reference import dialects
from suite.adapters.scratch import Scratch


class Rows:
    """A sparse gradient."""

    def __init__(self, rows, values, shape):
        self.rows, self.values, self.shape, self.dtype = rows, values, shape, values.dtype

    def dense(self):
        dense = np.zeros(self.shape, self.dtype)
        np.add.at(dense, self.rows, self.values)
        return dense


class Right(Scratch):
    """Computes any dialect correctly."""

    native = "numpy"
    unsupported_sparse = None  # sparse gradients are converted to dense ones
    unsupported_dtypes = {"bfloat16": "NumPy has no bfloat16"}

    def update(self, gradients):
        a, n = self.algorithm, self.numbers
        T = self.parameters[0].dtype.type  # noqa: N806
        rates = map(T, self.rates)
        for i, (x, g, rate) in enumerate(zip(self.parameters, gradients, rates, strict=True)):
            v = self.square_average[i]
            g = g.dense() if isinstance(g, Rows) else g
            if a.decoupled:
                x *= T(1) - rate * T(n["weight_decay"])
            g = self.effective_gradient(g, x)
            self.average(v, g * g, T(n["decay"]), T(n["complement"]))
            w = v
            if a.bias_corrected:
                w = v / (T(1) - T(n["decay"]) ** T(self.steps + 1))
            if a.centered:
                m = self.mean_gradient[i]
                self.average(m, g, T(n["decay"]), T(n["complement"]))
                mean = m / (T(1) - T(n["decay"]) ** T(self.steps + 1)) if a.bias_corrected else m
                w = w - mean * mean
            root = np.sqrt(w + T(n["epsilon"])) if a.epsilon_inside else np.sqrt(w) + T(n["epsilon"])
            u = (rate * g if a.rate_in_buffer else g) / root
            if a.buffered:
                b = self.momentum_buffer[i]
                b[...] = T(n["momentum"]) * b + u
                u = u + T(n["momentum"]) * b if a.nesterov else b
            x -= u if a.rate_in_buffer else rate * u
            if a.clip_weights is not None:
                np.clip(x, -T(n["clip_weights"]), T(n["clip_weights"]), out=x)

    def average(self, old, new, decay, complement):
        old[...] = decay * old + complement * new

    def shortened(self, g, limit):
        limit = g.dtype.type(limit)
        return g * limit / np.maximum(np.sqrt(np.sum(g * g)), limit)

    def within(self, z, limit):
        return np.clip(z, -z.dtype.type(limit), z.dtype.type(limit))


class ClaimsD2l(Right):
    """Computes D2L's dialect correctly and declares it, whatever dialect is requested."""

    computes = "d2l"
    actual = "d2l"

    def prepare(self):
        self.dialect = dialects[self.actual]
        super().prepare()
