"""Comparison of two baselines case by case. It needs no framework, because both may have been recorded before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from suite.cases import catalogue, datasets
from suite.cases.catalogue import Case
from suite.cases.tasks import replayed
from suite.compare.fingerprint import TraceDifference, trace_difference
from suite.diagnosis.candidates import Differences
from suite.errors import UserError
from suite.regression.baseline import Baseline, Key, Record
from suite.regression.identity import alternatives, describe_alternatives

LARGEST_DIFFERENCE = 2.0
"""The largest difference of the errors of two evaluations of one function, in bounds: each error is within ±1."""

SHOWN = 4
"""The largest number of fitting dialects that a description lists."""


class ChangeKind(Enum):
    """The kinds of changes of a case, the least severe first."""

    SAME = "same bits"
    NEW = "new"
    INSTRUCTIONS = "moved within rounding (other instruction set)"
    UNDECIDED_INSTRUCTIONS = "moved, undecided (other instruction set)"
    ROUNDING = "moved within rounding"
    FIXED = "fixed"
    UNDECIDED = "moved, undecided"
    BEYOND = "moved beyond"
    BROKEN = "broken"
    GONE = "gone"


_CHANGED = frozenset(ChangeKind) - {ChangeKind.SAME, ChangeKind.NEW}
FAILING_KINDS = {
    "bits": _CHANGED,
    "rounding": _CHANGED - {ChangeKind.INSTRUCTIONS, ChangeKind.UNDECIDED_INSTRUCTIONS},
    "dialect": frozenset({ChangeKind.BEYOND, ChangeKind.BROKEN, ChangeKind.GONE}),
}
"""Threshold -> the kinds of changes that fail a check."""


@dataclass(frozen=True)
class CaseChange:
    """The change of one case of an implementation between two baselines.

    Attributes:
        words: a description; empty if nothing changed.
        before: the old record; None if the case is new.
        after: the new record; None if the case is gone.
        versions: the version of the framework in each baseline.
        difference: the difference of the traces; None if there is none or they can't be compared.
        axes: the axes on which the fitting dialects differ; several alternatives if the case does not distinguish them.
    """

    key: Key
    kind: ChangeKind
    words: str
    before: Record | None
    after: Record | None
    versions: tuple[str, str]
    difference: TraceDifference | None = None
    axes: tuple[Differences, ...] = ()

    @property
    def ulps(self) -> float:
        """The largest known distance of the traces; 0 if none is known."""
        return self.difference.ulps if self.difference else 0.0


def compare(old: Baseline, new: Baseline) -> list[CaseChange]:
    """Return the change of every case of either baseline, sorted by implementation and case.

    Raises:
        UserError: if they can't be compared.
    """
    _require_alike(old, new)
    return list(_Comparison(old, new).changes())


def failing(changes: Sequence[CaseChange], threshold: str) -> list[CaseChange]:
    """Return the changes that fail a check at the threshold `bits`, `rounding` or `dialect`."""
    return [change for change in changes if change.kind in FAILING_KINDS[threshold]]


def require_catalogue(old: Baseline, version: str) -> None:
    """Check that a baseline was recorded with a version of the catalogue.

    Raises:
        UserError: if it was not.
    """
    was = old.manifest["catalogue"]
    if was != version:
        raise UserError(
            f"the catalogue has changed: the baseline has version {was}, this release has version {version} with other "
            "cases; record the baseline again, or check it with the release of rmsuite that recorded it"
        )


def _require_alike(old: Baseline, new: Baseline) -> None:
    """Check that two baselines have the same catalogue, seed, device and data, and a format in common."""
    require_catalogue(old, str(new.manifest["catalogue"]))
    for part in ("seed", "device", "data"):
        before, after = (_comparable(one.manifest.get(part)) for one in (old, new))
        if before != after:
            raise UserError(
                f"the baselines can't be compared: the {part} was {before} and is {after}; record the baseline again"
            )
    before, after = ({key.dtype for key in one.records} for one in (old, new))
    if before and after and not before & after:
        dtypes = [", ".join(sorted(one)) for one in (before, after)]
        raise UserError(f"the baselines can't be compared: one has {dtypes[0]}, the other {dtypes[1]}")


def _comparable(part: Any) -> Any:
    return part.get("sha256") if isinstance(part, Mapping) else part


class _Comparison:
    """The comparison of two baselines by the dialects that both know."""

    def __init__(self, old: Baseline, new: Baseline) -> None:
        self.old, self.new = old, new
        self.known = frozenset(old.manifest["dialects"]) & frozenset(new.manifest["dialects"])
        self._fitted = [one.fitting(self.known) for one in (old, new)]

    @cached_property
    def cases(self) -> dict[str, Case]:
        """The catalogue, with generated data, because the data of a tape does not matter here."""
        seed = self.old.manifest["seed"]
        return {case.id: case for case in catalogue.catalogue(replayed(datasets.generated(), seed), seed)}

    def changes(self) -> Iterator[CaseChange]:
        for key in sorted({*self.old.records, *self.new.records}):
            before, after = self.old.records.get(key), self.new.records.get(key)
            versions = self.old.version(key.framework), self.new.version(key.framework)
            if before is None:
                words = "no trace" if after and not after.has_trace else ""
                yield CaseChange(key, ChangeKind.NEW, words, None, after, versions)
            elif after is None:
                yield CaseChange(key, ChangeKind.GONE, self._gone(key), before, None, versions)
            elif key.metamorphic or not (before.has_trace and after.has_trace):
                kind, words = _outcome_change(key, before, after)
                changed = kind is not ChangeKind.SAME and before.has_trace and after.has_trace
                if changed and self._other_instructions(key.framework):  # a relation is about bits
                    kind = ChangeKind.UNDECIDED_INSTRUCTIONS
                yield CaseChange(key, kind, words, before, after, versions)
            elif before.digest == after.digest:
                yield CaseChange(key, ChangeKind.SAME, "", before, after, versions)
            else:
                yield self._moved(key, before, after, versions)

    def _gone(self, key: Key) -> str:
        missing = self.new.manifest.get("missing", {}).get(key.framework)
        if missing:
            return str(missing)
        here = {one.name for one in self.new.records}
        return "" if key.name in here else f"{key.name} is missing"

    def _moved(self, key: Key, before: Record, after: Record, versions: tuple[str, str]) -> CaseChange:
        difference = None
        if before.compact and after.compact:
            difference = trace_difference(before.compact, after.compact, key.dtype)
        kind = self._kind(key, before, after)
        axes: tuple[Differences, ...] = ()
        if kind is ChangeKind.BEYOND:
            case = self.cases.get(key.case)
            old, new = (fitted[key.name, key.requested_dialect] for fitted in self._fitted)
            axes = alternatives(case, key.dtype, (before, after), (old, new)) if case else ()
            text = _beyond(before, after, difference, axes)
        elif kind in (ChangeKind.BROKEN, ChangeKind.FIXED):
            text = _new_outcome(key, before, after, worse=kind is ChangeKind.BROKEN)
        elif kind in (ChangeKind.UNDECIDED, ChangeKind.UNDECIDED_INSTRUCTIONS):
            text = _undecided(before, after, difference)
        else:
            text = _within_rounding(before, after, difference)
        return CaseChange(key, kind, text, before, after, versions, difference, axes)

    def _kind(self, key: Key, before: Record, after: Record) -> ChangeKind:
        """Return the kind of a change of bits."""
        if before.outcome != after.outcome:
            if _changes_gradient(after):
                return ChangeKind.BROKEN
            return ChangeKind.FIXED if _changes_gradient(before) else ChangeKind.BEYOND
        other = self._other_instructions(key.framework)
        if self.known.intersection(before.fits, after.fits) or _same_changes(before, after):
            return ChangeKind.INSTRUCTIONS if other else ChangeKind.ROUNDING
        undecided = ChangeKind.UNDECIDED_INSTRUCTIONS if other else ChangeKind.UNDECIDED
        if before.dialect != after.dialect and key.case in self.cases and self.cases[key.case].tape.large:
            return undecided  # a large case is compared with the claimed dialect only
        explained = self._explained(before) or self._explained(after)
        return ChangeKind.BEYOND if explained or not _near(before, after) else undecided

    def _explained(self, record: Record) -> bool:
        """Return whether a dialect that both baselines know, or a changed one, fits."""
        return bool(self.known.intersection(record.fits) or (record.nearest and record.nearest.fits))

    def _other_instructions(self, framework: str) -> bool:
        """Return whether both baselines have the same release, on different instruction sets."""
        old, new = self.old, self.new
        same = old.versions(framework) == new.versions(framework)
        return same and old.instructions(framework) != new.instructions(framework)


def _changes_gradient(record: Record) -> bool:
    """Return whether it differs although the numbers agree, because it changed the caller's gradient."""
    return record.outcome == "differs" and record.dialect in record.fits


