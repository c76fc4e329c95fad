"""Compares every value of a trace with the oracle's value and its own rounding bound, and describes how errors grow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference.precision import Array, Format, format_of
from reference.replay import QUANTITIES
from suite.compare.oracle import Oracle, Prediction
from suite.results.rows import Outcome

KINDS = ((-0.25, "fading"), (0.25, "constant"), (0.75, "growing slower than linearly"), (1.25, "growing linearly"))
"""Upper limits of the slope of log error over log step, with their descriptions. The limits lie half-way between the
slopes of 1/√n, of a constant, of √n, of n, and of what grows faster."""
FASTER = "growing faster than linearly"
MIN_POINTS = 3  # for the fit of a slope
DIGITS = 4  # significant digits in an error curve


class TraceError(ValueError):
    """A trace lacks a quantity that it must have, or has one of the wrong shape."""


@dataclass(frozen=True)
class ComparisonResult:
    """The outcome of comparing some columns of a trace."""

    outcome: Outcome  # `agrees`, `differs` or `undecided`
    quantity: str  # the quantity with the largest error over its bound
    worst_step: int  # the step of that error, counted from 1
    worst_index: list[int]  # the coordinate of that error; empty if there are no values
    first_step: int | None  # the first step outside the bound, counted from 1
    ulps: float  # that error, in ulps of the tested format
    bound_ratio: float  # that error over its bound; a value is inside if this is at most 1
    decided: float  # the fraction of coordinates that can be decided (see `TraceComparison`); 1 if the trace agrees
    reason: str | None  # why it is undecided, in words


@dataclass(frozen=True)
class Growth:
    """The error of one coordinate from the first step outside its bound on.

    The series has rows of step (from 1), error in ulps, and error over bound, at the steps 1, 2, 5, 10, 20, 50, …
    counted from the first step outside, and at the last step.
    """

    quantity: str  # the quantity that is furthest outside its bound at that step
    index: int  # the coordinate that is furthest outside there
    series: tuple[tuple[int, float, float], ...]
    kind: str | None  # one of `KINDS`, or `FASTER`; None if there are too few steps, or the error is not finite

    @property
    def words(self) -> str | None:
        """A clause for the reason of a verdict."""
        return f"the error is {self.kind}" if self.kind else None


class TraceComparison:
    """A trace compared with the prediction of one dialect. Each quantity has the shape (steps, n).

    A coordinate is decided if all its values have a bound, and that of the parameter is narrower, at some step, than
    the path of the coordinate.
    """

    def __init__(self, observed: Mapping[str, Array], oracle: Oracle, dialect: str) -> None:
        """Compare all quantities that both the trace and the dialect have.

        Raises:
            TraceError: if the trace lacks the parameters, or a shape differs from the oracle's.
        """
        prediction = oracle.predict(dialect)
        self.format = format_of(oracle.dtype)
        self.expected: dict[str, Array] = {}  # the oracle's values of each quantity
        self.observed: dict[str, Array] = {}  # the values of the trace, converted to the oracle's type
        self.ratios: dict[str, Array] = {}  # error over bound
        unbounded = np.zeros(prediction.bounds.parameters.shape, bool)
        nan_parameters = np.isnan(prediction.trace.parameters)
        for name in QUANTITIES:
            expected = getattr(prediction.trace, name)
            if name not in observed or expected is None:
                continue
            if observed[name].shape != expected.shape:
                raise TraceError(f"{name} has shape {observed[name].shape}, expected {expected.shape}")
            self.expected[name], self.observed[name] = expected, observed[name].astype(expected.dtype)
            bound = getattr(prediction.bounds, name)
            ignored = nan_parameters & (name != "parameters")  # state has no effect once the parameter is NaN
            self.ratios[name] = np.where(ignored, 0, _bound_ratios(self.observed[name], expected, bound))
            unbounded |= np.isinf(bound) & ~ignored
        if "parameters" not in self.ratios:
            raise TraceError("the trace has no parameters")
        self.bounds = prediction.bounds.parameters  # of the parameters
        self.decided = prediction.visible & ~np.any(unbounded, axis=0)

    def fits(self, columns: slice) -> bool:
        """Return whether all values of these columns are inside their bounds, and all coordinates are decided."""
        inside = all(bool(np.all(ratio[:, columns] <= 1)) for ratio in self.ratios.values())
        return inside and bool(self.decided[columns].all())

    def result(self, columns: slice) -> ComparisonResult:
        """Return the outcome for these columns."""
        ratios = {name: ratio[:, columns] for name, ratio in self.ratios.items()}
        quantity = max(ratios, key=lambda name: float(ratios[name].max(initial=0)))
        ratio = ratios[quantity]
        if ratio.size == 0:
            return ComparisonResult("agrees", quantity, 0, [], None, 0.0, 0.0, 1.0, None)
        outside = np.any([np.any(r > 1, axis=1) for r in ratios.values()], axis=0)
        decided = self.decided[columns]
        differs, undecided, size = bool(outside.any()), int((~decided).sum()), decided.size
        gap = f"in {undecided} of {size} coordinates there is no bound, or none that is narrower than the effect"
        step, index = (int(i) for i in np.unravel_index(int(np.argmax(ratio)), ratio.shape))
        place = step, (columns.start or 0) + index
        return ComparisonResult(
            outcome="differs" if differs else "undecided" if undecided else "agrees",
            quantity=quantity,
            worst_step=step + 1,
            worst_index=[index],
            first_step=int(np.argmax(outside)) + 1 if differs else None,
            ulps=float(ulp_distance(self.observed[quantity][place], self.expected[quantity][place], self.format)),
            bound_ratio=float(ratio[step, index]),
            decided=float(decided.mean()),
            reason=gap if undecided and not differs else None,
        )

    def growth(self, columns: slice, first: int) -> Growth:
        """Describe the error of the coordinate that is furthest outside its bound at step `first`, counted from 1."""
        ratios = {name: series[first - 1, columns] for name, series in self.ratios.items()}
        quantity = max(ratios, key=lambda name: float(ratios[name].max()))
        index = int(np.argmax(ratios[quantity]))
        place = (slice(None), (columns.start or 0) + index)
        expected, observed = self.expected[quantity][place], self.observed[quantity][place]
        with np.errstate(invalid="ignore"):
            errors = np.where(observed == expected, 0, np.abs(observed - expected))
            ulps = errors / self.format.ulp(expected)
        over_bound = self.ratios[quantity][place]
        steps = (first - 1 + step for step in step_series(len(errors) - first + 1))
        series = tuple((step, float(ulps[step - 1]), float(over_bound[step - 1])) for step in steps)
        return Growth(quantity, index, series, _kind(errors[first - 1 :]))

    def error_curve(self, columns: slice) -> list[list[float]]:
        """Return rows of step (from 1), error in ulps, and bound in ulps, of the parameters.

        The steps are 1, 2, 5, 10, 20, 50, … and the last. Each row shows the coordinate with the largest error over its
        bound at that step.
        """
        steps = np.array(step_series(len(self.bounds)), int) - 1
        parts = (self.ratios, self.expected, self.observed)
        ratios, expected, observed = (part["parameters"][steps, columns] for part in parts)
        if not ratios.size:
            return []
        place = (np.arange(len(steps)), np.argmax(ratios, axis=1))
        unit = self.format.ulp(expected[place])
        with np.errstate(invalid="ignore", over="ignore"):
            errors = np.abs(observed[place] - expected[place]) / unit
            bounds = self.bounds[steps, columns][place] / unit
        return [
            [int(step) + 1, *(float(f"{value:.{DIGITS}g}") for value in pair)]
            for step, *pair in zip(steps, errors, bounds, strict=True)
        ]


def step_series(last: int) -> list[int]:
    """Return 1, 2, 5, 10, 20, 50, … up to the last step, which is always included; nothing if there are no steps."""
    series = (digit * 10**power for power in range(len(str(last))) for digit in (1, 2, 5))
    return [*(step for step in series if step < last), last] if last > 0 else []


def fitting_dialects(observed: Mapping[str, Array], oracle: Oracle, columns: Sequence[slice]) -> list[list[str]]:
    """Return the dialects of the oracle whose bounds hold the trace, for each set of columns.

    If several dialects are listed, this input cannot distinguish them. Dialects that are outside their bounds after the
    last step in all sets of columns are skipped, which saves comparing the other steps.
    """
    fits: list[list[str]] = [[] for _ in columns]
    for names in oracle.groups():
        inside = ~np.any(_parameters_outside(observed, oracle.predict(names[0]), slice(-1, None)), axis=0)
        if not any(inside[part].all() for part in columns):
            continue
        comparison = TraceComparison(observed, oracle, names[0])
        for found, part in zip(fits, columns, strict=True):
            if comparison.fits(part):
                found.extend(names)
    return fits


def ruled_out_at(observed: Mapping[str, Array], oracle: Oracle, columns: slice, names: Iterable[str]) -> dict[str, int]:
    """Return the first step, from 1, at which the parameters are outside the bound of each dialect.

    Dialects whose bound is never left are omitted.
    """
    found = {}
    for name in names:
        outside = _parameters_outside(observed, oracle.predict(name), (slice(None), columns)).any(axis=1)
        if outside.any():
            found[name] = int(np.argmax(outside)) + 1
    return found


def ulp_distance(observed: Array, expected: Array, fmt: Format, scale: Array | None = None) -> Array:
    """Return the distance of two arrays of one shape in ulps of a format, elementwise: ulps of `scale`, or `expected`.

    Equal values and two NaN have distance 0. The distance is infinite where one value is not finite and the other is
    not the same. The type of the values must be wide enough for their differences.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(observed - expected) / fmt.ulp(expected if scale is None else scale)
    return np.where(_same(observed, expected), 0, np.where(np.isnan(distance), np.inf, distance))


