"""How an error grows from the first step outside the bound on: a short series, and a word for its kind."""

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
"""The slopes of the error over the steps, both as logarithms, up to which a word holds: those of 1/√n (fading), of a
constant, of √n and of n lie in the middle of what the words cover. Beyond: growing faster."""
FASTER = "growing faster than linearly"
FEWEST = 3  # points that make a slope


@dataclass(frozen=True)
class Growth:
    """The error of the coordinate that leaves its bound first.

    Attributes:
        quantity: of which it is.
        index: the coordinate.
        series: rows of step (from 1), error in ulps, error in bounds; at the steps 1, 2, 5, 10, 20, 50, … counted from
            the first that is outside the bound, and the last of all.
        kind: a word; None if there are too few steps to tell, or if the error is no number.
    """

    quantity: str
    index: int
    series: tuple[tuple[int, float, float], ...]
    kind: str | None

    @property
    def words(self) -> str | None:
        """A clause of a reason."""
        return f"the error is {self.kind}" if self.kind else None


def growth(comparison: TraceComparison, columns: slice, first: int) -> Growth:
    """How the error grows in the coordinate that is furthest outside its bound at the first step outside.

    Args:
        comparison: of a trace with what was claimed.
        columns: the coordinates of a case.
        first: the step, counted from 1.
    """
    quantity, index = parting(comparison, columns, first)
    place = (slice(None), (columns.start or 0) + index)
    expected, observed = comparison.expected[quantity][place], comparison.observed[quantity][place]
    with np.errstate(invalid="ignore"):
        errors = np.where(observed == expected, 0, np.abs(observed - expected))
        ulps = errors / comparison.format.ulp(expected)
    ratios = comparison.ratios[quantity][place]
    steps = spread(first, len(errors))
    series = tuple((step, float(ulps[step - 1]), float(ratios[step - 1])) for step in steps)
    return Growth(quantity, index, series, _kind(errors[first - 1 :]))


def parting(comparison: TraceComparison, columns: slice, step: int) -> tuple[str, int]:
    """The quantity and the coordinate that are furthest outside their bound at a step, counted from 1."""
    ratios = {name: series[step - 1, columns] for name, series in comparison.ratios.items()}
    quantity = max(ratios, key=lambda name: float(ratios[name].max()))
    return quantity, int(np.argmax(ratios[quantity]))


def spread(first: int, last: int) -> Iterator[int]:
    """1, 2, 5, 10, 20, 50, … from the first on, and the last."""
    for power in count():
        for digit in (1, 2, 5):
            step = first - 1 + digit * 10**power
            if step >= last:
                yield last
                return
            yield step


def _kind(errors: Array) -> str | None:
    """The word for the slope of log error over log step, by least squares over steps spread evenly in the logarithm."""
    if not np.all(np.isfinite(errors)):
        return None
    steps = np.unique(np.geomspace(1, len(errors), 50).astype(int)) if len(errors) else np.array([], int)
    steps = steps[errors[steps - 1] > 0]
    if len(steps) < FEWEST:
        return None
    slope = float(np.polyfit(np.log(steps), np.log(errors[steps - 1].astype(float)), 1)[0])
    return next((word for limit, word in KINDS if slope <= limit), FASTER)
