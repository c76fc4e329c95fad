"""Hypotheses about an optimizer: a value on each axis of `Dialect`, and an effect of each hyper-parameter.

There are millions of combinations, which are never listed. An axis that no experiment has tested is independent of all
others: each of its values is possible with each listed hypothesis. Only the combinations over tested axes are listed.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, get_type_hints

import numpy as np

from reference import Dialect, Hyperparameters, dialects
from suite.diagnosis.candidates import (
    CHANGES,
    HYPERPARAMETER_PREFIX,
    CandidateChange,
    Differences,
    allowed_values,
    relevant_algorithm,
)
from suite.identification.experiments import Experiment
from suite.results.rows import AxisValue

AS_SET = "as set"
"""The usual effect of a hyper-parameter."""
SWITCHES = ("centered", "nesterov", "bias_correction", "maximize")
NUMBERS = ("weight_decay", "clip_norm", "clip_gradient", "clip_weights", "rescale_gradient")
EITHER = "either"
"""The value of a named dialect on an axis where it allows every value. No hypothesis has it."""


@dataclass(frozen=True)
class Hypothesis:
    """One value on each axis: a dialect, and at most one change of each hyper-parameter that is not used as set."""

    dialect: Dialect = field(default_factory=Dialect)
    changes: tuple[CandidateChange, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether neither hyper-parameters nor 1-γ are rounded."""
        return (self.dialect.hyperparameter_rounding, self.dialect.decay_complement) == ("exact", "exact")

    def value(self, axis: str) -> AxisValue:
        """Return the value on an axis; of a hyper-parameter `AS_SET` or `CandidateChange.how`."""
        if axis.startswith(HYPERPARAMETER_PREFIX):
            return next((change.how for change in self.changes if change.axis == axis), AS_SET)
        value: AxisValue = getattr(self.dialect, axis)
        return value

    def with_value(self, axis: str, value: AxisValue | CandidateChange) -> Hypothesis:
        """Return the hypothesis with another value on an axis; of a hyper-parameter `AS_SET` or a change."""
        if not axis.startswith(HYPERPARAMETER_PREFIX):
            made: dict[str, Any] = {axis: value}
            return replace(self, dialect=replace(self.dialect, **made))
        others = tuple(change for change in self.changes if change.axis != axis)
        return replace(self, changes=(*others, value) if isinstance(value, CandidateChange) else others)

    def with_change(self, change: CandidateChange) -> Hypothesis:
        """Return the hypothesis after a change of an axis or a hyper-parameter."""
        return self.with_value(change.axis, change if change.of_hyperparameter else change.value(Hyperparameters()))

    def hyperparameters(self, given: Hyperparameters) -> Hyperparameters:
        """Return the hyper-parameters that take effect if these are set."""
        made: dict[str, Any] = {change.name: change.value(given) for change in self.changes}
        return replace(given, **made) if made else given

    def function(self, experiment: Experiment) -> Hashable:
        """Return a key that is equal for hypotheses with the same trace: numbers are rounded to the format."""
        h = self.hyperparameters(experiment.hyperparameters)
        algorithm = relevant_algorithm(self.dialect, experiment.tape, h, experiment.dtype)
        numbers = algorithm.numbers()
        if experiment.dtype != "float64":
            numbers = dict(zip(numbers, np.array(list(numbers.values())).astype(np.float32).tolist(), strict=True))
        return algorithm.with_numbers(numbers), h.learning_rate


@dataclass(frozen=True)
class Axis:
    """An axis on which hypotheses differ: of `Dialect`, or `HYPERPARAMETER_PREFIX` and the name of a hyper-parameter.

    The usual value comes first. A hyper-parameter has the values `AS_SET` and changes.
    """

    name: str
    values: tuple[AxisValue | CandidateChange, ...]

    @property
    def labels(self) -> list[AxisValue]:
        """The values as `Hypothesis.value` returns them."""
        return [value.how if isinstance(value, CandidateChange) else value for value in self.values]


class HypothesisSpace:
    """All hypotheses about an optimizer that accepts certain hyper-parameters."""

    def __init__(self, accepts: Iterable[str]) -> None:
        self.axes = {axis.name: axis for axis in (*_dialect_axes(), *_hyperparameter_axes(frozenset(accepts)))}
        self._foreseen = {v for axis in self.axes.values() for v in axis.values if isinstance(v, CandidateChange)}
        self._relevant: dict[Hashable, tuple[str, ...]] = {}

    @property
    def size(self) -> int:
        """The number of hypotheses."""
        return math.prod(len(axis.values) for axis in self.axes.values())

    def relevant_axes(
        self, experiment: Experiment, unforeseen: frozenset[CandidateChange] = frozenset()
    ) -> tuple[str, ...]:
        """Return the axes that can have an effect in an experiment.

        The usual hypothesis has everything that an axis can act on: a momentum buffer, and weight decay that enters the
        gradient. An axis has no effect on any hypothesis if it has none on this one. Changes are `unforeseen` if they
        are no value of an axis, for example a momentum that is not set, on which other axes act.
        """
        tape = experiment.tape
        key = experiment.hyperparameters, experiment.dtype, tape.sparse is None, tape.subnormals, unforeseen
        if key not in self._relevant:
            usual = Hypothesis(changes=tuple(unforeseen))
            function = usual.function(experiment)
            self._relevant[key] = tuple(
                axis.name
                for axis in self.axes.values()
                if any(usual.with_value(axis.name, value).function(experiment) != function for value in axis.values[1:])
            )
        return self._relevant[key]

    def unforeseen(self, hypotheses: Iterable[Hypothesis]) -> frozenset[CandidateChange]:
        """Return the changes of hyper-parameters that are no value of an axis."""
        return frozenset(change for one in hypotheses for change in one.changes) - self._foreseen

    def all(self) -> ConsistentHypotheses:
        """Return all hypotheses, before the first experiment."""
        return ConsistentHypotheses(self, (Hypothesis(),), frozenset())


