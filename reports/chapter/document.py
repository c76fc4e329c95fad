"""The document that reproduces the section: its types, and how it is read from and written to a results folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from reports.figures.chart_style import Figure
from reports.read import Footer, Manifest, closing, latest, read_manifest
from reports.render import html
from reports.render.files import write_atomically
from reports.render.markdown import escape
from reports.render.markdown import table as markdown_table
from reports.tables import published, table
from suite.results.rows import CHAPTER, PARTS, ChapterRow


@dataclass(frozen=True)
class Heading:
    """The heading of a part of the section.

    Attributes:
        number: position in the section, counted from 1.
        name: a short name, also its anchor on the page.
        title: shown as the heading.
        quote: what the book states or asks there.
    """

    number: int
    name: str
    title: str
    quote: str


@dataclass(frozen=True)
class PublishedNumber:
    """A number that the book prints, beside ours.

    Attributes:
        name: of the quantity.
        published: the printed value.
        ours: our value, with as many digits.
        same: whether both are equal within the printed digits; None if they can't be compared.
        remark: an explanation of a difference.
    """

    name: str
    published: str
    ours: str
    same: bool | None
    remark: str = ""

    @property
    def verdict(self) -> str:
        """`same` as a symbol and words."""
        return {True: "✓ same", False: "✗ differs", None: "– not comparable"}[self.same]


@dataclass(frozen=True)
class Exhibit:
    """A figure with the findings that it shows, one sentence each; the first is the main one."""

    figure: Figure
    findings: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """One part of the section, described from its rows."""

    heading: Heading
    exhibits: tuple[Exhibit, ...] = ()
    tables: tuple[table.Table, ...] = ()
    numbers: tuple[PublishedNumber, ...] = ()

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings of all exhibits."""
        return tuple(chain.from_iterable(exhibit.findings for exhibit in self.exhibits))


@dataclass(frozen=True)
class ChapterResults:
    """The contents of a chapter's results folder.

    Attributes:
        manifest: the conditions of the run.
        footer: how the run ended.
        rows: by part.
        seconds: duration of each part that was completed.
        complete: whether all parts were completed and every row could be read.
        notes: sentences about what is missing.
    """

    manifest: Manifest
    footer: Footer | None
    rows: Mapping[str, Sequence[ChapterRow]]
    seconds: Mapping[str, float | None]
    complete: bool
    notes: tuple[str, ...]


def load(folder: Path) -> ChapterResults:
    """Read a results folder.

    Raises:
        UserError: if it has no manifest that can be read.
    """
    manifest = read_manifest(folder)
    losses: list[str] = []
    footer = closing(folder, losses)
    rows = latest(folder, CHAPTER, footer, losses, [])
    parts = latest(folder, PARTS, footer, losses, [])
    by_part: dict[str, list[ChapterRow]] = {}
    for row in rows:
        by_part.setdefault(row.part, []).append(row)
    completed = {part.part: part.seconds for part in parts}
    losses += [f"The part “{part}” was not completed." for part in by_part if part not in completed]
    missing = [
        f"{framework.name} is missing everywhere: {framework.missing}"
        for framework in manifest.frameworks
        if framework.missing is not None
    ]
    return ChapterResults(manifest, footer, by_part, completed, not losses, (*losses, *missing))


def write(folder: Path, results: ChapterResults, sections: Sequence[Section]) -> list[Path]:
    """Write `chapter.html` and `chapter.md` into a folder; return their paths.

    Raises:
        OSError: if a file can't be written.
    """
    page = html.render(
        "chapter.html.jinja",
        [exhibit.figure for section in sections for exhibit in section.exhibits],
        styles=["chapter.css.jinja"],
        results=results,
        sections=sections,
        book=published,
    )
    contents = {"chapter.html": page, "chapter.md": markdown(results, sections)}
    return [write_atomically(folder / name, content) for name, content in contents.items()]


def markdown(results: ChapterResults, sections: Sequence[Section]) -> str:
    """Render the sentences and tables as Markdown."""
    blocks = [
        "# RMSProp, section 11.8 reproduced",
        f"[{published.SOURCE}]({published.LINK}), reproduced with the oracle and with the frameworks on identical "
        "data.",
        *(f"> {escape(note)}" for note in results.notes),
        *_published_numbers(sections),
    ]
    for section in sections:
        heading = section.heading
        blocks += [f"## {heading.number} {escape(heading.title)}", escape(heading.quote)]
        if section.findings:
            blocks.append("\n".join(f"- {escape(finding)}" for finding in section.findings))
        blocks += map(markdown_table, section.tables)
    facts = [f"- {label}: {escape(value)}" for label, value in results.manifest.facts()]
    facts += [f"- {escape(one.name)}: {escape(one.words)}" for one in results.manifest.frameworks]
    return "\n\n".join([*blocks, "## Environment", "\n".join(facts)]) + "\n"


def _published_numbers(sections: Sequence[Section]) -> Iterator[str]:
    rows = [
        (number.name, number.published, number.ours, number.verdict, number.remark)
        for section in sections
        for number in section.numbers
    ]
    if rows:
        columns = ("Number", table.number("Published"), table.number("Ours"), "Same?", "Remark")
        yield "## Published numbers and ours"
        yield markdown_table(table.Table.of(columns, rows))
