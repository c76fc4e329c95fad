"""The section as one HTML page: it opens from a file, fetches nothing, and runs no script but its own."""

from __future__ import annotations

from collections.abc import Sequence

from reports.chapter.reading import Read
from reports.chapter.section import Section
from reports.render import html
from reports.tables import published


def render(read: Read, sections: Sequence[Section]) -> str:
    """The whole page."""
    return html.render(
        "chapter.html.jinja",
        [exhibit.figure for section in sections for exhibit in section.exhibits],
        styles=["chapter.css.jinja"],
        read=read,
        sections=sections,
        book=published,
    )
