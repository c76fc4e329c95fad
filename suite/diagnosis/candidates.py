"""Changes of a dialect, one axis at a time, and of what becomes of a hyper-parameter: what a wrong optimizer may be.

The axes are those of `Dialect`, with every value that their types allow. Beside them stand the treatments of
hyper-parameters that are no dialect's but happen: one that is ignored, has the other sign, or is a default in place of
what was given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from reference import Dialect, Hyperparameters, dialects
from reference.algorithm import Algorithm
from suite.cases.tapes import Tape

STARTS = (0.0, 1.0, 0.1)  # of an average, in use: most, TensorFlow 1, Keras 2's Adagrad
DECAYS = (0.9, 0.95, 0.99, 0.999)  # defaults in use
EPSILONS = (1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-3)  # likewise
HYPERPARAMETER_PREFIX = "hyperparameter "
"""What stands before the name of a hyper-parameter where an axis of dialects may have the same."""


@dataclass(frozen=True)
class CandidateChange:
    """One axis, or one hyper-parameter, with another value.

    Attributes:
        axis: its name, that of a hyper-parameter after `HYPERPARAMETER_PREFIX`.
        how: which change it is, among those of the axis.
        value: the new value, from the hyper-parameters as they were given.
    """

    axis: str
    how: str
    value: Callable[[Hyperparameters], Any]


@dataclass(frozen=True)
class Candidate:
    """A named dialect under the hyper-parameters of a case, after some changes.

    Attributes:
        base: the dialect's name.
        dialect: after the changes.
        hyperparameters: likewise.
        given: the hyper-parameters before them.
        changes: that were made.
    """

    base: str
    dialect: Dialect
    hyperparameters: Hyperparameters
    given: Hyperparameters
    changes: tuple[CandidateChange, ...] = ()

    @classmethod
    def named(cls, name: str, h: Hyperparameters) -> Self:
        """A dialect as it is."""
        return cls(name, dialects[name], h, h)

    def changed(self, change: CandidateChange) -> Self | None:
        """With one more change; None if that is no change, or a second one of the same axis."""
        if any(change.axis == before.axis for before in self.changes):
            return None
        value = change.value(self.given)
        name = change.axis.removeprefix(HYPERPARAMETER_PREFIX)
        if name != change.axis:
            if value == getattr(self.hyperparameters, name):
                return None
            h = replace(self.hyperparameters, **{name: value})
            return replace(self, hyperparameters=h, changes=(*self.changes, change))
        if value == getattr(self.dialect, name):
            return None
        return replace(self, dialect=replace(self.dialect, **{name: value}), changes=(*self.changes, change))

    def function(self, tape: Tape, dtype: str) -> Hashable:
        """What it computes on a tape in a precision: candidates of which this is equal can't be told apart there."""
        algorithm = Algorithm.of(canonical_dialect(self.dialect, tape), self.hyperparameters, dtype)
        return algorithm, self.hyperparameters.learning_rate

    def differences(self) -> dict[str, tuple[Any, Any]]:
        """Axis -> (the named dialect's value or the given one, the one that it has here)."""
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
        """What is changed, by its name alone: an axis and a hyper-parameter may share it."""
        return frozenset(change.axis.removeprefix(HYPERPARAMETER_PREFIX) for change in self.changes)

    @property
    def words(self) -> str:
        """As in `torch with initial_accumulator 1 in place of 0`."""
        changes = " and ".join(describe_change(axis, *pair) for axis, pair in self.differences().items())
        return f"{self.base} with {changes}" if changes else self.base


def describe_change(axis: str, here: Any, there: Any) -> str:
    """A change in words: `epsilon outside in place of inside`, `momentum ignored`."""
    name = axis.removeprefix(HYPERPARAMETER_PREFIX)
    if name != axis:
        if there == getattr(Hyperparameters(), name) and name not in ("learning_rate", "decay", "epsilon"):
            return f"{name} ignored"
        if isinstance(here, tuple) and isinstance(there, tuple):
            return f"{name} {format_value(there[0] / here[0])} times as large"
        if isinstance(here, tuple):
            return f"{name} {format_value(there)} at every step"
    return f"{name} {format_value(there)} in place of {format_value(here)}"


