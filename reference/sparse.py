"""Row-sparse gradients, as embeddings have them.

Two axes of a dialect concern them. `sparse`: whether rows without a gradient decay (dense) or stay unchanged (lazy).
`duplicates`: whether several gradients of one row are summed, squared separately, or applied one after another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

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
        shape = (self.height * self.values.shape[2],)
        return np.stack([rows.total for i in range(len(self)) for rows in self.merged(i, shape, np.float64)]).astype(
            self.values.dtype
        )

    def merged(self, step: int, shape: tuple[int, ...], wide: Any) -> Iterator[Rows]:
        """Yield the gradient of one step (counted from 0), in the shape of the parameter."""
        yield self._gathered(step, np.flatnonzero(self.rows[step] >= 0), shape, wide)

    def in_turn(self, step: int, shape: tuple[int, ...], wide: Any) -> Iterator[Rows]:
        """Yield the gradient of one step in parts without duplicates: the first gradients of all rows, then others."""
        places = np.flatnonzero(self.rows[step] >= 0)
        earlier = [int(np.sum(self.rows[step][places[:i]] == self.rows[step][place])) for i, place in enumerate(places)]
        for count in range(max(earlier, default=0) + 1):
            yield self._gathered(step, places[np.array(earlier, int) == count], shape, wide)

    def _gathered(self, step: int, places: Array, shape: tuple[int, ...], wide: Any) -> Rows:
        rows, values = self.rows[step][places], self.values[step][places].astype(wide)

        def gathered(parts: ArrayLike) -> Array:
            found = np.zeros(self.shape[1:], wide)
            np.add.at(found, rows, parts)
            return found.reshape(shape)

        return Rows(gathered(values), gathered(values**2), gathered(np.abs(values)), gathered(np.ones_like(values)))


class Rows(NamedTuple):
    """The row-sparse gradient of one step; each field has the shape of the parameter.

    Attributes:
        total: the sum of the gradients of a row.
        squares: the sum of their squares.
        magnitude: the sum of their absolute values.
        multiplicity: their number.
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
        """Return bounded numbers, whose error covers every order of summation."""
        total, squares, magnitude = (Bounded.from_input(np.asarray(z), arithmetic) for z in self[:3])
        return Rows(
            summed(total, magnitude, self.multiplicity - 1),
            summed(squares, squares, self.multiplicity),
            magnitude,
            self.multiplicity,
        )
