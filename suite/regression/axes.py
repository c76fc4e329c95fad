"""The axes on which two traces of one case differ, by what fits each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference import dialects
from suite.cases.catalogue import Case
from suite.diagnosis.candidates import HYPERPARAMETER_PREFIX, Candidate, relevant_differences, restore_candidate
from suite.regression.baseline import Record

Axes = Mapping[str, tuple[Any, Any]]
"""Axis of a dialect, or hyper-parameter -> (value before, value now)."""


def alternatives(
    case: Case, dtype: str, records: tuple[Record, Record], old: frozenset[str], new: frozenset[str]
) -> tuple[Axes, ...]:
    """Return the smallest sets of axes on which the dialects that fit two records differ; none if one is not known.

    Args:
        case: the case of both records.
        dtype: their format.
        records: the record before, and the one now.
        old: the dialects that fitted most other cases before, which are preferred.
        new: the dialects that fit most other cases now.
    """
    before, after = (_candidates(record, case, likely) for record, likely in zip(records, (old, new), strict=True))
    found = [_differences(one, other, case, dtype) for one in before for other in after]
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


def _differences(one: Candidate, other: Candidate, case: Case, dtype: str) -> dict[str, tuple[Any, Any]]:
    """Return the axes and hyper-parameters on which two candidates differ in a case."""
    distinguishing = relevant_differences(one.base, other.base, case.tape, case.setting.hyperparameters, dtype)
    axes = dict.fromkeys([*distinguishing, *one.differences(), *other.differences()])
    pairs = {axis: (_value(one, axis), _value(other, axis)) for axis in axes}
    return {axis: pair for axis, pair in pairs.items() if pair[0] != pair[1]}


def _value(candidate: Candidate, axis: str) -> Any:
    name = axis.removeprefix(HYPERPARAMETER_PREFIX)
    return getattr(candidate.dialect if name == axis else candidate.hyperparameters, name)
