"""Times as tables: a summary, grids of many benchmarks, each benchmark in full, how to read them, and warnings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from reports.read import by_key
from reports.tables import numbers
from reports.tables.numbers import MISSING, count, duration, multiple, share, significant
from reports.tables.outcomes import NAMED
from reports.tables.table import Column, Section, Table
from reports.tables.table import columns as table_columns
from reports.tables.timing import LARGE, MARKS, SECTION, Benchmark, Timing
from suite.results.rows import TimingRow
from suite.results.wording import WARNING_ADVICE

# The summary, on the first screen

SUMMARY_ROWS = 9  # at most, so that they fit on the first screen


@dataclass(frozen=True)
class Speeds:
    """The times of an epoch of the book's regression, and of the largest step that has a memory limit.

    `headings` has each column with its unit. `rows` has each framework, with the name, the cells, and the length of the
    bar, from 0 to 1, of each implementation. `sentence` has the noise floor and the memory limit.
    """

    headings: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[tuple[str, tuple[str, ...], float], ...]], ...]
    sentence: str


def speeds(benchmarks: Sequence[Benchmark]) -> Speeds | None:
    """Make the summary of the times; None if no epoch was timed."""
    epochs = [one for one in benchmarks if not one.is_step and one.measured]
    epoch = next((one for one in epochs if one.name == "epoch/regression"), next(iter(epochs), None))
    if epoch is None:
        return None
    steps = (one for one in benchmarks if one.is_step and one.tensors == 1 and one.setting == epoch.setting)
    step = max((one for one in steps if one.memory_limit), key=lambda one: one.size, default=None)
    headings = [("epoch", epoch.unit.sign), ("interval", ""), ("D2L", epoch.unit.sign)]
    if step:
        headings += [(f"step, {step.short_name}", step.unit.sign), ("limit", "/ time")]
    shown = _shown(epoch)
    longest = max(timing.median or 0.0 for timing in shown) or 1.0
    groups: dict[str, list[tuple[str, tuple[str, ...], float]]] = {}
    for timing in shown:
        interval = " – ".join(map(epoch.show, timing.row.interval or ()))
        cells = (epoch.show(timing.median), interval, published_seconds(epoch, timing), *_step_cells(step, timing))
        length = (timing.median or 0.0) / longest
        groups.setdefault(timing.row.framework, []).append((timing.short_label, cells, length))
    limits = []
    if epoch.noise_floor is not None:
        limits.append(f"Noise floor: {share(epoch.noise_floor)}.")
    if step and step.memory_limit:
        limits.append(f"Memory limit of the step: {step.show(step.memory_limit[0])} {step.unit.sign}.")
    return Speeds(tuple(headings), tuple((name, tuple(rows)) for name, rows in groups.items()), " ".join(limits))


def _shown(epoch: Benchmark) -> list[Timing]:
    """For each framework the book's loop, the built-in, and the fastest implementation."""
    shown: list[Timing] = []
    for own in _by_framework(epoch.measured).values():
        known = [timing for timing in own if timing.row.implementation in (SECTION, "builtin")]
        fastest = min(own, key=lambda timing: timing.median or 0.0)
        shown += [*known, *([] if fastest in known else [fastest])]
    builtins = [timing for timing in shown if timing.row.implementation == "builtin"]
    return shown if len(shown) <= SUMMARY_ROWS else (builtins or shown)[:SUMMARY_ROWS]


def _step_cells(step: Benchmark | None, timing: Timing) -> list[str]:
    if step is None:
        return []
    same = next((one for one in step.timings if one.label == timing.label and one.median is not None), None)
    return [step.show(same.median), _known(share, same.row.limit_share)] if same else ["", ""]


# Grids: benchmarks side by side

NO_MARK = "\N{FIGURE SPACE}"  # as wide as a mark, so that the digits stay aligned
WIDEST = 8  # benchmarks in a grid at most; further ones go to another grid


@dataclass(frozen=True)
class _GridColumn:
    """A column of a grid: its heading, a cell for each label, and the cells of the two footer rows."""

    heading: str
    cells: dict[str, str] = field(repr=False)
    noise_floor: str = ""
    memory_limit: str = ""


