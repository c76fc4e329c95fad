"""The third table: how long an epoch takes, with what is known of its uncertainty."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from reports.numbers import MISSING, decimals, fixed
from reports.published import Published, beside
from reports.results import Results, records
from reports.schema import Row

ORACLE = "oracle"
"""The framework under which the oracle itself is timed; never the one that others are compared with."""


@dataclass(frozen=True)
class Timing:
    """One timed implementation; `row` has the columns of the timings table.

    `interval` is (low, high) or None. `spread` is the interquartile range of the samples over their median.
    `ratio` is the median over that of the fastest; `close` says that the two intervals overlap, so that no
    difference is claimed.
    """

    row: Row
    interval: tuple[float, float] | None
    spread: float | None
    ratio: float | None
    close: bool
    published: Published | None

    @property
    def name(self) -> str:
        """As in `torch/builtin`."""
        return f"{self.row['framework']}/{self.row['implementation']}"

    @property
    def label(self) -> str:
        """The name with its dialect."""
        return f"{self.name} · {self.row['dialect']}" if self.row["dialect"] else self.name

    @property
    def against_fastest(self) -> str:
        """The ratio, marked with ≈ where no difference is claimed."""
        if self.ratio is None:
            return MISSING
        return f"{'≈ ' if self.close and self.ratio != 1 else ''}{self.ratio:.2f}"


@dataclass(frozen=True)
class Benchmark:
    """One benchmark with the same unit, threads and device; fastest first, then what has no median."""

    name: str
    unit: str
    threads: int | None
    device: str | None
    timings: tuple[Timing, ...]

    @property
    def title(self) -> str:
        """What was timed, and with what."""
        parts = [self.name, self.device, f"{self.threads} threads" if self.threads is not None else None]
        return ", ".join(part for part in parts if part).replace(" 1 threads", " 1 thread")

    @property
    def places(self) -> int:
        """The decimals with which the benchmark's medians are shown, so that they line up."""
        return decimals([t.row["median"] for t in self.timings if t.row["median"] is not None])

    @property
    def measured(self) -> tuple[Timing, ...]:
        """The timings that have a median, fastest first; without the oracle's."""
        return tuple(t for t in self.timings if t.row["median"] is not None and t.row["framework"] != ORACLE)

    @property
    def per_epoch(self) -> bool:
        """True when the book's seconds per epoch may stand beside it."""
        return self.name == "epoch/regression" and self.unit == "s"

    @property
    def sentence(self) -> str:
        """The fastest and the slowest, with their medians."""
        if not self.measured:
            return "Nothing was measured."
        first, last = self.measured[0], self.measured[-1]
        fastest = f"Fastest: {first.label}, {self.show(first.row['median'])} {self.unit}"
        if len(self.measured) == 1:
            return f"{fastest}."
        return f"{fastest}; slowest: {last.label}, {self.show(last.row['median'])} {self.unit}."

    def show(self, value: float | None) -> str:
        """A time in the benchmark's unit, with its decimals."""
        return fixed(value, self.places)

    def between(self, timing: Timing) -> str:
        """The interval of a timing, as in `0.0141 to 0.0152`."""
        if timing.interval is None:
            return MISSING
        return f"{self.show(timing.interval[0])} to {self.show(timing.interval[1])}"


def build(results: Results) -> tuple[Benchmark, ...]:
    """Make the timing table: one benchmark for each combination of name, unit, device and threads."""
    parts: dict[tuple[str, str, int | None, str | None], list[Row]] = defaultdict(list)
    for row in records(results.timings):
        parts[row["benchmark"], row["unit"] or "", row["threads"], row["device"]].append(row)
    found = [_benchmark(*key, rows) for key, rows in parts.items()]
    return tuple(sorted(found, key=lambda b: (not b.per_epoch, b.name, b.device or "", b.threads or 0)))


def _benchmark(name: str, unit: str, threads: int | None, device: str | None, rows: list[Row]) -> Benchmark:
    contest = [row for row in rows if row["framework"] != ORACLE and (row["median"] or 0) > 0]
    fastest = min(contest, key=lambda row: row["median"], default=None)
    timings = [_timing(row, fastest, name == "epoch/regression") for row in rows]
    timings.sort(key=lambda t: (t.row["median"] is None, t.row["median"] or 0.0, t.label))
    return Benchmark(name, unit, threads, device, tuple(timings))


def _timing(row: Row, fastest: Row | None, per_epoch: bool) -> Timing:
    comparable = fastest is not None and row["median"] is not None
    return Timing(
        row=row,
        interval=_interval(row),
        spread=_spread(row["samples"] or []),
        ratio=row["median"] / fastest["median"] if fastest is not None and comparable else None,
        close=fastest is not None and _overlap(_interval(row), _interval(fastest)),
        published=beside(row["framework"], row["implementation"], row["dialect"]) if per_epoch else None,
    )


def _interval(row: Row) -> tuple[float, float] | None:
    ends = row["interval"]
    if ends is None or len(ends) != 2 or None in ends:
        return None
    return ends[0], ends[1]


def _overlap(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    return one is not None and other is not None and one[0] <= other[1] and other[0] <= one[1]


def _spread(samples: Sequence[float | None]) -> float | None:
    values = [sample for sample in samples if sample is not None]
    if len(values) < 4 or (middle := statistics.median(values)) <= 0:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / middle