def _same_changes(before: Record, after: Record) -> bool:
    """Return whether the same changes of a dialect explain both records, if no named dialect does."""
    one, other = before.nearest, after.nearest
    if not (one and other and one.fits and other.fits):
        return False
    return one.dialect == other.dialect and list(one.changes) == list(other.changes)


def _near(before: Record, after: Record) -> bool:
    """Return whether two unexplained traces may be evaluations of one function, by their errors."""
    if before.outcome == "undecided":
        return True
    one, other = before.bound_ratio, after.bound_ratio
    return one is not None and other is not None and abs(one - other) <= LARGEST_DIFFERENCE


def _outcome_change(key: Key, before: Record, after: Record) -> tuple[ChangeKind, str]:
    """Return the change of the outcome of a metamorphic relation, or of a case that had or has no trace."""
    ranks = ["failed", "unsupported", *(["undecided", "differs", "agrees"] if key.metamorphic else [])]
    was, now = (ranks.index(one.outcome) if one.outcome in ranks else len(ranks) for one in (before, after))
    if was == now:
        return ChangeKind.SAME, ""
    return (ChangeKind.FIXED if now > was else ChangeKind.BROKEN), _new_outcome(key, before, after, worse=now < was)


# Descriptions

_PHRASES = {
    "agrees": ("agreed", "agrees"),
    "differs": ("differed", "differs"),
    "undecided": ("was undecided", "is undecided"),
    "unsupported": ("was unsupported", "is unsupported"),
    "failed": ("failed", "fails"),
}
"""Outcome -> its description in the old record and in the new one."""

