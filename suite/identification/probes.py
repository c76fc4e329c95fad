"""The questions that may be asked: hyper-parameters that are switched on together, and gradients made for them.

A family, from which each next question is chosen. Gradients lie around √ε, far below it and far above, so that its
place shows; they change their sign, stay as they are, and are zero now and then. Half of the coordinates begin at zero,
where nothing is lost by rounding, and half far from it, where weight decay acts.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from reference import Hyperparameters
from suite.cases import edge_tapes, structure_tapes
from suite.cases.random import Bits
from suite.cases.tapes import Tape
from suite.diagnosis.candidate_search import ReplayInput

_STREAM = 6000  # far from the seeds of other tapes
STEPS = 12
DECADES = (1e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 1e2, 1e4)  # of gradients, in √ε
NARROW = (0.3, 0.5, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0)  # where one coordinate's size changes all the others
EACH = 3  # coordinates a scale: of either sign at random, in turn, of one sign
FIRST = 1  # step on subnormals: with no ε it may lead to infinity, and on from there each goes its own way
TOGETHER = 3  # that are switched on at once, at most

PLAIN: Mapping[str, Any] = {"learning_rate": 0.03, "decay": 0.9, "epsilon": 1e-3}
LONG, SMALL = 0.999, 3e-6
OTHERS: tuple[Mapping[str, float], ...] = ({}, {"decay": LONG}, {"epsilon": SMALL})
OTHER_OF = {"long-memory": "decay", "small-epsilon": "epsilon"}
RATES = tuple(0.03 * factor for factor in (1, 1, 1, 0.1, 0.1, 2, 2, 0.5, 0.5, 0.5, 3, 3))
FEATURES: Mapping[str, Mapping[str, Any]] = {
    "momentum": {"momentum": 0.7},
    "centered": {"centered": True},
    "schedule": {"learning_rate": RATES},
    "weight_decay": {"weight_decay": 0.3},
    "nesterov": {"nesterov": True},
    "clip_gradient": {"clip_gradient": 0.07},
    "clip_norm": {"clip_norm": 0.15},
    "clip_weights": {"clip_weights": 0.07},
    "rescale_gradient": {"rescale_gradient": 0.3},
    "maximize": {"maximize": True},
    "bias_correction": {"bias_correction": True},
}
"""What can be switched on. No number is one that binary fractions hold, so that rounding each shows."""

NEEDS = {"nesterov": "momentum"}
EXCLUDE = {frozenset({"clip_gradient", "clip_norm"})}  # the one leaves nothing for the other


@dataclass(frozen=True)
class Probe:
    """A question.

    Attributes:
        id: what is switched on, and the format.
        part: the input.
        needs: hyper-parameters that must be accepted; `schedule` and `sparse` stand for what else must be taken.
    """

    id: str
    part: ReplayInput
    needs: frozenset[str]

    @property
    def tape(self) -> Tape:
        """Its gradients."""
        return self.part.tape

    @property
    def hyperparameters(self) -> Hyperparameters:
        """All of them, those with their usual value too."""
        return self.part.hyperparameters

    @property
    def dtype(self) -> str:
        """The format."""
        return self.part.dtype

    @property
    def requires(self) -> frozenset[str]:
        """All that must be taken: what it needs, and the format."""
        return self.needs | {self.dtype}

    @property
    def features(self) -> frozenset[str]:
        """What is not plain about it."""
        return frozenset(self.id.replace("/", "+").split("+"))

    def given(self, accepts: Iterable[str]) -> dict[str, Any]:
        """The hyper-parameters, under the field's names, of which all that is accepted is said explicitly."""
        return {name: value for name, value in self.hyperparameters.to_json().items() if name in accepts}


def family(dtypes: Iterable[str] = ("float32", "float64"), plain: Mapping[str, float] = PLAIN) -> Iterator[Probe]:
    """All of them, the simplest first.

    Args:
        dtypes: formats that may be asked in.
        plain: learning rate, decay and epsilon, as far as nothing else is to be shown by them.
    """
    formats = tuple(dtypes)
    for count in range(TOGETHER + 1):
        for names in itertools.combinations(FEATURES, count):
            chosen = frozenset(names)
            if any(NEEDS[name] not in chosen for name in chosen & set(NEEDS)) or any(e <= chosen for e in EXCLUDE):
                continue
            for other in OTHERS[: len(OTHERS) if count < TOGETHER else 1]:
                yield from (_probe(names, {**plain, **other}, dtype) for dtype in formats)
    yield from _given(formats[0], plain)


