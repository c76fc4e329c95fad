"""The three main tables on a terminal, or as plain text when piped into a file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rich.console import Console

from reports.read.results import Results
from reports.render.terminal import STYLES, WIDE, print_line, print_table, text
from reports.tables import agreement as agreement_tables
from reports.tables import report, timing_tables, training
from reports.tables.agreement import Agreement
from reports.tables.findings import Finding
from reports.tables.table import one_line
from reports.tables.timing import Benchmark
from reports.tables.training import Training

FINDINGS = 8
"""The number of findings that a terminal shows; the page has all of them."""


def show(results: Results, console: Console, tables: Sequence[str] = report.NAMES) -> None:
    """Print the named tables; raises ValueError for a name other than agreement, training and timing."""
    unknown = [name for name in tables if name not in report.NAMES]
    if unknown:
        raise ValueError(f"no table {unknown[0]!r}; there are {', '.join(report.NAMES)}")
    built = report.build(results)
    for note in results.notes:
        print_line(console, note, "yellow")
    if "agreement" in tables:
        matrix = results.kill_matrix.sentence if results.kill_matrix else None
        _agreement(console, built.agreement, matrix)
    if "training" in tables:
        _training(console, built.training)
    if "timing" in tables:
        _timing(console, built.timing)


def _heading(console: Console, words: str) -> None:
    console.print()
    print_line(console, words, "bold")


def _agreement(console: Console, agreement: Agreement, kill_matrix: str | None) -> None:
    _heading(console, agreement.sentence)
    if not agreement.implementations:
        return
    table = agreement_tables.brief(agreement, versions=console.width >= WIDE)
    if table.rows:
        print_table(console, table)
    if agreement.relations:
        _heading(console, "Metamorphic relations, which hold to the last bit")
        print_table(console, agreement_tables.relations_brief(agreement))
    if kill_matrix:
        console.print()
        print_line(console, kill_matrix, "dim")
    _findings(console, agreement.urgent)


def _findings(console: Console, findings: Sequence[Finding]) -> None:
    if findings:
        _heading(console, "What does not agree, and why")
    for finding in findings[:FINDINGS]:
        print_line(console, f"{finding.outcome.label}: {finding.title}", STYLES[finding.outcome.name])
        for words in finding.explanation:
            print_line(console, _shortened(words), indent=2)
        if finding.row.repeat:  # on one line, so that it can be copied
            command = text(console, f"  repeat: {one_line(finding.row.repeat)}", "dim")
            console.print(command, highlight=False, soft_wrap=True)
    if len(findings) > FINDINGS:
        print_line(console, f"… and {len(findings) - FINDINGS} more: see report.html.")


def _training(console: Console, runs: Training) -> None:
    if not runs.tasks:
        _heading(console, "Training was not run.")
    for task in runs.tasks:
        _heading(console, f"{task.title}, {task.dtype}" if task.dtype else task.title)
        print_line(console, task.sentence)
        print_table(console, training.brief(task, wide=console.width >= WIDE))


def _timing(console: Console, benchmarks: Sequence[Benchmark]) -> None:
    muted = partial(print_line, console, style="dim")
    if not benchmarks:
        _heading(console, "Timing was not run.")
    for grid in timing_tables.grids(benchmarks):
        console.print()
        print_table(console, grid)
    if notes := timing_tables.notes(benchmarks):
        _heading(console, "How to read these times")
    for note in notes:
        muted(_shortened(note))
    if warnings := timing_tables.warnings(benchmarks):
        _heading(console, "Measurement warnings")
    for warning in warnings:
        muted(_shortened(f"{warning.code} {warning.sentence}"))


def _shortened(words: str, limit: int = 400) -> str:
    """The words on one line, cut at a limit; the page has them in full."""
    line = one_line(words)
    return line if len(line) <= limit else f"{line[:limit]}…"
