"""Writes reports into folders, each file completely or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from reports.read import load
from reports.render import exports, html, markdown
from reports.tables import report
from reports.tables.comparison import RunComparison
from suite.results.rows import TIMINGS, TRAINING, VERDICTS


def write(folder: Path) -> list[Path]:
    """Write the report's files into a results folder; return their paths.

    They are `report.html`, `report.md`, `junit.xml`, `summary.json`, and a CSV file for each table.

    Raises:
        UserError: if the folder can't be read.
        OSError: if it can't be written.
    """
    folder = Path(folder)
    results = load(folder)
    tables = report.build(results)
    contents = {
        "report.html": html.report(results, tables),
        "report.md": markdown.report(results, tables),
        "verdicts.csv": exports.csv(VERDICTS, results.verdicts),
        "training.csv": exports.csv(TRAINING, results.training),
        "timings.csv": exports.csv(TIMINGS, results.timings),
        "junit.xml": exports.junit(results),
        "summary.json": exports.summary_json(results),
    }
    return [write_atomically(folder / name, content) for name, content in contents.items()]


def write_comparison(comparison: RunComparison, folder: Path) -> list[Path]:
    """Write `comparison.html` and `comparison.md` into a folder; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"comparison.html": html.comparison(comparison), "comparison.md": markdown.comparison(comparison)}
    return [write_atomically(folder / name, content) for name, content in contents.items()]


def write_atomically(path: Path, content: str) -> Path:
    """Write to a temporary file and rename it, so that no reader sees half a file and no link is followed."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path
