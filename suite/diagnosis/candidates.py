"""Candidate explanations of a trace: a named dialect after changes of its axes or of the hyper-parameters.

The axes are those of `Dialect`, with every value that their types allow. The changes of hyper-parameters belong to no
dialect but occur in practice: a hyper-parameter is ignored, negated, or replaced by a default.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from reference import Dialect, Hyperparameters, dialects
from reference.algorithm import Algorithm
from suite.cases.tapes import Tape
from suite.results.rows import AxisValue

INITIAL_ACCUMULATORS = (0.0, 1.0, 0.1)  # in most libraries, in TensorFlow 1, and in Adagrad of Keras 2
DECAYS = (0.9, 0.95, 0.99, 0.999)  # common defaults
EPSILONS = (1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3)  # common defaults
ALWAYS_IN_USE = ("learning_rate", "decay", "epsilon")
HYPERPARAMETER_PREFIX = "hyperparameter "
"""Precedes the name of a hyper-parameter, because an axis of `Dialect` may have the same name."""

Differences = Mapping[str, tuple[AxisValue, AxisValue]]
"""Axis or hyper-parameter -> value before, value after."""


@dataclass(frozen=True)
class CandidateChange:
    """A change of one axis or one hyper-parameter."""

    axis: str  # the name of the axis, or `HYPERPARAMETER_PREFIX` and the name of the hyper-parameter
    how: str  # a short description, unique among the changes of the axis
    value: Callable[[Hyperparameters], AxisValue]  # function from the given hyper-parameters to the new value

    @classmethod
    def to(cls, axis: str, value: AxisValue, how: str = "") -> Self:
        """Return the change to one value, whatever was given."""
        return cls(axis, how or str(value), lambda _: value)

    @property
    def name(self) -> str:
        """The name of the axis or hyper-parameter, without the prefix."""
        return self.axis.removeprefix(HYPERPARAMETER_PREFIX)

    @property
    def of_hyperparameter(self) -> bool:
        """Whether a hyper-parameter is changed, not an axis."""
        return self.axis.startswith(HYPERPARAMETER_PREFIX)


@dataclass(frozen=True)
class Candidate:
    """A named dialect, `base`, with the hyper-parameters of a case, `given`, and both after some changes."""

    base: str
    dialect: Dialect
    hyperparameters: Hyperparameters
    given: Hyperparameters
    changes: tuple[CandidateChange, ...] = ()

    @classmethod
    def named(cls, name: str, h: Hyperparameters) -> Self:
        """Return the candidate without changes."""
        return cls(name, dialects[name], h, h)

    def changed(self, change: CandidateChange) -> Self | None:
        """Return the candidate after one more change; None if it has no effect or the axis is changed already."""
        value = change.value(self.given)
        part = "hyperparameters" if change.of_hyperparameter else "dialect"
        before = getattr(self, part)
        if value == getattr(before, change.name) or change.axis in [one.axis for one in self.changes]:
            return None
        return replace(self, **{part: replace(before, **{change.name: value})}, changes=(*self.changes, change))

    def function(self, tape: Tape, dtype: str) -> Hashable:
        """Return a key that is equal for candidates that compute the same function on a tape in a format."""
        return relevant_algorithm(self.dialect, tape, self.hyperparameters, dtype), self.hyperparameters.learning_rate

    def differences(self) -> Differences:
        """Return for each changed axis the value in the named dialect or the given one, and the value here."""
        found = {}
        for change in self.changes:
            parts = (dialects[self.base], self.dialect)
            before, after = (self.given, self.hyperparameters) if change.of_hyperparameter else parts
            found[change.axis] = (getattr(before, change.name), getattr(after, change.name))
        return found

    @property
    def axes(self) -> frozenset[str]:
        """The names of the changed axes and hyper-parameters, without the prefix."""
        return frozenset(change.name for change in self.changes)

    @property
    def description(self) -> str:
        """The candidate in words, as in `torch with initial_accumulator 1 in place of 0`."""
        changes = describe_changes(self.differences())
        return f"{self.base} with {changes}" if changes else self.base


def describe_changes(differences: Differences) -> str:
    """Return changes in words, joined by `and`."""
    return " and ".join(describe_change(axis, *pair) for axis, pair in differences.items())


def describe_change(axis: str, before: AxisValue, after: AxisValue) -> str:
    """Return a change in words, as in `epsilon outside in place of inside` or `momentum ignored`."""
    name = axis.removeprefix(HYPERPARAMETER_PREFIX)
    if name != axis:
        if after == getattr(Hyperparameters(), name) and name not in ALWAYS_IN_USE:
            return f"{name} ignored"
        if isinstance(before, tuple) and isinstance(after, tuple):
            return f"{name} {format_value(after[0] / before[0])} times as large"
        if isinstance(before, tuple):
            return f"{name} {format_value(after)} at every step"
    return f"{name} {format_value(after)} in place of {format_value(before)}"


def format_value(value: object) -> str:
    """Return a value of an axis as text, numbers with at most six digits."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)


