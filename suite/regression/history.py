"""The history of implementations: the dialect of each release, and the changes since the release before.

It is computed from verdicts and fingerprints alone; releases are in the order in which the user named them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import pairwise

from packaging.version import InvalidVersion, Version

from suite.benchmark.statistics import paired
from suite.cases.catalogue import Case
from suite.diagnosis.candidates import Differences
from suite.regression.baseline import Baseline, Key, Record
from suite.regression.comparison import CaseChange, ChangeKind, compare
from suite.regression.identity import Identity, changed_values, differences
from suite.results.rows import TIMINGS, TimingRow
from suite.run import Job
from suite.workers.selection import framework_of

ROUNDED = frozenset({ChangeKind.ROUNDING, ChangeKind.INSTRUCTIONS})
FURTHER = frozenset({ChangeKind.BEYOND, ChangeKind.BROKEN, ChangeKind.FIXED, ChangeKind.UNDECIDED, ChangeKind.GONE})
NAMED = 3
"""The largest number of cases that are listed, if some cases changed and the dialect did not."""


class ReleaseChange(Enum):
    """The kinds of changes of an implementation since the release before, after `FIRST` the most severe first."""

    FIRST = "first"
    DIALECT = "dialect"
    CASES = "some cases"
    GONE = "gone"
    NEW = "new"
    ROUNDING = "rounding"
    SAME = "same bits"


@dataclass(frozen=True)
class Time:
    """The median time of a step with its bootstrap interval, and its ratio to that of the release before, if any."""

    seconds: float
    interval: Sequence[float]
    ratio: float | None = None
    ratio_interval: tuple[float, float] | None = None
    conclusion: str | None = None


@dataclass(frozen=True)
class HistoryEntry:
    """One implementation in one release."""

    implementation: str
    requested_dialect: str  # the dialect that it had to run; empty if it can't run any
    release: str
    version: str  # the version of the framework, normalized: 2.0.0b1 for 2.0.0beta1
    identity: Identity  # the dialects that it computes
    change: ReleaseChange  # the kind of its change since the release before, described by `words`
    words: str = ""
    axes: Differences = field(default_factory=dict)  # the axes on which its dialect changed
    changes: tuple[CaseChange, ...] = ()  # the changes of its cases since the release before
    time: Time | None = None
    untimed: str | None = None  # why there is no time, if timing failed

    @property
    def name(self) -> str:
        """The implementation with its requested dialect, as `mxnet/builtin` or `mxnet/scratch as d2l`."""
        dialect = self.requested_dialect
        return f"{self.implementation} as {dialect}" if dialect else self.implementation


def history(whole: Baseline, releases: Sequence[str], cases: Iterable[Case]) -> list[HistoryEntry]:
    """Return the history of each implementation of each framework, release by release.

    `whole` is a baseline of all releases, in which the name of a framework is that of a release. The releases are
    ordered, the older first; those without records are left out. `cases` is the catalogue.
    """
    known = {case.id: case for case in cases}
    recorded = [name for name in releases if name in whole.frameworks]
    entries = []
    for framework in dict.fromkeys(map(framework_of, recorded)):
        own = [name for name in recorded if framework_of(name) == framework]
        baselines = [whole.renamed({name: framework}) for name in own]
        for unit, records in _units(baselines[0]).items():
            version = _version(baselines[0], framework)
            entries.append(HistoryEntry(*unit, own[0], version, Identity.of(records, known), ReleaseChange.FIRST))
        for name, (old, new) in zip(own[1:], pairwise(baselines), strict=True):
            entries += _following(name, old, new, known)
    order = list(dict.fromkeys(entry.name for entry in entries))
    return sorted(entries, key=lambda entry: (order.index(entry.name), recorded.index(entry.release)))


def _version(baseline: Baseline, framework: str) -> str:
    found = baseline.version(framework)
    try:
        return str(Version(found))
    except InvalidVersion:
        return found


def _units(baseline: Baseline) -> dict[tuple[str, str], dict[Key, Record]]:
    """Return the records of each implementation and requested dialect."""
    found: dict[tuple[str, str], dict[Key, Record]] = {}
    for key in sorted(baseline.records):
        found.setdefault((key.name, key.requested_dialect), {})[key] = baseline.records[key]
    return found


def _following(name: str, old: Baseline, new: Baseline, cases: Mapping[str, Case]) -> Iterator[HistoryEntry]:
    """Yield the entries of a release that has one before it."""
    before, after = _units(old), _units(new)
    changes: dict[tuple[str, str], list[CaseChange]] = {}
    for change in compare(old, new):
        changes.setdefault((change.key.name, change.key.requested_dialect), []).append(change)
    for unit in dict.fromkeys([*before, *after]):
        was, now = (Identity.of(one.get(unit, {}), cases) for one in (before, after))
        own = tuple(changes.get(unit, ()))
        axes = differences(was, now, cases)
        kind, words = _release_change(was, now, own, axes)
        if kind is not ReleaseChange.GONE or was.traced:  # it is reported as gone once
            version = _version(new, framework_of(name))
            yield HistoryEntry(*unit, name, version, now, kind, words, axes or {}, own)


def _release_change(
    was: Identity, now: Identity, changes: Sequence[CaseChange], axes: Differences | None
) -> tuple[ReleaseChange, str]:
    """Return the kind of a change since the release before, and its description."""
    both = [change for change in changes if change.before and change.after and change.after.has_trace]
    further = [change for change in changes if change.kind in FURTHER]
    rounded = [change for change in both if change.kind in ROUNDED]
    if not now.traced:
        return ReleaseChange.GONE, next((change.after.reason or "" for change in changes if change.after), "")
    if not was.traced:
        return ReleaseChange.NEW, ""
    if axes:
        beyond = [change for change in further if change.kind is ChangeKind.BEYOND]
        steps = [one.difference.first_step for one in beyond if one.difference and one.difference.first_step]
        since = f", from step {min(steps)} on" if steps else ""
        return ReleaseChange.DIALECT, f"{changed_values(axes)}; in {len(beyond)} of {len(both)} cases{since}"
    if further:
        shown = [f"{one.key.case} {one.key.dtype} {one.kind.value}: {one.words}" for one in further[:NAMED]]
        more = [f"and {len(further) - NAMED} more"] if len(further) > NAMED else []
        return ReleaseChange.CASES, "; ".join([f"in {len(further)} of {len(both)} cases", *shown, *more])
    if rounded:
        far = max(change.ulps for change in rounded)
        distance = f", by up to {far:.3g} ulps" if far else ""
        return ReleaseChange.ROUNDING, f"in {len(rounded)} of {len(both)} cases{distance}"
    return ReleaseChange.SAME, f"in {len(both)} cases"


def timed(job: Job, entries: Sequence[HistoryEntry]) -> list[HistoryEntry]:
    """Time a step of each implementation in one interleaved run, and compare each release with the one before.

    Each implementation is timed as the dialect that it was found to compute. Returns the entries with their times.
    """
    computed: dict[str, dict[str, str]] = {}
    for entry in entries:
        name, found = entry.implementation.partition("/")[2], entry.identity.dialects
        described = job.hellos[entry.release]["implementations"].get(name)
        if described is not None:  # else it is gone
            declared = described["dialect"]
            keep = entry.requested_dialect or not found or declared in found
            computed.setdefault(entry.release, {})[name] = declared if keep else found[0]
    job.bench(computed)
    rows = {(row.framework, row.implementation): row for row in job.store.rows(TIMINGS) if row.instance == 1}
    timed_entries, last = [], dict[str, TimingRow]()
    for entry in entries:
        row = rows.get((entry.release, entry.implementation.partition("/")[2]))
        if row is None or row.median is None or row.interval is None:
            timed_entries.append(replace(entry, untimed=row.reason if row else None))
            continue
        time, before = Time(row.median, row.interval), last.get(entry.name)
        if before is not None and len(before.samples) == len(row.samples):
            ratio = paired(row.samples, before.samples)
            conclusion = ratio.conclusion(row.noise_floor or 0.0).value
            time = Time(row.median, row.interval, ratio.value, (ratio.low, ratio.high), conclusion)
        last[entry.name] = row
        timed_entries.append(replace(entry, time=time))
    return timed_entries
