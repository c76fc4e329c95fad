"""Writes the report's files into the results folder, each whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pandas as pd

from reports.read.results import load
from reports.render import junit, report_markdown, report_page, summary
from reports.tables import report


def write(folder: Path) -> list[Path]:
    """Write the report's files into a results folder; return their paths.

    They are `report.html`, `report.md`, `junit.xml`, `summary.json`, and a CSV file a table.

    Raises ReportError when the folder can't be read, OSError when it can't be written.
    """
    folder = Path(folder)
    results = load(folder)
    built = report.build(results)
    contents = {
        "report.html": report_page.render(results, built),
        "report.md": report_markdown.render(results, built),
        "verdicts.csv": csv(results.verdicts),
        "training.csv": csv(results.training),
        "timings.csv": csv(results.timings),
        "junit.xml": junit.render(results),
        "summary.json": summary.render(results),
    }
    return [replace(folder / name, content) for name, content in contents.items()]


def csv(frame: pd.DataFrame) -> str:
    """A table as CSV: numbers in full, lists as JSON, missing values empty."""
    plain = frame.copy()
    for name in frame.select_dtypes("object").columns:
        plain[name] = [None if cell is None else json.dumps(cell, ensure_ascii=False) for cell in plain[name]]
    return str(plain.to_csv(index=False, lineterminator="\n"))


def replace(path: Path, content: str) -> Path:
    """Write beside the file and rename, so that a reader never sees half of it and no link is followed."""
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
