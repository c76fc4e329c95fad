"""Tables and lines of text on a terminal, through rich.

Text is never read as markup. Nothing is cut: where a table is too wide, words continue on the next line and numbers
stay whole. On a terminal that shows ASCII only, symbols are replaced by ASCII ones.
"""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from reports.tables.outcomes import NAMED
from reports.tables.table import Cell, Column, Table, one_line

WIDE = 112
"""The width in characters from which a table has wide gaps between its columns."""

MINIMUM = 13
"""Characters that a column of words keeps at least, if it has as many."""

MINIMUM_FIRST = {True: 24, False: 16}
"""Likewise for the first column, on a wide and on a narrow terminal: it holds the names."""

STYLES = {
    "agrees": "green",
    "differs": "bold red",
    "undecided": "yellow",
    "unsupported": "dim",
    "failed": "bold magenta",
}
"""The rich style of each outcome."""

FIGURE_SPACE = "\N{FIGURE SPACE}"

_ASCII = str.maketrans(
    {
        **{outcome.symbol: outcome.ascii for outcome in NAMED.values()},
        "—": "-",
        "−": "-",
        "·": "-",
        "×": "x",
        "≈": "~",
        "₁": "1",
        "₂": "2",
        "…": "...",
        "–": "-",
        "µ": "u",
        "↓": "v",
        "↑": "^",
        FIGURE_SPACE: " ",
        **{raised: f"^{digit}" for digit, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    }
)


def text(console: Console, words: str, style: str = "") -> Text:
    """Text that the console can show, without markup."""
    if console.options.ascii_only:
        words = words.translate(_ASCII).encode("ascii", "backslashreplace").decode()
    return Text(words, style)


def print_line(console: Console, words: str, style: str = "", indent: int = 0) -> None:
    """Print text, wrapped between words, each line indented."""
    for part in text(console, one_line(words), style).wrap(console, max(20, console.width - indent)):
        part.rstrip()
        console.print(Text(" " * indent) + part, highlight=False, soft_wrap=True)


def print_table(console: Console, table: Table) -> None:
    """Print a table with its title and notes.

    A table that is wider than the terminal even with every word wrapped is printed at its own width.
    """
    if table.title:
        print_line(console, table.title, "bold")
    wide = console.width >= WIDE
    drawn = _drawn(console, table, gap=2 if wide else 1, breaks=False)
    if _width(console, drawn).maximum > console.width:
        drawn = _drawn(console, table, gap=2 if wide else 1, breaks=True)
    if _width(console, drawn).minimum > console.width:
        drawn = _drawn(console, table, gap=1, breaks=True)
    least = _width(console, drawn).minimum
    if least > console.width:
        drawn.width = least
    console.print(drawn, crop=False)
    for note in table.notes:
        print_line(console, note, "dim")


def _width(console: Console, drawn: RichTable) -> Measurement:
    """The least and the largest width of a table, whatever the width of the terminal."""
    return Measurement.get(console, console.options.update(width=10_000), drawn)


def _drawn(console: Console, table: Table, gap: int, breaks: bool) -> RichTable:
    """Make the rich table; with `breaks`, a long name in the first column continues on a new line after its slash."""
    drawn = RichTable(
        box=box.SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False, header_style="dim",
        show_header=any(column.heading for column in table.columns),
    )  # fmt: skip
    longest = MINIMUM_FIRST[console.width >= WIDE]
    cells = [
        [_shown(console, cell, section.footer) for cell in row] for section in table.sections for row in section.rows
    ]
    for row in cells if breaks and table.columns[0].wrap else []:
        if row[0].cell_len > longest:
            row[0] = Text(row[0].plain.replace("/", "/\n ", 1), row[0].style)
    for place, column in enumerate(table.columns):
        _add_column(console, drawn, column, [row[place] for row in cells], MINIMUM if place else longest)
    rows = iter(cells)
    for section in table.sections:
        if section.footer:
            drawn.add_section()
        if section.title:
            drawn.add_row(text(console, one_line(section.title)))
        for _ in section.rows:
            row = next(rows)
            drawn.add_row(Text("  ") + row[0] if section.title else row[0], *row[1:])
    return drawn


def _add_column(console: Console, drawn: RichTable, column: Column, cells: list[Text], least: int) -> None:
    heading = text(console, column.heading)
    if column.numeric or not column.wrap:
        drawn.add_column(heading, justify="right" if column.numeric else "left", no_wrap=True, overflow="fold")
    else:
        longest = max((len(line) for cell in [heading, *cells] for line in cell.plain.split("\n")), default=0)
        drawn.add_column(heading, overflow="fold", min_width=min(least, longest))


def _shown(console: Console, cell: Cell, footer: bool) -> Text:
    style = STYLES.get(cell.outcome or "", "dim" if cell.muted or footer else "")
    return text(console, cell.text, style)
