"""The third table: what steps and epochs take, with what is known of their uncertainty.

A benchmark is a race: all that were timed side by side at one thing. Two of those who ran are no answers by
themselves, but say what the others are worth: who ran against itself, and who only moves the memory of a step.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from reports.read.results import Results, records
from reports.read.schema import Row
from reports.tables.numbers import Unit, significant, size, unit
from reports.tables.published import Published, beside

ORACLE = "oracle"
"""The framework under which the oracle itself is timed; never the one that others are compared with."""

TRAFFIC = "traffic"
"""The implementation that moves the memory of a step, and does no more."""

STEP = "step/"
"""How the name of a benchmark begins that is one step of an optimizer."""

SECTION = "section"
"""The implementation that is the book's own loop, written out."""

_FIRST = ("section", "section-concise", "scratch", "builtin")
"""Implementations that most frameworks have, as they are listed; the others follow by name."""

CALLS = ("faster", "slower", "same", "unclear")
"""What may be said of one time against another."""

LARGE = 1_000_000
"""Parameters from which on a step's memory says more than the pages that a process takes it in."""


@dataclass(frozen=True)
class Timing:
    """One timed implementation; `row` has the columns of the timings table.

    Attributes:
        row: all that is known of it.
        label: its name, with its dialect or version where the name alone would not tell it from another.
        section: the section's own loop in the same framework, if it was timed beside it.
    """

    row: Row
    label: str
    section: Row | None

    @property
    def name(self) -> str:
        """As in `torch/builtin`."""
        return _name(self.row)

    @property
    def place(self) -> tuple[bool, str, int, str]:
        """Sorting key: by framework, the oracle last, and in each the same order."""
        framework, name = self.row["framework"], self.row["implementation"]
        return framework == ORACLE, framework, _FIRST.index(name) if name in _FIRST else len(_FIRST), self.label

    @property
    def within(self) -> str:
        """The label without its framework."""
        return self.label.removeprefix(f"{self.row['framework']}/")

    @property
    def median(self) -> float | None:
        """Seconds; None where there is no figure, or it would be that of another algorithm."""
        return _median(self.row)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the median, in seconds."""
        return _pair(self.row, "interval")

    @property
    def samples(self) -> list[float]:
        """Seconds of each; none of what has no median."""
        return [] if self.median is None else [sample for sample in self.row["samples"] or [] if sample]

    @property
    def spread(self) -> float | None:
        """The interquartile range of the samples over their median."""
        return self.row["spread"] if self.row["spread"] is not None else _spread(self.samples)

    @property
    def each(self) -> float | None:
        """Seconds for each parameter; None where it is not a step, or not known of how many."""
        parameters = self.row["size"] or 0
        return self.median / parameters if self.median and _is_step(self.row) and parameters > 0 else None

    @property
    def fraction(self) -> float | None:
        """Which share of its time the memory alone would need."""
        return self.row["fraction"] if self.median is not None else None

    @property
    def call(self) -> str | None:
        """What may be said of it against its built-in; nothing is called different by less than the floor."""
        call, ratio = self.row["call"], self.row["ratio"]
        if call not in CALLS or self.median is None or not ratio or ratio < 0:
            return None
        return "unclear" if call in ("faster", "slower") and _within(ratio, self.row["floor"]) else str(call)

    @property
    def ratio_interval(self) -> tuple[float, float] | None:
        """Of the ratio to the built-in."""
        return _pair(self.row, "ratio_interval")

    @property
    def faster(self) -> str:
        """How many times faster than the section's own loop, marked with ≈ where no difference is claimed."""
        section = self.section and _median(self.section)
        if not section or not self.median or self.section is None:
            return ""
        mark = "≈ " if self.row is not self.section and _alike(self.row, self.section) else ""
        return f"{mark}{significant(section / self.median)}"

    @property
    def published(self) -> Published | None:
        """What the book prints for the same program."""
        if self.row["benchmark"] != "epoch/regression":
            return None
        return beside(self.row["framework"], self.row["implementation"], self.row["dialect"])

    @property
    def doubts(self) -> list[str]:
        """Their codes."""
        return self.row["doubts"] if self.median is not None else []


