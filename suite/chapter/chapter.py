"""Runs the parts of the section, writes their rows into a results folder, and makes the page from the folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from reports.chapter import document
from reports.chapter.document import ChapterResults, Section
from suite.cases import datasets
from suite.chapter import averages, gamma_one, network, regression, rotation, sensitivity, trajectory
from suite.chapter.part import Context, FrameworkRunner, Part
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


class Chapter:
    """A run of the section. A context manager: on exit it stops all workers and writes the footer."""

    def __init__(self, options: Options, progress: Progress) -> None:
        """Find the data, start the workers and open the results folder.

        Raises:
            UserError: if the data or the folder can't be used.
        """
        self.options, self.progress = options, progress
        require_usable(options.output, resume=options.resume)  # before anything takes time
        required = datasets.named_images(options.data) is None  # else the folder is that of the images
        self.data = datasets.resolve(options.data, options.cache, download=options.download, required=required)
        progress.say(f"data: {self.data.detail}")
        known = environments(options.pythons)
        chosen = {name: known[name] for name in options.frameworks}
        self.context = RunContext(chosen, options, progress, self._manifest, CHAPTER_TABLES)
        self.store = self.context.store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.context.__exit__(kind, *rest)

    def run(self) -> None:
        """Run the selected parts, except those that an earlier run completed."""
        options = self.options
        runner = FrameworkRunner(self.context)
        context = Context(runner, self.data, options.data, options.cache, options.download, options.seed, self.progress)
        done = self._done()
        for part in options.parts:
            title = f"{part.heading.number} {part.heading.title}"
            if part.name in done:
                self.progress.say(f"{title}: done before")
                continue
            begin = time.perf_counter()
            self.progress.say(title)
            for row in part.run(context):
                self.store.append(row)
            completed = PartRow(part=part.name, seconds=time.perf_counter() - begin, frameworks=[*self.context.hellos])
            self.store.append(completed)

    @property
    def status(self) -> int:
        """The exit status: 0 if every framework was available and none differs from the oracle or fails, else 1."""
        wrong = any(row.outcome in ("differs", "failed") for row in self.store.rows(CHAPTER))
        return 1 if wrong or self.context.missing else 0

    def _done(self) -> set[str]:
        """The parts that were completed with all frameworks that are available now."""
        available = set(self.context.hellos)
        return {row.part for row in self.store.rows(PARTS_TABLE) if available <= set(row.frameworks)}

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
    known = {name: part for part in PARTS for name in (str(part.heading.number), part.name)}
    for name in wanted:
        if name not in known:
            every = ", ".join(f"{part.heading.number} ({part.name})" for part in PARTS)
            raise UserError(f"no part {name!r}; there are {every}")
    return [part for part in PARTS if not wanted or part in [known[name] for name in wanted]]


def describe(results: ChapterResults) -> list[Section]:
    """Describe the parts that have rows in a results folder."""
    return [part.describe(results.rows[part.name]) for part in PARTS if results.rows.get(part.name)]


def write(folder: Path) -> list[Path]:
    """Write `chapter.html` and `chapter.md` into a results folder, from its rows alone; return their paths.

    Raises:
        UserError: if the folder can't be read.
        OSError: if a file can't be written.
    """
    results = document.load(folder)
    return document.write(folder, results, describe(results))


def findings(folder: Path) -> list[str]:
    """List the findings of a results folder as lines: the title of each part, and its sentences, indented.

    Raises:
        UserError: if the folder can't be read.
    """
    lines = []
    for section in describe(document.load(folder)):
        lines.append(f"{section.heading.number} {section.heading.title}")
        lines += [f"  - {finding}" for finding in section.findings]
    return lines
