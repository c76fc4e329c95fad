"""What an optimizer may be: a value on each axis of `Dialect`, and for each hyper-parameter a way in which it acts.

Their combinations are billions, and are never listed. An axis that no question has touched yet is open: each of its
values is as possible as the others, whatever the values elsewhere. Only what has been asked about is held as a list.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, get_type_hints

import numpy as np

from reference import Dialect, Hyperparameters
from reference.algorithm import Algorithm
from suite.diagnosis.candidates import (
    CHANGES,
    HYPERPARAMETER_PREFIX,
    CandidateChange,
    allowed_values,
    canonical_dialect,
)
from suite.identification.probes import Probe

AS_ASKED = "as asked"
SWITCHES = ("centered", "nesterov", "bias_correction", "maximize")
NUMBERS = ("weight_decay", "clip_norm", "clip_gradient", "clip_weights", "rescale_gradient")
OPEN = "either"
"""Of an axis: no value of its own, but leave for any. No hypothesis begins with it."""

_CHANGES = {(change.axis, change.how): change for change in CHANGES}


@dataclass(frozen=True)
class Hypothesis:
    """One value on each axis.

    Attributes:
        dialect: the values on its axes.
        changes: what becomes of hyper-parameters that don't act as asked; at most one each.
    """

    dialect: Dialect = field(default_factory=Dialect)
    changes: tuple[CandidateChange, ...] = ()

    def value(self, axis: str) -> Any:
        """That on an axis: a dialect's, or how a hyper-parameter acts."""
        if axis.startswith(HYPERPARAMETER_PREFIX):
            return next((change.how for change in self.changes if change.axis == axis), AS_ASKED)
        return getattr(self.dialect, axis)

    def having(self, axis: str, value: Any) -> Hypothesis:
        """The same with another value on an axis; of a hyper-parameter a `CandidateChange`, or `AS_ASKED`."""
        if not axis.startswith(HYPERPARAMETER_PREFIX):
            return replace(self, dialect=replace(self.dialect, **{axis: value}))
        others = tuple(change for change in self.changes if change.axis != axis)
        return replace(self, changes=others if value == AS_ASKED else (*others, value))

    def hyperparameters(self, given: Hyperparameters) -> Hyperparameters:
        """What it makes of those that are given."""
        made = {change.axis.removeprefix(HYPERPARAMETER_PREFIX): change.value(given) for change in self.changes}
        return replace(given, **made) if made else given

    def function(self, probe: Probe) -> Hashable:
        """What it computes there, as the precision holds the numbers: where this is equal, so is the answer."""
        h = self.hyperparameters(probe.hyperparameters)
        algorithm = Algorithm.of(canonical_dialect(self.dialect, probe.tape), h, probe.dtype)
        numbers = algorithm.numbers()
        if probe.dtype != "float64":
            numbers = dict(zip(numbers, np.array(list(numbers.values())).astype(np.float32).tolist(), strict=True))
        return algorithm.with_numbers(numbers), h.learning_rate


@dataclass(frozen=True)
class Axis:
    """What hypotheses differ on.

    Attributes:
        name: of a dialect's axis; of a hyper-parameter, after `HYPERPARAMETER_PREFIX`.
        values: that it may have, the usual one first.
    """

    name: str
    values: tuple[Any, ...]


class Space:
    """All that an optimizer may be, of which it is known which hyper-parameters it takes."""

    def __init__(self, accepts: Iterable[str]) -> None:
        self.accepts = frozenset(accepts)
        self.axes = {axis.name: axis for axis in (*_of_dialects(), *_of_hyperparameters(self.accepts))}
        self._foreseen = {v for axis in self.axes.values() for v in axis.values if isinstance(v, CandidateChange)}
        self._bearing: dict[Hashable, tuple[str, ...]] = {}

    @property
    def size(self) -> int:
        """How many there are."""
        return math.prod(len(axis.values) for axis in self.axes.values())

    def bearing(self, probe: Probe, found: frozenset[CandidateChange] = frozenset()) -> tuple[str, ...]:
        """The axes of which the value can matter there.

        The usual hypothesis keeps everything that an axis can act on: a momentum buffer, and a weight decay that enters
        the gradient. So an axis on which it may be changed without a change of function bears on no other.

        Args:
            probe: the question.
            found: what becomes of hyper-parameters beyond the axes: a momentum that nobody asked for has its own axes.
        """
        key = probe.hyperparameters, probe.dtype, probe.tape.sparse is None, probe.tape.subnormals, found
        if key not in self._bearing:
            usual = Hypothesis(changes=tuple(found))
            own = usual.function(probe)
            self._bearing[key] = tuple(
                axis.name
                for axis in self.axes.values()
                if any(usual.having(axis.name, value).function(probe) != own for value in axis.values[1:])
            )
        return self._bearing[key]

    def beyond(self, hypotheses: Iterable[Hypothesis]) -> frozenset[CandidateChange]:
        """What becomes of hyper-parameters there, and is no value of an axis."""
        return frozenset(change for one in hypotheses for change in one.changes) - self._foreseen

    def everything(self) -> Survivors:
        """No question was asked yet."""
        return Survivors(self, (Hypothesis(),), frozenset())


