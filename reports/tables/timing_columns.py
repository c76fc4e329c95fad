"""The columns of a benchmark in full: the same in Markdown and on the page. One that says nothing is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reports.tables.numbers import MISSING, count, duration, share, significant
from reports.tables.outcomes import NAMED
from reports.tables.timing import LARGE, Benchmark, Timing


@dataclass(frozen=True)
class Column:
    """One column: its title, a cell for each timing of the benchmark, and whether they are numbers."""

    title: str
    cells: tuple[str, ...]
    number: bool = True


def build(benchmark: Benchmark) -> tuple[Column, ...]:
    """The columns beside the name."""
    return tuple(column for column in _all(benchmark) if any(column.cells))


def _all(benchmark: Benchmark) -> Iterator[Column]:
    sign = benchmark.unit.sign

    def column(title: str, show: Callable[[Timing], str | None], number: bool = True) -> Column:
        return Column(title, tuple(show(timing) or "" for timing in benchmark.timings), number)

    yield column("Dialect", lambda t: t.row["dialect"], number=False)
    yield column("Mode", lambda t: t.row["mode"], number=False)
    yield column(f"Median, {sign}", lambda t: benchmark.show(t.median) if t.median else untimed(t))
    yield column("Interval", benchmark.between)
    yield column("Spread", lambda t: (t.spread is not None and share(t.spread)) or "")
    yield column("Per parameter", lambda t: duration(t.each) if t.each else "")
    yield column("Of the limit", lambda t: share(t.fraction) if t.fraction else "")
    yield column("Against the built-in", _against)
    yield column("× section", lambda t: t.faster)
    yield column(f"D2L 11.8, {sign}", lambda t: book(benchmark, t))
    yield column("First call", lambda t: duration(t.row["first_call"]) if t.row["first_call"] else "")
    if benchmark.is_step and benchmark.size >= LARGE:
        yield column("State", lambda t: _each(benchmark, t.row["state_bytes"]))
        yield column("Peak", lambda t: _each(benchmark, t.row["peak_bytes"]))
    yield column("Samples", _samples)
    yield column("Doubts", lambda t: ", ".join(t.doubts), number=False)
    yield column("Version", lambda t: t.row["version"], number=False)
    yield column("Remark", lambda t: t.row["reason"], number=False)


def untimed(timing: Timing) -> str:
    """What stands in place of a time: why there is none."""
    outcome = NAMED.get(timing.row["outcome"] or "")
    return MISSING if outcome is None or outcome.name == "agrees" else f"{outcome.symbol} {outcome.name}"


def book(benchmark: Benchmark, timing: Timing) -> str:
    """The book's seconds for an epoch, in the benchmark's unit; it prints milliseconds."""
    published = timing.published
    return f"{published.seconds / benchmark.unit.seconds:,.4g}" if published else ""


def _against(timing: Timing) -> str:
    """What may be said of it, the ratio of the two times, and its interval."""
    if timing.call is None:
        return ""
    low_high = f" ({' to '.join(map(significant, timing.ratio_interval))})" if timing.ratio_interval else ""
    return f"{timing.call}, {significant(timing.row['ratio'])}{low_high}"


def _each(benchmark: Benchmark, size: int | None) -> str:
    """Bytes for each parameter."""
    return "" if size is None else f"{significant(size / benchmark.size, 2)} B"


def _samples(timing: Timing) -> str:
    out = len(timing.row["outliers"] or ())
    return f"{count(len(timing.samples))}{f', {out} far out' if out else ''}" if timing.samples else ""
