"""The dialects that recorded traces identify, and the axes on which two identifications differ.

`alternatives` compares two records of one case, which may leave several answers. `Identity` summarizes all cases of an
implementation; it does not use what the implementation declares, only the dialects that fit its traces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Self

from reference import dialects
from suite.cases.catalogue import Case
from suite.diagnosis.candidates import (
    HYPERPARAMETER_PREFIX,
    Candidate,
    Differences,
    describe_changes,
    relevant_differences,
    restore_candidate,
)
from suite.regression.baseline import Key, Record
from suite.results.wording import AXES

# One case


def alternatives(
    case: Case, dtype: str, records: tuple[Record, Record], likely: tuple[frozenset[str], frozenset[str]]
) -> tuple[Differences, ...]:
    """Return the smallest sets of axes on which the dialects that fit two records differ; none if one is not known.

    `records` are the record before and the one now. Of the dialects that fit a record, those that fitted most other
    cases, `likely` before and now, are preferred.
    """
    before, after = (_candidates(record, case, names) for record, names in zip(records, likely, strict=True))
    found = [_differences(one, other, case, dtype) for one, other in product(before, after)]
    fewest = min(map(len, found), default=0)
    return tuple(one for place, one in enumerate(found) if len(one) == fewest and one and one not in found[:place])


def _candidates(record: Record, case: Case, likely: frozenset[str]) -> list[Candidate]:
    """Return the dialects that may have computed a trace: the claimed one if it fits, else the likely ones that fit."""
    h = case.setting.hyperparameters
    if record.dialect in record.fits and record.dialect in dialects:
        return [Candidate.named(record.dialect, h)]
    fits = [name for name in record.fits if name in dialects]
    if fits:
        return [Candidate.named(name, h) for name in sorted(likely.intersection(fits)) or fits]
    nearest = record.nearest
    if nearest and nearest.fits:
        changes = {change.axis: (change.before, change.after) for change in nearest.changes}
        return [restore_candidate(nearest.dialect, changes, h)]
    return []


def _differences(one: Candidate, other: Candidate, case: Case, dtype: str) -> Differences:
    """Return the axes and hyper-parameters on which two candidates differ in a case."""
    distinguishing = relevant_differences(one.base, other.base, case.tape, case.setting.hyperparameters, dtype)
    axes = dict.fromkeys([*distinguishing, *one.differences(), *other.differences()])
    pairs = {axis: (_value(one, axis), _value(other, axis)) for axis in axes}
    return {axis: pair for axis, pair in pairs.items() if pair[0] != pair[1]}


def _value(candidate: Candidate, axis: str) -> Any:
    name = axis.removeprefix(HYPERPARAMETER_PREFIX)
    return getattr(candidate.dialect if name == axis else candidate.hyperparameters, name)


def describe_alternatives(axes: Sequence[Differences]) -> str:
    """Describe alternative sets of axes, as in `epsilon outside in place of inside`."""
    return ", or ".join(map(describe_changes, axes))


# All cases of an implementation


@dataclass(frozen=True)
class Identity:
    """The dialects that an implementation may compute."""

    dialects: tuple[str, ...]  # the named dialects that fit in the most cases; none if none fits in any case
    fitted: int  # the number of cases in which they fit
    distinguishing: int  # the number of cases that can distinguish dialects
    traced: frozenset[tuple[str, str]]  # the cases and formats with a trace

    @classmethod
    def of(cls, records: Mapping[Key, Record], cases: Mapping[str, Case]) -> Self:
        """Return the identity of an implementation from its records, with the catalogue by id.

        Metamorphic relations, undecided cases and large cases, which are compared with the declared dialect only, do
        not distinguish dialects.
        """
        traced = {key: record for key, record in records.items() if record.has_trace and not key.metamorphic}
        distinguishing = [
            record
            for key, record in traced.items()
            if record.outcome != "undecided" and not (key.case in cases and cases[key.case].tape.large)
        ]
        counts = Counter(name for record in distinguishing for name in record.fits)
        most = max(counts.values(), default=0)
        fitting = tuple(name for name in dialects if most and counts[name] == most)
        return cls(fitting, most, len(distinguishing), frozenset((key.case, key.dtype) for key in traced))

    @property
    def name(self) -> str:
        """The dialects in words, with the number of cases in which none of them fits."""
        if not self.dialects:
            return "no named dialect" if self.traced else "no trace"
        first, *others = self.dialects
        also = f" or {len(others)} more" if len(others) > 1 else f" or {others[0]}" if others else ""
        besides = self.distinguishing - self.fitted
        return f"{first}{also}" + (f", but for {besides} of {self.distinguishing} cases" if besides else "")


def differences(old: Identity, new: Identity, cases: Mapping[str, Case]) -> Differences | None:
    """Return the smallest set of axes on which two identities differ in their shared cases; None if they may be equal.

    `cases` is the catalogue by id.
    """
    if not (old.dialects and new.dialects) or set(old.dialects) & set(new.dialects):
        return None
    shared = [(cases[case], dtype) for case, dtype in old.traced & new.traced if case in cases]
    return min((_distinguishing(*pair, shared) for pair in product(old.dialects, new.dialects)), key=len)


def _distinguishing(one: str, other: str, cases: Iterable[tuple[Case, str]]) -> Differences:
    """Return the axes on which two dialects differ and which change the result of one of these cases and formats."""
    visible = {
        axis
        for case, dtype in cases
        for axis in relevant_differences(one, other, case.tape, case.setting.hyperparameters, dtype)
    }
    return {axis: pair for axis, pair in dialects[one].differences(dialects[other]).items() if axis in visible}


def changed_values(axes: Differences) -> str:
    """Return the change of each axis in words, as in `clipping after weight decay → before weight decay`."""
    named = ((AXES[axis], pair) for axis, pair in axes.items())
    return "; ".join(f"{axis.name} {axis.value(was)} → {axis.value(now)}" for axis, (was, now) in named)


def new_values(axes: Differences) -> str:
    """Return the new value of each axis in words, as in `ε outside the root; subnormals kept`."""
    return "; ".join(f"{AXES[axis].name} {AXES[axis].value(now)}" for axis, (_, now) in axes.items())
