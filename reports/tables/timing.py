"""Times of steps and epochs, with their uncertainty.

A benchmark holds all implementations that were timed in one interleaved run. Two kinds of rows are not results of
their own: a second copy of an implementation gives the noise floor, and `traffic`, which only moves the memory of a
step, gives the memory limit.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from reports.read import Results, by_key
from reports.tables.numbers import Unit, share, significant, size, unit
from reports.tables.published import Published, published_run
from suite.results.rows import TimingRow, name_of

ORACLE = "oracle"  # the framework name under which the oracle itself is timed; it is never the baseline
TRAFFIC = "traffic"  # the implementation that only moves the memory of a step
SECTION = "section"  # the implementation that is the book's own loop
STEP = "step/"  # prefix of the name of a benchmark that times one step of an optimizer
LARGE = 1_000_000  # parameters from which a step's memory is more than the page size of the process

_FIRST = ("section", "section-concise", "scratch", "builtin")  # what most frameworks have; the others follow by name

CONCLUSIONS = ("slower", "faster", "unclear", "same")  # of a comparison of two times, the most important first
MARKS = {"faster": "↓", "slower": "↑", "same": "="}  # the symbols of conclusions that claim something


@dataclass(frozen=True)
class Timing:
    """The time of one implementation in a benchmark.

    `label` is its name, with dialect or version where several rows share the name; `section` is the row of the
    section's own loop in the same framework, if it was timed.
    """

    row: TimingRow
    label: str
    section: TimingRow | None

    @property
    def name(self) -> str:
        """As in `torch/builtin`."""
        return name_of(self.row)

    @property
    def order(self) -> tuple[bool, str, int, str]:
        """Sorting key: by framework, the oracle last; within each, the common implementations first."""
        framework, name = self.row.framework, self.row.implementation
        return framework == ORACLE, framework, _FIRST.index(name) if name in _FIRST else len(_FIRST), self.label

    @property
    def short_label(self) -> str:
        """The label without the framework."""
        return self.label.removeprefix(f"{self.row.framework}/")

    @property
    def median(self) -> float | None:
        """Seconds; None if nothing was measured or the implementation computes another algorithm."""
        return self.row.median

    @property
    def spread(self) -> float | None:
        """The interquartile range of the samples over their median."""
        return self.row.spread if self.row.spread is not None else _spread(self.row.samples)

    @property
    def seconds_per_parameter(self) -> float | None:
        """The median over the number of parameters of a step."""
        step = self.row.benchmark.startswith(STEP)
        return self.median / self.row.size if self.median and step and self.row.size > 0 else None

    @property
    def speedup(self) -> str:
        """The time of the section's own loop over this time; preceded by ≈ if the two can't be distinguished."""
        if self.section is None or not self.section.median or not self.median:
            return ""
        mark = "≈ " if self.row is not self.section and _indistinguishable(self.row, self.section) else ""
        return f"{mark}{significant(self.section.median / self.median)}"

    @property
    def published(self) -> Published | None:
        """What the book prints for the same program."""
        if self.row.benchmark != "epoch/regression":
            return None
        return published_run(self.row.framework, self.row.implementation, self.row.dialect)


@dataclass(frozen=True)
class Benchmark:
    """The times of one benchmark with the same threads, device and format, fastest first, then those without a median.

    The name is `step/1000`, `step/100000/100`, `epoch/regression`, …; `threads` is 0 if it is not known. `noise_floor`
    is the largest relative difference of two copies of one implementation. `memory_limit` has the seconds that moving
    the memory of a step takes, and the implementation that moved it, as in `torch/traffic`.
    """

    name: str
    threads: int
    device: str
    dtype: str
    timings: tuple[Timing, ...]
    noise_floor: float | None
    memory_limit: tuple[float, str | None] | None

    @property
    def setting(self) -> str:
        """Device, format and threads."""
        threads = None if self.threads < 1 else f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        return ", ".join(part for part in (self.device, self.dtype, threads) if part)

    @property
    def title(self) -> str:
        """Name and setting."""
        return f"{self.name}, {self.setting}" if self.setting else self.name

    @cached_property
    def is_step(self) -> bool:
        """Whether one step of an optimizer was timed, over a known number of parameters."""
        return self.name.startswith(STEP) and self.size > 0 and self.tensors > 0

    @cached_property
    def size(self) -> int:
        """The number of parameters; 0 if it is not known."""
        return max(timing.row.size for timing in self.timings)

    @cached_property
    def tensors(self) -> int:
        """The number of tensors that the parameters are divided among."""
        return max(timing.row.tensors or 1 for timing in self.timings)

    @property
    def short_name(self) -> str:
        """The heading of a column: the size of a step, or the name of a task."""
        name = size(self.size) if self.is_step and self.tensors == 1 else self.name.removeprefix("epoch/")
        return name if len(name) <= 16 else f"{name[:15]}…"

    @cached_property
    def unit(self) -> Unit:
        """The unit in which the medians are shown."""
        return unit(timing.median for timing in self.timings if timing.median)

    @property
    def measured(self) -> tuple[Timing, ...]:
        """The timings that have a median, fastest first, without the oracle's."""
        return tuple(t for t in self.timings if t.median is not None and t.row.framework != ORACLE)

    @property
    def sentence(self) -> str:
        """The fastest, how many can't be distinguished from it, and the slowest."""
        if not self.measured:
            return "Nothing was measured."
        first, last = self.measured[0], self.measured[-1]
        fastest = f"Fastest: {first.label}, {self.show(first.median)} {self.unit.sign}"
        if first is last:
            return f"{fastest}."
        close = sum(_indistinguishable(first.row, other.row) for other in self.measured[1:])
        others = f" ({close} more can't be distinguished from it)" if close else ""
        return f"{fastest}{others}; slowest: {last.label}, {self.show(last.median)} {self.unit.sign}."

    @property
    def caption(self) -> str:
        """The sentence, the noise floor and the memory limit."""
        sentences = [self.sentence]
        if self.noise_floor is not None:
            sentences.append(f"Noise floor: {share(self.noise_floor)}; no smaller difference is claimed.")
        if self.memory_limit is not None:
            seconds, name = self.memory_limit
            limit = f"Memory limit: {self.show(seconds)} {self.unit.sign} to move the memory of a step"
            sentences.append(f"{limit}, measured with {name}." if name else f"{limit}.")
        return " ".join(sentences)

    def show(self, seconds: float | None) -> str:
        """A time in the benchmark's unit, without the unit."""
        return self.unit.show(seconds)

    def interval(self, timing: Timing) -> str:
        """The interval of a timing in the benchmark's unit, as in `14.1 to 15.2`, or nothing."""
        return " to ".join(map(self.show, timing.row.interval or ()))