_METAMORPHIC = {**_PHRASES, "agrees": ("held", "holds"), "differs": ("did not hold", "does not hold")}
"""The same for metamorphic relations."""


def _new_outcome(key: Key, before: Record, after: Record, *, worse: bool) -> str:
    """Describe a change of the outcome, with the reason of the worse one."""
    phrases = _METAMORPHIC if key.metamorphic else _PHRASES
    text = f"{phrases[before.outcome][0]}, now {phrases[after.outcome][1]}"
    reason = _reason(after if worse else before)
    return f"{text}: {reason}" if reason else text


def _reason(record: Record) -> str:
    return " ".join((record.reason or "").split())


def _distance(difference: TraceDifference | None) -> str:
    return difference.words if difference else "its traces have other quantities or another length"


def _within_rounding(before: Record, after: Record, difference: TraceDifference | None) -> str:
    text = _distance(difference)
    if before.bound_ratio is None or after.bound_ratio is None:
        return text
    return f"{text}; at {after.bound_ratio:.2g} of the bound of {after.dialect}, was at {before.bound_ratio:.2g}"


def _undecided(before: Record, after: Record, difference: TraceDifference | None) -> str:
    if before.outcome == "undecided":
        why = "there is no bound that could show whether this is rounding"
    elif before.dialect != after.dialect:
        dialects = f"{before.dialect} before and with {after.dialect} now"
        why = f"compared with {dialects}, because a large case is compared with one dialect only"
    else:
        why = "no dialect fits either trace"
    return f"{_distance(difference)}; {why}"


def _beyond(before: Record, after: Record, difference: TraceDifference | None, axes: Sequence[Differences]) -> str:
    clauses = [describe_alternatives(axes)] if axes else []
    clauses.append(_distance(difference))
    reason = _reason(after)
    if not axes and reason:
        clauses.append(reason)
    elif after.first_step is not None and before.first_step != after.first_step:
        clauses.append(f"leaves the bound of {after.dialect} at step {after.first_step}")
    return "; ".join([*clauses, f"fits {_few(after)}", f"fitted {_few(before)}"])


def _few(record: Record) -> str:
    """Return the first few fitting dialects, the claimed one first."""
    names = sorted(record.fits, key=lambda name: name != record.dialect)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "no named dialect"
