"""A number in place of another: a hyper-parameter of the implementation's own, read from its trace.

Where one number is wrong and all else is right, the trace is a smooth function of it. So a few steps of Gauss and
Newton find it as exactly as the trace shows it, and of the numbers that explain the trace the one with the fewest
digits is taken: nobody writes 0.83000004.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters
from suite.diagnosis.candidates import HYPERPARAMETER_PREFIX, CandidateChange

ITERATIONS = 8
STEP = 1e-6  # of the number, relative, for a difference quotient: about the root of what an oracle in float64 resolves
DIGITS = range(1, 10)

Residual = Callable[[CandidateChange], NDArray[np.float64] | None]
"""How far off the trace of the claimed dialect with a change is, value by value, in units of what can be seen; None
where the change is none, or can't be made."""


@dataclass(frozen=True)
class Number:
    """A number that may be another one.

    Attributes:
        axis: of a dialect or of hyper-parameters.
        starts: where to begin.
        scales: whether the number is a factor on what is given.
    """

    axis: str
    starts: tuple[float, ...]
    scales: bool = False

    def change(self, number: float) -> CandidateChange:
        """To have it so."""
        if self.scales:
            return CandidateChange(self.axis, f"times {number!r}", lambda h: _scaled(h, number))
        return CandidateChange(self.axis, f"{number!r}", lambda _: number)


NUMBERS = (
    Number("initial_accumulator", (1e-4, 1e-2, 0.1, 0.5, 10.0)),
    Number(f"{HYPERPARAMETER_PREFIX}decay", (0.1, 0.5, 0.8, 0.95, 0.99, 0.999)),
    Number(f"{HYPERPARAMETER_PREFIX}epsilon", (1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1e-1)),
    Number(f"{HYPERPARAMETER_PREFIX}learning_rate", (0.1, 0.5, 2.0, 10.0), scales=True),
    Number(f"{HYPERPARAMETER_PREFIX}momentum", (0.1, 0.5, 0.9, 0.99)),
    Number(f"{HYPERPARAMETER_PREFIX}weight_decay", (-0.1, 1e-4, 1e-2, 0.1, 1.0)),
    Number(f"{HYPERPARAMETER_PREFIX}rescale_gradient", (0.1, 0.5, 2.0, 10.0)),
    Number(f"{HYPERPARAMETER_PREFIX}clip_gradient", (0.01, 0.1, 1.0, 10.0)),
)


def estimates(h: Hyperparameters, residual: Residual, *, hidden: bool = False) -> Iterator[CandidateChange]:
    """Of each number that is in use the change that brings the trace nearest, in as few digits as will do.

    Args:
        h: hyper-parameters.
        residual: of a change.
        hidden: whether numbers are looked for, too, that may be in use though they were not asked for.
    """
    for number in NUMBERS:
        name = number.axis.removeprefix(HYPERPARAMETER_PREFIX)
        if name in ("momentum", "weight_decay", "clip_gradient") and not getattr(h, name) and not hidden:
            continue
        found = _solved(number, residual)
        if found is not None:
            yield number.change(found)


def _solved(number: Number, residual: Residual) -> float | None:
    """The number at which the residual vanishes, if it does."""

    def off(value: float) -> NDArray[np.float64] | None:
        return residual(number.change(value))

    start = _best(number.starts, off)
    if start is None:
        return None
    value = start
    for _ in range(ITERATIONS):
        here, beside = off(value), off(value + STEP * abs(value))
        if here is None or beside is None:
            return None
        slope = (beside - here) / (STEP * abs(value))
        curvature = float(slope @ slope)
        if not 0 < curvature < np.inf:
            return None
        value -= float(slope @ here) / curvature
        if not np.isfinite(value) or value == 0:
            return None
    rounded = (float(f"{value:.{digits}g}") for digits in DIGITS)
    return next((short for short in rounded if _vanishes(off(short))), None)


def _best(starts: Sequence[float], off: Callable[[float], NDArray[np.float64] | None]) -> float | None:
    sizes = {start: float(found @ found) for start in starts if (found := off(start)) is not None}
    finite = {start: size for start, size in sizes.items() if np.isfinite(size)}
    return min(finite, key=lambda start: finite[start], default=None)


def _vanishes(residual: NDArray[np.float64] | None) -> bool:
    return residual is not None and bool(np.all(np.abs(residual) <= 1))


def _scaled(h: Hyperparameters, factor: float) -> float | tuple[float, ...]:
    """The learning rate, or all of them, times a factor."""
    rate = h.learning_rate
    scaled = replace(h, learning_rate=[factor * each for each in rate] if isinstance(rate, tuple) else factor * rate)  # type: ignore[operator]
    return scaled.learning_rate  # type: ignore[return-value]
