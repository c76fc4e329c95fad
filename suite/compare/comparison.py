"""Compares every value of a trace with the oracle's value and its own rounding bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.precision import Format, format_of
from suite.compare.oracle import Oracle, Prediction

Array = NDArray[Any]

QUANTITIES = ("parameters", "square_average", "mean_gradient", "momentum_buffer")


class TraceError(ValueError):
    """A trace lacks a quantity that it must have, or has one of the wrong shape."""


@dataclass(frozen=True)
class ComparisonResult:
    """The outcome of comparing some columns of a trace.

    Attributes:
        outcome: `agrees`, `differs` or `undecided`.
        quantity: the quantity with the largest error over its bound.
        worst_step: the step of that error, counted from 1.
        worst_index: the coordinate of that error; empty if there are no values.
        first_step: the first step outside the bound, counted from 1; None if there is none.
        ulps: that error, in ulps of the tested format.
        bound_ratio: that error over its bound; a value is inside if this is at most 1.
        decided: the fraction of coordinates whose values all have a bound that is narrower, at some step, than the path
            of the coordinate. A trace passes only if this is 1.
        reason: why it does not agree, in words.
    """

    outcome: str
    quantity: str
    worst_step: int
    worst_index: list[int]
    first_step: int | None
    ulps: float
    bound_ratio: float
    decided: float
    reason: str | None


class TraceComparison:
    """A trace compared with the prediction of one dialect.

    Attributes:
        format: the tested format.
        expected: the oracle's values of each quantity, shape (steps, n).
        observed: the values of the trace, converted to the oracle's type.
        ratios: error over bound.
        bounds: the bounds of the parameters.
        decided: whether a coordinate has bounds that can decide, shape (n,).
    """

    def __init__(self, observed: Mapping[str, Array], oracle: Oracle, dialect: str) -> None:
        """Compare all quantities that both the trace and the dialect have.

        Raises:
            TraceError: if the trace lacks the parameters, or a shape differs from the oracle's.
        """
        prediction = oracle.predict(dialect)
        self.format = format_of(oracle.dtype)
        self.expected: dict[str, Array] = {}
        self.observed: dict[str, Array] = {}
        self.ratios: dict[str, Array] = {}
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
        self.bounds = prediction.bounds.parameters
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
        differs, complete = bool(outside.any()), bool(decided.all())
        step, index = (int(i) for i in np.unravel_index(int(np.argmax(ratio)), ratio.shape))
        place = step, (columns.start or 0) + index
        return ComparisonResult(
            outcome="differs" if differs else "agrees" if complete else "undecided",
            quantity=quantity,
            worst_step=step + 1,
            worst_index=[index],
            first_step=int(np.argmax(outside)) + 1 if differs else None,
            ulps=float(ulp_distance(self.observed[quantity][place], self.expected[quantity][place], self.format)),
            bound_ratio=float(ratio[step, index]),
            decided=float(decided.mean()),
            reason=None if complete or differs else _undecided(decided),
        )


def fitting_dialects(observed: Mapping[str, Array], oracle: Oracle, columns: Sequence[slice]) -> list[list[str]]:
    """Return the dialects of the oracle whose bounds hold the trace, for each set of columns.

    If several dialects are listed, this input cannot distinguish them. Dialects that are outside their bounds after the
    last step in all sets of columns are skipped, which saves comparing the other steps.
    """
    fits: list[list[str]] = [[] for _ in columns]
    for names in oracle.groups():
        inside = _inside_at_the_end(observed, oracle.predict(names[0]))
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
        prediction = oracle.predict(name)
        expected, bound = prediction.trace.parameters[:, columns], prediction.bounds.parameters[:, columns]
        outside = _bound_ratios(observed["parameters"][:, columns].astype(expected.dtype), expected, bound) > 1
        if outside.any():
            found[name] = int(np.argmax(outside.any(axis=1))) + 1
    return found


def ulp_distance(observed: Array, expected: Array, fmt: Format, scale: Array | None = None) -> Array:
    """Return the distance of two arrays in ulps of a format, elementwise.

    Equal values and two NaN have distance 0. The distance is infinite where one value is not finite and the other is
    not the same.

    Args:
        observed: values in a type whose differences are exact enough.
        expected: values of the same shape.
        fmt: the format.
        scale: the values whose ulp is the unit; `expected` if omitted.
    """
    same = (observed == expected) | (np.isnan(observed) & np.isnan(expected))
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(observed - expected) / fmt.ulp(expected if scale is None else scale)
    return np.where(same, 0, np.where(np.isnan(distance), np.inf, distance))


def _inside_at_the_end(observed: Mapping[str, Array], prediction: Prediction) -> Array:
    """Return whether each coordinate of the parameters is inside its bound after the last step: shape (n,)."""
    last = slice(-1, None)
    expected, bound = prediction.trace.parameters[last], prediction.bounds.parameters[last]
    found = observed["parameters"][last].astype(expected.dtype)
    return np.asarray(np.all(_bound_ratios(found, expected, bound) <= 1, axis=0))


def _bound_ratios(observed: Array, expected: Array, bound: Array) -> Array:
    """Return error over bound: 0 where the values are equal, both are NaN, or the bound is infinite."""
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(observed - expected)
        same = (observed == expected) | (np.isnan(observed) & np.isnan(expected))
        ratio = np.where(same | np.isinf(bound), 0, error / bound)
    return np.where(np.isnan(ratio), np.inf, ratio)


def _undecided(decided: Array) -> str:
    count = int((~decided).sum())
    return f"in {count} of {decided.size} coordinates there is no bound, or none that is narrower than the effect"
