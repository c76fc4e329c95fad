"""Two baselines side by side: what each case has become. Needs no framework: both may have been recorded long ago."""

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
from suite.regression import wording
from suite.regression.axes import Axes, alternatives
from suite.regression.baseline import Baseline, BaselineError, Key, Record

DOUBT = 2.0
"""Bounds by which the errors of two evaluations of one function may differ: each is within one, on either side."""


class Unlike(BaselineError):
    """Two baselines can't be compared; the message says what is unlike."""


class Kind(Enum):
    """What a case has become, the mildest first."""

    SAME = "same bits"
    NEW = "new"
    INSTRUCTIONS = "moved within rounding (other instruction set)"
    ELSEWHERE = "moved, undecided (other instruction set)"
    ROUNDING = "moved within rounding"
    MENDED = "mended"
    UNDECIDED = "moved, undecided"
    BEYOND = "moved beyond"
    BROKEN = "broken"
    GONE = "gone"


HARM = frozenset({Kind.BEYOND, Kind.BROKEN, Kind.GONE})
FAILING = {
    "bits": frozenset(Kind) - {Kind.SAME, Kind.NEW},
    "rounding": frozenset(Kind) - {Kind.SAME, Kind.NEW, Kind.INSTRUCTIONS, Kind.ELSEWHERE},
    "dialect": HARM,
}
"""Threshold -> what fails a check at it."""


@dataclass(frozen=True)
class Change:
    """What one case of an implementation has become.

    Attributes:
        key: what it is about.
        kind: what it has become.
        words: how, for people; empty where nothing changed.
        before: the recorded one; None if it is new.
        after: what it is now; None if it is gone.
        versions: of the framework, in each.
        parting: where the traces part; None where they don't, or can't be held side by side.
        axes: on which what fits now differs from what fitted, each name -> (value before, value now): alternatives,
            where this case can't tell which of them it is.
    """

    key: Key
    kind: Kind
    words: str
    before: Record | None
    after: Record | None
    versions: tuple[str, str]
    parting: TraceDifference | None = None
    axes: tuple[Axes, ...] = ()


ALIKE = {"seed": "seed", "device": "device", "data": "data"}
"""What two baselines must have in common: where their manifests have it, and what it is called."""


def require_alike(old: Baseline, new: Baseline) -> None:
    """See to it that two baselines can be compared.

    Raises:
        Unlike: if they can't.
    """
    require_catalogue(old, str(new.manifest["catalogue"]))
    for part, name in ALIKE.items():
        before, after = (_said(one.manifest.get(part)) for one in (old, new))
        if before != after:
            raise Unlike(f"these can't be compared: the {name} was {before} and is {after}; record the baseline anew")
    if old.records and new.records and not {key.dtype for key in old.records} & {key.dtype for key in new.records}:
        dtypes = [", ".join(sorted({key.dtype for key in one.records})) for one in (old, new)]
        raise Unlike(f"these can't be compared: one has {dtypes[0]}, the other {dtypes[1]}")


def require_catalogue(old: Baseline, version: str) -> None:
    """See to it that a baseline was recorded with a version of the catalogue.

    Raises:
        Unlike: if it was not.
    """
    was = old.manifest["catalogue"]
    if was != version:
        raise Unlike(
            f"the catalogue has changed: the baseline is of version {was}, this is version {version}, which asks "
            "something else; record the baseline anew, or check it with the rmsuite that recorded it"
        )


def _said(part: Any) -> Any:
    return part.get("sha256") if isinstance(part, Mapping) else part


def compare(old: Baseline, new: Baseline) -> list[Change]:
    """What every case of either has become, sorted by implementation and case.

    Raises:
        Unlike: if they can't be compared.
    """
    require_alike(old, new)
    return list(_Comparison(old, new).changes())


def failing(changes: Sequence[Change], threshold: str) -> list[Change]:
    """Those that fail a check at `bits`, `rounding` or `dialect`."""
    return [change for change in changes if change.kind in FAILING[threshold]]


