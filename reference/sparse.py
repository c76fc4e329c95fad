"""Row-sparse gradients, as embeddings have them.

Two axes of a dialect concern them. `sparse`: whether rows without a gradient decay (dense) or stay unchanged (lazy).
`duplicates`: whether several gradients of one row are summed, squared separately, or applied one after another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .bound import Arithmetic, Bounded, summed
from .precision import Array


@dataclass(frozen=True)
class SparseGradients:
    """Gradients of some rows of a parameter of shape (height, width).

    Attributes:
        rows: shape (steps, k), the indices of the rows. An index may occur more than once; -1 is no row.
        values: shape (steps, k, width), the gradient of each of these rows.
        height: the number of rows of the parameter.

    Raises:
        ValueError: if the shapes are inconsistent, or an index is out of range.
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
        """The shape of the dense gradients: (steps, height, width)."""
        return (len(self.rows), self.height, self.values.shape[2])

    def dense(self) -> Array:
        """Return the dense gradients, the gradients of one row summed: shape (steps, height · width)."""
        steps = (self.parts(step, (-1,), np.float64)[0].total for step in range(len(self)))
        return np.stack([*steps]).astype(self.values.dtype)

    def parts(self, step: int, shape: tuple[int, ...], wide: Any, *, in_turn: bool = False) -> list[Rows]:
        """Return the gradient of one step, counted from 0, in the shape of the parameter.

        With `in_turn`, no part has duplicate rows: the first has the first gradient of each row, and so on.
        """
        present = self.rows[step] >= 0
        rows, values = self.rows[step][present], self.values[step][present].astype(wide)
        part = np.array([np.sum(rows[:i] == row) if in_turn else 0 for i, row in enumerate(rows)], int)

        def gathered(chosen: Array, terms: Array) -> Array:
            found = np.zeros(self.shape[1:], wide)
            np.add.at(found, rows[chosen], terms[chosen])
            return found.reshape(shape)

        terms = (values, values**2, np.abs(values), np.ones_like(values))
        return [Rows(*(gathered(part == k, each) for each in terms)) for k in range(part.max(initial=0) + 1)]


class Rows(NamedTuple):
    """The row-sparse gradient of one step; each field has the shape of the parameter."""

    total: Any  # the sum of the gradients of a row
    squares: Any  # the sum of their squares
    magnitude: Any  # the sum of their absolute values
    multiplicity: Array  # their number

    def bounded(self, arithmetic: Arithmetic) -> Rows:
        """Return bounded numbers, whose error covers every order of summation."""
        total, squares, magnitude = (Bounded.from_input(np.asarray(z), arithmetic) for z in self[:3])
        count = self.multiplicity
        return Rows(summed(total, magnitude, count - 1), summed(squares, squares, count), magnitude, count)
