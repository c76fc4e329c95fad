"""Tables and text as Markdown in GitHub's dialect. Text from elsewhere shows as it is and has no effect as markup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reports.tables.table import Table

_SPECIAL = re.compile(r"[\\`*_\[\]|~#]|(?<=:)/|(?<=www)\.|^[-+=](?=\s|$|[-+=])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}


def escape(text: str) -> str:
    """Text for a paragraph, a list item or a table cell: one line, without any markup."""
    line = _SPECIAL.sub(lambda match: f"\\{match[0]}", " ".join(text.split()))
    return re.sub("[&<>@]", lambda match: _ENTITIES[match[0]], line)


def code(text: str) -> str:
    """Text as a code span, on one line (not for a table cell, where a pipe would end it)."""
    line = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def table(shown: Table) -> str:
    """The table with its title as a heading of level 3 and its notes as paragraphs."""
    parts = [f"### {escape(shown.title)}"] if shown.title else []
    return "\n\n".join([*parts, "\n".join(_lines(shown)), *map(escape, shown.notes)])


def _lines(shown: Table) -> Iterator[str]:
    """The lines of the table; titles of sections become a first column."""
    grouped = any(section.title for section in shown.sections)
    first = [escape(shown.section_heading)] if grouped else []
    yield _line([*first, *(escape(column.heading) for column in shown.columns)])
    yield _line([":--" for _ in first] + ["--:" if column.numeric else ":--" for column in shown.columns])
    for section in shown.sections:
        for row in section.rows:
            yield _line([*([escape(section.title)] if grouped else []), *(escape(cell.text) for cell in row)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
