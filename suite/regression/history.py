"""The history of implementations: what each release computes, and what became of that since the release before.

It is made from verdicts and bits alone. Of the releases it knows the names, and in which order they were named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import pairwise

from packaging.version import InvalidVersion, Version

from suite.benchmark.statistics import Call, Ratio, paired
from suite.cases.catalogue import Case
from suite.regression.axes import Axes
from suite.regression.baseline import Baseline, Key, Record
from suite.regression.comparison import Change, Kind, compare
from suite.regression.identity import Identity, differences, moved
from suite.results.store import Row
from suite.workers.selection import framework_of

ROUNDED = frozenset({Kind.ROUNDING, Kind.INSTRUCTIONS})
FURTHER = frozenset({Kind.BEYOND, Kind.BROKEN, Kind.MENDED, Kind.UNDECIDED, Kind.GONE})
NAMED = 3
"""Cases that are named one by one, at most, where a few have moved and no dialect has."""


class Turn(Enum):
    """What became of an implementation since the release before."""

    FIRST = "first"
    NEW = "new"
    SAME = "same bits"
    ROUNDING = "rounding"
    CASES = "some cases"
    DIALECT = "dialect"
    GONE = "gone"


@dataclass(frozen=True)
class Unit:
    """What has a history: an implementation, and the dialect that it was told to run, if it runs any."""

    implementation: str
    asked: str

    @property
    def name(self) -> str:
        """As `mxnet/builtin` or `mxnet/scratch as d2l`."""
        return f"{self.implementation} as {self.asked}" if self.asked else self.implementation


@dataclass(frozen=True)
class Time:
    """Of a step.

    Attributes:
        seconds: the median.
        interval: of it.
        ratio: to that of the release before; None if there is none.
        call: what may be said of the two.
    """

    seconds: float
    interval: tuple[float, float]
    ratio: Ratio | None = None
    call: Call | None = None


@dataclass(frozen=True)
class Entry:
    """A unit in a release.

    Attributes:
        unit: which.
        release: the release's name.
        version: of the framework.
        identity: what it computes.
        turn: what became of it since the release before.
        words: how, for people.
        axes: on which it is another dialect, where it is.
        changes: of its cases since the release before.
        time: of its step.
        untimed: why that is missing, if anything is to be said.
    """

    unit: Unit
    release: str
    version: str
    identity: Identity
    turn: Turn
    words: str = ""
    axes: Axes = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    time: Time | None = None
    untimed: str | None = None

    @property
    def counts(self) -> Counter[Kind]:
        """How many cases are of each kind."""
        return Counter(change.kind for change in self.changes)


def history(whole: Baseline, releases: Sequence[str], cases: Iterable[Case]) -> list[Entry]:
    """Framework by framework, implementation by implementation, release by release.

    Args:
        whole: what all of them gave, in which a framework's name is that of a release.
        releases: their names, the older first; those that gave nothing are passed over.
        cases: the catalogue.
    """
    known = {case.id: case for case in cases}
    asked = [name for name in releases if name in whole.frameworks]
    entries = []
    for framework in dict.fromkeys(map(framework_of, asked)):
        of = [(name, of_release(whole, name)) for name in asked if framework_of(name) == framework]
        entries += list(_first(*of[0], known))
        for (_, old), (name, new) in pairwise(of):
            entries += list(_following(old, name, new, known))
    order = {unit: place for place, unit in enumerate(dict.fromkeys(entry.unit for entry in entries))}
    return sorted(entries, key=lambda entry: (order[entry.unit], asked.index(entry.release)))


def of_release(whole: Baseline, name: str) -> Baseline:
    """What one release gave, under the name of its framework."""
    return whole.under({name: framework_of(name)})


def version(baseline: Baseline, name: str) -> str:
    """That of the framework, in its normal form: 2.0.0b1 where it calls itself 2.0.0beta1."""
    said = baseline.version(framework_of(name))
    try:
        return str(Version(said))
    except InvalidVersion:
        return said


def units(baseline: Baseline) -> dict[Unit, dict[Key, Record]]:
    """The records of each."""
    found: dict[Unit, dict[Key, Record]] = {}
    for key in sorted(baseline.records):
        found.setdefault(Unit(key.name, key.asked), {})[key] = baseline.records[key]
    return found


def _first(name: str, baseline: Baseline, cases: Mapping[str, Case]) -> Iterator[Entry]:
    for unit, records in units(baseline).items():
        yield Entry(unit, name, version(baseline, name), Identity.of(records, cases), Turn.FIRST)


def _following(old: Baseline, name: str, new: Baseline, cases: Mapping[str, Case]) -> Iterator[Entry]:
    before, after = units(old), units(new)
    changes: dict[Unit, list[Change]] = {}
    for change in compare(old, new):
        changes.setdefault(Unit(change.key.name, change.key.asked), []).append(change)
    for unit in dict.fromkeys([*before, *after]):
        was, now = (Identity.of(one.get(unit, {}), cases) for one in (before, after))
        own = tuple(changes.get(unit, ()))
        axes = differences(was, now, cases)
        turn = _turn(was, now, own, axes)
        if turn is not Turn.GONE or was.answered:  # what is gone is not gone again
            yield Entry(unit, name, version(new, name), now, turn, _words(turn, own, axes), axes or {}, own)


def _turn(was: Identity, now: Identity, changes: Sequence[Change], axes: Axes | None) -> Turn:
    kinds = {change.kind for change in changes}
    if not now.answered:
        return Turn.GONE
    if not was.answered:
        return Turn.NEW
    if axes:
        return Turn.DIALECT
    if kinds & FURTHER:
        return Turn.CASES
    return Turn.ROUNDING if kinds & ROUNDED else Turn.SAME


def _words(turn: Turn, changes: Sequence[Change], axes: Axes | None) -> str:
    both = [change for change in changes if change.before and change.after and change.after.answers]
    total, further = len(both), [change for change in changes if change.kind in FURTHER]
    rounded = [change for change in both if change.kind in ROUNDED]
    if turn is Turn.DIALECT and axes:
        beyond = [change for change in further if change.kind is Kind.BEYOND]
        steps = [change.parting.first_step for change in beyond if change.parting and change.parting.first_step]
        since = f", from step {min(steps)} on" if steps else ""
        return f"{moved(axes)}; in {len(beyond)} of {total} cases{since}"
    if turn is Turn.CASES:
        shown = [f"{one.key.case} {one.key.dtype} {one.kind.value}: {one.words}" for one in further[:NAMED]]
        more = [f"and {len(further) - NAMED} more"] if len(further) > NAMED else []
        return "; ".join([f"in {len(further)} of {total} cases", *shown, *more])
    if turn is Turn.ROUNDING:
        far = max((change.parting.ulps for change in rounded if change.parting), default=0.0)
        return f"in {len(rounded)} of {total} cases" + (f", by up to {far:.3g} ulps" if far else "")
    if turn is Turn.SAME:
        return f"in {total} cases"
    if turn is Turn.GONE:
        return next((change.after.reason or "" for change in changes if change.after), "")
    return ""


def timed(entries: Sequence[Entry], rows: Iterable[Row]) -> list[Entry]:
    """The same, with what was timed, each against the release before: all ran in one race.

    Args:
        entries: of a history.
        rows: of the timings of one benchmark.
    """
    known = {(row["framework"], row["implementation"]): row for row in rows if row["instance"] == 1}
    found, last = [], dict[Unit, Row]()
    for entry in entries:
        implementation = entry.unit.implementation.partition("/")[2]
        row = known.get((entry.release, implementation))
        if row is None or not row["samples"]:
            found.append(replace(entry, untimed=row["reason"] if row else None))
            continue
        before, ratio, call = last.get(entry.unit), None, None
        if before is not None and len(before["samples"]) == len(row["samples"]):
            ratio = paired(row["samples"], before["samples"])
            call = ratio.call(row["floor"] or 0.0)
        last[entry.unit] = row
        found.append(replace(entry, time=Time(row["median"], tuple(row["interval"]), ratio, call)))
    return found