def grids(benchmarks: Sequence[Benchmark]) -> list[Table]:
    """For each setting, grids of epochs, of steps by their size, and of steps by the number of tensors."""
    return [
        _grid(f"{title} ({setting})" if setting else title, part[begin : begin + WIDEST], by_tensors)
        for setting in dict.fromkeys(benchmark.setting for benchmark in benchmarks)
        for title, part, by_tensors in _parts([one for one in benchmarks if one.setting == setting])
        for begin in range(0, len(part), WIDEST)
    ]


def _parts(benchmarks: Sequence[Benchmark]) -> Iterator[tuple[str, Sequence[Benchmark], bool]]:
    """The grids of a setting: title, benchmarks, and whether these differ in the number of tensors."""
    others = [one for one in benchmarks if not one.is_step]
    steps = [one for one in benchmarks if one.is_step]
    yield "An epoch" if all(one.name.startswith("epoch/") for one in others) else "Times", others, False
    yield "A step, by the number of parameters", [one for one in steps if one.tensors == 1], False
    for size in dict.fromkeys(one.size for one in steps if one.tensors > 1):
        title = f"A step over {numbers.size(size)} parameters, by the number of tensors"
        yield title, [one for one in steps if one.size == size], True


def _grid(title: str, benchmarks: Sequence[Benchmark], by_tensors: bool) -> Table:
    limited = [one for one in benchmarks if one.memory_limit and not by_tensors]
    largest = max(limited, key=lambda one: one.size, default=None)
    columns = []
    for one in benchmarks:
        heading = numbers.size(one.tensors) if by_tensors else one.short_name
        columns += [_medians(one, heading), *_additional(one, one is largest)]
    timings = {timing.label: timing for one in benchmarks for timing in one.timings}
    sections = [
        Section.of(framework, ([t.short_label, *(column.cells.get(t.label, "") for column in columns)] for t in part))
        for framework, part in _by_framework(timings.values()).items()
    ]
    footer = [
        ["noise floor", *(column.noise_floor for column in columns)],
        ["memory limit", *(column.memory_limit for column in columns)],
    ]
    if known := [row for row in footer if any(row[1:])]:
        sections.append(Section.of("", known, footer=True))
    headings = table_columns("Median", numbers=(column.heading for column in columns))
    return Table.grouped(headings, sections, title, section_heading="Framework")


def _medians(benchmark: Benchmark, heading: str) -> _GridColumn:
    cells = {timing.label: _median(benchmark, timing) for timing in benchmark.timings}
    floor = "" if benchmark.noise_floor is None else share(benchmark.noise_floor)
    limit = "" if benchmark.memory_limit is None else f"{benchmark.show(benchmark.memory_limit[0])}{NO_MARK}"
    return _GridColumn(f"{heading}\n({benchmark.unit.sign}){NO_MARK}", cells, floor, limit)


def _by_framework(timings: Iterable[Timing]) -> dict[str, list[Timing]]:
    return by_key(sorted(timings, key=lambda timing: timing.order), lambda timing: timing.row.framework)


def _median(benchmark: Benchmark, timing: Timing) -> str:
    if timing.median is None:
        outcome = NAMED.get(timing.row.outcome or "")
        return f"{outcome.symbol if outcome else MISSING}{NO_MARK}"
    return f"{benchmark.show(timing.median)}{MARKS.get(timing.row.conclusion or '', NO_MARK)}"


def _additional(benchmark: Benchmark, largest: bool) -> Iterator[_GridColumn]:
    """Further columns after the medians of an epoch, and of the largest step."""
    timings = benchmark.timings
    if benchmark.is_step:
        shares = {t.label: _known(share, t.row.limit_share) for t in timings if largest}
        found = [_GridColumn("limit\n/ time", shares)]
    else:
        first = {t.label: _known(duration, t.row.first_call) for t in timings if t.median}
        found = [
            _GridColumn("×\nsection", {t.label: t.speedup for t in timings}),
            _GridColumn(f"D2L\n({benchmark.unit.sign})", {t.label: published_seconds(benchmark, t) for t in timings}),
            _GridColumn("first\ncall", first),
        ]
    yield from (column for column in found if any(column.cells.values()))


