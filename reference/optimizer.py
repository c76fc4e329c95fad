"""RMSProp as an optimizer that changes NumPy arrays in place, in their own precision.

The update allocates about a dozen temporary arrays. It is applied to one block of the parameters at a time, so that the
temporaries stay in the cache and none of them is as large as the parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .algorithm import Algorithm, State, update
from .dialect import Dialect
from .hyperparameters import Hyperparameters
from .precision import Array

BLOCK = 112 * 1024
"""Bytes of a block: in smaller blocks the overhead of a call dominates; from 128 KiB on malloc may map memory anew."""


class RMSProp:
    """RMSProp in any dialect, in place.

    Attributes:
        parameters: contiguous arrays of one dtype, of any shapes.
        states: the state of each parameter, in its shape; a part that the algorithm does not use is a single zero.
        steps: the number of steps taken.
    """

    def __init__(self, parameters: Sequence[Array], h: Hyperparameters, dialect: Dialect) -> None:
        """Initialise the state.

        Raises:
            ValueError: if a parameter is not contiguous, or its dtype is not a known floating-point format.
        """
        if not all(x.flags.c_contiguous for x in parameters):
            raise ValueError("parameters must be contiguous, because they are changed in place, block by block")
        self.parameters, self.h, self.steps = list(parameters), h, 0
        self.number = parameters[0].dtype.type
        exact = Algorithm.of(dialect, h, self.number)
        numbers: dict[str, Any] = {name: self.number(value) for name, value in exact.numbers().items()}
        if numbers["gradient_scale"] == 1:
            numbers["gradient_scale"] = None
        self.algorithm = a = exact.with_numbers(numbers)
        kept = (True, a.centered, a.buffered)
        start = (a.initial_accumulator, 0, 0)
        self.states = [
            State(*(np.full(x.shape if keep else (), value, x.dtype) for keep, value in zip(kept, start)))
            for x in parameters
        ]

    def step(self, gradients: Sequence[Array], scales: Sequence[float] | None = None) -> None:
        """Take one step; the gradients are not changed.

        Args:
            gradients: one for each parameter, in its shape and dtype.
            scales: a factor on the learning rate for each parameter; 1 for all if omitted.

        Raises:
            IndexError: if the learning rate is a sequence that ends before this step.
        """
        a, rate = self.algorithm, self.h.rate(self.steps)
        self.steps += 1
        for x, state, g, scale in zip(self.parameters, self.states, gradients, scales or [1.0] * len(gradients)):
            eta = self.number(a.rate(rate * scale))
            for x_, v, m, b, g_ in self.blocks(x, *state, g):
                x_[...], (v[...], m[...], b[...]) = update(x_, State(v, m, b), g_, self.steps, eta, a)

    def blocks(self, *arrays: Array) -> Iterator[tuple[Array, ...]]:
        """Yield views of corresponding blocks of the arrays, shape (1, n); the whole arrays where a norm is clipped."""
        rows = [array.reshape(1, -1) for array in arrays]
        size = rows[0].size
        length = max(size, 1) if self.algorithm.clip_norm is not None else BLOCK // rows[0].itemsize
        for begin in range(0, size, length):
            yield tuple(row[:, begin : begin + length] if row.size == size else row for row in rows)
