"""A table of text, independent of where it is shown.

`Table.lines` gives it as plain text, `reports.render.terminal` in colour, `reports.render.markdown` as Markdown, and
the macro `table` in `templates/page.macros.jinja` as HTML. This module needs the standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Row = tuple["Cell", ...]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    A line feed in `heading` separates a name from its unit. `numeric` cells are aligned to the right and never wrapped;
    with `wrap`, a long text may continue on the next line in a narrow terminal.
    """

    heading: str
    numeric: bool = False
    wrap: bool = True


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    `outcome` ("agrees", …) gives the cell its colour; a `muted` cell is shown in a fainter one. `detail`, a longer
    explanation, and the address `link` are on the HTML page only.
    """

    text: str
    outcome: str | None = None
    muted: bool = False
    detail: str = ""
    link: str | None = None


@dataclass(frozen=True)
class Section:
    """Rows that belong together, under a title of their own, which may be empty.

    The rows of a `footer` summarize the table: they are muted, and sorting leaves them at the end.
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

    `notes` are sentences shown below the table. `section_heading` says what the titles of the sections are, as in
    "Framework"; Markdown has a column of that name.

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

    def lines(self) -> list[str]:
        """The table as aligned lines of plain text without trailing blanks: title, headings, rows, notes."""
        return [*([self.title] if self.title else []), *self._body(), *self.notes]

    def _body(self) -> Iterator[str]:
        headings = [one_line(column.heading) for column in self.columns]
        sections = [
            (one_line(section.title), [_texts(row, indent=bool(section.title)) for row in section.rows])
            for section in self.sections
        ]
        every = [headings, *(row for _, rows in sections for row in rows)]
        widths = [max(map(len, column)) for column in zip(*every, strict=True)]

        def line(cells: list[str]) -> str:
            places = zip(cells, widths, self.columns, strict=True)
            return "  ".join(f"{text:{'>' if col.numeric else '<'}{width}}" for text, width, col in places).rstrip()

        if any(headings):
            yield line(headings)
        for title, rows in sections:
            if title:
                yield title
            yield from map(line, rows)


def number(heading: str) -> Column:
    """A column of numbers."""
    return Column(heading, numeric=True)


def columns(*words: str, numbers: Iterable[str] = ()) -> list[Column]:
    """Columns of words, followed by columns of numbers."""
    return [*map(Column, words), *map(number, numbers)]


def one_line(text: str) -> str:
    """Text with every run of blanks, tabs and line feeds replaced by one space."""
    return re.sub("[ \t\r\n\f\v]+", " ", text).strip(" ")


def shortened(text: str, length: int) -> str:
    """Text on one line, cut at a number of characters."""
    line = one_line(text)
    return line if len(line) <= length else f"{line[:length]}…"


def _cell(value: str | Cell) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)


def _texts(row: Row, indent: bool) -> list[str]:
    first, *others = (one_line(cell.text) for cell in row)
    return [f"  {first}" if indent else first, *others]