# One benchmark in full


def full(benchmark: Benchmark) -> Table:
    """All that is known of the times of a benchmark; a column without any value is left out."""
    columns = [(column, cells) for column, cells in _columns(benchmark) if any(cells)]
    rows = zip(*(cells for _, cells in columns), strict=True)
    return Table.of((column for column, _ in columns), rows)


def _columns(benchmark: Benchmark) -> Iterator[tuple[Column, list[str]]]:
    sign = benchmark.unit.sign

    def column(heading: str, show: Callable[[Timing], str | None], numeric: bool = True) -> tuple[Column, list[str]]:
        return Column(heading, numeric), [show(timing) or "" for timing in benchmark.timings]

    yield column("Implementation", lambda t: t.name, numeric=False)
    yield column("Dialect", lambda t: t.row.dialect, numeric=False)
    yield column("Mode", lambda t: t.row.mode, numeric=False)
    yield column(f"Median, {sign}", lambda t: benchmark.show(t.median) if t.median else _untimed(t))
    yield column("Interval", benchmark.interval)
    yield column("Spread", lambda t: "" if t.spread is None else share(t.spread))
    yield column("Per parameter", lambda t: _known(duration, t.seconds_per_parameter))
    yield column("Memory limit / time", lambda t: _known(share, t.row.limit_share))
    yield column("Against the built-in", _against_baseline)
    yield column("× section", lambda t: t.speedup)
    yield column(f"D2L 11.8, {sign}", lambda t: published_seconds(benchmark, t))
    yield column("First call", lambda t: _known(duration, t.row.first_call))
    if benchmark.is_step and benchmark.size >= LARGE:
        yield column("State", lambda t: _bytes_per_parameter(benchmark, t.row.state_bytes))
        yield column("Peak", lambda t: _bytes_per_parameter(benchmark, t.row.peak_bytes))
    yield column("Samples", _samples)
    yield column("Warnings", lambda t: ", ".join(t.row.warnings), numeric=False)
    yield column("Version", lambda t: t.row.version, numeric=False)
    yield column("Remark", lambda t: t.row.reason, numeric=False)


def _known(show: Callable[[float], str], value: float | None) -> str:
    return show(value) if value else ""


def _untimed(timing: Timing) -> str:
    """Shown in place of a time: the outcome that is the reason why there is none."""
    outcome = NAMED.get(timing.row.outcome or "")
    return MISSING if outcome is None or outcome.name == "agrees" else outcome.label


def published_seconds(benchmark: Benchmark, timing: Timing) -> str:
    """The book's seconds for an epoch, in the benchmark's unit (the book prints milliseconds)."""
    published = timing.published
    return f"{published.seconds / benchmark.unit.seconds:,.4g}" if published else ""


def _against_baseline(timing: Timing) -> str:
    """The conclusion, the ratio of the two times, and its interval."""
    if timing.row.conclusion is None:
        return ""
    interval = f" ({' to '.join(map(significant, timing.row.ratio_interval))})" if timing.row.ratio_interval else ""
    return f"{timing.row.conclusion}, {significant(timing.row.ratio)}{interval}"


def _bytes_per_parameter(benchmark: Benchmark, size: int | None) -> str:
    return "" if size is None else f"{significant(size / benchmark.size, 2)} B"


def _samples(timing: Timing) -> str:
    outliers = len(timing.row.outliers)
    found = f", {outliers} outlier{'' if outliers == 1 else 's'}" if outliers else ""
    return f"{count(len(timing.row.samples))}{found}" if timing.row.samples else ""


# Notes


def notes(benchmarks: Sequence[Benchmark]) -> list[str]:
    """Sentences that explain the columns, and the reasons why implementations have no time."""
    return [*_legend(benchmarks), *_without_a_time(benchmarks)]


