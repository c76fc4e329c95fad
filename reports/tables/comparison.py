"""Two runs side by side: verdicts that changed, losses, bits, times, and on what each was made."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reports.read.results import Results, records
from reports.read.schema import Row
from reports.tables.outcomes import NAMED, Outcome

CALLS = ("slower", "faster", "unclear", "same")
"""What may be said of a time in the second run, from what matters most."""


@dataclass(frozen=True)
class Change:
    """A verdict or training run that has another outcome in the second run.

    Attributes:
        name: as in `torch/builtin`.
        about: the case or task, dtype and dialect.
        outcomes: in each.
        row: of the second run, which says why.
    """

    name: str
    about: str
    outcomes: tuple[Outcome, Outcome]
    row: Row


@dataclass(frozen=True)
class Line:
    """One implementation in both runs.

    Attributes:
        name: as in `torch/builtin`.
        versions: of its framework, in each.
        shared: verdicts in both.
        changed: of these, with another outcome.
        bits: of these, those of which the parameters are not the same to the last bit; None where that is not known.
        gone: verdicts of the first alone.
        new: verdicts of the second alone.
    """

    name: str
    versions: tuple[str, str]
    shared: int
    changed: int
    bits: int | None
    gone: int
    new: int


@dataclass(frozen=True)
class Loss:
    """The final loss of a training run in both; `same` to the last bit."""

    name: str
    about: str
    losses: tuple[float | None, float | None]

    @property
    def same(self) -> bool:
        """To the last bit."""
        return self.losses[0] == self.losses[1]

    @property
    def distance(self) -> float | None:
        """Relative to the first."""
        one, other = self.losses
        return abs(other - one) / abs(one) if one and other is not None else None


@dataclass(frozen=True)
class Time:
    """A time in both runs, and what may be said of the second against the first.

    Attributes:
        name: as in `torch/builtin`.
        benchmark: of what.
        medians: seconds.
        ratio: the second over the first; its interval is `interval`.
        floor: what the noisier of the two machines makes of nothing.
        call: one of `CALLS`; None where one of the two has no time, for the `reason`.
    """

    name: str
    benchmark: str
    medians: tuple[float | None, float | None]
    ratio: float | None
    interval: tuple[float, float] | None
    floor: float
    call: str | None
    reason: str | None


@dataclass(frozen=True)
class Comparison:
    """Two runs.

    Attributes:
        names: of their folders.
        facts: what was not alike: label, and each.
        alike: labels of what was.
        changes: outcomes that changed, what is worse now first.
        lines: implementations.
        losses: of the runs that both have.
        times: of what both have; what is judged elsewhere.
        unlike: why no times can be compared, or None.
    """

    names: tuple[str, str]
    facts: tuple[tuple[str, str, str], ...]
    alike: tuple[str, ...]
    changes: tuple[Change, ...]
    lines: tuple[Line, ...]
    losses: tuple[Loss, ...]
    times: tuple[Time, ...]
    unlike: str | None

    @property
    def calls(self) -> Mapping[str, int]:
        """How many times may be called what."""
        return Counter(time.call for time in self.times if time.call)

    @property
    def sentences(self) -> list[str]:
        """The answers, in the order of the page."""
        shared, changed = sum(line.shared for line in self.lines), len(self.changes)
        bits = [line.bits for line in self.lines if line.bits is not None]
        lost = sum(not loss.same for loss in self.losses)
        verdicts = f"{changed:,} of {shared + len(self.losses):,} outcomes changed"
        moved = f"{sum(bits):,} traces have other bits" if bits else "whether bits changed is not known"
        losses = f"{lost:,} of {len(self.losses):,} losses are not the same to the last bit"
        calls = ", ".join(f"{self.calls[call]:,} {call}" for call in CALLS if self.calls.get(call))
        times = (
            f"of {len(self.times):,} times, {calls or 'none can be compared'}" if self.times else "no times compared"
        )
        return [f"{verdicts}; {moved}.", f"{losses}.", f"{times[0].upper()}{times[1:]}."]


def build(one: Results, other: Results, times: Sequence[Time] = (), unlike: str | None = None) -> Comparison:
    """Compare; times have been judged where their samples are known to be alike, or are not, for a reason."""
    facts = list(_facts(one, other))
    changes = [*_changes(one, other, "verdicts", "case"), *_changes(one, other, "training", "task")]
    return Comparison(
        names=(one.folder.resolve().name, other.folder.resolve().name),
        facts=tuple(fact for fact in facts if fact[1] != fact[2]),
        alike=tuple(label for label, before, after in facts if before == after),
        changes=tuple(sorted(changes, key=_urgency)),
        lines=tuple(_lines(one, other)),
        losses=tuple(_losses(one, other)),
        times=tuple(sorted(times, key=lambda time: CALLS.index(time.call) if time.call in CALLS else len(CALLS))),
        unlike=unlike,
    )


def _facts(one: Results, other: Results) -> Iterator[tuple[str, str, str]]:
    found = [dict(results.manifest.facts()) for results in (one, other)]
    for label in dict.fromkeys([*found[0], *found[1]]):
        if label != "Command":
            yield label, found[0].get(label, "not recorded"), found[1].get(label, "not recorded")
    packages = [{framework.name: framework.words for framework in each.manifest.frameworks} for each in (one, other)]
    for name in dict.fromkeys([*packages[0], *packages[1]]):
        yield name, packages[0].get(name, "not asked"), packages[1].get(name, "not asked")


def _both(one: Results, other: Results, table: str, about: str) -> Iterable[tuple[Row, Row]]:
    """Rows of both runs that are about the same, whatever the version."""
    before, after = (_keyed(records(getattr(results, table)), _key(about)) for results in (one, other))
    return ((before[key], after[key]) for key in before if key in after)


def _key(about: str) -> Callable[[Row], tuple[str | None, ...]]:
    return lambda row: tuple(row[part] for part in ("framework", "implementation", "device", "dtype", about, "dialect"))


def _keyed(rows: Iterable[Row], key: Callable[[Row], tuple[str | None, ...]]) -> dict[tuple[str | None, ...], Row]:
    return {key(row): row for row in rows}


def _changes(one: Results, other: Results, table: str, about: str) -> Iterator[Change]:
    for before, after in _both(one, other, table, about):
        if before["outcome"] != after["outcome"]:
            outcomes = (NAMED[before["outcome"]], NAMED[after["outcome"]])
            yield Change(_name(after), _about(after, about), outcomes, after)


def _urgency(change: Change) -> tuple[bool, str, str]:
    return change.outcomes[1].name == "agrees", change.name, change.about


def _lines(one: Results, other: Results) -> Iterator[Line]:
    parts: list[dict[str, dict[tuple[str | None, ...], Row]]] = []
    for results in (one, other):
        found: dict[str, dict[tuple[str | None, ...], Row]] = defaultdict(dict)
        for row in records(results.verdicts):
            found[_name(row)][_key("case")(row)] = row
        parts.append(found)
    for name in sorted({*parts[0], *parts[1]}):
        before, after = (part.get(name, {}) for part in parts)
        shared = before.keys() & after.keys()
        known = [key for key in shared if before[key]["trace_sha256"] and after[key]["trace_sha256"]]
        yield Line(
            name,
            (_version(before), _version(after)),
            len(shared),
            sum(before[key]["outcome"] != after[key]["outcome"] for key in shared),
            sum(before[key]["trace_sha256"] != after[key]["trace_sha256"] for key in known) if known else None,
            len(before.keys() - shared),
            len(after.keys() - shared),
        )


def _version(rows: Mapping[tuple[str | None, ...], Row]) -> str:
    return ", ".join(sorted({row["version"] or "" for row in rows.values()}))


def _losses(one: Results, other: Results) -> Iterator[Loss]:
    for before, after in _both(one, other, "training", "task"):
        yield Loss(_name(after), _about(after, "task"), (before["loss"], after["loss"]))


def _name(row: Row) -> str:
    return f"{row['framework']}/{row['implementation']}"


def _about(row: Row, about: str) -> str:
    return " · ".join(part for part in (row[about], row["dtype"], row["dialect"]) if part)
