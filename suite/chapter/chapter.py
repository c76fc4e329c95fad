"""Runs the parts of the section, writes their rows into a results folder, and makes the page from the folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.read import Footer, Manifest, closing, latest, read_manifest
from reports.render import html
from reports.render.files import write_atomically
from reports.render.markdown import escape
from reports.render.markdown import table as markdown_table
from reports.tables import published, table
from suite.cases import datasets
from suite.chapter import averages, gamma_one, network, regression, rotation, sensitivity, trajectory
from suite.chapter.part import Context, Part, Rows, Section
from suite.errors import UserError
from suite.results import provenance
from suite.results.rows import CHAPTER, CHAPTER_TABLES, PartRow
from suite.results.rows import PARTS as PARTS_TABLE
from suite.results.run_context import RunContext, RunOptions
from suite.results.store import require_usable
from suite.workers.environments import environments
from suite.workers.progress import Progress

PARTS = tuple(module.PART for module in (averages, trajectory, regression, gamma_one, rotation, network, sensitivity))
"""The parts, in the order of the section."""

VERSION = "section 11.8, 1"
"""The version of the parts and of their numbers; a run of another version is not resumed."""


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions):
    """The options of a run of the section."""

    parts: Sequence[Part]


class Chapter(RunContext):
    """A run of the section. A context manager: on exit it stops all workers and writes the footer."""

    def __init__(self, options: Options, progress: Progress) -> None:
        """Find the data, start the workers and open the results folder.

        Raises:
            UserError: if the data or the folder can't be used.
        """
        require_usable(options.output, resume=options.resume)  # before anything takes time
        required = datasets.named_images(options.data) is None  # else the folder is that of the images
        self.data = datasets.resolve(options.data, options.cache, download=options.download, required=required)
        progress.say(f"data: {self.data.detail}")
        known, self.parts = environments(options.pythons), options.parts
        chosen = {name: known[name] for name in options.frameworks}
        super().__init__(chosen, options, progress, self._manifest, CHAPTER_TABLES)

    def run(self) -> None:
        """Run the selected parts, except those that were completed with all frameworks that are available now."""
        available = set(self.hellos)
        done = {row.part for row in self.store.rows(PARTS_TABLE) if available <= set(row.frameworks)}
        for part in self.parts:
            name, title = part.heading.name, f"{part.heading.number} {part.heading.title}"
            if name in done:
                self.progress.say(f"{title}: done before")
                continue
            begin = time.perf_counter()
            self.progress.say(title)
            for row in part.run(Context(name, self, self.data)):
                self.store.append(row)
            seconds = time.perf_counter() - begin
            self.store.append(PartRow(part=name, seconds=seconds, frameworks=[*self.hellos]))

    @property
    def status(self) -> int:
        """The exit status: 0 if every framework was available and none differs from the oracle or fails, else 1."""
        wrong = any(row.outcome in ("differs", "failed") for row in self.store.rows(CHAPTER))
        return 1 if wrong or self.missing else 0

    def _manifest(self, context: RunContext) -> dict[str, Any]:
        options = self.options
        return {
            **provenance.manifest(self.data, context.hellos, context.missing),
            "threads": options.threads,
            "device": options.device,
            "seed": options.seed,
            "catalogue": VERSION,
            "implementations": {},
        }


def select_parts(wanted: Sequence[str]) -> list[Part]:
    """Select parts by number or name, in the order of the section; all parts if none is named.

    Raises:
        UserError: if there is no such part.
    """
    known = {name: part for part in PARTS for name in (str(part.heading.number), part.heading.name)}
    for name in wanted:
        if name not in known:
            every = ", ".join(f"{part.heading.number} ({part.heading.name})" for part in PARTS)
            raise UserError(f"no part {name!r}; there are {every}")
    return [part for part in PARTS if not wanted or part in [known[name] for name in wanted]]


@dataclass(frozen=True)
class ChapterResults:
    """The contents of a chapter's results folder: rows and durations by part, and sentences about what is missing.

    `complete` is whether all parts were completed and every row could be read.
    """

    manifest: Manifest
    footer: Footer | None
    rows: Mapping[str, Rows]
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
    every = latest(folder, CHAPTER, footer, losses, [])
    completed = {part.part: part.seconds for part in latest(folder, PARTS_TABLE, footer, losses, [])}
    rows = {name: Rows(every).select(part=name) for name in dict.fromkeys(row.part for row in every)}
    losses += [f"The part “{part}” was not completed." for part in rows if part not in completed]
    missing = [
        f"{framework.name} is missing everywhere: {framework.missing}"
        for framework in manifest.frameworks
        if framework.missing is not None
    ]
    return ChapterResults(manifest, footer, rows, completed, not losses, (*losses, *missing))


def describe(results: ChapterResults) -> list[Section]:
    """Describe the parts that have rows in a results folder."""
    return [part.describe(rows) for part in PARTS if (rows := results.rows.get(part.heading.name))]


def write(folder: Path) -> list[Path]:
    """Write `chapter.html` and `chapter.md` into a results folder, from its rows alone; return their paths.

    Raises:
        UserError: if the folder can't be read.
        OSError: if a file can't be written.
    """
    results = load(folder)
    sections = describe(results)
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
    ]
    numbers = [
        (one.name, one.published, one.ours, one.verdict, one.remark) for section in sections for one in section.numbers
    ]
    if numbers:
        columns = ("Number", table.number("Published"), table.number("Ours"), "Same?", "Remark")
        blocks += ["## Published numbers and ours", markdown_table(table.Table.of(columns, numbers))]
    for section in sections:
        heading = section.heading
        blocks += [f"## {heading.number} {escape(heading.title)}", escape(heading.quote)]
        if section.findings:
            blocks.append("\n".join(f"- {escape(finding)}" for finding in section.findings))
        blocks += map(markdown_table, section.tables)
    facts = [f"- {label}: {escape(value)}" for label, value in results.manifest.facts()]
    facts += [f"- {escape(one.name)}: {escape(one.words)}" for one in results.manifest.frameworks]
    return "\n\n".join([*blocks, "## Environment", "\n".join(facts)]) + "\n"


def findings(folder: Path) -> list[str]:
    """List the findings of a results folder as lines: the title of each part, and its sentences, indented.

    Raises:
        UserError: if the folder can't be read.
    """
    lines = []
    for section in describe(load(folder)):
        lines.append(f"{section.heading.number} {section.heading.title}")
        lines += [f"  - {finding}" for finding in section.findings]
    return lines
