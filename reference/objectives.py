"""The objectives of D2L 11.8 and a small network, with their gradients and bounds on the error of computed gradients.

Parameters are one vector. The bound on a gradient counts roundings: a sum of products with k roundings each has an
error of at most k ε times the sum of the absolute products, in any order of operations (Higham 2002, section 3.1).
Unlike the bound on the update it does not follow one formula, because automatic differentiation may arrange the terms
differently.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike

from .precision import Array, Format, format_of


class Objective(Protocol):
    """A function of a parameter vector, evaluated in each step on all data or on a batch."""

    def loss(self, x: Array) -> float:
        """Return the value at x, over all data."""

    def gradient(self, x: Array, step: int) -> Array:
        """Return the gradient at x on the data of a step (counted from 0), in the type of x."""

    def gradient_bound(self, x: Array, step: int, dtype: Format | DTypeLike | str) -> Array:
        """Return the largest error of that gradient when it is computed in `dtype`, for each coordinate."""


@dataclass(frozen=True)
class Quadratic:
    """f(x) = 0.1 x1² + 2 x2² (D2L 11.8.2), or rotated by 45 degrees, 0.1 (x1 + x2)² + 2 (x1 - x2)² (exercise 2).

    The rotated function of the exercise is also scaled by 2: a pure rotation would use (x1 ± x2)/√2.
    """

    rotated: bool = False

    _SLOPES = (0.2, 4.0)
    _ROUNDINGS = 8  # the constants, x1 ± x2, the derivative of its square, two products, a sum of two; two spare

    def loss(self, x: Array) -> float:
        """Return f(x); x has shape (2,)."""
        return float(np.sum(np.asarray(self._SLOPES, x.dtype) / 2 * self._axes(x) ** 2))

    def gradient(self, x: Array, step: int) -> Array:  # noqa: ARG002  (every step uses all data)
        """Return ∇f(x): (0.2 x1, 4 x2), or (0.2 s + 4 d, 0.2 s - 4 d) with s = x1 + x2 and d = x1 - x2."""
        shallow, steep = np.asarray(self._SLOPES, x.dtype) * self._axes(x)
        return np.array([shallow + steep, shallow - steep] if self.rotated else [shallow, steep])

    def gradient_bound(self, x: Array, step: int, dtype: Format | DTypeLike | str) -> Array:  # noqa: ARG002
        """See `Objective`."""
        terms = np.abs(np.asarray(self._SLOPES, x.dtype) * self._axes(x))
        size = np.full(2, terms.sum()) if self.rotated else terms
        return np.asarray(_counted(self._ROUNDINGS, size, format_of(dtype)))

    def _axes(self, x: Array) -> Array:
        return np.array([x[0] + x[1], x[0] - x[1]]) if self.rotated else x


@dataclass(frozen=True)
class LinearRegression:
    """Least squares with the halved squared loss, ½ mean (Xw + b - y)² (D2L 11.8.2 by way of `train_ch11`).

    The parameter vector is (w, b), shape (n + 1,).
    """

    features: Array  # X, shape (rows, n)
    labels: Array  # y, shape (rows,)
    batches: Array  # the rows that each step uses, shape (steps, batch)

    def loss(self, x: Array) -> float:
        """Return the loss over all rows, in the type of x."""
        residual = self._design(self.features, x) @ x - self.labels.astype(x.dtype)
        return float(np.mean(residual**2) / 2)

    def gradient(self, x: Array, step: int) -> Array:
        """Return Xᵀ (Xw + b - y) / batch, over the rows of the step."""
        design, residual = self._residual(x, step)
        return np.asarray(design.T @ residual / len(residual))

    def gradient_bound(self, x: Array, step: int, dtype: Format | DTypeLike | str) -> Array:
        """See `Objective`; n + 3 roundings in a residual, batch + 5 in the mean of its products with the features."""
        design, residual = self._residual(x, step)
        batch, terms = design.shape
        fmt = format_of(dtype)
        labels = self.labels[self.batches[step]].astype(x.dtype)
        in_residual = _counted(terms + 3, np.abs(design) @ np.abs(x) + np.abs(labels), fmt)
        size = np.abs(design).T @ (np.abs(residual) + in_residual) / batch
        bound: Array = np.abs(design).T @ in_residual / batch + _counted(batch + 5, size, fmt)
        return bound

    def _residual(self, x: Array, step: int) -> tuple[Array, Array]:
        rows = self.batches[step]
        design = self._design(self.features[rows], x)
        return design, design @ x - self.labels[rows].astype(x.dtype)

    @staticmethod
    def _design(features: Array, x: Array) -> Array:
        return np.column_stack([features.astype(x.dtype), np.ones(len(features), x.dtype)])


@dataclass(frozen=True)
class Network:
    """The mean cross-entropy of softmax(relu(X W1 + b1) W2 + b2) with integer class labels.

    The parameter vector is W1 (n, hidden), b1, W2 (hidden, classes), b2, one after another.
    """

    features: Array  # X, shape (rows, n)
    labels: Array  # the classes, shape (rows,)
    batches: Array  # the rows that each step uses, shape (steps, batch)
    hidden: int  # the number of hidden units
    classes: int

    _EXPONENTIAL = 16  # ulps: the largest error of an exponential or a logarithm, fast implementations included

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of W1, b1, W2 and b2."""
        return (self.features.shape[1], self.hidden), (self.hidden,), (self.hidden, self.classes), (self.classes,)

    def loss(self, x: Array) -> float:
        """Return the loss over all rows, in the type of x."""
        _, logits = self._forward(x, self.features)
        top = logits.max(axis=1, keepdims=True)
        total = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
        return float(np.mean(total - logits[np.arange(len(logits)), self.labels]))

    def predicted(self, x: Array, features: Array) -> Array:
        """Return the class with the largest logit for each row of features, (rows, n); shape (rows,)."""
        return np.asarray(np.argmax(self._forward(x, features)[1], axis=1))

    def gradient(self, x: Array, step: int) -> Array:
        """Return the gradient over the rows of the step, by the chain rule."""
        return self._backward(x, step)[0]

    def gradient_bound(self, x: Array, step: int, dtype: Format | DTypeLike | str) -> Array:
        """See `Objective`; the error is propagated through the layers, forward and backward."""
        return self._backward(x, step, format_of(dtype))[1]

    def _forward(self, x: Array, features: Array) -> tuple[Array, Array]:
        """Return the inputs of the hidden units, and the logits."""
        w1, b1, w2, b2 = unflatten(x, self.shapes)
        before = features.astype(x.dtype) @ w1 + b1
        return before, np.maximum(before, 0) @ w2 + b2

    def _backward(self, x: Array, step: int, fmt: Format | None = None) -> tuple[Array, Array]:
        """Return the gradient and its bound; without a format the bound is zero."""
        rows = self.batches[step]
        inputs, batch = self.features[rows].astype(x.dtype), len(rows)
        (w1, b1, w2, b2), (z1, z2) = unflatten(x, self.shapes), self._forward(x, self.features[rows])
        h = np.maximum(z1, 0)
        powers = np.exp(z2 - z2.max(axis=1, keepdims=True))
        p, y = powers / powers.sum(axis=1, keepdims=True), np.eye(self.classes, dtype=x.dtype)[self.labels[rows]]
        d2 = (p - y) / batch
        back = d2 @ w2.T
        d1 = back * (z1 > 0)
        gradient = flatten((inputs.T @ d1, d1.sum(axis=0), h.T @ d2, d2.sum(axis=0)))
        if fmt is None:
            return gradient, np.zeros_like(gradient)
        n, hidden = w1.shape
        size = np.abs
        e1 = _counted(n + 2, size(inputs) @ size(w1) + size(b1), fmt)
        e2 = e1 @ size(w2) + _counted(hidden + 2, (h + e1) @ size(w2) + size(b2), fmt)
        exponent = 2 * e2.max(axis=1) + _counted(4, size(z2).max(axis=1), fmt)  # the error of the exponents
        relative = exponent + _counted(self.classes + 2 * self._EXPONENTIAL, np.ones(batch, x.dtype), fmt)
        in_p = p * np.expm1(2 * relative)[:, None]  # of an exponential, and of their sum
        in_d2 = (in_p + _counted(6, p + in_p + y, fmt)) / batch
        most = size(d2) + in_d2
        in_back = in_d2 @ size(w2).T + _counted(self.classes + 2, most @ size(w2).T, fmt)
        in_d1 = np.where(size(z1) <= e1, size(back) + in_back, in_back * (z1 > 0))  # the unit may be active or not
        each = (
            (size(inputs).T @ in_d1, size(inputs).T @ (size(d1) + in_d1)),
            (in_d1.sum(axis=0), (size(d1) + in_d1).sum(axis=0)),
            (e1.T @ most + h.T @ in_d2, (h + e1).T @ most),
            (in_d2.sum(axis=0), most.sum(axis=0)),
        )
        return gradient, np.concatenate([(e + _counted(batch + 4, terms, fmt)).ravel() for e, terms in each])


def _counted(roundings: int, size: Any, fmt: Format) -> Any:
    """Return the error of a sum of products with k roundings each, k ε / (1 - k ε) of its size, plus underflow."""
    relative = roundings * (fmt.epsilon + np.finfo(np.asarray(size).dtype).eps)
    return relative / (1 - relative) * size + roundings * fmt.underflow


def flatten(arrays: Sequence[Array]) -> Array:
    """Return the numbers of arrays, one after another, as a vector."""
    return np.concatenate([np.ravel(array) for array in arrays])


def unflatten(vector: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Divide a vector into arrays of these shapes: the inverse of `flatten`."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(vector, ends[:-1]), shapes)]