def _legend(benchmarks: Sequence[Benchmark]) -> Iterator[str]:
    timings = [timing for benchmark in benchmarks for timing in benchmark.timings]
    limits = [benchmark.memory_limit for benchmark in benchmarks if benchmark.memory_limit]
    if any(timing.row.outcome for timing in timings):
        yield (
            "Every round times each implementation once, in random order. "
            "An implementation that does not agree with the oracle is not timed."
        )
    if any(timing.row.conclusion for timing in timings):
        yield "↓ faster than the built-in of its framework, ↑ slower, = the same; no mark: inconclusive."
    if any(benchmark.noise_floor is not None for benchmark in benchmarks):
        yield "Noise floor: the difference between two copies of one implementation; no smaller difference is claimed."
    if limits:
        names = ", ".join(dict.fromkeys(name for _, name in limits if name))
        yield f"Memory limit: the time to move the memory that a step reads and writes{f' ({names})' if names else ''}."
        yield "Limit / time: the memory limit over the time taken; 100 % is the fastest possible step."
    if any(timing.speedup for timing in timings):
        yield "× section: speed-up over the section's own loop in the same framework; ≈: no difference is claimed."
    if any(timing.published for timing in timings):
        yield "D2L: the times that the book prints, measured on another machine."


def _without_a_time(benchmarks: Sequence[Benchmark]) -> Iterator[str]:
    """Implementations without a time, with the reason and the benchmarks that share it."""
    found: dict[tuple[str, str], list[str]] = {}
    for benchmark in benchmarks:
        for timing in benchmark.timings:
            if timing.median is None:
                why = f"{_untimed(timing)}: {timing.row.reason or 'nothing was measured'}"
                found.setdefault((timing.label, why), []).append(benchmark.name)
    for (label, why), names in found.items():
        yield f"{label} at {', '.join(names)}: {why}"


# Measurement warnings


@dataclass(frozen=True)
class WarningSummary:
    """One kind of measurement warning over all times of a run.

    `extent` is the number of times that have it, with its largest value; `advice` is empty for an unknown code.
    """

    code: str
    extent: str
    advice: str

    @property
    def sentence(self) -> str:
        """Extent and advice, to follow the code."""
        return f"({self.extent}){': ' if self.advice else ''}{self.advice}"


def warnings(benchmarks: Iterable[Benchmark]) -> list[WarningSummary]:
    """Each kind of warning once, in the order of `WARNING_ADVICE`, unknown codes last."""
    rows = [timing.row for benchmark in benchmarks for timing in benchmark.timings if timing.median is not None]
    found = {code for row in rows for code in row.warnings}
    codes = [*(code for code in WARNING_ADVICE if code in found), *sorted(found - WARNING_ADVICE.keys())]
    return [WarningSummary(code, _extent(code, rows), WARNING_ADVICE.get(code, "")) for code in codes]


def _extent(code: str, rows: Sequence[TimingRow]) -> str:
    warned = [row for row in rows if code in row.warnings]
    value, show = _EXTENT.get(code, (lambda _: None, share))
    values = [abs(found) for row in warned if (found := value(row)) is not None]
    largest = f", up to {show(max(values))}" if values else ""
    return f"{count(len(warned))} of {count(len(rows))} times{largest}"


_EXTENT: dict[str, tuple[Callable[[TimingRow], float | None], Callable[[float], str]]] = {
    "spread": (lambda row: row.spread, share),
    "outliers": (lambda row: len(row.outliers), lambda value: count(round(value))),
    "drift": (lambda row: row.drift, share),
    "unfinished": (lambda row: row.unfinished, share),
    "threads": (lambda row: row.cpu_share / row.threads if row.cpu_share and row.threads > 0 else None, multiple),
    "uncounted": (lambda row: row.missing_steps, share),
    "busy": (lambda row: row.machine_load.get("others"), share),
    "stolen": (lambda row: row.machine_load.get("stolen"), share),
    "throttled": (lambda row: row.machine_load.get("pace"), share),
}
"""Code of a warning -> its value in a row, and how that is shown."""
