"""The experiments that identify an optimizer: hyper-parameters set together, and gradients that show their effect.

An experiment is a replay of a tape; its result is a trace. The search for the dialect is a generator that yields
requests for replays and receives their results, so that the optimizer may run in another process.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeAlias, TypeVar

import numpy as np

from reference import Hyperparameters
from suite.cases.random import Bits
from suite.cases.special_tapes import edge_tapes, parameter_tapes
from suite.cases.tapes import Tape
from suite.compare.oracle import Array
from suite.diagnosis.candidate_search import ReplayInput
from suite.results.rows import AxisValue

T = TypeVar("T")

MAX_LINES, MAX_LENGTH = 2, 160  # of the summary of an error; a longer message is a traceback

_STREAM, _FITTING_STREAM = 6000, 6100  # far from the seeds of other tapes
STEPS, FITTING_STEPS = 12, 16
IMPULSE = 1e3  # a gradient in the first step, followed by zeros
SCALES = (1e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 1e2, 1e4)  # of gradients, in units of √ε
NARROW_SCALES = (0.3, 0.5, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0)  # for norms, where one coordinate affects all others
COPIES = 3  # coordinates of each scale: with random, alternating and constant signs
SUBNORMAL_STEPS = 1  # without ε a step may be infinite, and later steps are undefined
MAX_FEATURES = 3  # that are combined

BASE: Mapping[str, float] = {"learning_rate": 0.03, "decay": 0.9, "epsilon": 1e-3}
"""The hyper-parameters that are always set."""
BASE_VARIANTS: Mapping[str, Mapping[str, float]] = {"long-memory": {"decay": 0.999}, "small-epsilon": {"epsilon": 3e-6}}
SCHEDULE = tuple(0.03 * factor for factor in (1, 1, 1, 0.1, 0.1, 2, 2, 0.5, 0.5, 0.5, 3, 3))
FEATURES: Mapping[str, Mapping[str, AxisValue]] = {
    "momentum": {"momentum": 0.7},
    "centered": {"centered": True},
    "schedule": {"learning_rate": SCHEDULE},
    "weight_decay": {"weight_decay": 0.3},
    "nesterov": {"nesterov": True},
    "clip_gradient": {"clip_gradient": 0.07},
    "clip_norm": {"clip_norm": 0.15},
    "clip_weights": {"clip_weights": 0.07},
    "rescale_gradient": {"rescale_gradient": 0.3},
    "maximize": {"maximize": True},
    "bias_correction": {"bias_correction": True},
}
"""What an experiment can set besides. No number is a binary fraction, so that rounding is visible."""

PREREQUISITES = {"nesterov": "momentum"}
EXCLUSIVE = frozenset({"clip_gradient", "clip_norm"})  # clipping values leaves nothing to clip by norm


class ExperimentFailed(Exception):
    """The optimizer can't run an experiment, or fails; the message is the optimizer's own."""

    @property
    def summary(self) -> str:
        """The message in one line; of a traceback the first and the last line."""
        lines = [line.strip() for line in str(self).splitlines() if line.strip()]
        text = " ".join(lines[:1] if len(lines) <= MAX_LINES else (lines[0], "…", lines[-1]))
        return text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]}…"


@dataclass(frozen=True)
class OptimizerDescription:
    """What is known of an optimizer without running it."""

    name: str  # shown to the user
    accepts: frozenset[str]  # the hyper-parameters that can be set, by the names of `Hyperparameters`
    defaults: Mapping[str, AxisValue]  # the accepted hyper-parameters that may be omitted, with their declared values
    dtypes: Sequence[str]  # the formats in which it runs, the usual one first
    scheduled: bool = True  # whether its learning rate can change between steps
    sparse: bool = False  # whether it accepts row-sparse gradients

    @property
    def capabilities(self) -> frozenset[str]:
        """The hyper-parameters and formats that can be set, `schedule` and `sparse`."""
        more = {"schedule": self.scheduled, "sparse": self.sparse}
        return self.accepts | set(self.dtypes) | {name for name, possible in more.items() if possible}


@dataclass(frozen=True)
class ReplayRequest:
    """A request to replay a tape; accepted hyper-parameters that are not set keep their defaults."""

    id: str
    tape: Tape
    hyperparameters: Mapping[str, AxisValue]
    dtype: str


Experiments: TypeAlias = Generator[ReplayRequest, "Array | ExperimentFailed", T]
"""Yields requests; receives the parameters after every step, shape (steps, n), or the failure; returns T."""


@dataclass(frozen=True, eq=False)
class Experiment(ReplayInput):
    """An experiment of the family: the input of a replay, and what the optimizer must accept.

    It needs hyper-parameters; `schedule` and `sparse` stand for a learning rate that changes and for row-sparse
    gradients. The id has its features, joined by `+`, and the format.
    """

    id: str
    needs: frozenset[str]

    @property
    def requirements(self) -> frozenset[str]:
        """The capabilities that the optimizer must have, with the format."""
        return self.needs | {self.dtype}

    @property
    def features(self) -> frozenset[str]:
        """What is set besides the base, and the format."""
        return frozenset(self.id.replace("/", "+").split("+"))

    def request(self, accepts: Iterable[str]) -> ReplayRequest:
        """Return the request for an optimizer that accepts these hyper-parameters; all of them are set explicitly."""
        values = {name: value for name, value in self.hyperparameters.to_json().items() if name in accepts}
        return ReplayRequest(self.id, self.tape, values, self.dtype)


def family(dtypes: Iterable[str] = ("float32", "float64"), base: Mapping[str, float] = BASE) -> Iterator[Experiment]:
    """Yield all experiments, the simplest first; `base` has the numbers that are set unless a feature changes them."""
    formats = tuple(dtypes)
    for count in range(MAX_FEATURES + 1):
        for names in itertools.combinations(FEATURES, count):
            chosen = frozenset(names)
            if any(PREREQUISITES[name] not in chosen for name in chosen & set(PREREQUISITES)) or chosen >= EXCLUSIVE:
                continue
            for other in ({}, *BASE_VARIANTS.values()) if count < MAX_FEATURES else ({},):
                yield from (_experiment(names, {**base, **other}, dtype) for dtype in formats)
    yield from _subnormal(formats[0], base)
    yield from _row_sparse(formats[0], base)


def _experiment(names: tuple[str, ...], base: Mapping[str, float], dtype: str) -> Experiment:
    values: dict[str, AxisValue] = dict(base)
    for name in names:
        values |= FEATURES[name]
    variants = [word for word, other in BASE_VARIANTS.items() if other.items() <= base.items()]
    words = [*variants, *(name.replace("_", "-") for name in names)] or ["plain"]
    needs = frozenset(names).union(*(BASE_VARIANTS[word] for word in variants))
    tape = _tape(base["epsilon"], narrow="clip_norm" in names)
    return Experiment(tape, Hyperparameters.from_json(values), dtype, f"{'+'.join(words)}/{dtype}", needs)


def _subnormal(dtype: str, base: Mapping[str, float]) -> Iterator[Experiment]:
    """Yield experiments with the catalogue's tapes of subnormal numbers."""
    for edge_tape, setting in edge_tapes(0):
        if edge_tape.subnormals and dtype == "float32":
            tape = replace(edge_tape, gradients=edge_tape.gradients[:SUBNORMAL_STEPS])
            h = Hyperparameters.from_json({**base, "epsilon": 0.0 if setting == "no-epsilon" else 1e-6})
            yield Experiment(tape, h, dtype, f"{tape.id}/{dtype}", frozenset({"epsilon"}))


