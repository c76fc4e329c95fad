"""The report as one HTML page: it opens from a file, loads nothing, and runs no script but its own."""

from __future__ import annotations

from collections.abc import Sequence

from reports import figures
from reports.read.results import Results
from reports.render import html
from reports.tables import agreement as agreement_tables
from reports.tables import numbers, outcomes, pairs, published, timing_tables, training
from reports.tables.findings import UNNAMED, describe_nearest, deviations_table
from reports.tables.first_screen import PROPERTIES, property_of
from reports.tables.pairs import Pairs
from reports.tables.report import Tables
from reports.tables.table import Cell, Table, columns
from suite.results.rows import VerdictRow

_COLUMNS = (
    "outcome", "framework", "implementation", "version", "device", "dtype", "dialect", "case", "property", "quantity",
    "first_step", "first_index", "worst_step", "worst_index", "ulps", "bound_ratio", "decided", "fits", "nearest",
    "error_growth", "expectation", "reason", "repeat", "sha256",
)  # fmt: skip


def render(results: Results, tables: Tables) -> str:
    """The whole page."""
    drawn = figures.build(results, tables)
    matrix = results.kill_matrix
    return html.render(
        "page.html.jinja",
        [figure for part in drawn.values() for figure in part],
        results=results,
        manifest=results.manifest,
        agreement=tables.agreement,
        implementations=agreement_tables.by_implementation(tables.agreement),
        counts=tables.agreement.counts,
        kill_matrix=matrix,
        mutants=agreement_tables.mutants_table(matrix) if matrix else None,
        matrix=tables.matrix,
        axes=tables.axes,
        axis_differences=lambda finding: pairs.axis_differences(finding, results.manifest.dialects),
        losses=tables.losses,
        speeds=tables.speeds,
        pairs=tables.pairs,
        pair_list=_pair_list(tables.pairs),
        closeness=[(name, symbol, pairs.MEANINGS[name]) for name, symbol in pairs.SYMBOLS.items()],
        deviations=deviations_table(tables.deviations),
        training=[(task, training.table(task)) for task in tables.training.tasks],
        benchmarks=[(benchmark, timing_tables.full(benchmark)) for benchmark in tables.timing],
        grids=timing_tables.grids(tables.timing),
        notes=timing_tables.notes(tables.timing),
        warnings=timing_tables.warnings(tables.timing),
        environments=_environments(results),
        figures=drawn,
        verdicts=html.script_json(_verdicts(results.verdicts)),
        outcomes=outcomes.ORDER,
        published=published,
        properties=PROPERTIES,
    )


def _pair_list(found: Pairs) -> Table:
    rows: list[list[str | Cell]] = []
    for pair in found.compared:
        closeness = Cell(f"{pair.symbol} {pair.closeness}", outcome=pair.closeness)
        equal, rounding, different = (numbers.count(pair.counts.get(name, 0)) for name in pairs.SYMBOLS)
        dialects = ", ".join(pair.dialects) or "their own"
        rows.append([pair.one, pair.other, dialects, closeness, equal, rounding, different])
    numeric = ("Equal", "Within rounding", "Different")
    return Table.of(columns("One", "Other", "Dialects", "All cases", numbers=numeric), rows)


def _environments(results: Results) -> Table:
    rows = ((framework.name, framework.words) for framework in results.manifest.frameworks)
    return Table.of(["Framework", "Python and packages"], rows)


_DERIVED = ("dialect", "property", "nearest", "error_growth")
"""The columns that are made from a row, in place of its own."""

_Column = dict[str, list[object]]
"""Cells of a column; for a column of text, its distinct values and the place of each cell among them."""


def _verdicts(rows: Sequence[VerdictRow]) -> dict[str, object]:
    """Every verdict, by column, as the script of the page reads it."""
    derived = [_derived(row) for row in rows]
    encoded: dict[str, _Column] = {}
    for name in _COLUMNS:
        if name in _DERIVED:
            cells = [_cell(words[name]) for words in derived]
        else:
            cells = [_cell(getattr(row, name)) for row in rows]
        if any(isinstance(cell, str) for cell in cells):
            values = list(dict.fromkeys(cells))
            place = {value: number for number, value in enumerate(values)}
            encoded[name] = {"values": values, "places": [place[cell] for cell in cells]}
        else:
            encoded[name] = {"cells": cells}
    symbols = {outcome.name: outcome.symbol for outcome in outcomes.ORDER}
    return {"size": len(rows), "columns": encoded, "symbols": symbols}


def _derived(row: VerdictRow) -> dict[str, str | None]:
    """The columns of `_DERIVED`: the tested property, and in words the dialects and the growth of the error."""
    series = [
        f"step {point[0]:.0f}: {numbers.multiple(point[1])} ulps, {numbers.multiple(point[2])} bounds"
        for point in row.error_growth or ()
        if len(point) == 3 and point[0] is not None
    ]
    return {
        "dialect": row.dialect or UNNAMED,
        "property": property_of(row),
        "nearest": describe_nearest(row.nearest) if row.nearest else None,
        "error_growth": "; ".join(series) or None,
    }


def _cell(value: object) -> object:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or None
    return html.shorten(value) if isinstance(value, str) else value
