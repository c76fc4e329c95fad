"""The report as Markdown (GitHub's dialect): text from elsewhere shows as it is, and does nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.read.kill_matrix import Sharpness
from reports.read.results import Results
from reports.render.markdown import code, escape
from reports.tables import published, timing_columns, timing_grid
from reports.tables.agreement import Agreement
from reports.tables.deviations import Deviation
from reports.tables.findings import Finding
from reports.tables.numbers import coordinate, count, distance, fixed, loss, multiple
from reports.tables.outcomes import ORDER, Outcome
from reports.tables.report import Tables
from reports.tables.timing import Benchmark
from reports.tables.timing_grid import Grid
from reports.tables.timing_warnings import footnotes
from reports.tables.training import Run, Task

FINDINGS = 100
"""How many findings the document lists; `verdicts.csv` has every verdict."""


def render(results: Results, tables: Tables) -> str:
    """The whole document."""
    blocks = [
        "# RMSProp conformance report",
        f"**{escape(tables.agreement.sentence)}**",
        *(f"> {escape(note)}" for note in results.notes),
        *_agreement(tables.agreement, results.sharpness),
        *_pairs(tables),
        *_deviations(tables.deviations),
        *_training(tables.training.tasks),
        *_timing(tables.timing),
        *_environment(results),
    ]
    return "\n\n".join(blocks) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a column whose name starts with `>` is aligned to the right."""
    rules = ["--:" if name.startswith(">") else ":--" for name in header]
    lines = [[name.lstrip(">") for name in header], rules, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _outcome(outcome: Outcome) -> str:
    return f"{outcome.symbol} {outcome.name}"


def _agreement(agreement: Agreement, sharpness: Sharpness | None) -> Iterable[str]:
    yield "## Agreement"
    if not agreement.implementations:
        yield "Not run."
        return
    header = ["Implementation", "Version", "Device", "Dialect", "Verdict"]
    header += [f">{outcome.symbol} {outcome.name}" for outcome in ORDER]
    groups = [group for implementation in agreement.implementations for group in implementation.groups]
    rows = [
        [
            *map(escape, (group.name, group.version, group.device, group.dialect)),
            _outcome(group.counts.worst),
            *(count(group.counts[outcome.name]) for outcome in ORDER),
            multiple(group.ulps),
            multiple(group.bound_ratio),
        ]
        for group in groups
    ]
    yield table([*header, ">Largest error (ulps)", ">× bound"], rows)
    if sharpness:
        yield sharpness.sentence
    if agreement.laws:
        yield "### Laws, which hold to the bit"
        yield table(["Implementation", *map(escape, agreement.laws)], _laws(agreement))
    if agreement.findings:
        yield "### What does not agree, and why"
        yield "\n".join(map(_finding, agreement.findings[:FINDINGS]))
    if len(agreement.findings) > FINDINGS:
        yield f"{len(agreement.findings) - FINDINGS} more are in `verdicts.csv`."


def _laws(agreement: Agreement) -> Iterable[list[str]]:
    """Of each implementation, of how many verdicts on each law how many agree."""
    for implementation in agreement.implementations:
        if implementation.laws:
            tried = [implementation.laws.get(name) for name in agreement.laws]
            cells = [f"{c.worst.symbol} {count(c['agrees'])}/{count(c.total)}" if c else "" for c in tried]
            yield [escape(implementation.whole.name), *cells]


def _finding(finding: Finding) -> str:
    parts = [f"- {_outcome(finding.outcome)}: **{escape(finding.title)}**"]
    parts += [escape(words) for words in finding.account]
    if finding.row["repeat"]:
        parts.append(f"Repeat: {code(finding.row['repeat'])}")
    return "\n  - ".join(parts)


def _pairs(tables: Tables) -> Iterable[str]:
    """What the frameworks' own RMSProps have in common, and who is equal to the last bit."""
    owns, rows = tables.axes.owns, tables.axes.rows
    if rows:
        yield "### What the frameworks call RMSProp"
        header = ["Axis", *(escape(f"{own.framework}/builtin: {own.dialect}") for own in owns)]
        yield table(header, ([escape(words), *map(escape, values)] for words, values in rows))
        partings = [
            f"{each.one.framework} and {each.other.framework}: {each.sentence}." for each in tables.axes.partings
        ]
        yield "\n".join(f"- {escape(words)}" for words in partings)
    if tables.pairs.each:
        yield "### Every two of them"
        yield escape(tables.pairs.sentence)
        equal = [f"- Equal to the last bit: {escape(' = '.join(group))}" for group in tables.pairs.groups]
        if equal:
            yield "\n".join(equal)


def _deviations(deviations: Sequence[Deviation]) -> Iterable[str]:
    if deviations:
        yield "### Known deviations"
        yield "\n".join(f"- {escape(_deviation(one))}" for one in deviations)


def _deviation(one: Deviation) -> str:
    more = f" and {len(one.names) - 6} more" if len(one.names) > 6 else ""
    outcomes = ", ".join(f"{which.symbol} {count(size)} {which.verb}" for which, size in one.counted)
    return f"{', '.join(one.names[:6])}{more}: {outcomes}; {one.reason}{f' ({one.link})' if one.link else ''}"


def _training(tasks: Sequence[Task]) -> Iterable[str]:
    yield "## Training"
    if not tasks:
        yield "Not run."
        return
    yield (
        "Distance: largest relative distance between the loss curve and the oracle's. "
        "Gradients and updates: largest error over its bound; at most 1 is inside."
    )
    for task in tasks:
        yield f"### {escape(task.title)}"
        yield escape(task.sentence)
        last = ">x1, x2" if task.planar else ">D2L 11.8"
        header = ["Dialect", "Implementation", "dtype", "Outcome", ">Loss", ">Oracle’s loss", ">Distance"]
        rows = [_run(s.dialect, run, task.planar) for s in task.sections for run in s.runs]
        yield table([*header, ">Gradients", ">Updates", last], rows)
        if task.name == "quadratic":
            x1, x2 = map(coordinate, published.QUADRATIC)
            yield f"{published.SOURCE}, prints x1 {x1}, x2 {x2} after 20 steps of d2l."
    yield f"What the losses in {published.SOURCE}, hide:"
    yield "\n".join(f"- {escape(caveat)}" for caveat in published.CAVEATS)


def _run(dialect: str, run: Run, planar: bool) -> list[str]:
    row = run.row
    if planar:
        last = ", ".join(map(coordinate, run.final)) if run.final else ""
    else:
        last = fixed(run.published.loss, 3) if run.published else ""
    losses = [loss(row["loss"]), loss(row["oracle_loss"]), distance(row["loss_distance"])]
    ratios = [multiple(row["gradient_ratio"]), multiple(row["update_ratio"])]
    return [
        escape(dialect),
        escape(run.name),
        escape(row["dtype"] or ""),
        _outcome(run.outcome),
        *losses,
        *ratios,
        last,
    ]


def _timing(benchmarks: Sequence[Benchmark]) -> Iterable[str]:
    yield "## Timing"
    if not benchmarks:
        yield "Not run."
    for grid in timing_grid.build(benchmarks):
        yield f"### {escape(grid.title)}"
        yield table(["Median", *(f">{escape(f'{title} {unit}')}" for title, unit in grid.heads)], _rows(grid))
    if notes := timing_grid.notes(benchmarks):
        yield "\n".join(f"- {escape(note)}" for note in notes)
    if doubted := footnotes(benchmarks):
        yield "### What may be wrong with these times"
        yield "\n".join(f"- {escape(f'{footnote.code} {footnote.words}')}" for footnote in doubted)
    for benchmark in benchmarks:
        yield f"### {escape(benchmark.title)}"
        yield escape(" ".join(filter(None, (benchmark.sentence, benchmark.margin, benchmark.bound))))
        found = timing_columns.build(benchmark)
        header = ["Implementation", *(f"{'>' if column.number else ''}{escape(column.title)}" for column in found)]
        cells = zip(*(column.cells for column in found), strict=True)
        rows = zip(benchmark.timings, cells, strict=True)
        yield table(header, ([escape(timing.name), *map(escape, row)] for timing, row in rows))


def _rows(grid: Grid) -> Iterable[list[str]]:
    for framework, rows in grid.groups:
        yield from ([escape(f"{framework}/{name}"), *map(escape, cells)] for name, cells in rows)
    yield from ([escape(name), *map(escape, cells)] for name, cells in grid.feet)


def _environment(results: Results) -> Iterable[str]:
    yield "## On what"
    yield "\n".join(f"- {label}: {escape(value)}" for label, value in results.manifest.facts())
    yield "\n".join(f"- {escape(f.name)}: {escape(f.words)}" for f in results.manifest.frameworks)
