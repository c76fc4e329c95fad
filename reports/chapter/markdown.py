"""The section as Markdown, for a pull request: sentences and tables; text from elsewhere does nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.chapter.reading import Read
from reports.chapter.section import Section
from reports.render.markdown import escape, table
from reports.tables import published
from reports.tables.table import Column, Table
from reports.tables.table import number as number_column


def render(read: Read, sections: Sequence[Section]) -> str:
    """The whole document."""
    blocks = [
        "# RMSProp, the section reproduced",
        f"[{published.SOURCE}]({published.LINK}) from top to bottom: the oracle, and the frameworks on identical data.",
        *(f"> {escape(note)}" for note in read.notes),
        *_numbers(sections),
    ]
    for section in sections:
        blocks += [f"## {section.number} {escape(section.title)}", escape(section.asks), *_findings(section)]
        for sheet in section.sheets:
            blocks += [
                escape(sheet.caption),
                table(Table.of(map(_column, sheet.header), sheet.rows)),
            ]
    blocks += ["## On what", *_facts(read)]
    return "\n\n".join(blocks) + "\n"


def _numbers(sections: Sequence[Section]) -> Iterator[str]:
    rows = [
        (number.what, number.published, number.ours, verdict(number.holds), number.remark)
        for section in sections
        for number in section.numbers
    ]
    if rows:
        yield "## The section's numbers beside ours"
        yield table(Table.of(["Number", number_column("Published"), number_column("Ours"), "Same?", "Remark"], rows))


def _column(name: str) -> Column:
    return number_column(name.removeprefix(">")) if name.startswith(">") else Column(name)


def verdict(holds: bool | None) -> str:
    """In a sign and a word."""
    return {True: "✓ same", False: "✗ differs", None: "– not comparable"}[holds]


def _findings(section: Section) -> Iterator[str]:
    if section.findings:
        yield "\n".join(f"- {escape(finding)}" for finding in section.findings)


def _facts(read: Read) -> Iterator[str]:
    yield "\n".join(f"- {label}: {escape(value)}" for label, value in read.manifest.facts())
    if read.manifest.frameworks:
        yield "\n".join(f"- {escape(one.name)}: {escape(one.words)}" for one in read.manifest.frameworks)