def _row_sparse(dtype: str, base: Mapping[str, float]) -> Iterator[Experiment]:
    """Yield experiments with the catalogue's tapes of row-sparse gradients."""
    for tape, setting in parameter_tapes(0):
        if tape.sparse is not None and setting in ("plain", "momentum"):
            names = ("momentum",) if setting == "momentum" else ()
            h = Hyperparameters.from_json({**base, **(FEATURES["momentum"] if names else {})})
            needs = frozenset({"sparse", *names})
            yield Experiment(tape, h, dtype, f"{'+'.join((tape.id, *names))}/{dtype}", needs)


@cache
def _tape(epsilon: float, *, narrow: bool) -> Tape:
    """Return gradients around √ε, so that its position is visible.

    Half of the parameters start at zero, where no digits are lost to rounding, and half far from it, where weight decay
    has an effect.
    """
    bits = Bits(_STREAM)
    scales, factors = (NARROW_SCALES, (1.0, 10.0, 0.1)) if narrow else (SCALES, (1.0,))
    scale = np.repeat(scales, COPIES) * epsilon**0.5
    size = scale * (0.5 + bits.uniform((STEPS, len(scale))))
    sign = np.ones_like(size)
    sign[:, ::COPIES] = np.where(bits.uniform((STEPS, len(scales))) < 0.5, -1, 1)
    sign[::2, 1::COPIES] = -1
    gradients = sign * size * np.resize(factors, STEPS)[:, None]
    gradients[4] = 0.0
    gradients[0, 5::6] = 0.0
    start = np.where(np.arange(len(scale)) % 2, 2 * bits.uniform((len(scale),)) - 1, 0.0)
    name = "norms" if narrow else "decades-around-epsilon"
    reason = "gradients from far below √ε to far above it, of both signs and sometimes zero"
    return Tape(name, reason, start.astype(np.float32), gradients.astype(np.float32), ((len(scale),),), alone=True)


def fitting_tape() -> Tape:
    """Return a tape on which each number has an effect in some coordinate.

    It has random and positive gradients of many sizes, impulses, and parameters of many sizes without gradients.
    """
    bits = Bits(_FITTING_STREAM)
    sizes = 10.0 ** np.arange(-12, 4)
    random = sizes * (2 * bits.uniform((FITTING_STEPS, len(sizes))) - 1)
    random[5] = 0.0
    positive = np.tile(10.0 ** np.arange(-6.0, 3), (FITTING_STEPS, 1)) * (0.5 + bits.uniform((FITTING_STEPS, 9)))
    impulses = np.zeros((FITTING_STEPS, 3))
    impulses[0] = (IMPULSE, 1.0, -1e2)
    resting = 10.0 ** np.arange(-4.0, 5)
    gradients = np.concatenate([random, positive, impulses, np.zeros((FITTING_STEPS, len(resting)))], axis=1)
    start = np.concatenate([np.zeros(gradients.shape[1] - len(resting)), resting])
    reason = "each hyper-parameter has an effect in some coordinate"
    return Tape("defaults", reason, start.astype(np.float32), gradients.astype(np.float32), alone=True)


def pairwise_covering(experiments: Iterable[Experiment], done: Iterable[Experiment] = ()) -> Iterator[Experiment]:
    """Yield few experiments in which every two features that can be combined occur together (a greedy covering).

    The pairs in the experiments that are `done` are covered already.
    """
    left = {one.id: (one, _pairs(one)) for one in experiments}
    covered: set[frozenset[str]] = set().union(*map(_pairs, done))
    while left:
        best, (experiment, pairs) = max(left.items(), key=lambda item: len(item[1][1] - covered))
        if not pairs - covered:
            return
        yield experiment
        covered |= pairs
        del left[best]


def _pairs(experiment: Experiment) -> set[frozenset[str]]:
    return {frozenset(pair) for pair in itertools.combinations_with_replacement(sorted(experiment.features), 2)}
