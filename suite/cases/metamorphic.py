"""Metamorphic relations: equalities between two replays of one implementation that hold to the bit in every dialect.

They need no oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Dialect, Hyperparameters
from reference.algorithm import Algorithm
from suite.cases.random import Bits
from suite.cases.tapes import Tape

Trace = Mapping[str, NDArray[Any]]

STEPS, SIZE = 12, 37
SCALE = 2.0**5

HYPERPARAMETERS = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=2.0**-10, momentum=0.5, centered=True)
"""Every kind of state, and no weight decay or clipping, which would break the symmetry under scaling."""


@dataclass(frozen=True)
class MetamorphicRelation:
    """A relation between two replays: what the second has, and what its trace must be."""

    id: str  # its meaning never changes
    reason: str  # the property that the relation tests
    tape: Callable[[Tape], Tape] | None = lambda tape: tape  # makes the second tape; None if the first replay is enough
    trace: Callable[[Trace], Trace] = dict  # makes the required second trace from the first
    hyperparameters: Callable[[Dialect], Hyperparameters] = lambda _: HYPERPARAMETERS  # of the second replay
    exempt: Callable[[Dialect], str | None] = lambda _: None  # why the relation does not hold in a dialect, if so
    twin: bool = False  # whether the second replay uses the twin: the implementation that must give the same bits


def first_tape(seed: int) -> Tape:
    """Return the first tape of every relation: normal deviates over four decades, some of them zero."""
    bits = Bits(seed)
    scale = np.resize([1e-2, 1e-1, 1e0, 1e1], SIZE)
    gradients = scale * bits.normal((STEPS, SIZE))
    gradients[bits.uniform((STEPS, SIZE)) < 0.1] = 0.0
    initial, reason = bits.normal((SIZE,)).astype(np.float32), "the first tape of every metamorphic relation"
    return Tape("first", reason, initial, gradients.astype(np.float32), ((SIZE,),))


def _multiplied(trace: Trace, other: float = 1.0, **factors: float) -> Trace:
    """Multiply each quantity of a trace by its own factor, or by the factor for others."""
    return {name: values * values.dtype.type(factors.get(name, other)) for name, values in trace.items()}


def _epsilon_scaled(dialect: Dialect) -> Hyperparameters:
    """Scale ε: as g² inside the root, as g outside."""
    inside = Algorithm.of(dialect, HYPERPARAMETERS, "float64").epsilon_inside
    return replace(HYPERPARAMETERS, epsilon=HYPERPARAMETERS.epsilon * (SCALE**2 if inside else SCALE))


def _unscaled(dialect: Dialect) -> str | None:
    return "the average starts at a constant, which does not scale" if dialect.initial_accumulator else None


_ORDER = Bits(SIZE).permutation(SIZE)

RELATIONS = (
    MetamorphicRelation("law/repetition", "a repeated replay gives the same bits"),
    MetamorphicRelation("law/gradient", "the caller's gradient is not changed", tape=None),
    MetamorphicRelation(
        "law/restoration",
        "saving the state, rebuilding the optimizer and restoring the state changes nothing",
        tape=lambda tape: replace(tape, restored=STEPS // 2),
    ),
    MetamorphicRelation(
        "law/negation",
        "negated gradients and initial parameters give the negated trace",
        tape=lambda tape: replace(tape, initial=-tape.initial, gradients=-tape.gradients),
        trace=partial(_multiplied, other=-1.0, square_average=1.0),
    ),
    MetamorphicRelation(
        "law/permutation",
        "permuted coordinates give the permuted trace: a coordinate depends on neither its position nor its neighbours",
        tape=lambda tape: replace(tape, initial=tape.initial[_ORDER], gradients=tape.gradients[:, _ORDER]),
        trace=lambda trace: {name: values[:, _ORDER] for name, values in trace.items()},
    ),
    MetamorphicRelation(
        "law/splitting",
        "the trace does not depend on how coordinates are divided into parameters",
        tape=lambda tape: replace(tape, shapes=((5,), (4, 4), (16,))),
    ),
    MetamorphicRelation(
        "law/scaling",
        "gradients multiplied by a power of two, with ε scaled accordingly, give the same steps",
        tape=lambda tape: replace(tape, gradients=tape.gradients * np.float32(SCALE)),
        trace=partial(_multiplied, square_average=SCALE**2, mean_gradient=SCALE),  # v ∝ g² and m ∝ g
        hyperparameters=_epsilon_scaled,
        exempt=_unscaled,
    ),
    MetamorphicRelation(
        "law/twin", "a faster implementation of the same operations gives the same bits as its twin", twin=True
    ),
)