@dataclass(frozen=True)
class Survivors:
    """What is still possible: a list over the axes that were asked about, and any value on the others.

    Attributes:
        space: of which this is a part.
        listed: hypotheses, with the usual value on axes that are open.
        asked: the axes that are not.
    """

    space: Space
    listed: tuple[Hypothesis, ...]
    asked: frozenset[str]

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.listed) * math.prod(len(axis.values) for axis in self.open())

    @cached_property
    def beyond(self) -> frozenset[CandidateChange]:
        """What was found to become of hyper-parameters that no axis foresees."""
        return self.space.beyond(self.listed)

    def open(self) -> Iterator[Axis]:
        """The axes that no question has touched."""
        return (axis for axis in self.space.axes.values() if axis.name not in self.asked)

    def touched(self, probe: Probe) -> list[Axis]:
        """The open axes that a probe asks about."""
        return [self.space.axes[name] for name in self.space.bearing(probe, self.beyond) if name not in self.asked]

    def width(self, probe: Probe) -> int:
        """How many there are to list for a probe."""
        return len(self.listed) * math.prod(len(axis.values) for axis in self.touched(probe))

    def facing(self, probe: Probe) -> Survivors:
        """The same, with every axis listed that a probe asks about."""
        touched = self.touched(probe)
        listed = self.listed
        for axis in touched:
            listed = tuple(one.having(axis.name, value) for one in listed for value in axis.values)
        return Survivors(self.space, listed, self.asked | {axis.name for axis in touched})

    def only(self, listed: Sequence[Hypothesis]) -> Survivors:
        """Those of them."""
        return replace(self, listed=tuple(listed))

    def values(self, axis: str) -> list[Any]:
        """The values that an axis may still have, in the order of the axis; others after them."""
        if axis not in self.asked:
            return [_how(value) for value in self.space.axes[axis].values]
        left = dict.fromkeys(one.value(axis) for one in self.listed)
        order = [_how(value) for value in self.space.axes[axis].values]
        return [value for value in order if value in left] + [value for value in left if value not in order]


def _how(value: Any) -> Any:
    return value.how if isinstance(value, CandidateChange) else value


def _of_dialects() -> Iterator[Axis]:
    usual = Dialect()
    hints = get_type_hints(Dialect)
    for axis in fields(Dialect):
        if axis.compare:
            found = [value for value in allowed_values(hints[axis.name]) if value != OPEN]
            first = getattr(usual, axis.name)
            yield Axis(axis.name, tuple(sorted(found, key=lambda value, first=first: value != first)))  # type: ignore[misc]


def _of_hyperparameters(accepts: frozenset[str]) -> Iterator[Axis]:
    """A switch may be ignored, or on whether it can be asked for or not; a number may be ignored."""
    for name in SWITCHES:
        hows = ("ignored", "always") if name in accepts else ("always",)
        yield _treatment(name, hows)
    for name in NUMBERS:
        if name in accepts:
            yield _treatment(name, ("ignored",))


def _treatment(name: str, hows: Iterable[str]) -> Axis:
    axis = HYPERPARAMETER_PREFIX + name
    return Axis(axis, (AS_ASKED, *(_CHANGES[axis, how] for how in hows)))


def further(one: Hypothesis) -> Iterator[CandidateChange]:
    """What else becomes of a hyper-parameter, and happens: it is squared, or has the other sign."""
    for change in CHANGES:
        if change.axis.startswith(HYPERPARAMETER_PREFIX) and one.value(change.axis) == AS_ASKED:
            yield change
