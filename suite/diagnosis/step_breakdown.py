"""One step of one coordinate, taken apart: each intermediate value of the oracle beside what the implementation shows.

The oracle's values carry their bounds. An implementation shows its parameters and some state; what lies between (g²,
the denominator, the quotient) these imply.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters
from reference.algorithm import Algorithm, State, clipped_gradient, decayed, denominator
from reference.bound import Arithmetic, Bounded
from reference.operations import average, complement_of_power, quotient
from reference.precision import format_of, wider
from reference.replay import initial_state
from suite.cases.tapes import Tape
from suite.compare.oracle import Oracle
from suite.diagnosis.candidates import Candidate, bearing

Array = NDArray[Any]

X, V, M, B = "x after", "v ← γ v + (1-γ) g²", "m ← γ m + (1-γ) g", "b ← μ b + u"
SHOWN = {"parameters": X, "square_average": V, "mean_gradient": M, "momentum_buffer": B}
"""What an implementation may show, and the line on which it stands."""
BEFORE, SQUARE, VARIANCE, DENOMINATOR, MOVE = "x before", "g²", "v - m²", "denominator", "x before - x after"
ETA_INSIDE, ETA_OUTSIDE = "u = η g / denominator", "u = g / denominator"


class Amount(NamedTuple):
    """A number, and the largest error of an evaluation of it; None where it is given and has none."""

    value: Any
    bound: float | None = None


@dataclass(frozen=True)
class Line:
    """A quantity at the step.

    Attributes:
        name: with its symbol.
        oracle: its value in the claimed dialect, in the oracle's type; None where that has no such quantity.
        bound: the largest error of an evaluation in the tested precision, where it is known.
        implementation: what was computed; None where it is not shown.
        implied: whether that was worked out from what is shown.
        other: its value in the dialect that fits, or is nearest.
    """

    name: str
    oracle: Any
    bound: float | None
    implementation: float | None
    implied: bool = False
    other: Any = None

    @property
    def error(self) -> float | None:
        """The distance between oracle and implementation."""
        if self.implementation is None or self.oracle is None:
            return None
        return 0.0 if self.implementation == self.oracle else float(abs(self.implementation - self.oracle))

    def ulps(self, dtype: str) -> float | None:
        """The same, in ulps of the tested precision."""
        return None if self.error is None else float(self.error / format_of(dtype).ulp(np.longdouble(self.oracle)))

    def bounds(self) -> float | None:
        """The same, in multiples of the bound."""
        return self.error / self.bound if self.error is not None and self.bound else None


@dataclass(frozen=True)
class Place:
    """Where to cut.

    Attributes:
        tape: the input.
        hyperparameters: of the case.
        dtype: the tested precision.
        step: counted from 1.
        column: the coordinate.
    """

    tape: Tape
    hyperparameters: Hyperparameters
    dtype: str
    step: int
    column: int


def step_breakdown(
    place: Place, claimed: str, trace: Mapping[str, Array], other: Candidate | None = None
) -> list[Line]:
    """The lines of a step, in the order of the computation.

    Args:
        place: the step.
        claimed: the name of the dialect that the implementation is held against.
        trace: the implementation's.
        other: the dialect that fits or is nearest, for a column of its own.
    """
    own = Candidate.named(claimed, place.hyperparameters)
    ours, beside = intermediate_values(place, own), intermediate_values(place, other) if other else {}
    theirs = _shown(place, trace)
    implied = dict(_implied(place, own, trace, ours))
    lines = []
    for name in _merged(list(ours), list(beside)):
        value, bound = ours.get(name, (None, None))
        shown = theirs.get(name, implied.get(name))
        there = beside[name].value if name in beside else None
        lines.append(Line(name, value, bound, shown, name not in theirs and name in implied, there))
    return lines


def intermediate_values(place: Place, candidate: Candidate) -> dict[str, Amount]:
    """Every intermediate value of a dialect at the step, by name, in the order of the computation."""
    return {name: _amount(value, place.column) for name, value in _Step(place, candidate).quantities()}


class _Step:
    """A dialect just before the step, in numbers that carry their error; their first axis is for dialects, here one."""

    def __init__(self, place: Place, candidate: Candidate) -> None:
        self.place, h, dtype = place, candidate.hyperparameters, place.dtype
        self.format, self.wide = format_of(dtype), wider(dtype)
        dialect = bearing(candidate.dialect, place.tape)
        algorithm = Algorithm.of(dialect, h, dtype)
        self.arithmetic = Arithmetic(self.format, self.wide, algorithm.subnormals)
        self.a = algorithm.with_numbers({name: self.number(value) for name, value in algorithm.numbers().items()})
        self.rate = self.number(algorithm.rate(h.rate(place.step - 1) * place.tape.rate_scale()))
        oracle = Oracle.of(place.tape, h, dtype, {"": dialect})
        self.prediction = oracle.predict("")
        self.x = Bounded.from_input(oracle.initial[None], self.arithmetic)
        self.state = initial_state(self.x, self.a)
        if place.step > 1:
            self.x, self.state = self.held("parameters", place.step - 1), self.remembered(place.step - 1)

    def number(self, value: Any) -> Bounded:
        """A hyper-parameter, which may be held rounded."""
        exact = np.asarray(value, self.wide)
        return Bounded(exact, np.abs(self.format.round(exact) - exact), self.arithmetic)

    def held(self, name: str, step: int) -> Any:
        """What a part of the trace holds after a step."""
        values, errors = getattr(self.prediction.trace, name), getattr(self.prediction.bounds, name)
        return None if values is None else Bounded(values[step - 1][None], errors[step - 1][None], self.arithmetic)

    def remembered(self, step: int) -> State:
        """The state after a step; where there is no such part, what it starts from."""
        parts = (self.held(name, step) for name in State._fields)
        return State(*(start if part is None else part for part, start in zip(parts, self.state, strict=True)))

    def quantities(self) -> Iterator[tuple[str, Any]]:
        """Every one, in the order of the computation; of gradients of few rows what is sure of every dialect."""
        tape, step = self.place.tape, self.place.step
        given = Bounded.from_input(self.format.round(tape.gradients[step - 1].astype(self.wide))[None], self.arithmetic)
        yield BEFORE, self.x
        yield "η", self.rate
        yield "g, as given", given
        with np.errstate(all="ignore"):
            if tape.sparse is None:
                yield from self.gradient(given)
            yield from self.after(V, "square_average")
            yield from self.after(M, "mean_gradient")
            if tape.sparse is None:
                yield from self.divided()
            yield from self.after(B, "momentum_buffer")
            yield from self.moved()
            yield from self.after(X, "parameters")

    def gradient(self, g: Any) -> Iterator[tuple[str, Any]]:
        """From the gradient as given to its square."""
        a = self.a
        scaled = a.gradient_scale * g
        g = scaled
        if np.any(a.gradient_scale.value != 1):
            yield "g, scaled", g
        stages = ["limited", "decayed"] if not a.clip_after_decay else ["decayed", "limited"]
        for stage in stages:
            if stage == "limited" and (a.clip_gradient is not None or a.clip_norm is not None):
                g = clipped_gradient(g, a)
                yield "g, clipped", g
            if stage == "decayed" and a.coupled:
                g = g + a.weight_decay * self.x
                yield "g, decayed", g
        self.g = g
        yield SQUARE, g * g

    def divided(self) -> Iterator[tuple[str, Any]]:
        """From the averages to the quotient."""
        a, g, step = self.a, self.g, self.place.step
        v = average(self.state.square_average, g * g, a.decay, a.complement)
        m = average(self.state.mean_gradient, g, a.decay, a.complement)
        free_v, free_m = v, m
        if a.bias_corrected:
            correction = complement_of_power(a.decay, step)
            free_v, free_m = v / correction, m / correction
            yield "v / (1 - γ^t)", free_v
            if a.centered:
                yield "m / (1 - γ^t)", free_m
        if a.centered:
            yield VARIANCE, free_v - free_m * free_m
        d = denominator(v, m, step, a)
        yield DENOMINATOR, d
        yield (ETA_INSIDE if a.rate_in_buffer else ETA_OUTSIDE), quotient(self.rate if a.rate_in_buffer else None, g, d)

    def after(self, name: str, part: str) -> Iterator[tuple[str, Any]]:
        """A part of the state as it is after the step, if there is such a part."""
        value = self.held(part, self.place.step)
        if value is not None:
            yield name, value

    def moved(self) -> Iterator[tuple[str, Any]]:
        """The step that is made."""
        after = self.held("parameters", self.place.step)
        if self.a.decoupled:
            yield "x, decayed", decayed(self.x, self.rate, self.a)
        yield MOVE, Bounded(self.x.value - after.value, self.x.error + after.error, self.arithmetic)


def _amount(value: Any, column: int) -> Amount:
    """One coordinate; what all have alike is a single number."""
    number, error = (np.ravel(np.broadcast_to(part, np.shape(value.value))) for part in (value.value, value.error))
    index = column if number.size > 1 else 0
    bound = float(error[index])
    return Amount(number[index], bound if bound > 0 else None)


def _shown(place: Place, trace: Mapping[str, Array]) -> dict[str, float]:
    """What the implementation shows at the step."""
    step, column = place.step - 1, place.column
    found = {SHOWN[name]: float(series[step, column]) for name, series in trace.items() if name in SHOWN}
    start = place.tape.initial[column] if place.step == 1 else trace["parameters"][step - 1, column]
    return {BEFORE: float(start), **found}


def _implied(
    place: Place, own: Candidate, trace: Mapping[str, Array], ours: Mapping[str, Amount]
) -> Iterator[tuple[str, float]]:
    """What is not shown, worked out from what is, in the claimed dialect's terms."""
    a = Algorithm.of(own.dialect, own.hyperparameters, place.dtype)
    shown = _shown(place, trace)
    before = {name: _before(place, trace, name, a) for name in SHOWN if name in trace}
    move = shown[BEFORE] - shown[X]
    yield MOVE, move
    if V in shown and a.complement != 0:
        yield SQUARE, (shown[V] - float(a.decay) * before["square_average"]) / float(a.complement)
    if V in shown and M in shown and a.centered and not a.bias_corrected:
        yield VARIANCE, shown[V] - shown[M] ** 2
    if a.buffered and B in shown:
        u = shown[B] - float(a.momentum) * before["momentum_buffer"]
    elif not a.buffered and not a.decoupled and a.clip_weights is None:
        u = move
    else:
        return
    yield (ETA_INSIDE if a.rate_in_buffer else ETA_OUTSIDE), u
    if u != 0 and DENOMINATOR in ours:
        g = [amount.value for name, amount in ours.items() if name.startswith("g, ")][-1]
        yield DENOMINATOR, float((ours["η"].value if a.rate_in_buffer else 1.0) * g / u)


def _before(place: Place, trace: Mapping[str, Array], name: str, a: Algorithm) -> float:
    if place.step > 1:
        return float(trace[name][place.step - 2, place.column])
    return float(a.initial_accumulator) if name == "square_average" else 0.0


def _merged(ours: list[str], theirs: list[str]) -> list[str]:
    """The names of both, each list in its own order."""
    merged = list(ours)
    for place, name in enumerate(theirs):
        if name not in merged:
            before = [merged.index(other) for other in theirs[:place] if other in merged]
            merged.insert(max(before, default=-1) + 1, name)
    return merged
