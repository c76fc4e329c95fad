"""The report as one HTML page: it opens from a file, fetches nothing, and runs no script but its own."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.figures import collection
from reports.read.results import Results, records
from reports.read.schema import Row
from reports.render import html
from reports.tables import dialect_axes, numbers, outcomes, pairs, published, timing_columns, timing_grid
from reports.tables.findings import UNNAMED, changed
from reports.tables.properties import PROPERTIES, about
from reports.tables.report import Tables
from reports.tables.timing_warnings import footnotes

_SHOWN = (
    "outcome", "framework", "implementation", "version", "device", "dtype", "dialect", "case", "property", "quantity",
    "first_step", "first_index", "worst_step", "worst_index", "ulps", "bound_ratio", "decided", "fits", "nearest",
    "growth", "expectation", "reason", "repeat", "sha256",
)  # fmt: skip


def render(results: Results, tables: Tables) -> str:
    """The whole page."""
    drawn = collection.build(results, tables)
    return html.render(
        "page.html.jinja",
        [figure for part in drawn.values() for figure in part],
        results=results,
        agreement=tables.agreement,
        counts=tables.agreement.counts,
        manifest=results.manifest,
        matrix=tables.matrix,
        axes=tables.axes,
        why=lambda finding: dialect_axes.why(finding, results.manifest.dialects),
        losses=tables.losses,
        speeds=tables.speeds,
        pairs=tables.pairs,
        deviations=tables.deviations,
        training=tables.training,
        benchmarks=[(benchmark, timing_columns.build(benchmark)) for benchmark in tables.timing],
        grids=timing_grid.build(tables.timing),
        notes=timing_grid.notes(tables.timing),
        doubted=footnotes(tables.timing),
        figures=drawn,
        verdicts=html.script_json(_verdicts(results.verdicts)),
        outcomes=outcomes.ORDER,
        published=published,
        properties=PROPERTIES,
        kinds=pairs.KINDS,
    )


def _verdicts(frame: pd.DataFrame) -> dict[str, Any]:
    """Every verdict, by column; a column of text is a list of its values and a list of places in it."""
    rows = [
        {**row, "dialect": row["dialect"] or UNNAMED, "property": about(row), **_explained(row)}
        for row in records(frame)
    ]
    columns: dict[str, Any] = {}
    for name in _SHOWN:
        cells = [_cell(row[name]) for row in rows]
        if any(isinstance(cell, str) for cell in cells):
            values = list(dict.fromkeys(cells))
            place = {value: number for number, value in enumerate(values)}
            columns[name] = {"values": values, "places": [place[cell] for cell in cells]}
        else:
            columns[name] = {"cells": cells}
    symbols = {outcome.name: outcome.symbol for outcome in outcomes.ORDER}
    return {"size": len(rows), "columns": columns, "symbols": symbols}


def _explained(row: Row) -> dict[str, str | None]:
    """What is nearest, and how the error grows, in words."""
    nearest, growth = row["nearest"], row["growth"]
    points = [point for point in growth or () if len(point) == 3 and point[0] is not None]
    series = [
        f"step {step:.0f}: {numbers.multiple(ulps)} ulps, {numbers.multiple(over)} bounds"
        for step, ulps, over in points
    ]
    return {"nearest": changed(nearest) if nearest else None, "growth": "; ".join(series) or None}


def _cell(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or None
    return html.shorten(value) if isinstance(value, str) else value
