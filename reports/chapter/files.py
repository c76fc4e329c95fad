"""Writes the page and its Markdown into the results folder, each whole or not at all."""

from __future__ import annotations

from pathlib import Path

from reports.chapter import markdown, page
from reports.chapter.reading import load
from reports.chapter.sections import build
from reports.render.files import write_atomically


def write(folder: Path) -> list[Path]:
    """Write `chapter.html` and `chapter.md` into a results folder; return their paths.

    Raises:
        ReportError: when the folder can't be read.
        OSError: when it can't be written.
    """
    read = load(folder)
    sections = build(read)
    contents = {"chapter.html": page.render(read, sections), "chapter.md": markdown.render(read, sections)}
    return [write_atomically(folder / name, content) for name, content in contents.items()]


def sentences(folder: Path) -> list[str]:
    """What the run found, a part after the other: its title, and its sentences, indented.

    Raises:
        ReportError: when the folder can't be read.
    """
    lines = []
    for section in build(load(folder)):
        lines += [f"{section.number} {section.title}", *(f"  - {finding}" for finding in section.findings)]
    return lines
