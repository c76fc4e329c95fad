"""A table of text, independent of where it is shown.

`reports.render.text` prints it as plain lines, `reports.render.terminal` in colour, `reports.render.markdown` as
Markdown, and the macro `table` in `templates/page.macros.jinja` as HTML. This module needs the standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Row = tuple["Cell", ...]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: shown above the column; a line feed in it separates a name from its unit.
        numeric: whether the cells are numbers, which are aligned to the right and never wrapped.
        wrap: whether a long text may continue on the next line in a narrow terminal.
    """

    heading: str
    numeric: bool = False
    wrap: bool = True


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: shown in every rendering.
        outcome: the outcome of a verdict ("agrees", …) that gives the cell its colour; None for an uncoloured cell.
        muted: whether the cell is secondary and shown in a fainter colour.
        detail: a longer explanation that only the HTML page shows.
        link: an address that only the HTML page links to.
    """

    text: str
    outcome: str | None = None
    muted: bool = False
    detail: str = ""
    link: str | None = None


@dataclass(frozen=True)
class Section:
    """Rows that belong together, under a title of their own.

    Attributes:
        title: shown above the rows; empty for rows without a title.
        rows: the cells, one for each column.
        footer: whether the rows summarize the table: they are muted, and sorting leaves them at the end.
    """

    title: str
    rows: tuple[Row, ...]
    footer: bool = False

    @classmethod
    def of(cls, title: str, rows: Iterable[Iterable[str | Cell]], footer: bool = False) -> Section:
        """Make a section from rows of text or cells."""
        return cls(title, tuple(tuple(map(_cell, row)) for row in rows), footer)


@dataclass(frozen=True)
class Table:
    """A table: columns, and rows in one or more sections.

    Attributes:
        columns: from left to right.
        sections: from top to bottom.
        title: shown above the table.
        notes: sentences shown below the table.
        section_heading: what the titles of the sections are, as in "Framework"; Markdown has a column of that name.

    Raises:
        ValueError: if a row has more or fewer cells than there are columns.
    """

    columns: tuple[Column, ...]
    sections: tuple[Section, ...]
    title: str = ""
    notes: tuple[str, ...] = ()
    section_heading: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {len(row)} cells in a table of {len(self.columns)} columns: {row}")

    @classmethod
    def of(
        cls,
        columns: Iterable[str | Column],
        rows: Iterable[Iterable[str | Cell]],
        title: str = "",
        notes: Iterable[str] = (),
    ) -> Table:
        """Make a table of one section; a column given as text is not numeric."""
        return cls.grouped(columns, [Section.of("", rows)], title, notes)

    @classmethod
    def grouped(
        cls,
        columns: Iterable[str | Column],
        sections: Iterable[Section],
        title: str = "",
        notes: Iterable[str] = (),
        section_heading: str = "",
    ) -> Table:
        """Make a table of several sections; a column given as text is not numeric."""
        named = tuple(Column(column) if isinstance(column, str) else column for column in columns)
        return cls(named, tuple(sections), title, tuple(notes), section_heading)

    @property
    def rows(self) -> list[Row]:
        """The rows of all sections."""
        return [row for section in self.sections for row in section.rows]

    def records(self) -> list[dict[str, str]]:
        """The rows as mappings from heading to text, for JSON."""
        headings = [column.heading for column in self.columns]
        return [dict(zip(headings, (cell.text for cell in row), strict=True)) for row in self.rows]


def number(heading: str) -> Column:
    """A column of numbers."""
    return Column(heading, numeric=True)


def columns(*words: str, numbers: Iterable[str] = ()) -> list[Column]:
    """Columns of words, followed by columns of numbers."""
    return [*map(Column, words), *map(number, numbers)]


def one_line(text: str) -> str:
    """Text with every run of blanks, tabs and line feeds replaced by one space."""
    return re.sub("[ \t\r\n\f\v]+", " ", text).strip(" ")


def _cell(value: str | Cell) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)
