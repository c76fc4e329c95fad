"""Made-up timings, and their tables as a test reads them."""

from __future__ import annotations

import io

from rich.console import Console

import reports
from reports.tables import timing_tables
from tests.support import sample_results


def renderings(folder):
    """The page, the document and an 80-column terminal, of the timing alone."""
    reports.write(folder)
    page, document = ((folder / name).read_text("utf-8") for name in ("report.html", "report.md"))
    file = io.StringIO()
    reports.show(reports.load(folder), Console(file=file, width=80), ["timing"])
    return page, document[document.index("## Timing") :], file.getvalue()


def timing_of(benchmark, name):
    return next(timing for timing in benchmark.timings if timing.name == name)


def column(benchmark, title):
    """A column of the table in full: implementation -> cell."""
    return {row["Implementation"]: row[title] for row in timing_tables.full(benchmark).records()}


def headings(table):
    """The first lines of the headings, without that of the names."""
    return [column.heading.split("\n")[0] for column in table.columns][1:]


def rows_in(table, title):
    """The rows of a section: name -> other cells."""
    section = next(one for one in table.sections if one.title == title)
    return {row[0].text: tuple(cell.text for cell in row[1:]) for row in section.rows}


def torch_rows(*changes, benchmark="epoch/regression"):
    """torch/builtin and torch/scratch at a benchmark, with changes to the second."""
    rows = [row for row in sample_results.timings() if row["benchmark"] == benchmark and row["instance"] == 1]
    kept = [row for row in rows if row["framework"] == "torch" and row["implementation"] in ("builtin", "scratch")]
    for change in changes:
        kept[1] |= change
    return kept