@dataclass(frozen=True)
class Benchmark:
    """One benchmark with the same threads, device and format.

    Attributes:
        name: as in `step/1000`, `step/100000/100` or `epoch/regression`.
        threads: of each framework.
        device: for people.
        dtype: likewise.
        timings: fastest first, then what has no median.
        floor: by how much two of the same part at most, relatively; None if nobody ran against itself.
        limit: seconds that moving the memory of a step takes, and who was fastest at it, as in `torch/traffic`.
    """

    name: str
    threads: int | None
    device: str | None
    dtype: str | None
    timings: tuple[Timing, ...]
    floor: float | None
    limit: tuple[float, str | None] | None

    @property
    def setting(self) -> str:
        """With what it was timed."""
        threads = None if self.threads is None else f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        return ", ".join(part for part in (self.device, self.dtype, threads) if part)

    @property
    def title(self) -> str:
        """What was timed, and with what."""
        return f"{self.name}, {self.setting}" if self.setting else self.name

    @cached_property
    def is_step(self) -> bool:
        """Whether one step of an optimizer was timed, over a number of parameters that is known."""
        return self.name.startswith(STEP) and self.size > 0 and self.tensors > 0

    @cached_property
    def size(self) -> int:
        """Parameters; 0 if that is not known."""
        return max(timing.row["size"] or 0 for timing in self.timings)

    @cached_property
    def tensors(self) -> int:
        """Among which they are divided."""
        return max(timing.row["tensors"] or 1 for timing in self.timings)

    @property
    def brief(self) -> str:
        """What it is called where many stand side by side."""
        brief = size(self.size) if self.is_step and self.tensors == 1 else self.name.removeprefix("epoch/")
        return brief if len(brief) <= 16 else f"{brief[:15]}…"

    @cached_property
    def unit(self) -> Unit:
        """In which its medians are shown."""
        return unit(timing.median for timing in self.timings if timing.median)

    @property
    def measured(self) -> tuple[Timing, ...]:
        """The timings that have a median, fastest first; without the oracle's."""
        return tuple(t for t in self.timings if t.median is not None and t.row["framework"] != ORACLE)

    @property
    def sentence(self) -> str:
        """The fastest, how many are not told from it, and the slowest."""
        if not self.measured:
            return "Nothing was measured."
        first, last = self.measured[0], self.measured[-1]
        fastest = f"Fastest: {first.label}, {self.show(first.median)} {self.unit.sign}"
        if first is last:
            return f"{fastest}."
        close = sum(_alike(first.row, other.row) for other in self.measured[1:])
        told = f" ({close} more can't be told from it)" if close else ""
        return f"{fastest}{told}; slowest: {last.label}, {self.show(last.median)} {self.unit.sign}."

    @property
    def margin(self) -> str:
        """The floor in words, or nothing."""
        if self.floor is None:
            return ""
        return f"Two of the same part by {significant(100 * self.floor, 2)} %: no smaller difference is claimed."

    @property
    def bound(self) -> str:
        """The limit in words, or nothing."""
        if self.limit is None:
            return ""
        seconds, who = self.limit
        return f"The memory of a step needs at least {self.show(seconds)} {self.unit.sign}{f': {who}' if who else ''}."

    def show(self, seconds: float | None) -> str:
        """A time in the benchmark's unit."""
        return self.unit.show(seconds)

    def between(self, timing: Timing) -> str:
        """The interval of a timing in the benchmark's unit, as in `14.1 to 15.2`, or nothing."""
        return " to ".join(map(self.show, timing.interval)) if timing.interval and timing.median else ""


