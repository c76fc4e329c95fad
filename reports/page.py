"""The report as one HTML page: it opens from a file, fetches nothing, and runs no script but its own.

Its content security policy names its two scripts by their hashes, so that text from elsewhere could not run
even if it got past the escaping.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from typing import Any

import jinja2
import pandas as pd
import vl_convert
from markupsafe import Markup

from reports import columns, figures, grids, numbers, outcomes, pairs, published
from reports.doubts import footnotes
from reports.drawing import Figure
from reports.findings import UNNAMED, changed
from reports.properties import PROPERTIES, about
from reports.results import Results, records
from reports.schema import Row
from reports.tables import Tables

_TEXT_LIMIT = 2000
_SHOWN = (
    "outcome", "framework", "implementation", "version", "device", "dtype", "dialect", "case", "property", "quantity",
    "first_step", "first_index", "worst_step", "worst_index", "ulps", "bound_ratio", "decided", "fits", "nearest",
    "growth", "expectation", "reason", "repeat", "sha256",
)  # fmt: skip


def render(results: Results, tables: Tables) -> str:
    """The whole page."""
    environment = _environment()
    drawn = figures.build(results, tables)
    specs = {figure.id: figure.spec for part in drawn.values() for figure in part}
    scripts = [*([_bundle()] if specs else []), _source("page.js.jinja")]
    return environment.get_template("page.html.jinja").render(
        results=results,
        agreement=tables.agreement,
        counts=tables.agreement.counts,
        manifest=results.manifest,
        matrix=tables.matrix,
        axes=tables.axes,
        losses=tables.losses,
        speeds=tables.speeds,
        pairs=tables.pairs,
        deviations=tables.deviations,
        training=tables.training,
        benchmarks=[(benchmark, columns.build(benchmark)) for benchmark in tables.timing],
        grids=grids.build(tables.timing),
        notes=grids.notes(tables.timing),
        doubted=footnotes(tables.timing),
        figures=drawn,
        specs=script_json(specs),
        verdicts=script_json(_verdicts(results.verdicts)),
        style=Markup(_source("page.css.jinja")),  # noqa: S704  # the project's own file
        scripts=[Markup(script) for script in scripts],  # noqa: S704  # likewise
        policy=_policy(scripts),
    )


def script_json(value: object) -> Markup:
    """JSON for a script element: nothing in it can close the element or open a comment."""
    encoded = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        encoded = encoded.replace(character, f"\\u{ord(character):04x}")
    return Markup(encoded)  # noqa: S704  # no character of it means anything to HTML


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(outcomes=outcomes.ORDER, published=published, properties=PROPERTIES, kinds=KINDS)
    environment.filters.update({name: getattr(numbers, name) for name in _FILTERS})
    environment.filters["svg"] = _svg
    environment.filters["shorten"] = _shorten
    environment.filters["breakable"] = _breakable
    environment.filters["first_upper"] = lambda text: text[:1].upper() + text[1:]
    return environment


KINDS = tuple((kind, pairs.SYMBOLS[kind], pairs.MEANINGS[kind]) for kind in (pairs.EQUAL, pairs.ROUNDING, pairs.DIFFERENT))
"""What may be said of two implementations: its name, symbol and meaning."""

_FILTERS = ("count", "loss", "multiple", "distance", "coordinate", "fixed")


def _svg(figure: Figure) -> Markup:
    return Markup(figure.svg)  # noqa: S704  # drawn by Vega, which escapes text


def _breakable(name: str) -> Markup:
    """A name that may break after its framework."""
    return Markup("/<wbr>").join(name.split("/"))


def _shorten(text: str, limit: int = _TEXT_LIMIT) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def _verdicts(frame: pd.DataFrame) -> dict[str, Any]:
    """Every verdict, by column; a column of text is a list of its values and a list of places in it."""
    rows = [{**row, "dialect": row["dialect"] or UNNAMED, "property": about(row), **_explained(row)} for row in records(frame)]
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
    return _shorten(value) if isinstance(value, str) else value


@functools.cache
def _bundle() -> str:
    """Vega, Vega-Lite and vega-embed in one script."""
    script = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    return script.replace("\r", "").replace("</script", "<\\/script").replace("<!--", "<\\!--")


@functools.cache
def _source(name: str) -> str:
    source, _, _ = jinja2.PackageLoader("reports", ".").get_source(jinja2.Environment(autoescape=True), name)
    return source


def _policy(scripts: list[str]) -> str:
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
