"""A table as lines of plain text, for where no other library is installed. Needs the standard library only."""

from __future__ import annotations

from collections.abc import Iterator

from reports.tables.table import Row, Table, one_line


def lines(table: Table) -> list[str]:
    """The table as aligned lines without trailing blanks: title, headings, rows, notes."""
    return [*([table.title] if table.title else []), *_body(table), *table.notes]


def _body(table: Table) -> Iterator[str]:
    headings = [one_line(column.heading) for column in table.columns]
    sections = [
        (one_line(one.title), [_texts(row, indent=bool(one.title)) for row in one.rows]) for one in table.sections
    ]
    every = [headings, *(row for _, rows in sections for row in rows)]
    widths = [max(len(row[place]) for row in every) for place in range(len(headings))]

    def line(cells: list[str]) -> str:
        places = zip(cells, widths, table.columns, strict=True)
        return "  ".join(f"{text:{'>' if column.numeric else '<'}{width}}" for text, width, column in places).rstrip()

    if any(headings):
        yield line(headings)
    for title, rows in sections:
        if title:
            yield title
        yield from map(line, rows)


def _texts(row: Row, indent: bool) -> list[str]:
    first, *others = (one_line(cell.text) for cell in row)
    return [f"  {first}" if indent else first, *others]
