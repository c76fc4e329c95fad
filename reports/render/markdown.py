"""Reports, comparisons and tables as Markdown in GitHub's dialect.

Text from a results folder is shown literally and has no effect as markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from reports.read import KillMatrix, Results
from reports.tables import agreement as agreement_tables
from reports.tables import published, timing_tables, training
from reports.tables.agreement import Agreement
from reports.tables.comparison import RunComparison, brief_tables
from reports.tables.findings import Deviation, Finding, few
from reports.tables.report import Tables
from reports.tables.table import Table
from reports.tables.timing import Benchmark
from reports.tables.training import Task

FINDINGS = 100  # that a report lists; `verdicts.csv` has every verdict

_SPECIAL = re.compile(r"[\\`*_\[\]|~#]|(?<=:)/|(?<=www)\.|^[-+=](?=\s|$|[-+=])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}

# The report


def report(results: Results, tables: Tables) -> str:
    """The report as one document."""
    blocks = [
        "# RMSProp conformance report",
        f"**{escape(tables.agreement.sentence)}**",
        *(f"> {escape(note)}" for note in results.notes),
        *_agreement(tables.agreement, results.kill_matrix),
        *_pairs(tables),
        *(["### Known deviations", _list(map(_deviation, tables.deviations))] if tables.deviations else []),
        *_training(tables.training),
        *_timing(tables.timing),
        "## Conditions of the run",
        _list(f"{label}: {value}" for label, value in results.manifest.facts()),
        _list(f"{framework.name}: {framework.words}" for framework in results.manifest.frameworks),
    ]
    return "\n\n".join(blocks) + "\n"


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
    parts += map(escape, finding.explanation)
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


def _deviation(one: Deviation) -> str:
    return f"{few(one.names)}: {one.counted}; {one.reason}{f' ({one.link})' if one.link else ''}"


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
    yield from map(table, timing_tables.grids(benchmarks))
    if notes := timing_tables.notes(benchmarks):
        yield _list(notes)
    if warnings := timing_tables.warnings(benchmarks):
        yield "### Measurement warnings"
        yield _list(f"{warning.code} {warning.sentence}" for warning in warnings)
    for benchmark in benchmarks:
        yield f"### {escape(benchmark.title)}"
        yield escape(benchmark.caption)
        yield table(timing_tables.full(benchmark))


# The comparison of two runs


def comparison(found: RunComparison) -> str:
    """The comparison of two runs as one document."""
    one, other = map(escape, found.names)
    tables = [table(each) if each.rows else f"### {each.title}\n\nNone." for each in brief_tables(found)]
    blocks = [f"# {one} and {other}", _list(found.sentences), *tables]
    if found.times_not_compared:
        blocks.append(escape(f"Times: {found.times_not_compared}."))
    blocks.append(escape(f"Conditions that do not differ: {', '.join(found.same_conditions) or 'none'}."))
    return "\n\n".join(blocks) + "\n"


# Text and tables


def escape(text: str) -> str:
    """Text for a paragraph, a list item or a table cell: one line, without any markup."""
    line = _SPECIAL.sub(lambda match: f"\\{match[0]}", " ".join(text.split()))
    return re.sub("[&<>@]", lambda match: _ENTITIES[match[0]], line)


def code(text: str) -> str:
    """Text as a code span, on one line (not for a table cell, where a pipe would end it)."""
    line = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def table(shown: Table) -> str:
    """The table with its title as a heading of level 3 and its notes as paragraphs."""
    parts = [f"### {escape(shown.title)}"] if shown.title else []
    return "\n\n".join([*parts, "\n".join(_lines(shown)), *map(escape, shown.notes)])


def _lines(shown: Table) -> Iterator[str]:
    """The lines of the table; titles of sections become a first column."""
    grouped = any(section.title for section in shown.sections)
    first = [escape(shown.section_heading)] if grouped else []
    yield _line([*first, *(escape(column.heading) for column in shown.columns)])
    yield _line([":--" for _ in first] + ["--:" if column.numeric else ":--" for column in shown.columns])
    for section in shown.sections:
        for row in section.rows:
            yield _line([*([escape(section.title)] if grouped else []), *(escape(cell.text) for cell in row)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences)
