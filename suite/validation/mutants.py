"""What differs from a named dialect on one axis, or is another one; and which of these are the same function after all.

The axes and their values come from the type hints of `Dialect`: an axis that is added brings its mutants with it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_type_hints

import numpy as np

from reference import Dialect, Hyperparameters, dialects
from reference.algorithm import Algorithm
from suite.diagnosis.candidates import values

OTHER = "another dialect"
"""In place of an axis, where a mutant is another named dialect."""


@dataclass(frozen=True)
class Mutant:
    """A dialect in place of another.

    Attributes:
        of: the name of the dialect that is claimed.
        axis: on which it differs; `OTHER` if it is a named dialect.
        value: that it has there; the name, if it is a named dialect.
        dialect: that is computed.
    """

    of: str
    axis: str
    value: Any
    dialect: Dialect


def of_one_axis(named: Mapping[str, Dialect] = dialects) -> Iterator[Mutant]:
    """Every dialect with every other value on every axis."""
    for name, dialect in named.items():
        hints = get_type_hints(type(dialect))
        for axis in fields(dialect):
            here = getattr(dialect, axis.name)
            for value in values(hints[axis.name]) if axis.compare else ():
                if value != here:
                    yield Mutant(name, axis.name, value, replace(dialect, **{axis.name: value}))


def pairs(named: Mapping[str, Dialect] = dialects) -> Iterator[Mutant]:
    """Every dialect in place of every other one."""
    for claimed, computed in itertools.permutations(named, 2):
        yield Mutant(claimed, OTHER, computed, named[computed])


def _combinations() -> Iterator[Hyperparameters]:
    """Whatever a user can switch on, in every combination; the numbers are such that every rounding of them shows."""
    plain = Hyperparameters(learning_rate=0.01, decay=0.999, epsilon=1e-3, rescale_gradient=0.3, clip_weights=0.7)
    limits: tuple[dict[str, Any], ...] = ({}, {"clip_gradient": 0.1}, {"clip_norm": 1.3})
    for momentum, centered, decay, limit in itertools.product((0.0, 0.9), (False, True), (0.0, 0.1), limits):
        h = replace(plain, momentum=momentum, centered=centered, weight_decay=decay, **limit)
        yield h
        yield replace(h, nesterov=True, bias_correction=True, maximize=True)


COMBINATIONS = tuple(_combinations())
"""Under which two dialects must come down to the same before they are said to be the same function."""


class Proofs:
    """Why two dialects are one function in float32: in each of them, what they come down to is the same.

    Equality is that of algorithms, in which all is left out that has no effect, under every combination of what can be
    switched on and under every hyper-parameter that the catalogue asks with. A mutant without a proof must be killed.
    """

    def __init__(self, asked: Iterable[Hyperparameters]) -> None:
        self.settings = tuple(dict.fromkeys((*COMBINATIONS, *asked)))
        self._known: dict[tuple[Dialect, Hyperparameters], tuple[Algorithm, Algorithm]] = {}

    def of(self, one: Dialect, other: Dialect) -> str | None:
        """The proof in words, or None if there is none."""
        if self._alike(one, other, rounded=False):
            return "the axis has no effect on this dialect: one algorithm under any hyper-parameters"
        if self._alike(one, other, rounded=True):
            return "one algorithm in float32: a number that is rounded to it twice is rounded once"
        if "either" in (one.subnormals, other.subnormals):
            one, other = (replace(dialect, subnormals="either") for dialect in (one, other))
            if self._alike(one, other, rounded=True):
                return "one leaves open what the other says of subnormals"
        return None

    def _alike(self, one: Dialect, other: Dialect, rounded: bool) -> bool:
        return all(self._algorithms(one, h)[rounded] == self._algorithms(other, h)[rounded] for h in self.settings)

    def _algorithms(self, dialect: Dialect, h: Hyperparameters) -> tuple[Algorithm, Algorithm]:
        """As the dialect has it, and as a computation in float32 holds it."""
        key = dialect, h
        if key not in self._known:
            a = Algorithm.of(dialect, h, "float32")
            numbers = a.numbers()
            held = np.array(list(numbers.values())).astype(np.float32)
            self._known[key] = a, a.with_numbers(dict(zip(numbers, held.tolist(), strict=True)))
        return self._known[key]
