"""From numbers to a verdict: every value of a trace against the oracle's, each with its own bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.precision import Format, format_of
from suite.compare.oracle import Oracle, Prediction

Array = NDArray[Any]

QUANTITIES = ("parameters", "square_average", "mean_gradient", "momentum_buffer")


class TraceError(ValueError):
    """A trace lacks what it must have, or has it in the wrong shape."""


@dataclass(frozen=True)
class ComparisonResult:
    """What the oracle says of some columns of a trace.

    Attributes:
        outcome: `agrees`, `differs` or `undecided`.
        quantity: where the error is largest, in multiples of its bound.
        worst_step: likewise; counted from 1.
        worst_index: likewise; the coordinate, or None for what has none.
        first_step: the first step outside the bound, counted from 1; None if there is none.
        ulps: the error there, in ulps of the tested precision.
        bound_ratio: the error there over its bound; at most 1 is inside.
        decided: the fraction of the coordinates of which every value had a bound, narrower at some step than the
            path that the coordinate had travelled; anything less than 1 is never a pass.
        reason: for people, unless it agrees.
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
    """A trace beside the prediction of one dialect."""

    def __init__(self, observed: Mapping[str, Array], oracle: Oracle, dialect: str) -> None:
        """Compare.

        Raises:
            TraceError: if the trace lacks the parameters, or a shape is not the oracle's.
        """
        prediction = oracle.predict(dialect)
        self.format = format_of(oracle.dtype)
        self.expected: dict[str, Array] = {}
        self.observed: dict[str, Array] = {}
        self.ratios: dict[str, Array] = {}
        lost = np.zeros(prediction.bounds.parameters.shape, bool)
        gone = np.isnan(prediction.trace.parameters)  # state serves the steps to come, and here nothing depends on it
        for name in QUANTITIES:
            expected = getattr(prediction.trace, name)
            if name not in observed or expected is None:
                continue
            if observed[name].shape != expected.shape:
                raise TraceError(f"{name} has shape {observed[name].shape}, where {expected.shape} was asked for")
            self.expected[name], self.observed[name] = expected, observed[name].astype(expected.dtype)
            bound = getattr(prediction.bounds, name)
            idle = gone & (name != "parameters")
            self.ratios[name] = np.where(idle, 0, _ratios(self.observed[name], expected, bound))
            lost |= np.isinf(bound) & ~idle
        if "parameters" not in self.ratios:
            raise TraceError("there are no parameters in the trace")
        self.bounds = prediction.bounds.parameters
        self.decided = prediction.visible & ~np.any(lost, axis=0)

    def fits(self, columns: slice) -> bool:
        """Whether every value of these columns is inside its bound, and every one has a bound that tells something."""
        inside = all(bool(np.all(ratio[:, columns] <= 1)) for ratio in self.ratios.values())
        return inside and bool(self.decided[columns].all())

    def result(self, columns: slice) -> ComparisonResult:
        """The result on these columns."""
        ratios = {name: ratio[:, columns] for name, ratio in self.ratios.items()}
        quantity = max(ratios, key=lambda name: float(ratios[name].max(initial=0)))
        ratio = ratios[quantity]
        outside = np.any([np.any(r > 1, axis=1) for r in ratios.values()], axis=0)
        decided = self.decided[columns]
        differs, complete = bool(outside.any()), bool(decided.all())
        if ratio.size == 0:
            return ComparisonResult("agrees", quantity, 0, [], None, 0.0, 0.0, 1.0, None)
        step, index = (int(i) for i in np.unravel_index(int(np.argmax(ratio)), ratio.shape))
        column = (columns.start or 0) + index
        expected, observed = self.expected[quantity][step, column], self.observed[quantity][step, column]
        ulps = _distance_in_ulps(observed, expected, self.format)
        return ComparisonResult(
            outcome="differs" if differs else "agrees" if complete else "undecided",
            quantity=quantity,
            worst_step=step + 1,
            worst_index=[index],
            first_step=int(np.argmax(outside)) + 1 if differs else None,
            ulps=ulps,
            bound_ratio=float(ratio[step, index]),
            decided=float(decided.mean()),
            reason=None if complete or differs else _undecided(decided),
        )


def _distance_in_ulps(observed: Any, expected: Any, fmt: Format) -> float:
    """Infinite where one of the two is no finite number, and the other is not the same."""
    if np.isfinite(observed) and np.isfinite(expected):
        return float(abs(observed - expected) / fmt.ulp(expected))
    return 0.0 if observed == expected or (np.isnan(observed) and np.isnan(expected)) else float("inf")


def fitting(observed: Mapping[str, Array], oracle: Oracle, columns: Sequence[slice]) -> list[list[str]]:
    """For each set of columns, the named dialects inside whose bound it lies.

    All of them are tried. Where two are named, this input can't tell them apart. Most are out by the last step: then no
    other is looked at.
    """
    fits: list[list[str]] = [[] for _ in columns]
    for names in oracle.groups():
        inside = _ends_inside(observed, oracle.predict(names[0]))
        if not any(inside[part].all() for part in columns):
            continue
        comparison = TraceComparison(observed, oracle, names[0])
        for found, part in zip(fits, columns, strict=True):
            if comparison.fits(part):
                found.extend(names)
    return fits


def outside(observed: Array, expected: Array, bound: Array) -> Array:
    """Where values are outside their bounds; what has no bound is not."""
    return np.asarray(_ratios(observed, expected, bound) > 1)


def _ends_inside(observed: Mapping[str, Array], prediction: Prediction) -> Array:
    """Where the parameters are inside the bound after the last step: shape (n,)."""
    last = slice(-1, None)
    found, expected, bound = observed["parameters"], prediction.trace.parameters, prediction.bounds.parameters
    return np.asarray(np.all(_ratios(found[last].astype(expected.dtype), expected[last], bound[last]) <= 1, axis=0))


def _ratios(observed: Array, expected: Array, bound: Array) -> Array:
    """Error over bound; 0 where both agree to the bit, or both are NaN, or there is no bound to hold it against."""
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(observed - expected)
        same = (observed == expected) | (np.isnan(observed) & np.isnan(expected))
        ratio = np.where(same | np.isinf(bound), 0, error / bound)
    return np.where(np.isnan(ratio), np.inf, ratio)


def _undecided(decided: Array) -> str:
    lost = int((~decided).sum())
    return f"in {lost} of {decided.size} coordinates there is no bound, or none that is narrower than the effect"