def build(results: Results) -> tuple[Benchmark, ...]:
    """Make a benchmark for each combination of name, threads, device and format."""
    rows = [_valid(row) for row in results.timings]
    parts = by_key(rows, lambda row: (row.benchmark, row.threads, row.device, row.dtype))
    labels = _labels([row for row in rows if _is_result(row)])
    benchmarks = [_benchmark(part, labels) for part in parts.values()]
    return tuple(sorted((benchmark for benchmark in benchmarks if benchmark.timings), key=_order))


def _benchmark(rows: Sequence[TimingRow], labels: dict[int, str]) -> Benchmark:
    results = [row for row in rows if _is_result(row)]
    sections = {row.framework: row for row in results if row.implementation == SECTION}
    timings = [Timing(row, labels[id(row)], sections.get(row.framework)) for row in results]
    timings.sort(key=lambda t: (t.median is None, t.median or 0.0))
    floors = [row.noise_floor for row in rows if row.noise_floor is not None]
    one = rows[0]
    return Benchmark(
        name=one.benchmark,
        threads=one.threads,
        device=one.device,
        dtype=one.dtype,
        timings=tuple(timings),
        noise_floor=max(floors, default=None),
        memory_limit=_memory_limit(rows),
    )


def _memory_limit(rows: Sequence[TimingRow]) -> tuple[float, str | None] | None:
    """The fastest `traffic`; if none was timed, the limit in the rows."""
    moved = [(row.median, name_of(row)) for row in rows if row.implementation == TRAFFIC and row.median]
    stated = [row.memory_limit for row in rows if row.memory_limit is not None and row.memory_limit > 0]
    return min(moved) if moved else (min(stated), None) if stated else None


def _labels(rows: Sequence[TimingRow]) -> dict[int, str]:
    """id of a row -> its name, with dialect or version if rows of that name have several."""
    dialects: dict[str, set[str]] = defaultdict(set)
    versions: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        dialects[name_of(row)].add(row.dialect or "")
        versions[name_of(row)].add(row.version)

    def label(row: TimingRow) -> str:
        name = name_of(row)
        dialect = row.dialect if len(dialects[name]) > 1 else None
        version = row.version if len(versions[name]) > 1 else None
        return " · ".join(filter(None, (name, dialect, version)))

    return {id(row): label(row) for row in rows}


def _order(benchmark: Benchmark) -> tuple[bool, bool, str, int, int, int, str]:
    """Epochs first, the book's before the others; steps over one tensor before those over several; by size."""
    b = benchmark
    several = b.tensors if b.is_step and b.tensors > 1 else 0
    name = "" if b.is_step else b.name
    return b.is_step, b.name != "epoch/regression", name, min(several, 1), b.size, several, b.setting


def _is_result(row: TimingRow) -> bool:
    """Whether a row is a result of its own: neither a second copy nor `traffic`."""
    return row.instance < 2 and row.implementation != TRAFFIC


def _valid(row: TimingRow) -> TimingRow:
    """The row without what can't be claimed.

    An implementation that was found to compute something else has no time, the ends of an interval are positive and in
    order, and a difference below the noise floor is unclear.
    """
    if not row.median or row.median < 0 or row.outcome in ("differs", "failed", "unsupported"):
        return replace(row, median=None, interval=None, samples=(), limit_share=None, conclusion=None, warnings=())
    conclusion = row.conclusion if row.conclusion in CONCLUSIONS and row.ratio and row.ratio > 0 else None
    if conclusion in ("faster", "slower") and _within(row.ratio or 1.0, row.noise_floor):
        conclusion = "unclear"
    return replace(
        row,
        interval=_ends(row.interval),
        samples=[sample for sample in row.samples if sample],
        conclusion=conclusion,
        ratio_interval=_ends(row.ratio_interval),
    )


def _ends(interval: Sequence[float] | None) -> Sequence[float] | None:
    return interval if interval is not None and len(interval) == 2 and 0 < interval[0] <= interval[1] else None


def _within(ratio: float, noise_floor: float | None) -> bool:
    return abs(math.log(ratio)) <= math.log1p(max(noise_floor or 0.0, 0.0))


def _indistinguishable(one: TimingRow, other: TimingRow) -> bool:
    """Whether the intervals of two times overlap, or they differ by less than the noise floor."""
    if one.median is None or other.median is None:
        return False
    a, b = one.interval, other.interval
    overlap = a is not None and b is not None and a[0] <= b[1] and b[0] <= a[1]
    return overlap or _within(one.median / other.median, max(one.noise_floor or 0.0, other.noise_floor or 0.0))


def _spread(samples: Sequence[float]) -> float | None:
    if len(samples) < 4 or (middle := statistics.median(samples)) <= 0:
        return None
    low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
    return (high - low) / middle
