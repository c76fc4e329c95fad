"""The comparison of two runs: outcomes that changed, losses, traces, times, and the conditions of each run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from reports.read import Results, by_key
from reports.tables.numbers import MISSING, count, distance, duration, loss, share, significant
from reports.tables.outcomes import NAMED, Outcome
from reports.tables.table import Table, columns, shortened
from reports.tables.timing import CONCLUSIONS, MARKS
from suite.results.rows import TrainingRow, VerdictRow, case_of, name_of

_Key = tuple[str | None, ...]
_Judged = TypeVar("_Judged", VerdictRow, TrainingRow)


@dataclass(frozen=True)
class OutcomeChange:
    """A verdict or training run with another outcome in the second run, and the reason of that one.

    `case` has the case or task, dtype and dialect.
    """

    name: str
    case: str
    outcomes: tuple[Outcome, Outcome]
    reason: str


@dataclass(frozen=True)
class ImplementationChange:
    """One implementation in both runs.

    Of the `shared` verdicts, which are in both, `changed` have another outcome and `other_bits` another fingerprint
    (None where fingerprints are not known); `gone` are in the first run only, `new` in the second only.
    """

    name: str
    versions: tuple[str, str]
    shared: int
    changed: int
    other_bits: int | None
    gone: int
    new: int


@dataclass(frozen=True)
class Loss:
    """The final loss of a training run that both runs have."""

    name: str
    task: str
    losses: tuple[float | None, float | None]

    @property
    def same(self) -> bool:
        """Whether the two are equal to the last bit."""
        return self.losses[0] == self.losses[1]

    @property
    def distance(self) -> float | None:
        """The difference, relative to the first."""
        one, other = self.losses
        return abs(other - one) / abs(one) if one and other is not None else None


@dataclass(frozen=True)
class Time:
    """A time in both runs, and versions of the framework: medians in seconds, and the ratio of the second to the first.

    `interval` is that of the ratio, `p_value` that of the hypothesis that both times are equal. `noise_floor` is the
    larger of the two. `conclusion` is one of `CONCLUSIONS`, or None for the `reason`.
    """

    name: str
    benchmark: str
    versions: tuple[str, str]
    medians: tuple[float | None, float | None]
    ratio: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    noise_floor: float
    conclusion: str | None
    reason: str | None


@dataclass(frozen=True)
class RunComparison:
    """Two runs side by side, under the names of their folders.

    `facts` has the conditions that differ, with the value in each run, and `same_conditions` the labels of the others.
    New disagreements come first in `changes`, the most important conclusions in `times`. `times_not_compared` is the
    reason if times can't be compared.
    """

    names: tuple[str, str]
    facts: tuple[tuple[str, str, str], ...]
    same_conditions: tuple[str, ...]
    changes: tuple[OutcomeChange, ...]
    implementations: tuple[ImplementationChange, ...]
    losses: tuple[Loss, ...]
    times: tuple[Time, ...]
    times_not_compared: str | None

    @property
    def sentences(self) -> list[str]:
        """The results, in the order of the page."""
        shared, changed = sum(one.shared for one in self.implementations), len(self.changes)
        bits = [one.other_bits for one in self.implementations if one.other_bits is not None]
        moved = sum(not loss.same for loss in self.losses)
        traces = f"{sum(bits):,} traces have other bits" if bits else "whether bits changed is not known"
        number = len(self.times)
        counts = Counter(time.conclusion for time in self.times if time.conclusion)
        called = ", ".join(f"{counts[call]:,} {call}" for call in CONCLUSIONS if counts[call])
        return [
            f"{changed:,} of {shared + len(self.losses):,} outcomes changed; {traces}.",
            f"{moved:,} of {len(self.losses):,} losses are not the same to the last bit.",
            f"Of {number:,} times, {called or 'none can be compared'}." if number else "No times compared.",
        ]


def compare(
    one: Results, other: Results, times: Sequence[Time] = (), times_not_compared: str | None = None
) -> RunComparison:
    """Compare two runs and add their compared times, or the reason why times can't be compared."""
    facts = list(_facts(one, other))
    importance = {conclusion: place for place, conclusion in enumerate(CONCLUSIONS)}
    changes = [*_changes(one.verdicts, other.verdicts), *_changes(one.training, other.training)]
    return RunComparison(
        names=(one.folder.resolve().name, other.folder.resolve().name),
        facts=tuple(fact for fact in facts if fact[1] != fact[2]),
        same_conditions=tuple(label for label, before, after in facts if before == after),
        changes=tuple(sorted(changes, key=lambda one: (one.outcomes[1].name == "agrees", one.name, one.case))),
        implementations=tuple(_implementations(one, other)),
        losses=tuple(
            Loss(name_of(after), _case(after), (before.loss, after.loss))
            for before, after in _both(one.training, other.training)
        ),
        times=tuple(sorted(times, key=lambda time: importance.get(time.conclusion or "", len(CONCLUSIONS)))),
        times_not_compared=times_not_compared,
    )


