"""Synthetic timings, and access to the tables that are made from them."""

from __future__ import annotations

import io

from rich.console import Console

import reports
from reports.tables import timing_tables
from tests.support import sample_results


def renderings(folder):
    """Return the HTML page, and the timing section of the Markdown document and of an 80-column terminal."""
    reports.write(folder)
    page, document = ((folder / name).read_text("utf-8") for name in ("report.html", "report.md"))
    file = io.StringIO()
    reports.show(reports.load(folder), Console(file=file, width=80), ["timing"])
    return page, document[document.index("## Timing") :], file.getvalue()


def timing_of(benchmark, name):
    """Return the timing of an implementation."""
    return next(timing for timing in benchmark.timings if timing.name == name)


def column(benchmark, title):
    """Return a column of the complete table: implementation -> cell."""
    return {row["Implementation"]: row[title] for row in timing_tables.full(benchmark).records()}


def headings(table):
    """Return the first line of each heading, without the column of the implementations."""
    return [column.heading.split("\n")[0] for column in table.columns][1:]


def rows_in(table, title):
    """Return the rows of a section: implementation -> texts of the other cells."""
    section = next(section for section in table.sections if section.title == title)
    return {row[0].text: tuple(cell.text for cell in row[1:]) for row in section.rows}


def torch_rows(*changes, benchmark="epoch/regression"):
    """Return the rows of torch/builtin and torch/scratch in a benchmark, with these changes to the second."""
    rows = [row for row in sample_results.timings() if row["benchmark"] == benchmark and row["instance"] == 1]
    selected = [row for row in rows if row["framework"] == "torch" and row["implementation"] in ("builtin", "scratch")]
    for change in changes:
        selected[1] |= change
    return selected
