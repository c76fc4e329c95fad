"""Numbers that nobody has said: hyper-parameters at their defaults, read from an answer, and held against the oracle.

Where the dialect is known, a trace is a smooth function of the learning rate, γ, ε, μ and λ. A grid of what is usual
shows where to begin, least squares find the numbers as exactly as the trace shows them, and of those that are no
further off than rounding may be, the one with the fewest digits is taken. It counts if the answer is inside the
oracle's bound, too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reference import Dialect, Hyperparameters
from reference.algorithm import Algorithm
from reference.precision import format_of
from suite.cases.random import Bits
from suite.cases.tapes import Tape
from suite.compare.comparison import TraceComparison
from suite.compare.oracle import Oracle, path_length
from suite.identification.hypotheses import Hypothesis
from suite.identification.inquiry import Array

_STREAM = 6100  # far from the seeds of other tapes
STEPS = 16
RATE = 0.01  # of a trace that is scaled
GRID: Mapping[str, tuple[float, ...]] = {
    "decay": (0.5, 0.8, 0.9, 0.95, 0.99, 0.999),
    "epsilon": (1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1),
    "weight_decay": (0.0, 1e-4, 1e-2),
}
"""Where to begin."""

STARTS = 2  # of the grid, from which numbers are looked for
ROUNDINGS = 64  # ulps of its way that a coordinate may be off, for a rough measure
DIGITS = range(1, 13)
VISIBLE = 0.02  # relative: a number that is less certain has not been seen
DOUBT = 4.0  # spreads by which a number may be off
SINGLE, DOUBLE = 2.0**-21, 2.0**-48  # relative, about: what is left of a number that passes through a format
DIFFERENCE = 1e-7  # relative, for a difference quotient
ITERATIONS = 30
PATIENCE, HOPE = 6, 0.9  # after so many, with more than this left, there is no use in more
GAIN = 1e-12  # relative: with less it is done
WIDER = (1.0, 1e2, 1e4)  # than the doubt: what is short is tried, and held against the bound
NOTHING = 1e-7  # a momentum or a weight decay that is none
LEAST = 1e-4  # of momentum and weight decay: what is less is nothing
LARGEST = 700.0  # logarithm of a number that there is
DECIDED = 0.5  # of the coordinates: where weight decay and gradient cancel, there is no bound
STUCK = 1e4  # a damping with which no step leads on
HUGE = 1e12  # an error that is not told from others
NUMBERS = ("learning_rate", "decay", "epsilon", "momentum", "weight_decay")
_PLAIN = ("momentum", "weight_decay")  # which may be zero; of the others the logarithm is looked for
_LIMITS = {
    "learning_rate": (-70.0, 20.0),
    "decay": (-30.0, 0.5),
    "epsilon": (-80.0, 20.0),
    "momentum": (-2.0, 2.0),
    "weight_decay": (-10.0, 10.0),
}


@dataclass(frozen=True)
class Reading:
    """Numbers that explain an answer.

    Attributes:
        hyperparameters: all of them.
        unseen: the numbers on which the answer does not depend, to what can be seen of it.
        fits: whether the answer is inside the oracle's bound.
    """

    hyperparameters: Hyperparameters
    unseen: frozenset[str]
    fits: bool


def tape() -> Tape:
    """Gradients of every size from zero, one blow and then nothing, and parameters of every size without a gradient."""
    bits = Bits(_STREAM)
    sizes = 10.0 ** np.arange(-12, 4)
    random = sizes * (2 * bits.uniform((STEPS, len(sizes))) - 1)
    random[5] = 0.0
    steady = np.tile(10.0 ** np.arange(-6.0, 3), (STEPS, 1)) * (0.5 + bits.uniform((STEPS, 9)))
    blows = np.zeros((STEPS, 3))
    blows[0] = (1e3, 1.0, -1e2)
    resting = 10.0 ** np.arange(-4.0, 5)
    gradients = np.concatenate([random, steady, blows, np.zeros((STEPS, len(resting)))], axis=1)
    start = np.concatenate([np.zeros(gradients.shape[1] - len(resting)), resting])
    reason = "numbers that nobody has said: each shows in some coordinate"
    return Tape("defaults", reason, start.astype(np.float32), gradients.astype(np.float32), alone=True)


def read(
    one: Hypothesis, answer: Array, dtype: str, base: Hyperparameters, free: Sequence[str], hint: Mapping[str, Any]
) -> Reading:
    """The numbers of a hypothesis that explain the answer to `tape()` best.

    Args:
        one: which RMSProp it is.
        answer: shape (steps, n).
        dtype: in which it was computed.
        base: hyper-parameters, of which those that are free are looked for.
        free: of `NUMBERS`.
        hint: numbers that are said to be the right ones, to begin with.
    """
    return _Reader(one, answer, dtype, tuple(free)).read(base, hint)


def promise(one: Hypothesis, answer: Array, dtype: str, base: Hyperparameters, free: Sequence[str]) -> float:
    """How near a hypothesis comes to an answer with usual numbers: the smaller the nearer."""
    reader = _Reader(one, answer, dtype, tuple(free))
    return min(map(reader.score, reader.grid(base)))


class _Reader:
    """One answer beside one hypothesis, under other and other numbers."""

    def __init__(self, one: Hypothesis, answer: Array, dtype: str, free: tuple[str, ...]) -> None:
        self.one, self.dtype, self.free = one, dtype, free
        self.smooth = replace(
            one.dialect, hyperparameter_rounding="exact", decay_complement="exact"
        )  # rounding makes steps of it
        self.tape = tape()
        self.answer = answer
        self.wide = answer.astype(np.longdouble)
        self.epsilon = format_of(dtype).epsilon
        way = path_length(self.wide, self.tape.initial)
        self.scale = ROUNDINGS * self.epsilon * (way + np.abs(self.tape.initial) / ROUNDINGS) + 1e-35
        self.from_zero = self.tape.initial == 0

    def read(self, base: Hyperparameters, hint: Mapping[str, Any]) -> Reading:
        """What is said, if it fits; or else the best of several starts, in as few digits as will do."""
        said = _changed(base, {name: value for name, value in hint.items() if name in self.free})
        if not self.free:
            return Reading(base, frozenset(), self.fits(base))
        if hint and self.fits(said):
            return Reading(said, self.unseen(said), fits=True)
        for start in sorted(self.grid(base), key=self.score)[:STARTS]:
            for near in (start, self.least(start, self.free, np.arcsinh)):  # from afar, sizes count
                found = self.solved(near)
                if found.fits:
                    return found
        return found

    def grid(self, base: Hyperparameters) -> Iterator[Hyperparameters]:
        """What is usual, with the learning rate that goes with it."""
        usual = {**GRID, "momentum": (self.momentum(),)}
        values = {name: usual[name] for name in self.free if name in usual}
        for numbers in itertools.product(*values.values()):
            h = _changed(base, dict(zip(values, numbers, strict=True)))
            yield replace(h, learning_rate=self.rate(h)) if "learning_rate" in self.free else h

    def momentum(self) -> float:
        """After a blow, each step is μ times the one before."""
        blow = int(np.flatnonzero(self.tape.gradients[0] == 1e3)[-1])
        moves = np.diff(self.wide[:, blow])
        return float(moves[1] / moves[0]) if moves[0] else 0.0

    def rate(self, h: Hyperparameters) -> float:
        """From zero, a trace grows as the learning rate does."""
        trace = self.trace(replace(h, learning_rate=RATE))[:, self.from_zero]
        with np.errstate(all="ignore"):
            ratio = self.wide[:, self.from_zero] / trace
        known = ratio[np.isfinite(ratio)]
        return RATE * float(np.median(known)) if known.size else RATE

    def trace(self, h: Hyperparameters) -> Array:
        """What the hypothesis gives."""
        made = self.rounded(self.one.hyperparameters(h))
        return self.oracle(made, self.smooth).trace("").parameters

    def rounded(self, h: Hyperparameters) -> Hyperparameters:
        """Those that are given, as the dialect rounds them; those that are looked for are found as they are then."""
        seen = Algorithm.of(self.one.dialect, h, self.dtype)
        numbers = {**seen.numbers(), "learning_rate": seen.rate(h.rate(0))}
        given = [name for name in ("learning_rate", "epsilon") if name not in self.free]
        return _changed(h, {name: float(numbers[name]) for name in given})

    def off(self, h: Hyperparameters) -> Array:
        """How far that is from the answer, value by value."""
        with np.errstate(all="ignore"):
            off = ((self.trace(h) - self.wide) / self.scale).astype(np.float64).ravel()
        return np.clip(np.nan_to_num(off, nan=HUGE), -HUGE, HUGE)

    def score(self, h: Hyperparameters) -> float:
        """The smaller the nearer."""
        return float(np.mean(np.log1p(np.abs(self.off(h)))))

    def solved(self, start: Hyperparameters) -> Reading:
        """By least squares from a start on."""
        exact = self.least(start, self.free)
        nothing = {name: 0.0 for name in self.free if name in _PLAIN and abs(getattr(exact, name)) < NOTHING}
        exact = self.least(_changed(exact, nothing), [name for name in self.free if name not in nothing])
        doubt = np.maximum(DOUBT * _spread(self.slopes(exact, self.free)), self.resolution(exact))
        for wider in WIDER:
            short = _changed(exact, dict(self.shortest(exact, doubt * wider)))
            if self.fits(short):
                return Reading(short, self.unseen(short), fits=True)
        return Reading(exact, self.unseen(exact), self.fits(exact))

    def shortest(self, exact: Hyperparameters, doubt: Array) -> Iterator[tuple[str, float]]:
        """Each free number in the fewest digits that are no further off than the doubt."""
        for name, z, d in zip(self.free, _coded(exact, self.free), doubt, strict=True):
            yield name, _shortest(getattr(exact, name), *(_number(name, z + side * d) for side in (-1, 1)))

    def least(
        self, start: Hyperparameters, names: Sequence[str], weighed: Callable[[Array], Array] = np.asarray
    ) -> Hyperparameters:
        """These numbers changed for the least squares of errors, each weighed (Levenberg and Marquardt)."""
        h, damping = start, 1e-3
        off = weighed(self.off(h))
        first = off @ off
        for iteration in range(ITERATIONS if names else 0):
            if iteration >= PATIENCE and off @ off > HOPE * first:
                break
            slopes = self.slopes(h, names, weighed)
            size = np.sqrt(np.sum(np.square(slopes), axis=0))
            scaled = slopes / np.where(size > 0, size, 1)
            damped = np.concatenate([scaled, np.sqrt(damping) * np.eye(len(names))])
            step = np.linalg.lstsq(damped, np.concatenate([-off, np.zeros(len(names))]), rcond=None)[0]
            moved = _decoded(h, names, _coded(h, names) + step / np.where(size > 0, size, 1))
            there = weighed(self.off(moved))
            if there @ there < off @ off:
                gain, h, off, damping = 1 - (there @ there) / (off @ off), moved, there, damping / 10
                if gain < GAIN:
                    break
            else:
                damping *= 10
                if damping > STUCK:
                    break
        return h

    def slopes(self, h: Hyperparameters, names: Sequence[str], weighed: Callable[[Array], Array] = np.asarray) -> Array:
        """How the errors change with each number: shape (values, numbers)."""
        z, here = _coded(h, names), weighed(self.off(h))
        steps = np.diag(DIFFERENCE * np.where(z == 0, 1, np.abs(z)))
        return np.stack(
            [(weighed(self.off(_decoded(h, names, z + step))) - here) / step.sum() for step in steps], axis=1
        )

    def unseen(self, h: Hyperparameters) -> frozenset[str]:
        """The numbers that may be quite other ones, for all that the answer shows."""
        size = [max(abs(getattr(h, name)), LEAST) if name in _PLAIN else 1 for name in self.free]
        spread = _spread(self.slopes(h, self.free)) / size
        return frozenset(name for name, s in zip(self.free, spread, strict=True) if not s <= VISIBLE)

    def resolution(self, h: Hyperparameters) -> Array:
        """How exactly numbers can be read: they are rounded on the way, γ before it is subtracted from 1."""
        single = self.dtype != "float64" or self.one.dialect.hyperparameter_rounding != "exact"
        lost = {"decay": max(1.0, h.decay / max(1 - h.decay, DIFFERENCE))}
        return np.array([(SINGLE if single else DOUBLE) * lost.get(name, 1.0) for name in self.free])

    def fits(self, h: Hyperparameters) -> bool:
        """Whether the answer is inside the bound, and there is one nearly everywhere."""
        result = TraceComparison(
            {"parameters": self.answer}, self.oracle(self.one.hyperparameters(h), self.one.dialect), ""
        ).result(slice(0, None))
        return result.first_step is None and result.decided >= DECIDED

    def oracle(self, h: Hyperparameters, dialect: Dialect) -> Oracle:
        """Of this tape."""
        return Oracle.of(self.tape, h, self.dtype, {"": dialect})


def _spread(slopes: Array) -> Array:
    """How far each number may be off if each error is off by one: from the covariance, in scaled columns."""
    size = np.sqrt(np.sum(np.square(slopes), axis=0))
    scaled = slopes / np.where(size > 0, size, 1)
    covariance = np.linalg.pinv(scaled.T @ scaled, hermitian=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(size > 0, np.sqrt(np.abs(np.diag(covariance))) / size, np.inf))


def _coded(h: Hyperparameters, names: Sequence[str]) -> Array:
    """Numbers as least squares see them: of what spans decades the logarithm."""
    return np.array([_code(name, getattr(h, name)) for name in names])


def _decoded(h: Hyperparameters, names: Sequence[str], z: Array) -> Hyperparameters:
    """The other way round, within limits."""
    z = np.clip(np.nan_to_num(z), *np.transpose([_LIMITS[name] for name in names]))
    return _changed(h, {name: _number(name, value) for name, value in zip(names, z, strict=True)})


def _changed(h: Hyperparameters, numbers: dict[str, Any]) -> Hyperparameters:
    return replace(h, **numbers)


def _code(name: str, value: float) -> float:
    if name == "decay":
        return float(np.log(max(1 - value, 1e-12)))
    return value if name in _PLAIN else float(np.log(abs(value) or 1e-30))


def _number(name: str, z: float) -> float:
    if name == "decay":
        return 1 - math.exp(min(z, LARGEST))
    return float(z) if name in _PLAIN else math.exp(min(z, LARGEST))


def _shortest(value: float, one: float, other: float) -> float:
    """The number with the fewest digits between two, or else the value itself."""
    low, high = min(one, other), max(one, other)
    if low <= 0 <= high:
        return 0.0
    short = (float(f"{value:.{digits}g}") for digits in DIGITS)
    return next((number for number in short if low <= number <= high), value)
