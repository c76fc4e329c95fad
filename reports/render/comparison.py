"""The comparison of two runs on a terminal, as Markdown, and as a page of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from reports.figures import timing
from reports.render import html, markdown, terminal
from reports.render.files import write_atomically
from reports.tables import comparison as tables
from reports.tables.comparison import RunComparison
from reports.tables.table import Section, Table

SHOWN = 20
"""The largest number of rows of a table on a terminal; the page has all of them."""

LISTED = 2000
"""The largest number of changed outcomes on the page."""


def write(comparison: RunComparison, folder: Path) -> list[Path]:
    """Write `comparison.html` and `comparison.md` into a folder; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"comparison.html": page(comparison), "comparison.md": document(comparison)}
    return [write_atomically(folder / name, content) for name, content in contents.items()]


def page(comparison: RunComparison) -> str:
    """The comparison as an HTML page that needs no network."""
    drawn = timing.ratios(comparison.times)
    listed = replace(comparison, changes=comparison.changes[:LISTED])
    return html.render(
        "comparison.html.jinja",
        drawn,
        comparison=comparison,
        figures=drawn,
        listed=LISTED,
        changes=tables.changes_table(listed),
        implementations=tables.implementations_table(comparison),
        losses=tables.losses_table(comparison),
        times=tables.times_table(comparison),
        facts=tables.facts_table(comparison),
    )


def document(comparison: RunComparison) -> str:
    """The comparison as Markdown."""
    one, other = map(markdown.escape, comparison.names)
    blocks = [
        f"# {one} and {other}",
        "\n".join(f"- {markdown.escape(sentence)}" for sentence in comparison.sentences),
    ]
    blocks += [
        markdown.table(table) if table.rows else f"### {table.title}\n\nNone."
        for table in _tables(comparison, reason_length=160)
    ]
    if comparison.unlike:
        blocks.append(markdown.escape(f"Times: {comparison.unlike}."))
    blocks.append(markdown.escape(f"Conditions that do not differ: {', '.join(comparison.alike) or 'none'}."))
    return "\n\n".join(blocks) + "\n"


def show(comparison: RunComparison, console: Console) -> None:
    """Print the tables, each up to `SHOWN` rows, and the results last."""
    for table in _tables(comparison, reason_length=160):
        if table.rows:
            terminal.print_table(console, _cut(table))
            console.print()
    if comparison.unlike:
        terminal.print_line(console, f"Times: {comparison.unlike}.")
    for sentence in comparison.sentences:
        terminal.print_line(console, sentence)


def _tables(comparison: RunComparison, reason_length: int) -> list[Table]:
    moved = replace(comparison, losses=tuple(loss for loss in comparison.losses if not loss.same))
    return [
        tables.facts_table(comparison),
        tables.changes_table(comparison, reason_length),
        tables.implementations_table(comparison),
        replace(tables.losses_table(moved), title="Losses that are not the same"),
        tables.times_table(comparison),
    ]


def _cut(table: Table) -> Table:
    """The first rows of a table, and a note on how many more there are."""
    more = len(table.rows) - SHOWN
    if more <= 0:
        return table
    return replace(table, sections=(Section("", tuple(table.rows[:SHOWN])),), notes=(f"… and {more:,} more",))
