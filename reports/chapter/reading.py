"""The reader: a results folder becomes rows by part, and notes on what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reports.read.manifest import Footer, Manifest, read_manifest
from reports.read.results import closing, latest
from reports.read.schema import FIGURES, NAMES, REAL, TEXT, Kind, Row, Table, mapping, reals


def columns(value: object) -> dict[str, list[float | None]]:
    """An object of lists of numbers, by their names; what is no list is left out."""
    found = {name: reals(item) for name, item in mapping(value).items()}
    return {name: items for name, items in found.items() if items is not None}


SERIES = Kind(columns, "object")

CHAPTER = Table(
    "chapter",
    {
        "part": TEXT,
        "framework": TEXT,
        "implementation": TEXT,
        "version": TEXT,
        "device": TEXT,
        "dtype": TEXT,
        "dialect": TEXT,
        "subject": TEXT,
        "method": TEXT,
        "setting": TEXT,
        "outcome": TEXT,
        "reason": TEXT,
        "gradient_ratio": REAL,
        "update_ratio": REAL,
        "given": FIGURES,
        "found": FIGURES,
        "series": SERIES,
        "detail": TEXT,
        "seconds": REAL,
        "sha256": TEXT,
    },
    required=("part", "framework", "subject", "method"),
    key=("part", "framework", "implementation", "device", "subject", "method", "setting"),
)

PARTS = Table(
    "parts",
    {"part": TEXT, "seconds": REAL, "frameworks": NAMES},
    required=("part",),
    key=("part",),
)

ORACLE = "oracle"
"""Of a row: that it is no framework's, but what it should be."""


@dataclass(frozen=True)
class Read:
    """What a folder of the section holds.

    Attributes:
        manifest: on what it was made.
        footer: how it ended.
        rows: by part, in the columns of `CHAPTER`.
        seconds: that each part took, of those that came to their end.
        complete: whether nothing was lost.
        notes: what was, and what else is to be known, a sentence each.
    """

    manifest: Manifest
    footer: Footer | None
    rows: Mapping[str, Sequence[Row]]
    seconds: Mapping[str, float | None]
    complete: bool
    notes: tuple[str, ...]


def load(folder: Path) -> Read:
    """Read a folder; raises ReportError when it has no manifest that can be read."""
    manifest = read_manifest(folder)
    losses: list[str] = []
    footer = closing(folder, losses)
    rows, parts = (latest(folder, table, footer, losses, []) for table in (CHAPTER, PARTS))
    ended: dict[str, float | None] = {str(row["part"]): row["seconds"] for row in parts}  # type: ignore[misc]
    by_part: dict[str, list[Row]] = {}
    for row in rows:
        by_part.setdefault(str(row["part"]), []).append(row)
    losses += [f"The part “{part}” did not come to its end." for part in by_part if part not in ended]
    absent = [
        f"{framework.name} is left out everywhere: {framework.missing}"
        for framework in manifest.frameworks
        if framework.missing is not None
    ]
    return Read(manifest, footer, by_part, ended, not losses, (*losses, *absent))