def _facts(one: Results, other: Results) -> Iterator[tuple[str, str, str]]:
    found = [dict(results.manifest.facts()) for results in (one, other)]
    for label in dict.fromkeys([*found[0], *found[1]]):
        if label != "Command":
            yield label, found[0].get(label, "not recorded"), found[1].get(label, "not recorded")
    packages = [{framework.name: framework.words for framework in each.manifest.frameworks} for each in (one, other)]
    for name in dict.fromkeys([*packages[0], *packages[1]]):
        yield name, packages[0].get(name, "not in this run"), packages[1].get(name, "not in this run")


def _both(one: Iterable[_Judged], other: Iterable[_Judged]) -> Iterable[tuple[_Judged, _Judged]]:
    """Pairs of rows about the same case or task in both runs, whatever the version."""
    before, after = ({_key(row): row for row in rows} for rows in (one, other))
    return ((before[key], after[key]) for key in before if key in after)


def _key(row: VerdictRow | TrainingRow) -> _Key:
    return row.framework, row.implementation, row.device, row.dtype, case_of(row), row.dialect


def _changes(one: Iterable[_Judged], other: Iterable[_Judged]) -> Iterator[OutcomeChange]:
    for before, after in _both(one, other):
        if before.outcome != after.outcome:
            outcomes = (NAMED[before.outcome], NAMED[after.outcome])
            yield OutcomeChange(name_of(after), _case(after), outcomes, after.reason or "")


def _implementations(one: Results, other: Results) -> Iterator[ImplementationChange]:
    runs = [by_key(results.verdicts, name_of) for results in (one, other)]
    for name in sorted({*runs[0], *runs[1]}):
        before, after = ({_key(row): row for row in run.get(name, [])} for run in runs)
        shared = before.keys() & after.keys()
        known = [key for key in shared if before[key].trace_sha256 and after[key].trace_sha256]
        other_bits = sum(before[key].trace_sha256 != after[key].trace_sha256 for key in known)
        versions = [", ".join(sorted({row.version for row in rows.values()})) for rows in (before, after)]
        yield ImplementationChange(
            name=name,
            versions=(versions[0], versions[1]),
            shared=len(shared),
            changed=sum(before[key].outcome != after[key].outcome for key in shared),
            other_bits=other_bits if known else None,
            gone=len(before) - len(shared),
            new=len(after) - len(shared),
        )


def _case(row: VerdictRow | TrainingRow) -> str:
    return " · ".join(part for part in (case_of(row), row.dtype, row.dialect) if part)


# As tables


def brief_tables(comparison: RunComparison) -> list[Table]:
    """The tables for a terminal and for Markdown, with only those losses that are not the same."""
    moved = replace(comparison, losses=tuple(loss for loss in comparison.losses if not loss.same))
    return [
        facts_table(comparison),
        changes_table(comparison, reason_length=160),
        implementations_table(comparison),
        replace(losses_table(moved), title="Losses that are not the same"),
        times_table(comparison),
    ]


def facts_table(comparison: RunComparison) -> Table:
    """The conditions that differ."""
    return Table.of(["Condition", *comparison.names], comparison.facts, "Conditions that differ")


def changes_table(comparison: RunComparison, reason_length: int = 400) -> Table:
    """The outcomes that changed, with their reasons up to a length."""
    rows = []
    for one in comparison.changes:
        before, after = (outcome.cell for outcome in one.outcomes)
        rows.append((one.name, one.case, before, after, shortened(one.reason, reason_length)))
    return Table.of(["Implementation", "Case", *comparison.names, "Reason"], rows, "Outcomes that changed")


def implementations_table(comparison: RunComparison) -> Table:
    """The number of verdicts that changed, for each implementation."""
    counted = ("Verdicts in both", "Changed", "Other bits", "Gone", "New")
    rows = []
    for one in comparison.implementations:
        bits = MISSING if one.other_bits is None else count(one.other_bits)
        counts = (count(one.shared), count(one.changed), bits, count(one.gone), count(one.new))
        rows.append((one.name, *one.versions, *counts))
    headings = columns("Implementation", "First version", "Second version", numbers=counted)
    return Table.of(headings, rows, "Implementations")


def losses_table(comparison: RunComparison) -> Table:
    """The final losses of training runs in both, with their relative difference."""
    rows = (
        (one.name, one.task, *map(loss, one.losses), "=" if one.same else distance(one.distance))
        for one in comparison.losses
    )
    headings = columns("Implementation", "Task", numbers=(*comparison.names, "Difference"))
    return Table.of(headings, rows, "Losses")


def times_table(comparison: RunComparison) -> Table:
    """The times in both, with their ratio."""

    def row(time: Time) -> tuple[str, ...]:
        first = (time.benchmark, time.name)
        medians = tuple(map(duration, time.medians))
        if time.conclusion is None or time.interval is None:
            reason = f"not compared: {shortened(time.reason or 'no samples', 160)}"
            return (*first, reason, *medians, "", "", share(time.noise_floor))
        interval = " to ".join(map(significant, time.interval))
        conclusion = f"{MARKS.get(time.conclusion, '?')} {time.conclusion}"
        return (*first, conclusion, *medians, significant(time.ratio), interval, share(time.noise_floor))

    numbers = (*comparison.names, "Ratio", "Interval", "Noise floor")
    headings = columns("Benchmark", "Implementation", "Second run", numbers=numbers)
    return Table.of(headings, map(row, comparison.times), "Times")
