"""The comparison of two runs: outcomes that changed, losses, traces, times, and the conditions of each run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from reports.read.results import Results
from reports.tables.numbers import MISSING, count, distance, duration, loss, share, significant
from reports.tables.outcomes import NAMED, Outcome
from reports.tables.table import Table, columns, one_line
from suite.results.rows import TrainingRow, VerdictRow, case_of

CONCLUSIONS = ("slower", "faster", "unclear", "same")
"""What the comparison of a time can conclude, the most important first."""

_Key = tuple[str | None, ...]
_Judged = TypeVar("_Judged", VerdictRow, TrainingRow)


@dataclass(frozen=True)
class OutcomeChange:
    """A verdict or training run with another outcome in the second run.

    Attributes:
        name: the implementation, as in `torch/builtin`.
        case: the case or task, dtype and dialect.
        outcomes: in the first run and in the second.
        reason: of the second outcome; may be empty.
    """

    name: str
    case: str
    outcomes: tuple[Outcome, Outcome]
    reason: str


@dataclass(frozen=True)
class ImplementationChange:
    """One implementation in both runs.

    Attributes:
        name: as in `torch/builtin`.
        versions: of its framework, in the first run and in the second.
        shared: the number of verdicts in both runs.
        changed: how many of these have another outcome.
        other_bits: how many of these have another fingerprint; None where fingerprints are not known.
        gone: the number of verdicts in the first run only.
        new: the number of verdicts in the second run only.
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
    """A time in both runs.

    Attributes:
        name: the implementation, as in `torch/builtin`.
        benchmark: its name.
        versions: of the framework, in the first run and in the second.
        medians: seconds, in the first run and in the second.
        ratio: the second time over the first.
        interval: of the ratio.
        p_value: of the hypothesis that both times are equal.
        noise_floor: the larger of the two noise floors.
        conclusion: one of `CONCLUSIONS`; None where it is not known.
        reason: why there is no conclusion.
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
    """Two runs side by side.

    Attributes:
        names: of their folders.
        facts: conditions that differ: a label, and the value in each run.
        alike: labels of the conditions that do not differ.
        changes: outcomes that changed, new disagreements first.
        implementations: in either run.
        losses: of the training runs in both.
        times: of the benchmarks in both, the most important conclusions first.
        unlike: why times can't be compared, or None.
    """

    names: tuple[str, str]
    facts: tuple[tuple[str, str, str], ...]
    alike: tuple[str, ...]
    changes: tuple[OutcomeChange, ...]
    implementations: tuple[ImplementationChange, ...]
    losses: tuple[Loss, ...]
    times: tuple[Time, ...]
    unlike: str | None

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


def build(one: Results, other: Results, times: Sequence[Time] = (), unlike: str | None = None) -> RunComparison:
    """Compare two runs.

    Args:
        one: the first run.
        other: the second run.
        times: the compared times.
        unlike: why times can't be compared, or None.
    """
    facts = list(_facts(one, other))
    changes = [*_changes(one.verdicts, other.verdicts), *_changes(one.training, other.training)]
    return RunComparison(
        names=(one.folder.resolve().name, other.folder.resolve().name),
        facts=tuple(fact for fact in facts if fact[1] != fact[2]),
        alike=tuple(label for label, before, after in facts if before == after),
        changes=tuple(sorted(changes, key=lambda one: (one.outcomes[1].name == "agrees", one.name, one.case))),
        implementations=tuple(_implementations(one, other)),
        losses=tuple(
            Loss(_name(after), _case(after), (before.loss, after.loss))
            for before, after in _both(one.training, other.training)
        ),
        times=tuple(sorted(times, key=_importance)),
        unlike=unlike,
    )


def _importance(time: Time) -> int:
    return CONCLUSIONS.index(time.conclusion) if time.conclusion in CONCLUSIONS else len(CONCLUSIONS)


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
            yield OutcomeChange(_name(after), _case(after), outcomes, after.reason or "")


def _implementations(one: Results, other: Results) -> Iterator[ImplementationChange]:
    runs: list[dict[str, dict[_Key, VerdictRow]]] = []
    for results in (one, other):
        found: dict[str, dict[_Key, VerdictRow]] = defaultdict(dict)
        for row in results.verdicts:
            found[_name(row)][_key(row)] = row
        runs.append(found)
    for name in sorted({*runs[0], *runs[1]}):
        before, after = (run.get(name, {}) for run in runs)
        shared = before.keys() & after.keys()
        known = [key for key in shared if before[key].trace_sha256 and after[key].trace_sha256]
        other_bits = sum(before[key].trace_sha256 != after[key].trace_sha256 for key in known)
        yield ImplementationChange(
            name,
            (_version(before), _version(after)),
            len(shared),
            sum(before[key].outcome != after[key].outcome for key in shared),
            other_bits if known else None,
            len(before.keys() - shared),
            len(after.keys() - shared),
        )


def _version(rows: Mapping[_Key, VerdictRow]) -> str:
    return ", ".join(sorted({row.version for row in rows.values()}))


def _name(row: VerdictRow | TrainingRow) -> str:
    return f"{row.framework}/{row.implementation}"


def _case(row: VerdictRow | TrainingRow) -> str:
    return " · ".join(part for part in (case_of(row), row.dtype, row.dialect) if part)


# As tables


def facts_table(comparison: RunComparison) -> Table:
    """The conditions that differ."""
    return Table.of(["Condition", *comparison.names], comparison.facts, "Conditions that differ")


def changes_table(comparison: RunComparison, reason_length: int = 400) -> Table:
    """The outcomes that changed, with their reasons up to a length."""
    rows = []
    for one in comparison.changes:
        before, after = (outcome.cell for outcome in one.outcomes)
        rows.append((one.name, one.case, before, after, _shortened(one.reason, reason_length)))
    return Table.of(["Implementation", "Case", *comparison.names, "Reason"], rows, "Outcomes that changed")


def implementations_table(comparison: RunComparison) -> Table:
    """The number of verdicts that changed, for each implementation."""
    counted = ("Verdicts in both", "Changed", "Other bits", "Gone", "New")
    rows = (
        (one.name, *one.versions, count(one.shared), count(one.changed), _known(one.other_bits), count(one.gone),
         count(one.new))
        for one in comparison.implementations
    )  # fmt: skip
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
    signs = {"slower": "↑ ", "faster": "↓ ", "same": "= ", "unclear": "? "}

    def row(time: Time) -> tuple[str, ...]:
        first = (time.benchmark, time.name)
        medians = tuple(map(duration, time.medians))
        if time.conclusion is None or time.interval is None:
            reason = f"not compared: {_shortened(time.reason or 'no samples', 160)}"
            return (*first, reason, *medians, "", "", share(time.noise_floor))
        interval = " to ".join(map(significant, time.interval))
        conclusion = f"{signs.get(time.conclusion, '')}{time.conclusion}"
        return (*first, conclusion, *medians, significant(time.ratio), interval, share(time.noise_floor))

    numbers = (*comparison.names, "Ratio", "Interval", "Noise floor")
    headings = columns("Benchmark", "Implementation", "Second run", numbers=numbers)
    return Table.of(headings, map(row, comparison.times), "Times")


def _known(value: int | None) -> str:
    return MISSING if value is None else count(value)


def _shortened(text: str, length: int) -> str:
    line = one_line(text)
    return line if len(line) <= length else f"{line[:length]}…"
