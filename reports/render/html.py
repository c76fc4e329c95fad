"""Reports, comparisons and other pages as HTML: a page opens from a file, loads nothing, and runs no foreign script.

The content security policy of a page names its scripts by their hashes, so that no text from a results folder can run
as a script, even if it were not escaped.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import jinja2
import vl_convert
from markupsafe import Markup

from reports import figures
from reports.figures import timing
from reports.figures.chart_style import Figure
from reports.read import Results
from reports.tables import agreement as agreement_tables
from reports.tables import comparison as comparison_tables
from reports.tables import numbers, outcomes, pairs, published, timing_tables, training
from reports.tables.comparison import RunComparison
from reports.tables.findings import UNNAMED, describe_nearest, deviations_table
from reports.tables.report import PROPERTIES, Tables, property_of
from reports.tables.table import Table
from suite.results.rows import VerdictRow

_COLUMNS = (
    "outcome", "framework", "implementation", "version", "device", "dtype", "dialect", "case", "property", "quantity",
    "first_step", "first_index", "worst_step", "worst_index", "ulps", "bound_ratio", "decided", "fits", "nearest",
    "error_growth", "expectation", "reason", "repeat", "sha256",
)  # fmt: skip

CHANGES = 2000  # changed outcomes on the page of a comparison, at most

# The report


def report(results: Results, tables: Tables) -> str:
    """The report as one page."""
    drawn = figures.build(results, tables)
    matrix = results.kill_matrix
    packages = [(framework.name, framework.words) for framework in results.manifest.frameworks]
    return render(
        "page.html.jinja",
        [figure for part in drawn.values() for figure in part],
        **vars(tables),
        results=results,
        manifest=results.manifest,
        implementations=agreement_tables.by_implementation(tables.agreement),
        counts=tables.agreement.counts,
        kill_matrix=matrix,
        mutants=agreement_tables.mutants_table(matrix) if matrix else None,
        axis_differences=lambda finding: pairs.axis_differences(finding, results.manifest.dialects),
        pair_list=tables.pairs.table(),
        closeness=[(name, symbol, pairs.MEANINGS[name]) for name, symbol in pairs.SYMBOLS.items()],
        known_deviations=deviations_table(tables.deviations),
        tasks=[(task, training.table(task)) for task in tables.training],
        benchmarks=[(benchmark, timing_tables.full(benchmark)) for benchmark in tables.timing],
        grids=timing_tables.grids(tables.timing),
        notes=timing_tables.notes(tables.timing),
        warnings=timing_tables.warnings(tables.timing),
        environments=Table.of(["Framework", "Python and packages"], packages),
        figures=drawn,
        verdicts=script_json(_verdicts(results.verdicts)),
        outcomes=outcomes.ORDER,
        published=published,
        properties=PROPERTIES,
    )


def _verdicts(rows: Sequence[VerdictRow]) -> dict[str, object]:
    """Every verdict, by column, as the script of the page reads it.

    A column of text has its distinct values, and the place of each cell among them.
    """
    shown = [{**vars(row), **_derived(row)} for row in rows]
    columns: dict[str, dict[str, list[object]]] = {}
    for name in _COLUMNS:
        cells = [_cell(row[name]) for row in shown]
        if any(isinstance(cell, str) for cell in cells):
            values = list(dict.fromkeys(cells))
            place = {value: number for number, value in enumerate(values)}
            columns[name] = {"values": values, "places": [place[cell] for cell in cells]}
        else:
            columns[name] = {"cells": cells}
    symbols = {outcome.name: outcome.symbol for outcome in outcomes.ORDER}
    return {"size": len(rows), "columns": columns, "symbols": symbols}


def _derived(row: VerdictRow) -> dict[str, str | None]:
    """The tested property, and in words the dialects and the growth of the error."""
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
    return _shorten(value) if isinstance(value, str) else value


# The comparison of two runs


def comparison(found: RunComparison) -> str:
    """The comparison of two runs as a page."""
    drawn = timing.ratios(found.times)
    return render(
        "comparison.html.jinja",
        drawn,
        comparison=found,
        figures=drawn,
        listed=CHANGES,
        changes=comparison_tables.changes_table(replace(found, changes=found.changes[:CHANGES])),
        implementations=comparison_tables.implementations_table(found),
        losses=comparison_tables.losses_table(found),
        times=comparison_tables.times_table(found),
        facts=comparison_tables.facts_table(found),
    )


# Any page


def render(template: str, drawn: Sequence[Figure], /, *, styles: Sequence[str] = (), **context: object) -> str:
    """Render a template with variables, with its figures, and with templates of CSS besides that of all pages.

    A page without figures does not contain the Vega scripts.
    """
    specs = {figure.id: figure.spec for figure in drawn}
    scripts = [*([_bundle()] if specs else []), source("page.js.jinja")]
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template(template)
        .render(
            specs=script_json(specs),
            style=Markup("".join(map(source, ("page.css.jinja", *styles)))),  # noqa: S704  # the project's own files
            scripts=[Markup(script) for script in scripts],  # noqa: S704  # the project's own files
            policy=policy,
            **context,
        )
    )


def script_json(value: object) -> Markup:
    """JSON for a script element; nothing in it can close the element or open a comment."""
    encoded = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        encoded = encoded.replace(character, f"\\u{ord(character):04x}")
    return Markup(encoded)  # noqa: S704  # it has no character that is special in HTML


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": numbers.count,
        "fixed": numbers.fixed,
        "svg": lambda figure: Markup(figure.svg),  # noqa: S704  # drawn by Vega, which escapes text
        "shorten": _shorten,
        "breakable": lambda name: Markup("/<wbr>").join(name.split("/")),  # a line may break after each slash
        "lines": lambda text: Markup("<br>").join(text.split("\n")),
        "first_upper": lambda text: text[:1].upper() + text[1:],
    }
    return environment


def _shorten(text: str, limit: int = 2000) -> str:
    """Text cut at a number of characters."""
    return text if len(text) <= limit else f"{text[:limit]}…"


@functools.cache
def _bundle() -> str:
    """Vega, Vega-Lite and vega-embed as one script."""
    script = str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))
    return script.replace("\r", "").replace("</script", "<\\/script").replace("<!--", "<\\!--")


@functools.cache
def source(name: str) -> str:
    """The unrendered text of a template."""
    source, _, _ = jinja2.PackageLoader("reports", "templates").get_source(jinja2.Environment(autoescape=True), name)
    return source