def build(results: Results) -> tuple[Benchmark, ...]:
    """Make the timing table: one benchmark for each combination of name, device, format and threads."""
    parts: dict[tuple[str, int | None, str | None, str | None], list[Row]] = defaultdict(list)
    rows = records(results.timings)
    for row in rows:
        parts[row["benchmark"], row["threads"], row["device"], row["dtype"]].append(row)
    labels = _labels([row for row in rows if _contests(row)])
    races = [_benchmark(*key, found, labels) for key, found in parts.items()]
    return tuple(sorted((race for race in races if race.timings), key=_order))


def _benchmark(
    name: str,
    threads: int | None,
    device: str | None,
    dtype: str | None,
    rows: Sequence[Row],
    labels: dict[int, str],
) -> Benchmark:
    contest = [row for row in rows if _contests(row)]
    sections = {row["framework"]: row for row in contest if row["implementation"] == SECTION}
    timings = [Timing(row, labels[id(row)], sections.get(row["framework"])) for row in contest]
    timings.sort(key=lambda t: (t.median is None, t.median or 0.0))
    floors = [row["floor"] for row in rows if row["floor"] is not None]
    return Benchmark(name, threads, device, dtype, tuple(timings), max(floors, default=None), _limit(rows))


def _limit(rows: Sequence[Row]) -> tuple[float, str | None] | None:
    """The fastest of those who only move memory; or what the rows say, where none of these is there."""
    moved = [(median, _name(row)) for row in rows if row["implementation"] == TRAFFIC and (median := _median(row))]
    said = [(row["limit"], None) for row in rows if (row["limit"] or 0) > 0]
    return min(moved) if moved else min(said, default=None)


def _labels(rows: Sequence[Row]) -> dict[int, str]:
    """By row: its name, with its dialect or version where rows of that name have several."""
    several: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        for part in ("dialect", "version"):
            several[_name(row), part].add(row[part] or "")

    def told_apart(row: Row) -> list[str]:
        return [row[part] for part in ("dialect", "version") if row[part] and len(several[_name(row), part]) > 1]

    return {id(row): " · ".join([_name(row), *told_apart(row)]) for row in rows}


def _order(benchmark: Benchmark) -> tuple[bool, bool, str, int, int, int, str]:
    """Epochs first, and of these the book's; steps over one tensor before those over several; from small to large."""
    b = benchmark
    several = b.tensors if b.is_step and b.tensors > 1 else 0
    name = "" if b.is_step else b.name
    return b.is_step, b.name != "epoch/regression", name, min(several, 1), b.size, several, b.setting


def _contests(row: Row) -> bool:
    """Whether it is an answer by itself: no second one of the same, and not the memory alone."""
    return (row["instance"] or 1) < 2 and row["implementation"] != TRAFFIC


def _is_step(row: Row) -> bool:
    return str(row["benchmark"]).startswith(STEP)


def _name(row: Row) -> str:
    return f"{row['framework']}/{row['implementation']}"


def _median(row: Row) -> float | None:
    """Seconds, if there are any, of what was not found to compute something else."""
    valid = (row["median"] or 0) > 0 and row["outcome"] not in ("differs", "failed", "unsupported")
    return row["median"] if valid else None


def _pair(row: Row, column: str) -> tuple[float, float] | None:
    ends = row[column]
    if ends is None or len(ends) != 2 or None in ends or not 0 < ends[0] <= ends[1]:
        return None
    return ends[0], ends[1]


def _within(ratio: float, floor: float | None) -> bool:
    return abs(math.log(ratio)) <= math.log1p(max(floor or 0.0, 0.0))


def _alike(one: Row, other: Row) -> bool:
    """Whether no difference is claimed: their intervals overlap, or it is less than what two of the same part by."""
    first, second = _median(one), _median(other)
    if first is None or second is None:
        return False
    a, b = _pair(one, "interval"), _pair(other, "interval")
    overlap = a is not None and b is not None and a[0] <= b[1] and b[0] <= a[1]
    return overlap or _within(first / second, max(one["floor"] or 0.0, other["floor"] or 0.0))


def _spread(samples: Sequence[float]) -> float | None:
    if len(samples) < 4 or (middle := statistics.median(samples)) <= 0:
        return None
    low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
    return (high - low) / middle