class _Comparison:
    """Two baselines, and what both of them can be asked about."""

    def __init__(self, old: Baseline, new: Baseline) -> None:
        self.old, self.new = old, new
        self.known = frozenset(old.manifest["dialects"]) & frozenset(new.manifest["dialects"])
        self._fitted = [one.fitting(self.known) for one in (old, new)]

    @cached_property
    def cases(self) -> dict[str, Case]:
        """The catalogue; which data a tape was recorded on has no part in what is asked of it here."""
        seed = self.old.manifest["seed"]
        return {case.id: case for case in catalogue.catalogue(replayed(datasets.generated(), seed), seed)}

    def changes(self) -> Iterator[Change]:
        for key in sorted({*self.old.records, *self.new.records}):
            before, after = self.old.records.get(key), self.new.records.get(key)
            versions = self.old.version(key.framework), self.new.version(key.framework)
            if before is None:
                words = "no answer" if after and not after.answers else ""
                yield Change(key, Kind.NEW, words, None, after, versions)
            elif after is None:
                yield Change(key, Kind.GONE, self._gone(key), before, None, versions)
            elif key.law or not (before.answers and after.answers):
                kind, words = _answered(key, before, after)
                if kind is not Kind.SAME and before.answers and after.answers and self._elsewhere(key.framework):
                    kind = Kind.ELSEWHERE  # a law is of bits
                yield Change(key, kind, words, before, after, versions)
            elif before.digest == after.digest:
                yield Change(key, Kind.SAME, "", before, after, versions)
            else:
                yield self._moved(key, before, after, versions)

    def _gone(self, key: Key) -> str:
        missing = self.new.manifest.get("missing", {}).get(key.framework)
        if missing:
            return str(missing)
        here = {one.name for one in self.new.records}
        return "" if key.name in here else f"{key.name} is not there"

    def _moved(self, key: Key, before: Record, after: Record, versions: tuple[str, str]) -> Change:
        parted = None
        if before.compact and after.compact:
            parted = trace_difference(before.compact, after.compact, key.dtype)
        kind = self._kind(key, before, after)
        axes: tuple[Axes, ...] = ()
        if kind is Kind.BEYOND:
            axes = self._alternatives(key, before, after)
            said = wording.beyond(before, after, parted, axes)
        elif kind in (Kind.BROKEN, Kind.MENDED):
            said = wording.became(key, before, after, worse=kind is Kind.BROKEN)
        elif kind in (Kind.UNDECIDED, Kind.ELSEWHERE):
            said = wording.undecided(before, after, parted)
        else:
            said = "; ".join(filter(None, (wording.parting(parted), wording.bounds(before, after))))
        return Change(key, kind, said, before, after, versions, parted, axes)

    def _kind(self, key: Key, before: Record, after: Record) -> Kind:
        """How far bits moved."""
        if before.outcome != after.outcome:
            return Kind.BROKEN if _spoils(after) else Kind.MENDED if _spoils(before) else Kind.BEYOND
        elsewhere = self._elsewhere(key.framework)
        if self.known.intersection(before.fits, after.fits) or _alike(before, after):
            return Kind.INSTRUCTIONS if elsewhere else Kind.ROUNDING
        undecided = Kind.ELSEWHERE if elsewhere else Kind.UNDECIDED
        if before.dialect != after.dialect and self._alone(key):
            return undecided
        told = self._told(before) or self._told(after)
        return Kind.BEYOND if told or not _near(before, after) else undecided

    def _alone(self, key: Key) -> bool:
        """Whether traces are held against the claimed dialect alone, since it is too much to try others."""
        return key.case in self.cases and self.cases[key.case].tape.large

    def _told(self, record: Record) -> bool:
        """Whether anything fits that both could have named."""
        fits = bool(self.known.intersection(record.fits))
        return fits or bool(record.nearest and record.nearest["fits"])

    def _elsewhere(self, framework: str) -> bool:
        """Whether it is the same release on another instruction set."""
        here, there = self.old, self.new
        same = here.versions(framework) == there.versions(framework)
        return same and here.instructions(framework) != there.instructions(framework)

    def _alternatives(self, key: Key, before: Record, after: Record) -> tuple[Axes, ...]:
        case = self.cases.get(key.case)
        likely = (fitted[key.name, key.asked] for fitted in self._fitted)
        return alternatives(case, key.dtype, (before, after), *likely) if case else ()


def _spoils(record: Record) -> bool:
    """Whether it is not for the numbers that it differs: it changes what is the caller's."""
    return record.outcome == "differs" and record.dialect in record.fits


def _alike(before: Record, after: Record) -> bool:
    """Whether the same changes of a dialect explain both, where no named dialect does."""
    one, other = before.nearest, after.nearest
    if not (one and other and one["fits"] and other["fits"]):
        return False
    return bool(one["dialect"] == other["dialect"] and one["changes"] == other["changes"])


def _near(before: Record, after: Record) -> bool:
    """Whether two traces that nothing explains may be evaluations of one function, by how far off they are."""
    if before.outcome == "undecided":
        return True
    ratios = before.bound_ratio, after.bound_ratio
    return None not in ratios and abs(ratios[0] - ratios[1]) <= DOUBT  # type: ignore[operator]


def _answered(key: Key, before: Record, after: Record) -> tuple[Kind, str]:
    """Of a law, and of what gave no answer before or gives none now."""
    ranks = ["failed", "unsupported", "undecided", "differs", "agrees"] if key.law else ["failed", "unsupported"]
    rank = {outcome: place for place, outcome in enumerate(ranks)}
    was, now = (rank.get(record.outcome, len(ranks)) for record in (before, after))
    if was == now:
        return Kind.SAME, ""
    return (Kind.MENDED if now > was else Kind.BROKEN), wording.became(key, before, after, worse=now < was)
