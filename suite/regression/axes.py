"""The axes on which two traces of one case differ, by what fits each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference import dialects
from suite.cases.catalogue import Case
from suite.diagnosis.candidates import HYPERPARAMETER_PREFIX, Candidate, relevant_differences, restore_candidate
from suite.regression.baseline import Record

Axes = Mapping[str, tuple[Any, Any]]
"""The name of each, of a dialect or of hyper-parameters -> (value before, value now)."""


def alternatives(
    case: Case, dtype: str, records: tuple[Record, Record], old: frozenset[str], new: frozenset[str]
) -> tuple[Axes, ...]:
    """What tells what fits now from what fitted, in the fewest axes; nothing if one of the two is not known.

    Args:
        case: of which both records are.
        dtype: likewise.
        records: before, and now.
        old: dialects that fitted other cases too, and so are the likely ones.
        new: dialects that fit them now.
    """
    before, after = (_candidates(record, case, likely) for record, likely in zip(records, (old, new), strict=True))
    found = [_differences(one, other, case, dtype) for one in before for other in after]
    fewest = min(map(len, found), default=0)
    return tuple(one for place, one in enumerate(found) if len(one) == fewest and one and one not in found[:place])


def _candidates(record: Record, case: Case, likely: frozenset[str]) -> list[Candidate]:
    """What a trace is an evaluation of: the dialect that was claimed if it fits, else the likely of those that fit."""
    h = case.setting.hyperparameters
    if record.dialect in record.fits and record.dialect in dialects:
        return [Candidate.named(record.dialect, h)]
    fits = [name for name in record.fits if name in dialects]
    if fits:
        return [Candidate.named(name, h) for name in sorted(likely.intersection(fits)) or fits]
    nearest = record.nearest
    if nearest and nearest["fits"]:
        return [
            restore_candidate(nearest["dialect"], {axis: tuple(pair) for axis, pair in nearest["changes"].items()}, h)
        ]
    return []


def _differences(one: Candidate, other: Candidate, case: Case, dtype: str) -> dict[str, tuple[Any, Any]]:
    """The axes, and the hyper-parameters, on which two candidates differ in a case."""
    apart = relevant_differences(one.base, other.base, case.tape, case.setting.hyperparameters, dtype)
    axes = dict.fromkeys([*apart, *one.differences(), *other.differences()])
    pairs = {axis: (_value(one, axis), _value(other, axis)) for axis in axes}
    return {axis: pair for axis, pair in pairs.items() if pair[0] != pair[1]}


def _value(candidate: Candidate, axis: str) -> Any:
    name = axis.removeprefix(HYPERPARAMETER_PREFIX)
    return getattr(candidate.dialect if name == axis else candidate.hyperparameters, name)
