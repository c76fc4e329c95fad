"""The next question: that of which the answer leaves the fewest possibilities, by what the oracle expects of each.

Two functions are told apart by a probe if somewhere their traces are further apart than their two bounds together:
then no answer is inside both, and whatever the answer, one of the two is refuted. So what a probe separates is known
before it is asked, and a choice by it is a design, not a guess.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters
from suite.compare.comparison import ComparisonResult, TraceComparison
from suite.compare.oracle import Oracle
from suite.identification.hypotheses import Hypothesis, Survivors
from suite.identification.inquiry import Array
from suite.identification.probes import Probe

FUNCTIONS = 256  # of a question, at most: what the oracle evaluates in a second or two
LISTED = 4000  # hypotheses that are listed for a choice, if fewer don't do
TRIED = 3  # of the most promising questions, for which the oracle is asked


class Outlook:
    """What a probe would say of each of some hypotheses."""

    def __init__(
        self, probe: Probe, hypotheses: Iterable[Hypothesis], known: dict[Hypothesis, Hashable] | None = None
    ) -> None:
        """Group hypotheses by what they compute there; `known` keeps that for another time."""
        self.probe = probe
        self.members: dict[Hashable, list[Hypothesis]] = {}
        known = {} if known is None else known
        for one in hypotheses:
            if one not in known:
                known[one] = one.function(probe)
            self.members.setdefault(known[one], []).append(one)
        self._oracles: dict[Hashable, tuple[Oracle, str]] = {}
        self._apart: NDArray[np.bool_] | None = None

    @property
    def count(self) -> int:
        """How many functions there are."""
        return len(self.members)

    def oracle(self, function: Hashable) -> tuple[Oracle, str]:
        """The oracle that has a function, and the function's name there; those of like hyper-parameters share one."""
        if not self._oracles:
            together: dict[Hyperparameters, dict[str, Hashable]] = {}
            for number, (key, (first, *_)) in enumerate(self.members.items()):
                together.setdefault(first.hyperparameters(self.probe.hyperparameters), {})[str(number)] = key
            for h, named in together.items():
                dialects = {name: self.members[key][0].dialect for name, key in named.items()}
                oracle = Oracle.of(self.probe.tape, h, self.probe.dtype, dialects)
                self._oracles.update({key: (oracle, name) for name, key in named.items()})
        return self._oracles[function]

    def promise(self) -> float:
        """Bits that it would tell if every function were told from every other."""
        weights = self._weights()
        return -float(np.log2(weights @ weights))

    def apart(self) -> NDArray[np.bool_]:
        """Which functions are told apart, two by two: shape (count, count)."""
        if self._apart is None:
            self._apart = self._compared()
        return self._apart

    def _compared(self) -> NDArray[np.bool_]:
        predictions = [oracle.predict(name) for oracle, name in map(self.oracle, self.members)]
        values = np.stack([p.trace.parameters.ravel() for p in predictions])
        bounds = np.stack([p.bounds.parameters.ravel() for p in predictions])
        found = np.zeros((self.count, self.count), bool)
        for i in range(self.count):
            found[i] = _separate(values[i], bounds[i], values, bounds)
        return found

    def left(self) -> float:
        """The share of the hypotheses that is left after it, on average, if each is as likely to be the right one."""
        weights = self._weights()
        return float(weights @ ~self.apart() @ weights)

    def _weights(self) -> NDArray[np.float64]:
        sizes = np.array([len(alike) for alike in self.members.values()], float)
        return np.asarray(sizes / sizes.sum())

    def compare(self, function: Hashable, answer: Array) -> ComparisonResult:
        """What is to be said of an answer, if that is the function."""
        oracle, name = self.oracle(function)
        return TraceComparison({"parameters": answer}, oracle, name).result(slice(0, None))

    def surviving(self, answer: Array) -> list[Hypothesis]:
        """Those inside of whose bound an answer is, in their order."""
        return [one for key, alike in self.members.items() if self.admits(key, answer) for one in alike]

    def admits(self, function: Hashable, answer: Array) -> bool:
        """Whether an answer is inside its bound; what has no bound admits any."""
        return self.compare(function, answer).first_step is None


def _separate(value: Array, bound: Array, values: Array, bounds: Array) -> NDArray[np.bool_]:
    """Whether one trace is further from others, somewhere, than the bounds together; NaN is far from any number."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(values - value) > bounds + bound
        known = np.isfinite(bounds) & np.isfinite(bound)
        apart |= known & (np.isnan(values) != np.isnan(value))
    return np.asarray(apart.any(axis=1))


@dataclass(frozen=True)
class Choice:
    """A question that tells something apart.

    Attributes:
        outlook: with every hypothesis listed that faces it.
        survivors: the same.
        left: the share of them that it leaves, on average.
    """

    outlook: Outlook
    survivors: Survivors
    left: float


class Design:
    """Chooses questions; what was found to separate nothing is not looked at again until something else is possible."""

    def __init__(self, probes: Iterable[Probe]) -> None:
        self.probes = list(probes)
        self._functions: dict[str, dict[Hypothesis, Hashable]] = {}
        self._idle: set[tuple[str, frozenset[Hashable]]] = set()

    def drop(self, probe: Probe) -> None:
        """It was asked, or can't be."""
        self.probes.remove(probe)

    def outlook(self, probe: Probe, hypotheses: Iterable[Hypothesis]) -> Outlook:
        """What a probe would say of hypotheses; what each of them computes there is worked out once."""
        return Outlook(probe, hypotheses, self._functions.setdefault(probe.id, {}))

    def next(self, survivors: Survivors) -> Choice | None:
        """The question that leaves least, of the few that promise most; None if no question separates any two.

        The narrowest are looked at first, those that ask about the fewest axes that are open: so axes that have
        nothing to do with each other are decided one after another, and not in all their combinations.
        """
        best: Choice | None = None
        narrow: list[tuple[Outlook, Survivors]] = []
        listed = 0
        for probe in sorted(self.probes, key=survivors.width):
            width = survivors.width(probe)
            if listed + width > LISTED and narrow:
                best = self._best(narrow)
                if best:
                    return best
                narrow, listed = [], 0
            facing = survivors.facing(probe)
            outlook = self.outlook(probe, facing.listed)
            if outlook.count > 1 and (probe.id, frozenset(outlook.members)) not in self._idle:
                narrow.append((outlook, facing))
                listed += width
        return self._best(narrow)

    def _best(self, narrow: list[tuple[Outlook, Survivors]]) -> Choice | None:
        """Of these the one that leaves least."""
        best: Choice | None = None
        looked = 0
        for outlook, facing in sorted(narrow, key=lambda pair: (pair[0].count > FUNCTIONS, -pair[0].promise())):
            if looked == TRIED or (best and outlook.count > FUNCTIONS):
                break
            if not outlook.apart().any():
                self._idle.add((outlook.probe.id, frozenset(outlook.members)))
                continue
            choice = Choice(outlook, facing, outlook.left())
            best = choice if best is None or choice.left < best.left else best
            looked += 1
        return best
