"""Mutants of the named dialects, and proofs that some of them compute the same function.

The axes and their values come from the type hints of `Dialect`, so that a new axis has mutants without further work.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_type_hints

import numpy as np

from reference import Dialect, Hyperparameters, dialects
from reference.algorithm import Algorithm
from suite.diagnosis.candidates import allowed_values

OTHER = "another dialect"
"""Stands for the axis of a mutant that is another named dialect."""


@dataclass(frozen=True)
class Mutant:
    """A dialect that is computed in place of the claimed one.

    Attributes:
        claimed: the name of the claimed dialect.
        axis: the axis on which they differ; `OTHER` if the mutant is a named dialect.
        value: the mutant's value on the axis; its name if it is a named dialect.
        dialect: the dialect that is computed.
    """

    claimed: str
    axis: str
    value: Any
    dialect: Dialect


def axis_mutants(named: Mapping[str, Dialect] = dialects) -> Iterator[Mutant]:
    """Yield each dialect with each other value on each axis."""
    for name, dialect in named.items():
        hints = get_type_hints(type(dialect))
        for axis in fields(dialect):
            for value in allowed_values(hints[axis.name]) if axis.compare else ():
                if value != getattr(dialect, axis.name):
                    yield Mutant(name, axis.name, value, replace(dialect, **{axis.name: value}))


def pair_mutants(named: Mapping[str, Dialect] = dialects) -> Iterator[Mutant]:
    """Yield each dialect in place of each other one."""
    for claimed, computed in itertools.permutations(named, 2):
        yield Mutant(claimed, OTHER, computed, named[computed])


def _combinations() -> Iterator[Hyperparameters]:
    """Yield all combinations of options, with numbers that change whenever they are rounded."""
    plain = Hyperparameters(learning_rate=0.01, decay=0.999, epsilon=1e-3, rescale_gradient=0.3, clip_weights=0.7)
    limits: tuple[dict[str, Any], ...] = ({}, {"clip_gradient": 0.1}, {"clip_norm": 1.3})
    for momentum, centered, decay, limit in itertools.product((0.0, 0.9), (False, True), (0.0, 0.1), limits):
        h = replace(plain, momentum=momentum, centered=centered, weight_decay=decay, **limit)
        yield h
        yield replace(h, nesterov=True, bias_correction=True, maximize=True)


COMBINATIONS = tuple(_combinations())
"""Hyper-parameters with which two dialects must amount to the same algorithm to count as the same function."""


class EquivalenceProofs:
    """Proofs that two dialects compute the same function in float32.

    Two dialects are proven equivalent if their `Algorithm`, which omits all that has no effect, is equal under every
    combination of options and under all hyper-parameters in the catalogue. A mutant without a proof must be killed.
    """

    def __init__(self, catalogued: Iterable[Hyperparameters]) -> None:
        self.settings = tuple(dict.fromkeys((*COMBINATIONS, *catalogued)))
        self._algorithms: dict[tuple[Dialect, Hyperparameters], tuple[Algorithm, Algorithm]] = {}

    def proof(self, one: Dialect, other: Dialect) -> str | None:
        """Return the proof in words, or None if there is none."""
        if self._equal(one, other, rounded=False):
            return "the axis has no effect on this dialect: one algorithm under any hyper-parameters"
        if self._equal(one, other, rounded=True):
            return "one algorithm in float32: rounding a number to float32 twice is rounding it once"
        if "either" in (one.subnormals, other.subnormals):
            one, other = (replace(dialect, subnormals="either") for dialect in (one, other))
            if self._equal(one, other, rounded=True):
                return "one dialect allows both treatments of subnormals"
        return None

    def _equal(self, one: Dialect, other: Dialect, rounded: bool) -> bool:
        return all(self._algorithm(one, h)[rounded] == self._algorithm(other, h)[rounded] for h in self.settings)

    def _algorithm(self, dialect: Dialect, h: Hyperparameters) -> tuple[Algorithm, Algorithm]:
        """Return the algorithm with its exact numbers, and with numbers rounded to float32."""
        key = dialect, h
        if key not in self._algorithms:
            a = Algorithm.of(dialect, h, "float32")
            numbers = a.numbers()
            rounded = np.array(list(numbers.values())).astype(np.float32)
            self._algorithms[key] = a, a.with_numbers(dict(zip(numbers, rounded.tolist(), strict=True)))
        return self._algorithms[key]
