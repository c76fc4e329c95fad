"""The report as one Markdown document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.read.kill_matrix import KillMatrix
from reports.read.results import Results
from reports.render.markdown import code, escape, table
from reports.tables import agreement as agreement_tables
from reports.tables import published, timing_tables, training
from reports.tables.agreement import Agreement
from reports.tables.findings import Deviation, Finding
from reports.tables.report import Tables
from reports.tables.timing import Benchmark
from reports.tables.training import Task

FINDINGS = 100
"""The number of findings that the document lists; `verdicts.csv` has every verdict."""


def render(results: Results, tables: Tables) -> str:
    """The whole document."""
    blocks = [
        "# RMSProp conformance report",
        f"**{escape(tables.agreement.sentence)}**",
        *(f"> {escape(note)}" for note in results.notes),
        *_agreement(tables.agreement, results.kill_matrix),
        *_pairs(tables),
        *_deviations(tables.deviations),
        *_training(tables.training.tasks),
        *_timing(tables.timing),
        *_conditions(results),
    ]
    return "\n\n".join(blocks) + "\n"


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences)


def _agreement(agreement: Agreement, kill_matrix: KillMatrix | None) -> Iterable[str]:
    yield "## Agreement"
    if not agreement.implementations:
        yield "Not run."
        return
    yield table(agreement_tables.by_dialect(agreement))
    if kill_matrix:
        yield kill_matrix.sentence
    if agreement.relations:
        yield "### Metamorphic relations, which hold to the last bit"
        yield table(agreement_tables.relations_matrix(agreement))
    if agreement.findings:
        yield "### What does not agree, and why"
        yield "\n".join(map(_finding, agreement.findings[:FINDINGS]))
    if len(agreement.findings) > FINDINGS:
        yield f"{len(agreement.findings) - FINDINGS} more are in `verdicts.csv`."


def _finding(finding: Finding) -> str:
    parts = [f"- {finding.outcome.label}: **{escape(finding.title)}**"]
    parts += [escape(words) for words in finding.explanation]
    if finding.row.repeat:
        parts.append(f"Repeat: {code(finding.row.repeat)}")
    return "\n  - ".join(parts)


def _pairs(tables: Tables) -> Iterable[str]:
    if tables.axes.rows:
        yield "### What the frameworks call RMSProp"
        yield table(tables.axes.table())
        yield _list(f"{one.names}: {one.sentence}." for one in tables.axes.differences)
    if tables.pairs.compared:
        yield "### Every pair of implementations"
        yield escape(tables.pairs.sentence)
        if tables.pairs.groups:
            yield _list(f"Equal to the last bit: {' = '.join(group)}" for group in tables.pairs.groups)


def _deviations(deviations: Sequence[Deviation]) -> Iterable[str]:
    if deviations:
        yield "### Known deviations"
        yield _list(map(_deviation, deviations))


def _deviation(one: Deviation) -> str:
    more = f" and {len(one.names) - 6} more" if len(one.names) > 6 else ""
    return f"{', '.join(one.names[:6])}{more}: {one.counted}; {one.reason}{f' ({one.link})' if one.link else ''}"


def _training(tasks: Sequence[Task]) -> Iterable[str]:
    yield "## Training"
    if not tasks:
        yield "Not run."
        return
    yield (
        "Distance: the largest relative distance between the loss curve and the oracle's. "
        "Gradients and updates: the largest error over its bound; at most 1 is inside the bound."
    )
    for task in tasks:
        yield f"### {escape(task.title)}"
        yield escape(task.sentence)
        yield table(training.table(task))
        if task.published:
            yield task.published
    yield f"\\* What the losses in {published.SOURCE}, do not show:"
    yield _list(published.CAVEATS)


def _timing(benchmarks: Sequence[Benchmark]) -> Iterable[str]:
    yield "## Timing"
    if not benchmarks:
        yield "Not run."
    for grid in timing_tables.grids(benchmarks):
        yield table(grid)
    if notes := timing_tables.notes(benchmarks):
        yield _list(notes)
    if warnings := timing_tables.warnings(benchmarks):
        yield "### Measurement warnings"
        yield _list(f"{warning.code} {warning.sentence}" for warning in warnings)
    for benchmark in benchmarks:
        yield f"### {escape(benchmark.title)}"
        yield escape(benchmark.caption)
        yield table(timing_tables.full(benchmark))


def _conditions(results: Results) -> Iterable[str]:
    yield "## Conditions of the run"
    yield _list(f"{label}: {value}" for label, value in results.manifest.facts())
    yield _list(f"{framework.name}: {framework.words}" for framework in results.manifest.frameworks)
