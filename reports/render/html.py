"""Renders HTML pages from templates: style, scripts, filters, and a content security policy.

The policy of a page names its scripts by their hashes, so that no text from a results folder can run as a script, even
if it were not escaped.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Sequence

import jinja2
import vl_convert
from markupsafe import Markup

from reports.figures.chart_style import Figure
from reports.tables import numbers

_TEXT_LIMIT = 2000


def render(template: str, drawn: Sequence[Figure], /, *, styles: Sequence[str] = (), **context: object) -> str:
    """Render a page.

    Args:
        template: name of the template.
        drawn: the figures of the page. Without any, the page does not contain the Vega scripts.
        styles: templates of CSS in addition to that of all pages.
        context: variables of the template.
    """
    specs = {figure.id: figure.spec for figure in drawn}
    scripts = [*([_bundle()] if specs else []), source("page.js.jinja")]
    return (
        _environment()
        .get_template(template)
        .render(
            specs=script_json(specs),
            style=Markup("".join(map(source, ("page.css.jinja", *styles)))),  # noqa: S704  # the project's own files
            scripts=[Markup(script) for script in scripts],  # noqa: S704  # the project's own files
            policy=_policy(scripts),
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
    environment.filters.update({name: getattr(numbers, name) for name in _FILTERS})
    environment.filters["svg"] = _svg
    environment.filters["shorten"] = shorten
    environment.filters["breakable"] = _breakable
    environment.filters["lines"] = lambda text: Markup("<br>").join(text.split("\n"))
    environment.filters["first_upper"] = lambda text: text[:1].upper() + text[1:]
    return environment


_FILTERS = ("count", "loss", "multiple", "distance", "coordinate", "fixed", "duration", "significant", "share")


def _svg(figure: Figure) -> Markup:
    return Markup(figure.svg)  # noqa: S704  # drawn by Vega, which escapes text


def _breakable(name: str) -> Markup:
    """A name in which a line may break after each slash."""
    return Markup("/<wbr>").join(name.split("/"))


def shorten(text: str, limit: int = _TEXT_LIMIT) -> str:
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


def _policy(scripts: list[str]) -> str:
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
