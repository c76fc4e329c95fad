"""Candidate explanations of a trace: a named dialect after changes of its axes or of the hyper-parameters.

The axes are those of `Dialect`, with every value that their types allow. The changes of hyper-parameters belong to no
dialect but occur in practice: a hyper-parameter is ignored, negated, or replaced by a default.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from reference import Dialect, Hyperparameters, dialects
from reference.algorithm import Algorithm
from suite.cases.tapes import Tape

INITIAL_ACCUMULATORS = (0.0, 1.0, 0.1)  # in most libraries, in TensorFlow 1, and in Adagrad of Keras 2
DECAYS = (0.9, 0.95, 0.99, 0.999)  # common defaults
EPSILONS = (1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3)  # common defaults
ALWAYS_IN_USE = ("learning_rate", "decay", "epsilon")
HYPERPARAMETER_PREFIX = "hyperparameter "
"""Precedes the name of a hyper-parameter, because an axis of `Dialect` may have the same name."""


@dataclass(frozen=True)
class CandidateChange:
    """A change of one axis or one hyper-parameter.

    Attributes:
        axis: the name of the axis, or `HYPERPARAMETER_PREFIX` and the name of the hyper-parameter.
        how: a short description, unique among the changes of the axis.
        value: function from the given hyper-parameters to the new value.
    """

    axis: str
    how: str
    value: Callable[[Hyperparameters], Any]


@dataclass(frozen=True)
class Candidate:
    """A named dialect with the hyper-parameters of a case, after some changes.

    Attributes:
        base: the name of the dialect.
        dialect: the dialect after the changes.
        hyperparameters: the hyper-parameters after the changes.
        given: the hyper-parameters before the changes.
        changes: the changes.
    """

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
        if any(change.axis == before.axis for before in self.changes):
            return None
        value = change.value(self.given)
        name = change.axis.removeprefix(HYPERPARAMETER_PREFIX)
        target = self.dialect if name == change.axis else self.hyperparameters
        if value == getattr(target, name):
            return None
        changes = (*self.changes, change)
        if name == change.axis:
            return replace(self, dialect=replace(self.dialect, **{name: value}), changes=changes)
        return replace(self, hyperparameters=replace(self.hyperparameters, **{name: value}), changes=changes)

    def function(self, tape: Tape, dtype: str) -> Hashable:
        """Return a key that is equal for candidates that compute the same function on a tape in a format."""
        return relevant_algorithm(self.dialect, tape, self.hyperparameters, dtype), self.hyperparameters.learning_rate

    def differences(self) -> dict[str, tuple[Any, Any]]:
        """Return for each changed axis the value in the named dialect or the given one, and the value here."""
        found = {}
        for change in self.changes:
            name = change.axis.removeprefix(HYPERPARAMETER_PREFIX)
            before, after = (
                (dialects[self.base], self.dialect) if name == change.axis else (self.given, self.hyperparameters)
            )
            found[change.axis] = (getattr(before, name), getattr(after, name))
        return found

    @property
    def axes(self) -> frozenset[str]:
        """The names of the changed axes and hyper-parameters, without the prefix."""
        return frozenset(change.axis.removeprefix(HYPERPARAMETER_PREFIX) for change in self.changes)

    @property
    def description(self) -> str:
        """The candidate in words, as in `torch with initial_accumulator 1 in place of 0`."""
        changes = " and ".join(describe_change(axis, *pair) for axis, pair in self.differences().items())
        return f"{self.base} with {changes}" if changes else self.base


def describe_change(axis: str, before: Any, after: Any) -> str:
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


def relevant_differences(
    claimed: str, other: str, tape: Tape, h: Hyperparameters, dtype: str
) -> dict[str, tuple[Any, Any]]:
    """Return the axes on which two named dialects differ and that have an effect on this input."""
    here, there = canonical_dialect(dialects[claimed], tape), canonical_dialect(dialects[other], tape)
    algorithm = Algorithm.of(there, h, dtype)
    return {
        axis: pair
        for axis, pair in here.differences(there).items()
        if Algorithm.of(replace(there, **{axis: pair[0]}), h, dtype) != algorithm
    }


def restore_candidate(base: str, differences: Mapping[str, Sequence[Any]], h: Hyperparameters) -> Candidate:
    """Return the candidate with these differences, as they were recorded by `NearestCandidate.to_json`."""
    candidate = Candidate.named(base, h)
    for axis, (_, after) in differences.items():
        made = candidate.changed(CandidateChange(axis, "restored", lambda _, value=after: value))  # type: ignore[misc]
        candidate = made or candidate
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
    hints = get_type_hints(Dialect)
    for axis in fields(Dialect):
        if axis.compare:
            for value in allowed_values(hints[axis.name]):
                yield CandidateChange(axis.name, str(value), lambda _, value=value: value)  # type: ignore[misc]


def _hyperparameter_changes() -> Iterator[CandidateChange]:
    default = Hyperparameters()

    def change(name: str, how: str, value: Callable[[Hyperparameters], Any]) -> CandidateChange:
        return CandidateChange(HYPERPARAMETER_PREFIX + name, how, value)

    def constant(name: str, value: Any, how: str = "") -> CandidateChange:
        return change(name, how or str(value), lambda _: value)

    for field in fields(Hyperparameters):
        if field.name not in ALWAYS_IN_USE:
            yield constant(field.name, getattr(default, field.name), "ignored")
            if isinstance(getattr(default, field.name), bool):
                yield constant(field.name, True, "always")
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