def _parameters_outside(observed: Mapping[str, Array], prediction: Prediction, part: Any) -> Array:
    """Return which parameters are outside their bounds, in a part of all steps and coordinates."""
    expected, bound = prediction.trace.parameters[part], prediction.bounds.parameters[part]
    return np.asarray(_bound_ratios(observed["parameters"][part].astype(expected.dtype), expected, bound) > 1)


def _bound_ratios(observed: Array, expected: Array, bound: Array) -> Array:
    """Return error over bound: 0 where the values are equal, both are NaN, or the bound is infinite."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.abs(observed - expected) / bound
    return np.where(_same(observed, expected) | np.isinf(bound), 0, np.where(np.isnan(ratio), np.inf, ratio))


def _same(observed: Array, expected: Array) -> Array:
    return np.asarray((observed == expected) | (np.isnan(observed) & np.isnan(expected)))


def _kind(errors: Array) -> str | None:
    """Classify the slope of log error over log step, fitted to steps that are evenly spaced in the logarithm."""
    if not np.all(np.isfinite(errors)):
        return None
    steps = np.unique(np.geomspace(1, len(errors), 50).astype(int)) if len(errors) else np.array([], int)
    steps = steps[errors[steps - 1] > 0]
    if len(steps) < MIN_POINTS:
        return None
    slope = float(np.polyfit(np.log(steps), np.log(errors[steps - 1].astype(float)), 1)[0])
    return next((kind for limit, kind in KINDS if slope <= limit), FASTER)
