"""The update at work: parameters changed in place, in the precision that they are in.

An update makes a dozen arrays on its way. Given a block of the parameters at a time, these stay in the cache, and none
of them is as large as the parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reference.algorithm import Algorithm, State, update
from reference.dialect import Dialect
from reference.hyperparameters import Hyperparameters
from reference.precision import Array

BLOCK = 112 * 1024
"""Bytes of a block: smaller ones are done too soon, and from 128 KiB on malloc may ask the system each time."""


class RMSProp:
    """RMSProp in any dialect, in place.

    Attributes:
        parameters: contiguous arrays of one dtype, in any shapes.
        states: of each parameter, in its shape; what the algorithm has no use for is a single zero.
        steps: that were made.
    """

    def __init__(self, parameters: Sequence[Array], h: Hyperparameters, dialect: Dialect) -> None:
        """Make the state.

        Raises:
            ValueError: if parameters are not contiguous, or their dtype is no floating-point format known here.
        """
        if not all(x.flags.c_contiguous for x in parameters):
            raise ValueError("parameters must be contiguous, for blocks of them to be changed in place")
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
        """One step; the gradients are left as they are.

        Args:
            gradients: one a parameter, in its shape and dtype.
            scales: a factor on the learning rate for each parameter, if they have one of their own.

        Raises:
            IndexError: if the learning rate is given step by step, for fewer steps.
        """
        a, rate = self.algorithm, self.h.rate(self.steps)
        self.steps += 1
        for x, state, g, scale in zip(self.parameters, self.states, gradients, scales or [1.0] * len(gradients)):
            eta = self.number(a.rate(rate * scale))
            for x_, v, m, b, g_ in self.blocks(x, *state, g):
                x_[...], (v[...], m[...], b[...]) = update(x_, State(v, m, b), g_, self.steps, eta, a)

    def blocks(self, *arrays: Array) -> Iterator[tuple[Array, ...]]:
        """Views of what belongs together, a block at a time; the whole, where a norm is taken of it."""
        rows = [array.reshape(1, -1) for array in arrays]
        size = rows[0].size
        length = max(size, 1) if self.algorithm.clip_norm is not None else BLOCK // rows[0].itemsize
        for begin in range(0, size, length):
            yield tuple(row[:, begin : begin + length] if row.size == size else row for row in rows)
