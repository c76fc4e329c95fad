"""The section as one HTML page: it opens from a file, fetches nothing, and runs no script but its own."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from reports import page, published
from reports.chapter.reading import Read
from reports.chapter.section import Section


def render(read: Read, sections: Sequence[Section]) -> str:
    """The whole page."""
    specs = {exhibit.figure.id: exhibit.figure.spec for section in sections for exhibit in section.exhibits}
    scripts = [*([page._bundle()] if specs else []), page._source("page.js.jinja")]
    style = page._source("page.css.jinja") + page._source("chapter/chapter.css.jinja")
    return page._environment().get_template("chapter/chapter.html.jinja").render(
        read=read,
        sections=sections,
        book=published,
        specs=page.script_json(specs),
        style=Markup(style),  # noqa: S704  # the project's own files
        scripts=[Markup(script) for script in scripts],  # noqa: S704  # likewise
        policy=page._policy(scripts),
    )  # fmt: skip