def canonical_dialect(dialect: Dialect, tape: Tape) -> Dialect:
    """Return the dialect with the default value on each axis that has no effect on a tape."""
    default = Dialect()
    if not tape.sparse:
        dialect = replace(dialect, sparse=default.sparse, duplicates=default.duplicates)
    return dialect if tape.subnormals else replace(dialect, subnormals=default.subnormals)


def relevant_algorithm(dialect: Dialect, tape: Tape, h: Hyperparameters, dtype: str) -> Algorithm:
    """Return the algorithm of a dialect, without the axes that have no effect on a tape."""
    return Algorithm.of(canonical_dialect(dialect, tape), h, dtype)


def relevant_differences(claimed: str, other: str, tape: Tape, h: Hyperparameters, dtype: str) -> Differences:
    """Return the axes on which two named dialects differ and that have an effect on this input."""
    here, there = canonical_dialect(dialects[claimed], tape), canonical_dialect(dialects[other], tape)
    algorithm = Algorithm.of(there, h, dtype)
    return {
        axis: pair
        for axis, pair in here.differences(there).items()
        if Algorithm.of(replace(there, **{axis: pair[0]}), h, dtype) != algorithm
    }


def restore_candidate(base: str, differences: Mapping[str, Sequence[AxisValue]], h: Hyperparameters) -> Candidate:
    """Return the candidate with these differences: axis -> value before, value after."""
    candidate = Candidate.named(base, h)
    for axis, (_, after) in differences.items():
        candidate = candidate.changed(CandidateChange.to(axis, after, "restored")) or candidate
    return candidate


def allowed_values(hint: Any) -> Iterator[Any]:
    """Yield the values that an axis may have, from its type."""
    if get_origin(hint) is Literal:
        yield from sorted(get_args(hint), key=lambda value: " " in str(value))  # unconditional values first
    elif get_args(hint):
        for part in get_args(hint):
            yield from allowed_values(part)
    elif hint is bool:
        yield from (False, True)
    elif hint is float:
        yield from INITIAL_ACCUMULATORS
    elif hint is type(None):
        yield None


def _axis_changes() -> Iterator[CandidateChange]:
    for axis, hint in get_type_hints(Dialect).items():
        if axis in Dialect().axes():
            yield from (CandidateChange.to(axis, value) for value in allowed_values(hint))


def _hyperparameter_changes() -> Iterator[CandidateChange]:
    def change(name: str, how: str, value: Callable[[Hyperparameters], AxisValue]) -> CandidateChange:
        return CandidateChange(HYPERPARAMETER_PREFIX + name, how, value)

    def constant(name: str, value: AxisValue, how: str = "") -> CandidateChange:
        return CandidateChange.to(HYPERPARAMETER_PREFIX + name, value, how)

    for name, default in Hyperparameters().to_json().items():
        if name not in ALWAYS_IN_USE:
            yield constant(name, default, "ignored")
            if isinstance(default, bool):
                yield constant(name, True, "always")
    yield change("weight_decay", "negated", lambda h: -h.weight_decay)
    yield change("momentum", "complement", lambda h: 1 - h.momentum if h.momentum else 0.0)
    yield change("learning_rate", "first", lambda h: h.rate(0))
    yield change("decay", "complement", lambda h: 1 - h.decay)
    yield from (constant("decay", value) for value in DECAYS)
    yield constant("epsilon", 0.0, "ignored")
    yield change("epsilon", "squared", lambda h: h.epsilon**2)
    yield change("epsilon", "root", lambda h: math.sqrt(abs(h.epsilon)))
    yield from (constant("epsilon", value) for value in EPSILONS)


CHANGES = (*_axis_changes(), *_hyperparameter_changes())
"""Every single change, those of axes first."""