def _probe(names: tuple[str, ...], plain: Mapping[str, float], dtype: str) -> Probe:
    values: dict[str, Any] = dict(plain)
    for name in names:
        values |= FEATURES[name]
    others = {"long-memory": plain["decay"] == LONG, "small-epsilon": plain["epsilon"] == SMALL}
    words = [word for word, so in others.items() if so] + [name.replace("_", "-") for name in names] or ["plain"]
    tape = _tape(plain["epsilon"], narrow="clip_norm" in names)
    needs = frozenset(names) | {OTHER_OF[word] for word, so in others.items() if so}
    return Probe(f"{'+'.join(words)}/{dtype}", ReplayInput(tape, Hyperparameters(**values), dtype), needs)


def _given(dtype: str, plain: Mapping[str, float]) -> Iterator[Probe]:
    """The catalogue's tapes for what gradients alone can show: subnormals, and gradients of few rows."""
    for whole, setting in edge_tapes.tapes(0):
        if whole.subnormals and dtype == "float32":
            tape = replace(whole, gradients=whole.gradients[:FIRST])
            values: dict[str, Any] = {**plain, "epsilon": 0.0 if setting == "no-epsilon" else 1e-6}
            yield Probe(
                f"{tape.id}/{dtype}", ReplayInput(tape, Hyperparameters(**values), dtype), frozenset({"epsilon"})
            )
    for tape, setting in structure_tapes.parameter_tapes(0):
        if tape.sparse is not None and setting in ("plain", "momentum"):
            names = ("momentum",) if setting == "momentum" else ()
            values = {**plain, **(FEATURES["momentum"] if names else {})}
            words = "+".join((tape.id, *names))
            part = ReplayInput(tape, Hyperparameters(**values), dtype)
            yield Probe(f"{words}/{dtype}", part, frozenset({"sparse", *names}))


@cache
def _tape(epsilon: float, *, narrow: bool) -> Tape:
    bits = Bits(_STREAM)
    scales, beat = (NARROW, (1.0, 10.0, 0.1)) if narrow else (DECADES, (1.0,))
    scale = np.repeat(scales, EACH) * epsilon**0.5
    size = scale * (0.5 + bits.uniform((STEPS, len(scale))))
    sign = np.ones_like(size)
    sign[:, ::EACH] = np.where(bits.uniform((STEPS, len(scales))) < 0.5, -1, 1)
    sign[::2, 1::EACH] = -1
    gradients = sign * size * np.resize(beat, STEPS)[:, None]
    gradients[4] = 0.0
    gradients[0, 5::6] = 0.0
    start = np.where(np.arange(len(scale)) % 2, 2 * bits.uniform((len(scale),)) - 1, 0.0)
    name = "norms" if narrow else "decades-around-epsilon"
    reason = "gradients around √ε, far below it and far above, of either sign, and zero now and then"
    return Tape(name, reason, start.astype(np.float32), gradients.astype(np.float32), ((len(scale),),), alone=True)


def covering(probes: Iterable[Probe], asked: Iterable[Probe] = ()) -> Iterator[Probe]:
    """As few as it takes, about, for every two features to occur together, that do in any of them.

    Args:
        probes: to choose from.
        asked: of which the pairs have occurred.
    """
    left = {probe.id: (probe, _pairs(probe)) for probe in probes}
    covered: set[frozenset[str]] = set().union(*map(_pairs, asked))
    while left:
        best, (probe, pairs) = max(left.items(), key=lambda item: len(item[1][1] - covered))
        if not pairs - covered:
            return
        yield probe
        covered |= pairs
        del left[best]


def _pairs(probe: Probe) -> set[frozenset[str]]:
    return {frozenset(pair) for pair in itertools.combinations_with_replacement(sorted(probe.features), 2)}
