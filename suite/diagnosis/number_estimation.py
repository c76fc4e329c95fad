"""Estimates numbers from a trace: nonlinear least squares, and the shortest number that explains the trace.

If one number of an implementation is wrong and all else is right, its trace is a smooth function of that number. Least
squares find the number as exactly as the trace determines it. Of the numbers that explain the trace, the one with the
fewest digits is chosen, because a hyper-parameter is more likely 0.83 than 0.83000004.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reference import Hyperparameters
from suite.compare.oracle import Array
from suite.diagnosis.candidates import HYPERPARAMETER_PREFIX, CandidateChange

MAX_ITERATIONS = 30
RELATIVE_STEP = 1e-7  # of a difference quotient
INITIAL_DAMPING, MAX_DAMPING = 1e-3, 1e4
MIN_GAIN = 1e-12  # relative decrease of the sum of squares, below which the iteration has converged
TRIAL_ITERATIONS, MAX_REMAINING = 6, 0.9  # more iterations are made only if these reduce the sum of squares to this
MAX_DIGITS = 12

ITERATIONS, DIGITS = 16, 9  # of a single number


def least_squares(
    residuals: Callable[[Array], Array],
    start: ArrayLike,
    limits: ArrayLike = (-np.inf, np.inf),
    max_iterations: int = MAX_ITERATIONS,
) -> Array:
    """Minimize a sum of squares by the Levenberg-Marquardt method; return the best parameters found, shape (n,).

    The residuals are a function of the parameters: infinite where it is undefined, and finite at `start`, shape (n,).
    Each step is clipped to the limits, the smallest and largest parameters, shape (2,) or (2, n).
    """
    parameters, damping = np.asarray(start, float), INITIAL_DAMPING
    here, slopes = residuals(parameters), None
    initial = here @ here
    for iteration in range(max_iterations):
        if iteration >= TRIAL_ITERATIONS and here @ here > MAX_REMAINING * initial:
            break
        slopes = derivatives(residuals, parameters, here) if slopes is None else slopes
        if not np.all(np.isfinite(slopes)):
            break
        scaled, size = normalized(slopes)
        damped = np.concatenate([scaled, np.sqrt(damping) * np.eye(parameters.size)])
        step = np.linalg.lstsq(damped, np.concatenate([-here, np.zeros(parameters.size)]), rcond=None)[0]
        moved = np.clip(np.nan_to_num(parameters + step / size), *np.asarray(limits))
        there = residuals(moved)
        if there @ there < here @ here:
            gain = 1 - (there @ there) / (here @ here)
            parameters, here, slopes, damping = moved, there, None, damping / 10
            if gain < MIN_GAIN:
                break
        else:
            damping *= 10
            if damping > MAX_DAMPING:
                break
    return parameters


def derivatives(residuals: Callable[[Array], Array], parameters: Array, here: Array) -> Array:
    """Return difference quotients of the residuals, whose values are `here`: shape (residuals, parameters)."""
    steps = np.diag(RELATIVE_STEP * np.where(parameters == 0, 1, np.abs(parameters)))
    return np.stack([(residuals(parameters + step) - here) / step.sum() for step in steps], axis=1)


def normalized(slopes: Array) -> tuple[Array, Array]:
    """Return the columns of a matrix divided by their norms, and the norms; a column of zeros is divided by 1."""
    size = np.sqrt(np.sum(np.square(slopes), axis=0))
    size = np.where(size > 0, size, 1)
    return slopes / size, size


def shortest(value: float, accepted: Callable[[float], bool], max_digits: int = MAX_DIGITS) -> float | None:
    """Return the value rounded to the fewest significant digits that are accepted, or None."""
    rounded = (float(f"{value:.{digits}g}") for digits in range(1, max_digits + 1))
    return next(filter(accepted, rounded), None)


@dataclass(frozen=True)
class Number:
    """A number that may differ from the claimed one, or a factor on the given value.

    The iteration may start at each value in `starts`. `axis` is that of a `CandidateChange`.
    """

    axis: str
    starts: tuple[float, ...]
    factor: bool = False

    @property
    def name(self) -> str:
        """The name of the axis or hyper-parameter."""
        return self.axis.removeprefix(HYPERPARAMETER_PREFIX)

    def change(self, number: float) -> CandidateChange:
        """Return the change to a number."""
        if self.factor:
            return CandidateChange(self.axis, f"times {number!r}", lambda h: _scaled(getattr(h, self.name), number))
        return CandidateChange.to(self.axis, number)


NUMBERS = (
    Number("initial_accumulator", (1e-4, 1e-2, 0.1, 0.5, 10.0)),
    Number(f"{HYPERPARAMETER_PREFIX}decay", (0.1, 0.5, 0.8, 0.95, 0.99, 0.999)),
    Number(f"{HYPERPARAMETER_PREFIX}epsilon", (1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1e-1)),
    Number(f"{HYPERPARAMETER_PREFIX}learning_rate", (0.1, 0.5, 2.0, 10.0), factor=True),
    Number(f"{HYPERPARAMETER_PREFIX}momentum", (0.1, 0.5, 0.9, 0.99)),
    Number(f"{HYPERPARAMETER_PREFIX}weight_decay", (-0.1, 1e-4, 1e-2, 0.1, 1.0)),
    Number(f"{HYPERPARAMETER_PREFIX}rescale_gradient", (0.1, 0.5, 2.0, 10.0)),
    Number(f"{HYPERPARAMETER_PREFIX}clip_gradient", (0.01, 0.1, 1.0, 10.0)),
)
OPTIONAL = ("momentum", "weight_decay", "clip_gradient")

Residuals = Callable[[CandidateChange], Array | None]
"""The residuals of the claimed dialect after a change, in units of a tolerance; None if the change is invalid."""


def estimates(h: Hyperparameters, residuals: Residuals, *, unset: bool = False) -> Iterator[CandidateChange]:
    """Yield for each number the change to the shortest value that explains the trace, if there is one.

    Optional numbers that are not set in the hyper-parameters are included only if `unset`.
    """
    for number in NUMBERS:
        if number.name in OPTIONAL and not getattr(h, number.name) and not unset:
            continue
        found = _estimated(number, residuals)
        if found is not None:
            yield number.change(found)


def _estimated(number: Number, residuals: Residuals) -> float | None:
    """Return the shortest number whose residuals are all at most 1, if least squares find one."""

    def vanish(value: float) -> bool:
        found = residuals(number.change(value))
        return found is not None and bool(np.all(np.abs(found) <= 1))

    found = {start: errors for start in number.starts if (errors := residuals(number.change(start))) is not None}
    finite = [start for start, errors in found.items() if np.isfinite(errors @ errors)]
    if not finite:
        return None
    start = min(finite, key=lambda start: float(found[start] @ found[start]))
    undefined = np.full_like(found[start], np.inf)

    def at(parameters: Array) -> Array:
        errors = residuals(number.change(float(parameters[0])))
        return undefined if errors is None else errors

    slope = derivatives(at, np.array([start]), found[start])
    if not (np.any(slope) and np.all(np.isfinite(slope))):  # the number has no effect
        return None
    (value,) = least_squares(at, [start], max_iterations=ITERATIONS)
    return shortest(float(value), vanish, DIGITS)


def _scaled(rate: float | tuple[float, ...], factor: float) -> float | tuple[float, ...]:
    """Return the learning rate, or that of every step, times a factor."""
    return tuple(factor * each for each in rate) if isinstance(rate, tuple) else factor * rate
