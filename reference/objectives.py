"""What is minimised: the objectives of D2L 11.8, with analytic gradients and how far a computed one may be from them.

Parameters are a vector. A gradient's bound counts roundings, in any order of the operations: a sum of products, each
with k roundings, is off by no more than k ε times the sum of the absolute products (Higham 2002, section 3.1). Unlike
the update's bound it does not follow one formula, since differentiation may arrange the terms otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike

from reference.precision import Array, Format, format_of


class Objective(Protocol):
    """A function of a parameter vector, of which each step sees the whole or a batch."""

    def loss(self, x: Array) -> float:
        """The value at x, over all the data."""

    def gradient(self, x: Array, step: int) -> Array:
        """The gradient at x of what the step (counted from 0) sees, in the type of x."""

    def gradient_bound(self, x: Array, step: int, dtype: Format | DTypeLike | str) -> Array:
        """The largest error of that gradient when it is computed in `dtype`, coordinate by coordinate."""


@dataclass(frozen=True)
class Quadratic:
    """f(x) = 0.1 x1² + 2 x2² (D2L 11.8.2), or rotated by 45 degrees, 0.1 (x1 + x2)² + 2 (x1 - x2)² (exercise 2).

    The rotated one, as the exercise writes it, is also twice as steep: a rotation proper would have (x1 ± x2)/√2.
    """

    rotated: bool = False

    _SLOPES = (0.2, 4.0)
    _ROUNDINGS = 8  # 0.1 or 2 rounded, x1 ± x2, its square's derivative, two products, the sum of two terms; and spare

    def loss(self, x: Array) -> float:
        """f(x); x has shape (2,)."""
        return float(np.sum(np.asarray(self._SLOPES, x.dtype) / 2 * self._axes(x) ** 2))

    def gradient(self, x: Array, step: int) -> Array:  # noqa: ARG002  (every step sees the whole)
        """∇f(x): (0.2 x1, 4 x2), or (0.2 s + 4 d, 0.2 s - 4 d) with s = x1 + x2 and d = x1 - x2."""
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

    Attributes:
        features: X, shape (rows, n).
        labels: y, shape (rows,).
        batches: the rows that each step sees, shape (steps, batch).

    The parameter vector is (w, b), shape (n + 1,).
    """

    features: Array
    labels: Array
    batches: Array

    def loss(self, x: Array) -> float:
        """Over all rows, in the type of x."""
        residual = self._design(self.features, x) @ x - self.labels.astype(x.dtype)
        return float(np.mean(residual**2) / 2)

    def gradient(self, x: Array, step: int) -> Array:
        """Xᵀ (Xw + b - y) / batch, over the rows of the step."""
        design, residual = self._residual(x, step)
        return np.asarray(design.T @ residual / len(residual))

    def gradient_bound(self, x: Array, step: int, dtype: Format | DTypeLike | str) -> Array:
        """See `Objective`: n + 3 roundings in a residual, batch + 5 in the mean of its products with the features."""
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


def _counted(roundings: int, size: Any, fmt: Format) -> Any:
    """The error of a sum of products with so many roundings each, k ε / (1 - k ε) of its size, and underflow."""
    relative = roundings * (fmt.epsilon + np.finfo(np.asarray(size).dtype).eps)
    return relative / (1 - relative) * size + roundings * fmt.underflow
