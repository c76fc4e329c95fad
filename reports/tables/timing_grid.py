"""Many benchmarks side by side, an implementation a row: all of the terminal, and first of all elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from reports.tables import numbers
from reports.tables.numbers import duration, share
from reports.tables.outcomes import NAMED
from reports.tables.timing import Benchmark, Timing
from reports.tables.timing_columns import book, untimed

MARKS = {"faster": "↓", "slower": "↑", "same": "="}
"""Beside a time: what may be said of it against the built-in of its framework."""

NO_MARK = "\N{FIGURE SPACE}"
"""As wide as a mark, so that the numbers stay in line."""

WIDEST = 8
"""Benchmarks in a grid; what is more goes to another one."""


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        title: what was timed, and with what.
        heads: of each column, what it is and its unit.
        groups: of each framework its name, and of each of its implementations the name and a cell a column.
        feet: a name and a cell a column: how much the machine makes of nothing, and what the memory needs.
    """

    title: str
    heads: tuple[tuple[str, str], ...]
    groups: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]
    feet: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class _Column:
    """One column: its head, a cell for each implementation by its label, and those at the foot."""

    title: str
    unit: str
    cells: dict[str, str] = field(repr=False)
    floor: str = ""
    limit: str = ""


def build(benchmarks: Sequence[Benchmark]) -> list[Grid]:
    """Grids of epochs, of steps by their size, and of steps by the number of tensors; for each setting."""
    return [
        _grid(f"{title} ({setting})" if setting else title, part[begin : begin + WIDEST], by_tensors)
        for setting in dict.fromkeys(benchmark.setting for benchmark in benchmarks)
        for title, part, by_tensors in _parts([one for one in benchmarks if one.setting == setting])
        for begin in range(0, len(part), WIDEST)
    ]


def _parts(benchmarks: Sequence[Benchmark]) -> Iterator[tuple[str, Sequence[Benchmark], bool]]:
    """What stands side by side: its title, the benchmarks, and whether these differ by their tensors."""
    others = [one for one in benchmarks if not one.is_step]
    steps = [one for one in benchmarks if one.is_step]
    yield "An epoch" if all(one.name.startswith("epoch/") for one in others) else "Times", others, False
    yield "A step, by the number of parameters", [one for one in steps if one.tensors == 1], False
    for size in dict.fromkeys(one.size for one in steps if one.tensors > 1):
        title = f"A step over {numbers.size(size)} parameters, by the number of tensors"
        yield title, [one for one in steps if one.size == size], True


def _grid(title: str, benchmarks: Sequence[Benchmark], by_tensors: bool) -> Grid:
    limited = [one for one in benchmarks if one.limit and not by_tensors]
    largest = max(limited, key=lambda one: one.size, default=None)
    columns = []
    for one in benchmarks:
        columns += [_median(one, numbers.size(one.tensors) if by_tensors else one.brief), *_beside(one, one is largest)]
    shown = {timing.label: timing for one in benchmarks for timing in one.timings}
    groups: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for timing in sorted(shown.values(), key=lambda timing: timing.place):
        cells = tuple(column.cells.get(timing.label, "") for column in columns)
        groups.setdefault(timing.row["framework"], []).append((timing.within, cells))
    feet = [
        ("two of the same", tuple(column.floor for column in columns)),
        ("memory alone", tuple(column.limit for column in columns)),
    ]
    return Grid(
        title,
        tuple((column.title, column.unit) for column in columns),
        tuple((framework, tuple(rows)) for framework, rows in groups.items()),
        tuple((name, cells) for name, cells in feet if any(cells)),
    )


def _median(benchmark: Benchmark, title: str) -> _Column:
    cells = {timing.label: _cell(benchmark, timing) for timing in benchmark.timings}
    floor = "" if benchmark.floor is None else share(benchmark.floor)
    limit = "" if benchmark.limit is None else f"{benchmark.show(benchmark.limit[0])}{NO_MARK}"
    return _Column(title, f"({benchmark.unit.sign}){NO_MARK}", cells, floor, limit)


def _cell(benchmark: Benchmark, timing: Timing) -> str:
    if timing.median is None:
        outcome = NAMED.get(timing.row["outcome"] or "")
        return f"{outcome.symbol if outcome else numbers.MISSING}{NO_MARK}"
    return f"{benchmark.show(timing.median)}{MARKS.get(timing.call or '', NO_MARK)}"


def _beside(benchmark: Benchmark, largest: bool) -> Iterator[_Column]:
    """What stands beside the medians of an epoch, and of the largest step."""
    timings = benchmark.timings
    if benchmark.is_step:
        found = [_Column("of the", "limit", {t.label: share(t.fraction) for t in timings if largest and t.fraction})]
    else:
        first = {t.label: duration(t.row["first_call"]) for t in timings if t.median and t.row["first_call"]}
        found = [
            _Column("×", "section", {t.label: t.faster for t in timings}),
            _Column("D2L", f"({benchmark.unit.sign})", {t.label: book(benchmark, t) for t in timings}),
            _Column("first", "call", first),
        ]
    yield from (column for column in found if any(column.cells.values()))


def notes(benchmarks: Sequence[Benchmark]) -> list[str]:
    """How to read grids and columns, a sentence each, of what there is; and who has no time, and why."""
    return [*_legend(benchmarks), *_untimed(benchmarks)]


def _legend(benchmarks: Sequence[Benchmark]) -> Iterator[str]:
    timings = [timing for benchmark in benchmarks for timing in benchmark.timings]
    limits = [benchmark.limit for benchmark in benchmarks if benchmark.limit]
    if any(timing.row["outcome"] for timing in timings):
        yield "Timed in rounds, everyone once a round in random order; who does not agree with the oracle is not timed."
    if any(timing.call for timing in timings):
        yield "↓ faster than the built-in of its framework, ↑ slower, = the same; without a mark it can't be told."
    if any(benchmark.floor is not None for benchmark in benchmarks):
        yield "Two of the same: by how much they part; no smaller difference is claimed."
    if limits:
        who = ", ".join(dict.fromkeys(who for _, who in limits if who))
        yield f"Memory alone: to move what a step reads and writes, and do no more{f' ({who})' if who else ''}."
        yield "Of the limit: the time for the memory alone, over the time taken."
    if any(timing.faster for timing in timings):
        yield "× section: times faster than the section's own loop in the same framework; ≈: no difference is claimed."
    if any(timing.published for timing in timings):
        yield "D2L: what the book prints, on another machine."


def _untimed(benchmarks: Sequence[Benchmark]) -> Iterator[str]:
    """Who has no time, and why; those with the same reason together."""
    found: dict[tuple[str, str], list[str]] = {}
    for benchmark in benchmarks:
        for timing in benchmark.timings:
            if timing.median is None:
                why = f"{untimed(timing)}: {timing.row['reason'] or 'nothing was measured'}"
                found.setdefault((timing.label, why), []).append(benchmark.name)
    for (label, why), names in found.items():
        yield f"{label} at {', '.join(names)}: {why}"
