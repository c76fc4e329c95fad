"""Gradients of few rows, as embeddings have them: which rows, how often, and what becomes of the others.

Two axes of a dialect speak of them. `sparse`: whether rows without a gradient decay (dense) or rest (lazy).
`duplicates`: whether a row that is named twice has the sum of its gradients, or each of them squared by itself, or one
after the other, as if in steps of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reference.bound import Arithmetic, Bounded
from reference.operations import summed
from reference.precision import Array


@dataclass(frozen=True)
class SparseGradients:
    """Gradients of some rows of a parameter of shape (height, width).

    Attributes:
        rows: shape (steps, k), which rows; one may be named more than once, and -1 is none.
        values: shape (steps, k, width), what is given for each.
        height: how many rows there are.

    Raises:
        ValueError: if the shapes don't fit, or a row is not there.
    """

    rows: Array
    values: Array
    height: int

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.rows.shape != self.values.shape[:2]:
            raise ValueError(f"rows of shape {self.rows.shape} need values of shape (steps, k, width)")
        if np.any((self.rows < -1) | (self.rows >= self.height)):
            raise ValueError(f"rows must be from 0 to {self.height - 1}, or -1 for none")

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the same gradients with all rows: (steps, height, width)."""
        return (len(self.rows), self.height, self.values.shape[2])

    def dense(self) -> Array:
        """The same with all rows, each the sum of what is given for it: shape (steps, height · width)."""
        shape = (self.height * self.values.shape[2],)
        return np.stack([rows.total for i in range(len(self)) for rows in self.together(i, shape, np.float64)]).astype(
            self.values.dtype
        )

    def together(self, step: int, shape: tuple[int, ...], wide: Any) -> Iterator[Rows]:
        """The gradient of one step (from 0), in the shape of the parameter."""
        yield self._gathered(step, np.flatnonzero(self.rows[step] >= 0), shape, wide)

    def in_turn(self, step: int, shape: tuple[int, ...], wide: Any) -> Iterator[Rows]:
        """The same taken apart, so that no row is named twice: first those that come first, and so on."""
        named = np.flatnonzero(self.rows[step] >= 0)
        before = [int(np.sum(self.rows[step][named[:i]] == self.rows[step][place])) for i, place in enumerate(named)]
        for turn in range(max(before, default=0) + 1):
            yield self._gathered(step, named[np.array(before, int) == turn], shape, wide)

    def _gathered(self, step: int, places: Array, shape: tuple[int, ...], wide: Any) -> Rows:
        rows, values = self.rows[step][places], self.values[step][places].astype(wide)

        def gathered(parts: ArrayLike) -> Array:
            found = np.zeros(self.shape[1:], wide)
            np.add.at(found, rows, parts)
            return found.reshape(shape)

        return Rows(gathered(values), gathered(values**2), gathered(np.abs(values)), gathered(np.ones_like(values)))


class Rows(NamedTuple):
    """The gradient of one step; each in the shape of the parameter.

    Attributes:
        total: the sum of what is given for a row.
        squares: the sum of its squares.
        magnitude: the sum of its absolute values.
        multiplicity: of how many.
    """

    total: Any
    squares: Any
    magnitude: Any
    multiplicity: Array

    @property
    def touched(self) -> Any:
        """Where there is a gradient."""
        return self.multiplicity > 0

    def bounded(self, arithmetic: Arithmetic) -> Rows:
        """The same in numbers that carry their error: of the sums, in any order."""
        total, squares, magnitude = (Bounded.given(np.asarray(z), arithmetic) for z in self[:3])
        return Rows(
            summed(total, magnitude, self.multiplicity - 1),
            summed(squares, squares, self.multiplicity),
            magnitude,
            self.multiplicity,
        )
