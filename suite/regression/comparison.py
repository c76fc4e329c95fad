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
from suite.errors import UserError
from suite.regression import wording
from suite.regression.axes import Axes, alternatives
from suite.regression.baseline import Baseline, Key, Record

LARGEST_DIFFERENCE = 2.0
"""The largest difference of the errors of two evaluations of one function, in bounds: each error is within ±1."""


class ChangeKind(Enum):
    """The kinds of changes of a case, the least severe first."""

    SAME = "same bits"
    NEW = "new"
    INSTRUCTIONS = "moved within rounding (other instruction set)"
    UNDECIDED_INSTRUCTIONS = "moved, undecided (other instruction set)"
    ROUNDING = "moved within rounding"
    FIXED = "mended"
    UNDECIDED = "moved, undecided"
    BEYOND = "moved beyond"
    BROKEN = "broken"
    GONE = "gone"


HARM = frozenset({ChangeKind.BEYOND, ChangeKind.BROKEN, ChangeKind.GONE})
FAILING_KINDS = {
    "bits": frozenset(ChangeKind) - {ChangeKind.SAME, ChangeKind.NEW},
    "rounding": frozenset(ChangeKind)
    - {ChangeKind.SAME, ChangeKind.NEW, ChangeKind.INSTRUCTIONS, ChangeKind.UNDECIDED_INSTRUCTIONS},
    "dialect": HARM,
}
"""Threshold -> the kinds of changes that fail a check."""


@dataclass(frozen=True)
class CaseChange:
    """The change of one case of an implementation between two baselines.

    Attributes:
        key: the key of the records.
        kind: the kind of the change.
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
    axes: tuple[Axes, ...] = ()


EQUAL = {"seed": "seed", "device": "device", "data": "data"}
"""Entries of the manifest that must be equal in both baselines -> their names in messages."""


def require_alike(old: Baseline, new: Baseline) -> None:
    """Check that two baselines can be compared.

    Raises:
        UserError: if they can't.
    """
    require_catalogue(old, str(new.manifest["catalogue"]))
    for part, name in EQUAL.items():
        before, after = (_comparable(one.manifest.get(part)) for one in (old, new))
        if before != after:
            raise UserError(
                f"the baselines can't be compared: the {name} was {before} and is {after}; record the baseline again"
            )
    if old.records and new.records and not {key.dtype for key in old.records} & {key.dtype for key in new.records}:
        dtypes = [", ".join(sorted({key.dtype for key in one.records})) for one in (old, new)]
        raise UserError(f"the baselines can't be compared: one has {dtypes[0]}, the other {dtypes[1]}")


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


def _comparable(part: Any) -> Any:
    return part.get("sha256") if isinstance(part, Mapping) else part


def compare(old: Baseline, new: Baseline) -> list[CaseChange]:
    """Return the change of every case of either baseline, sorted by implementation and case.

    Raises:
        UserError: if they can't be compared.
    """
    require_alike(old, new)
    return list(_Comparison(old, new).changes())


def failing(changes: Sequence[CaseChange], threshold: str) -> list[CaseChange]:
    """Return the changes that fail a check at the threshold `bits`, `rounding` or `dialect`."""
    return [change for change in changes if change.kind in FAILING_KINDS[threshold]]


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
                if (
                    kind is not ChangeKind.SAME
                    and before.has_trace
                    and after.has_trace
                    and self._other_instructions(key.framework)
                ):
                    kind = (
                        ChangeKind.UNDECIDED_INSTRUCTIONS
                    )  # a relation is about bits, which may depend on the instruction set
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
        axes: tuple[Axes, ...] = ()
        if kind is ChangeKind.BEYOND:
            axes = self._alternatives(key, before, after)
            text = wording.beyond(before, after, difference, axes)
        elif kind in (ChangeKind.BROKEN, ChangeKind.FIXED):
            text = wording.became(key, before, after, worse=kind is ChangeKind.BROKEN)
        elif kind in (ChangeKind.UNDECIDED, ChangeKind.UNDECIDED_INSTRUCTIONS):
            text = wording.undecided(before, after, difference)
        else:
            text = "; ".join(filter(None, (wording.trace_difference(difference), wording.bounds(before, after))))
        return CaseChange(key, kind, text, before, after, versions, difference, axes)

    def _kind(self, key: Key, before: Record, after: Record) -> ChangeKind:
        """Return the kind of a change of bits."""
        if before.outcome != after.outcome:
            return (
                ChangeKind.BROKEN
                if _changes_gradient(after)
                else ChangeKind.FIXED
                if _changes_gradient(before)
                else ChangeKind.BEYOND
            )
        other = self._other_instructions(key.framework)
        if self.known.intersection(before.fits, after.fits) or _same_changes(before, after):
            return ChangeKind.INSTRUCTIONS if other else ChangeKind.ROUNDING
        undecided = ChangeKind.UNDECIDED_INSTRUCTIONS if other else ChangeKind.UNDECIDED
        if before.dialect != after.dialect and self._only_claimed(key):
            return undecided
        explained = self._explained(before) or self._explained(after)
        return ChangeKind.BEYOND if explained or not _near(before, after) else undecided

    def _only_claimed(self, key: Key) -> bool:
        """Return whether traces are compared with the claimed dialect only, because the tape is large."""
        return key.case in self.cases and self.cases[key.case].tape.large

    def _explained(self, record: Record) -> bool:
        """Return whether a dialect that both baselines know, or a changed one, fits."""
        fits = bool(self.known.intersection(record.fits))
        return fits or bool(record.nearest and record.nearest.fits)

    def _other_instructions(self, framework: str) -> bool:
        """Return whether both baselines have the same release, on different instruction sets."""
        here, there = self.old, self.new
        same = here.versions(framework) == there.versions(framework)
        return same and here.instructions(framework) != there.instructions(framework)

    def _alternatives(self, key: Key, before: Record, after: Record) -> tuple[Axes, ...]:
        case = self.cases.get(key.case)
        likely = (fitted[key.name, key.requested_dialect] for fitted in self._fitted)
        return alternatives(case, key.dtype, (before, after), *likely) if case else ()


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
    ratios = before.bound_ratio, after.bound_ratio
    return None not in ratios and abs(ratios[0] - ratios[1]) <= LARGEST_DIFFERENCE  # type: ignore[operator]


def _outcome_change(key: Key, before: Record, after: Record) -> tuple[ChangeKind, str]:
    """Return the change of the outcome of a metamorphic relation, or of a case that had or has no trace."""
    ranks = (
        ["failed", "unsupported", "undecided", "differs", "agrees"] if key.metamorphic else ["failed", "unsupported"]
    )
    rank = {outcome: place for place, outcome in enumerate(ranks)}
    was, now = (rank.get(record.outcome, len(ranks)) for record in (before, after))
    if was == now:
        return ChangeKind.SAME, ""
    return (ChangeKind.FIXED if now > was else ChangeKind.BROKEN), wording.became(key, before, after, worse=now < was)
