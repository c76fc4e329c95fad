"""Laws: what must hold between two replays of one implementation, to the bit, whatever its dialect.

No oracle is needed. A law says how to change a tape, and what then becomes of the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
"""Every kind of state, and nothing that breaks the symmetry under scaling: neither weight decay nor clipping."""


@dataclass(frozen=True)
class MetamorphicRelation:
    """A relation between two replays.

    Attributes:
        id: never changes its meaning.
        reason: what it tells.
        tape: the second tape, from the first; None if there is no second replay, since the first shows it.
        trace: what the second trace must be, from the first.
        hyperparameters: of the second replay, in a dialect.
        exempt: why a dialect does not have it; None if it does.
        twin: whether the second replay is made by the implementation that the first one must equal.
    """

    id: str
    reason: str
    tape: Callable[[Tape], Tape] | None = lambda tape: tape
    trace: Callable[[Trace], Trace] = dict
    hyperparameters: Callable[[Dialect], Hyperparameters] = lambda dialect: HYPERPARAMETERS  # noqa: ARG005
    exempt: Callable[[Dialect], str | None] = lambda dialect: None  # noqa: ARG005
    twin: bool = False


def first(seed: int) -> Tape:
    """The tape that every law starts from: normal deviates over four decades, some of them zero."""
    bits = Bits(seed)
    scale = np.resize([1e-2, 1e-1, 1e0, 1e1], SIZE)
    gradients = scale * bits.normal((STEPS, SIZE))
    gradients[bits.uniform((STEPS, SIZE)) < 0.1] = 0.0
    initial = bits.normal((SIZE,)).astype(np.float32)
    return Tape("first", "what every law starts from", initial, gradients.astype(np.float32), ((SIZE,),))


def _negated(trace: Trace) -> Trace:
    return {name: values if name == "square_average" else -values for name, values in trace.items()}


def _scaled(trace: Trace) -> Trace:
    """v ∝ g² and m ∝ g. The step has no unit, nor has a buffer that collects steps."""
    factors = {"square_average": SCALE**2, "mean_gradient": SCALE}
    return {name: values * values.dtype.type(factors.get(name, 1.0)) for name, values in trace.items()}


def _epsilon_scaled(dialect: Dialect) -> Hyperparameters:
    """ε has the unit of g² inside the root, and that of g outside."""
    inside = Algorithm.of(dialect, HYPERPARAMETERS, "float64").epsilon_inside
    return replace(HYPERPARAMETERS, epsilon=HYPERPARAMETERS.epsilon * (SCALE**2 if inside else SCALE))


def _unscaled(dialect: Dialect) -> str | None:
    return (
        None
        if dialect.initial_accumulator == 0
        else "the average does not start at 0, and what it starts at has a unit"
    )


_ORDER = Bits(SIZE).permutation(SIZE)

RELATIONS = (
    MetamorphicRelation("law/repetition", "the same again gives the same bits"),
    MetamorphicRelation("law/gradient", "the caller's gradient is left as it was", tape=None),
    MetamorphicRelation(
        "law/restoration",
        "saved in the middle, built anew and restored, it goes on as if nothing had happened",
        tape=lambda tape: replace(tape, restored=STEPS // 2),
    ),
    MetamorphicRelation(
        "law/negation",
        "gradients and start of the other sign give the same trace with the other sign",
        tape=lambda tape: replace(tape, initial=-tape.initial, gradients=-tape.gradients),
        trace=_negated,
    ),
    MetamorphicRelation(
        "law/permutation",
        "coordinates in another order have the same traces in that order: none knows its place, or its neighbours",
        tape=lambda tape: replace(tape, initial=tape.initial[_ORDER], gradients=tape.gradients[:, _ORDER]),
        trace=lambda trace: {name: values[:, _ORDER] for name, values in trace.items()},
    ),
    MetamorphicRelation(
        "law/splitting",
        "it makes no difference how coordinates are divided into parameters",
        tape=lambda tape: replace(tape, shapes=((5,), (4, 4), (16,))),
    ),
    MetamorphicRelation(
        "law/scaling",
        "gradients in another unit, a power of two, and ε with them, give the same steps",
        tape=lambda tape: replace(tape, gradients=tape.gradients * np.float32(SCALE)),
        trace=_scaled,
        hyperparameters=_epsilon_scaled,
        exempt=_unscaled,
    ),
    MetamorphicRelation("law/twin", "what does the same faster gives the same bits", twin=True),
)
