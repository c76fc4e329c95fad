"""Explains one verdict, as `rmsuite explain` prints it: its clauses, and one step of one coordinate broken down.

The breakdown shows the intermediate values of the oracle, with their bounds, beside the implementation's. An
implementation shows its parameters and parts of its state; these imply the values between them (g², the denominator,
the quotient).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reference import Hyperparameters
from reference.algorithm import Algorithm, State, clipped_gradient, decayed, denominator
from reference.bound import Arithmetic, Bounded, average, complement_of_power, quotient
from reference.precision import format_of, wider
from reference.replay import initial_state
from reports.tables.table import Table, number
from suite.cases.catalogue import Case
from suite.cases.tapes import Tape
from suite.compare.oracle import Array, Oracle
from suite.diagnosis.candidates import Candidate, canonical_dialect, relevant_differences, restore_candidate
from suite.results.rows import VerdictRow
from suite.workers import arrays

X, V, M, B = "x after", "v ← γ v + (1-γ) g²", "m ← γ m + (1-γ) g", "b ← μ b + u"
SHOWN = {"parameters": X, "square_average": V, "mean_gradient": M, "momentum_buffer": B}
"""Quantity of a trace -> name of the intermediate value that it shows."""
BEFORE, SQUARE, VARIANCE, DENOMINATOR, MOVE = "x before", "g²", "v - m²", "denominator", "x before - x after"
ETA_INSIDE, ETA_OUTSIDE = "u = η g / denominator", "u = g / denominator"


class BoundedValue(NamedTuple):
    """A number with the largest error of its evaluation in the tested format; None where it is exact."""

    value: np.floating
    bound: float | None = None


@dataclass(frozen=True)
class IntermediateValue:
    """One value of the step, as the oracle and the implementation have it.

    Attributes:
        name: the name, with its symbol.
        oracle: the value in the claimed dialect, in the oracle's type; None if the dialect has no such value.
        bound: the largest error of an evaluation in the tested format, where it is known.
        implementation: the value of the implementation; None where it is neither shown nor implied.
        implied: whether that value was computed from others that are shown.
        other: the value in the dialect that fits, or is nearest.
    """

    name: str
    oracle: np.floating | None
    bound: float | None
    implementation: float | None
    implied: bool = False
    other: np.floating | None = None

    @property
    def error(self) -> float | None:
        """The distance between oracle and implementation."""
        if self.implementation is None or self.oracle is None:
            return None
        return 0.0 if self.implementation == self.oracle else float(abs(self.implementation - self.oracle))

    def ulps(self, dtype: str) -> float | None:
        """Return the error in ulps of the tested format."""
        return None if self.error is None else float(self.error / format_of(dtype).ulp(np.longdouble(self.oracle)))

    def bound_ratio(self) -> float | None:
        """Return the error over its bound."""
        return self.error / self.bound if self.error is not None and self.bound else None


@dataclass(frozen=True)
class StepLocation:
    """A step of one coordinate in the replay of a tape; steps are counted from 1."""

    tape: Tape
    hyperparameters: Hyperparameters
    dtype: str
    step: int
    column: int


def step_breakdown(
    location: StepLocation, claimed: str, trace: Mapping[str, Array], other: Candidate | None = None
) -> list[IntermediateValue]:
    """Return the intermediate values of a step in the order of the computation: the claimed dialect's and another's."""
    candidate = Candidate.named(claimed, location.hyperparameters)
    expected = intermediate_values(location, candidate)
    other_values = intermediate_values(location, other) if other else {}
    shown = _shown(location, trace)
    implied = dict(_implied(location, candidate, trace, expected))
    found = []
    for name in _merged(list(expected), list(other_values)):
        value, bound = expected.get(name, (None, None))
        observed = shown.get(name, implied.get(name))
        other_value = other_values[name].value if name in other_values else None
        is_implied = name not in shown and name in implied
        found.append(IntermediateValue(name, value, bound, observed, is_implied, other_value))
    return found


def intermediate_values(location: StepLocation, candidate: Candidate) -> dict[str, BoundedValue]:
    """Return every intermediate value of a candidate at the step, by name, in the order of the computation."""
    values = _Step(location, candidate).values()
    return {name: _at_column(value, location.column) for name, value in values}


class _Step:
    """A candidate just before the step. Its numbers carry their errors; their first axis, of length 1, is unused."""

    def __init__(self, location: StepLocation, candidate: Candidate) -> None:
        self.location, h, dtype = location, candidate.hyperparameters, location.dtype
        self.format, self.wide = format_of(dtype), wider(dtype)
        dialect = canonical_dialect(candidate.dialect, location.tape)
        algorithm = Algorithm.of(dialect, h, dtype)
        self.arithmetic = Arithmetic(self.format, self.wide, algorithm.subnormals)
        numbers = {name: self._rounded(value) for name, value in algorithm.numbers().items()}
        self.algorithm = algorithm.with_numbers(numbers)
        self.rate = self._rounded(algorithm.rate(h.rate(location.step - 1) * location.tape.rate_scale()))
        oracle = Oracle.of(location.tape, h, dtype, {"": dialect})
        self.prediction = oracle.predict("")
        self.x = Bounded.from_input(oracle.initial[None], self.arithmetic)
        self.state = initial_state(self.x, self.algorithm)
        self.parts = [name for name in SHOWN if getattr(self.prediction.trace, name) is not None]
        if location.step > 1:
            self.x = self._predicted("parameters", location.step - 1)
            parts = {name: self._predicted(name, location.step - 1) for name in self.parts if name in State._fields}
            self.state = self.state._replace(**parts)

    def _rounded(self, value: ArrayLike) -> Bounded:
        """Return a hyper-parameter with the error of rounding it to the format."""
        exact = np.asarray(value, self.wide)
        return Bounded(exact, np.abs(self.format.round(exact) - exact), self.arithmetic)

    def _predicted(self, name: str, step: int) -> Bounded:
        """Return a part of the prediction after a step."""
        values, errors = getattr(self.prediction.trace, name), getattr(self.prediction.bounds, name)
        return Bounded(values[step - 1][None], errors[step - 1][None], self.arithmetic)

    def values(self) -> Iterator[tuple[str, Bounded]]:
        """Yield all values in the order of the computation; for sparse gradients only those that all dialects share."""
        tape, step, a = self.location.tape, self.location.step, self.algorithm
        g = Bounded.from_input(self.format.round(tape.gradients[step - 1].astype(self.wide))[None], self.arithmetic)
        yield BEFORE, self.x
        yield "η", self.rate
        yield "g, as given", g
        with np.errstate(all="ignore"):
            if tape.sparse is None:
                g = yield from self._effective_gradient(g)
                yield SQUARE, g * g
            yield from self._after("square_average", "mean_gradient")
            if tape.sparse is None:
                yield from self._quotient(g)
            yield from self._after("momentum_buffer")
            after = self._predicted("parameters", step)
            if a.decoupled:
                yield "x, decayed", decayed(self.x, self.rate, a)
            yield MOVE, Bounded(self.x.value - after.value, self.x.error + after.error, self.arithmetic)
            yield X, after

    def _effective_gradient(self, g: Bounded) -> Generator[tuple[str, Bounded], None, Bounded]:
        """Yield the gradient after each operation, and return the last one."""
        a = self.algorithm
        g = a.gradient_scale * g
        if np.any(a.gradient_scale.value != 1):
            yield "g, scaled", g
        for operation in ("decayed", "clipped") if a.clip_after_decay else ("clipped", "decayed"):
            if operation == "clipped" and (a.clip_gradient is not None or a.clip_norm is not None):
                g = clipped_gradient(g, a)
                yield "g, clipped", g
            if operation == "decayed" and a.coupled:
                g = g + a.weight_decay * self.x
                yield "g, decayed", g
        return g

    def _quotient(self, g: Bounded) -> Iterator[tuple[str, Bounded]]:
        """Yield the values from the averages to the quotient."""
        a, step = self.algorithm, self.location.step
        v = average(self.state.square_average, g * g, a.decay, a.complement)
        m = average(self.state.mean_gradient, g, a.decay, a.complement)
        d = denominator(v, m, step, a)
        if a.bias_corrected:
            correction = complement_of_power(a.decay, step)
            v, m = v / correction, m / correction
            yield "v / (1 - γ^t)", v
            if a.centered:
                yield "m / (1 - γ^t)", m
        if a.centered:
            yield VARIANCE, v - m * m
        yield DENOMINATOR, d
        yield (ETA_INSIDE if a.rate_in_buffer else ETA_OUTSIDE), quotient(self.rate if a.rate_in_buffer else None, g, d)

    def _after(self, *parts: str) -> Iterator[tuple[str, Bounded]]:
        """Yield those of the parts after the step that the dialect has."""
        yield from ((SHOWN[part], self._predicted(part, self.location.step)) for part in parts if part in self.parts)


def _at_column(value: Bounded, column: int) -> BoundedValue:
    """Return one coordinate; scalars are shared by all coordinates."""
    number, error = (np.ravel(np.broadcast_to(part, np.shape(value.value))) for part in (value.value, value.error))
    index = column if number.size > 1 else 0
    bound = float(error[index])
    return BoundedValue(number[index], bound if bound > 0 else None)


def _shown(location: StepLocation, trace: Mapping[str, Array]) -> dict[str, float]:
    """Return the values that the implementation shows at the step."""
    step, column = location.step - 1, location.column
    found = {SHOWN[name]: float(series[step, column]) for name, series in trace.items() if name in SHOWN}
    start = location.tape.initial[column] if location.step == 1 else trace["parameters"][step - 1, column]
    return {BEFORE: float(start), **found}


def _implied(
    location: StepLocation, candidate: Candidate, trace: Mapping[str, Array], expected: Mapping[str, BoundedValue]
) -> Iterator[tuple[str, float]]:
    """Yield the values that follow from those shown, if the implementation computes the claimed dialect."""
    a = Algorithm.of(candidate.dialect, candidate.hyperparameters, location.dtype)
    shown = _shown(location, trace)

    def before(name: str, start: float) -> float:
        return float(trace[name][location.step - 2, location.column]) if location.step > 1 else start

    move = shown[BEFORE] - shown[X]
    yield MOVE, move
    if V in shown and a.complement != 0:
        v = before("square_average", float(a.initial_accumulator))
        yield SQUARE, (shown[V] - float(a.decay) * v) / float(a.complement)
    if V in shown and M in shown and a.centered and not a.bias_corrected:
        yield VARIANCE, shown[V] - shown[M] ** 2
    if a.buffered and B in shown:
        u = shown[B] - float(a.momentum) * before("momentum_buffer", 0.0)
    elif not a.buffered and not a.decoupled and a.clip_weights is None:
        u = move
    else:
        return
    yield (ETA_INSIDE if a.rate_in_buffer else ETA_OUTSIDE), u
    if u != 0 and DENOMINATOR in expected:
        g = [amount.value for name, amount in expected.items() if name.startswith("g, ")][-1]
        yield DENOMINATOR, float((expected["η"].value if a.rate_in_buffer else 1.0) * g / u)


def _merged(first: list[str], second: list[str]) -> list[str]:
    """Merge two lists of names, keeping the order of each."""
    merged = list(first)
    for place, name in enumerate(second):
        if name not in merged:
            before = [merged.index(other) for other in second[:place] if other in merged]
            merged.insert(max(before, default=-1) + 1, name)
    return merged


@dataclass(frozen=True)
class Explanation:
    """A verdict, and the step that decides it.

    Step and column are the first that differ, else those of the largest error relative to its bound. The other dialect,
    if there is one to show, fits or comes nearest instead of the claimed one. Without a trace there is no breakdown.
    """

    row: VerdictRow
    step: int = 0
    column: int = 0
    other: Candidate | None = None
    step_breakdown: tuple[IntermediateValue, ...] = ()

    def parts(self) -> Iterator[str | Table]:
        """Yield the lines and tables of the explanation."""
        row = self.row
        name = f"{row.framework}/{row.implementation} {row.version}, {row.case}, {row.dtype}"
        yield f"{name}: {row.outcome} ({row.dialect})"
        for clause in (row.reason or "").split("; "):
            if clause:
                yield f"  {clause}"
        if row.mismatches:
            yield self._mismatches()
        if self.step_breakdown:
            yield f"\nstep {self.step}, coordinate {self.column}; values in parentheses follow from those shown:"
            yield self._breakdown()
        if row.error_growth:
            yield f"\nhow the error of {row.first_quantity} grows there:"
            yield self._growth()

    def _breakdown(self) -> Table:
        """Return the intermediate values of the step."""
        dtype, digits, other = self.row.dtype, _digits(self.row.dtype), self.other
        other_heading = [f"{other.base}{', changed' if other.changes else ''}"] if other else []
        rows = []
        for line in self.step_breakdown:
            shown = _number(line.implementation, digits)
            checked = ("", shown and f"({shown})", "", "") if line.implied else (
                _number(line.bound, 2), shown, _number(line.ulps(dtype), 3), _number(line.bound_ratio(), 3)
            )  # fmt: skip
            others = [_number(line.other, digits)] * len(other_heading)
            rows.append((line.name, _number(line.oracle, digits), *checked, *others))
        headings = (str(self.row.dialect), "bound", self.row.implementation, "ulps", "bounds", *other_heading)
        return Table.of(("quantity", *map(number, headings)), rows)

    def _growth(self) -> Table:
        """Return the error at some steps, from the first that differs on."""
        rows = ((str(step), _number(ulps, 3), _number(bounds, 3)) for step, ulps, bounds in self.row.error_growth or ())
        return Table.of(map(number, ("step", "ulps", "bounds")), rows)

    def _mismatches(self) -> Table:
        """Return the first mismatch of each quantity between the two traces of a metamorphic relation."""
        digits = _digits(self.row.dtype)
        rows = []
        for each in self.row.mismatches:
            values = [_number(value, digits) for value in (each.expected, each.observed)]
            count = f"{each.count} of {each.size}"
            rows.append((each.quantity, str(each.step), str(each.index), *values, _number(each.ulps, 3), count))
        headings = ("step", "coordinate", "expected", "found", "ulps", "values that differ")
        return Table.of(("quantity", *map(number, headings)), rows)


def explain(row: VerdictRow, case: Case | None, traces: Path) -> Explanation:
    """Explain a verdict; `case` is None for a metamorphic relation, and `traces` the folder of the traces."""
    if row.trace is None or case is None or not row.worst_index or not row.worst_step:
        return Explanation(row)
    step, (column, *_) = row.first_step or row.worst_step, row.first_index or row.worst_index
    trace, _ = arrays.read(traces / row.trace)
    location = StepLocation(case.tape, case.setting.hyperparameters, row.dtype, step, column)
    other = _other_dialect(row, case)
    return Explanation(row, step, column, other, tuple(step_breakdown(location, str(row.dialect), trace, other)))


def _other_dialect(row: VerdictRow, case: Case) -> Candidate | None:
    """Return the dialect that is shown beside the claimed one: the nearest that fits, else the nearest of all."""
    if row.first_step is None:
        return None
    h = case.setting.hyperparameters
    fits = [name for name in row.fits if name != row.dialect]
    if fits:
        name = min(fits, key=lambda name: len(relevant_differences(str(row.dialect), name, case.tape, h, row.dtype)))
        return Candidate.named(name, h)
    nearest = row.nearest
    if nearest is None or (nearest.dialect == row.dialect and not nearest.changes):
        return None
    changes = {change.axis: (change.before, change.after) for change in nearest.changes}
    return restore_candidate(nearest.dialect, changes, h)


def _digits(dtype: str) -> int:
    """Return the number of decimal digits that distinguish a number of the format from its neighbours."""
    return int(format_of(dtype).digits * 0.30103) + 2


def _number(value: float | np.floating | None, digits: int) -> str:
    return "" if value is None else f"{float(value):.{digits}g}"