def format_value(value: Any) -> str:
    """A value of an axis: numbers as short as they can be."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "none" if value is None else str(value)


def canonical_dialect(dialect: Dialect, tape: Tape) -> Dialect:
    """The dialect with the usual value on the axes that don't bear on a tape."""
    usual = Dialect()
    idle = {
        **({} if tape.sparse else {"sparse": usual.sparse, "duplicates": usual.duplicates}),
        **({} if tape.subnormals else {"subnormals": usual.subnormals}),
    }
    return replace(dialect, **idle)  # type: ignore[arg-type]


def relevant_differences(
    claimed: str, other: str, tape: Tape, h: Hyperparameters, dtype: str
) -> dict[str, tuple[Any, Any]]:
    """The axes on which two named dialects differ, and that matter on this tape under these hyper-parameters."""
    here, there = canonical_dialect(dialects[claimed], tape), canonical_dialect(dialects[other], tape)
    whole = Algorithm.of(there, h, dtype)
    return {
        axis: pair
        for axis, pair in here.differences(there).items()
        if Algorithm.of(replace(there, **{axis: pair[0]}), h, dtype) != whole
    }


def restore_candidate(base: str, differences: Mapping[str, tuple[Any, Any]], h: Hyperparameters) -> Candidate:
    """The candidate of which these are the differences, as they were written down."""
    candidate = Candidate.named(base, h)
    for axis, (_, there) in differences.items():
        made = candidate.changed(CandidateChange(axis, "restored", lambda _, value=there: value))  # type: ignore[misc]
        candidate = made or candidate
    return candidate


def allowed_values(hint: Any) -> Iterator[Any]:
    """The values that an axis may have, from its type."""
    if get_origin(hint) is Literal:
        yield from sorted(get_args(hint), key=lambda value: " " in str(value))  # of equals, what needs no condition
    elif get_args(hint):
        for part in get_args(hint):
            yield from allowed_values(part)
    elif hint is bool:
        yield from (False, True)
    elif hint is float:
        yield from STARTS
    elif hint is type(None):
        yield None


def _axes() -> Iterator[CandidateChange]:
    hints = get_type_hints(Dialect)
    for axis in fields(Dialect):
        if axis.compare:
            for value in allowed_values(hints[axis.name]):
                yield CandidateChange(axis.name, str(value), lambda _, value=value: value)  # type: ignore[misc]


def _treatments() -> Iterator[CandidateChange]:
    plain = Hyperparameters()

    def treatment(name: str, how: str, value: Callable[[Hyperparameters], Any]) -> CandidateChange:
        return CandidateChange(HYPERPARAMETER_PREFIX + name, how, value)

    for field in fields(Hyperparameters):
        if field.name not in ("learning_rate", "decay", "epsilon"):
            usual = getattr(plain, field.name)
            yield treatment(field.name, "ignored", lambda _, usual=usual: usual)  # type: ignore[misc]
            if isinstance(usual, bool):
                yield treatment(field.name, "always", lambda _: True)
    yield treatment("weight_decay", "negated", lambda h: -h.weight_decay)
    yield treatment("momentum", "complement", lambda h: 1 - h.momentum if h.momentum else 0.0)
    yield treatment("learning_rate", "first", lambda h: h.rate(0))
    yield treatment("decay", "complement", lambda h: 1 - h.decay)
    yield from (treatment("decay", f"{value}", lambda _, value=value: value) for value in DECAYS)  # type: ignore[misc]
    yield treatment("epsilon", "ignored", lambda _: 0.0)
    yield treatment("epsilon", "squared", lambda h: h.epsilon**2)
    yield treatment("epsilon", "root", lambda h: math.sqrt(abs(h.epsilon)))
    yield from (treatment("epsilon", f"{value}", lambda _, value=value: value) for value in EPSILONS)  # type: ignore[misc]


CHANGES = (*_axes(), *_treatments())
"""Every single change, axes first."""
