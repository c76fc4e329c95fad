"""How the error of a trace changes over the steps: short series, and a description of its growth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.compare.comparison import TraceComparison

Array = NDArray[Any]

KINDS = ((-0.25, "fading"), (0.25, "constant"), (0.75, "growing slower than linearly"), (1.25, "growing linearly"))
"""Upper limits of the slope of log error over log step, with their descriptions. The limits lie half-way between the
slopes of 1/√n, of a constant, of √n, of n, and of what grows faster."""
FASTER = "growing faster than linearly"
MIN_POINTS = 3  # for the fit of a slope
DIGITS = 4  # significant digits in an error curve


@dataclass(frozen=True)
class Growth:
    """The error of one coordinate from the first step outside its bound on.

    Attributes:
        quantity: the quantity that is furthest outside its bound at that step.
        index: the coordinate that is furthest outside there.
        series: rows of step (from 1), error in ulps, error over bound; at the steps 1, 2, 5, 10, 20, 50, … counted from
            the first step outside, and at the last step.
        kind: one of `KINDS`, or `FASTER`; None if there are too few steps, or the error is not finite.
    """

    quantity: str
    index: int
    series: tuple[tuple[int, float, float], ...]
    kind: str | None

    @property
    def words(self) -> str | None:
        """A clause for the reason of a verdict."""
        return f"the error is {self.kind}" if self.kind else None


def growth(comparison: TraceComparison, columns: slice, first: int) -> Growth:
    """Describe the error of the coordinate that is furthest outside its bound at step `first`, counted from 1."""
    ratios = {name: series[first - 1, columns] for name, series in comparison.ratios.items()}
    quantity = max(ratios, key=lambda name: float(ratios[name].max()))
    index = int(np.argmax(ratios[quantity]))
    place = (slice(None), (columns.start or 0) + index)
    expected, observed = comparison.expected[quantity][place], comparison.observed[quantity][place]
    with np.errstate(invalid="ignore"):
        errors = np.where(observed == expected, 0, np.abs(observed - expected))
        ulps = errors / comparison.format.ulp(expected)
    over_bound = comparison.ratios[quantity][place]
    steps = (first - 1 + step for step in step_series(len(errors) - first + 1))
    series = tuple((step, float(ulps[step - 1]), float(over_bound[step - 1])) for step in steps)
    return Growth(quantity, index, series, _kind(errors[first - 1 :]))


def error_curve(comparison: TraceComparison, columns: slice) -> list[list[float]]:
    """Return rows of step (from 1), error in ulps, and bound in ulps, of the parameters.

    The steps are 1, 2, 5, 10, 20, 50, … and the last. Each row shows the coordinate with the largest error over its
    bound at that step.
    """
    steps = np.array(list(step_series(len(comparison.ratios["parameters"])))) - 1
    parts = (comparison.ratios, comparison.expected, comparison.observed)
    ratios, expected, observed = (part["parameters"][steps, columns] for part in parts)
    if not ratios.size:
        return []
    place = (np.arange(len(steps)), np.argmax(ratios, axis=1))
    unit = comparison.format.ulp(expected[place])
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.abs(observed[place] - expected[place]) / unit
        bounds = comparison.bounds[steps, columns][place] / unit
    return [
        [int(step) + 1, *(float(f"{value:.{DIGITS}g}") for value in pair)]
        for step, *pair in zip(steps, errors, bounds, strict=True)
    ]


def step_series(last: int) -> Iterator[int]:
    """Yield 1, 2, 5, 10, 20, 50, … up to the last step, which is always included; nothing if there are no steps."""
    series = (digit * 10**power for power in count() for digit in (1, 2, 5))
    for step in series if last > 0 else ():
        yield min(step, last)
        if step >= last:
            return


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