@dataclass(frozen=True)
class NamedDialect:
    """The name of a dialect, and its differences from what was found.

    A difference is an axis on which no consistent hypothesis has its value.
    """

    dialect: str
    differences: Differences


@dataclass(frozen=True)
class ConsistentHypotheses:
    """The hypotheses that are consistent with all traces: a list over the tested axes, times the untested axes.

    Those that are listed have the usual value on each untested axis.
    """

    space: HypothesisSpace
    listed: tuple[Hypothesis, ...]
    tested: frozenset[str]

    @property
    def size(self) -> int:
        """The number of hypotheses."""
        untested = (axis for axis in self.space.axes.values() if axis.name not in self.tested)
        return len(self.listed) * math.prod(len(axis.values) for axis in untested)

    @cached_property
    def _unforeseen(self) -> frozenset[CandidateChange]:
        return self.space.unforeseen(self.listed)

    def _newly_tested(self, experiment: Experiment) -> list[Axis]:
        """Return the untested axes that an experiment would test."""
        relevant = self.space.relevant_axes(experiment, self._unforeseen)
        return [self.space.axes[name] for name in relevant if name not in self.tested]

    def expanded_size(self, experiment: Experiment) -> int:
        """Return the number of hypotheses that `expanded` would list."""
        return len(self.listed) * math.prod(len(axis.values) for axis in self._newly_tested(experiment))

    def expanded(self, experiment: Experiment) -> ConsistentHypotheses:
        """Return the same hypotheses, with every axis listed that an experiment tests."""
        axes = self._newly_tested(experiment)
        listed = self.listed
        for axis in axes:
            listed = tuple(one.with_value(axis.name, value) for one in listed for value in axis.values)
        return ConsistentHypotheses(self.space, listed, self.tested | {axis.name for axis in axes})

    def restricted(self, listed: Sequence[Hypothesis]) -> ConsistentHypotheses:
        """Return only these hypotheses."""
        return replace(self, listed=tuple(listed))

    def values(self, axis: str) -> list[AxisValue]:
        """Return the possible values on an axis, in the order of the axis; values that it lacks come last."""
        order = self.space.axes[axis].labels
        if axis not in self.tested:
            return order
        left = dict.fromkeys(one.value(axis) for one in self.listed)
        return [value for value in order if value in left] + [value for value in left if value not in order]

    def named_dialects(self) -> list[NamedDialect]:
        """Return the named dialects with the fewest differences, which have none if a named dialect is consistent.

        Axes that are untested, or on which a dialect allows every value, are no differences. Dialects that specify more
        of the tested axes come first, and then those with more usual values on undecided axes.
        """
        found = [NamedDialect(name, self._fewest_differences(dialect)) for name, dialect in dialects.items()]
        least = min((len(one.differences) for one in found), default=0)
        return sorted((one for one in found if len(one.differences) == least), key=self._rank)

    def _rank(self, one: NamedDialect) -> tuple[int, int]:
        values, usual = dialects[one.dialect].axes(), Dialect().axes()
        unusual = [axis for axis, value in values.items() if value != usual[axis] and len(self.values(axis)) > 1]
        return sum(values[axis] == EITHER for axis in values if axis in self.tested), len(unusual)

    def _fewest_differences(self, dialect: Dialect) -> Differences:
        def differences(other: Dialect) -> Differences:
            pairs = sorted(dialect.differences(other).items())
            return {axis: pair for axis, pair in pairs if axis in self.tested and pair[0] != EITHER}

        return min(map(differences, dict.fromkeys(one.dialect for one in self.listed)), key=len)

    def changed_hyperparameters(self) -> dict[str, AxisValue]:
        """Return the hyper-parameters that have another effect than as set in all hypotheses, with that effect."""
        axes = dict.fromkeys(change.axis for one in self.listed for change in one.changes)
        effects = {axis: {one.value(axis) for one in self.listed} for axis in axes}
        return {
            axis.removeprefix(HYPERPARAMETER_PREFIX): next(iter(values))
            for axis, values in effects.items()
            if len(values) == 1 and AS_SET not in values
        }


def _dialect_axes() -> Iterator[Axis]:
    hints = get_type_hints(Dialect)
    for name, usual in Dialect().axes().items():
        values = dict.fromkeys([usual, *allowed_values(hints[name])])
        yield Axis(name, tuple(value for value in values if value != EITHER))


def _hyperparameter_axes(accepts: frozenset[str]) -> Iterator[Axis]:
    """Yield the axes of hyper-parameters: each may be ignored, and a switch may always be on, also if not accepted."""
    changes = {(change.axis, change.how): change for change in CHANGES}
    for name in (*SWITCHES, *NUMBERS):
        effects = ["ignored"] * (name in accepts) + ["always"] * (name in SWITCHES)
        if effects:
            axis = HYPERPARAMETER_PREFIX + name
            yield Axis(axis, (AS_SET, *(changes[axis, how] for how in effects)))
