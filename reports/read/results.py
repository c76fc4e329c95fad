"""The reader: a results folder becomes three data frames, a manifest, and notes on what is missing.

A run may have been cut off in the middle of a line, resumed after that, or never closed. None of this stops
a report; all of it is said in the report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reports.read import kill_matrix
from reports.read.kill_matrix import Sharpness
from reports.read.manifest import Footer, Manifest, read_footer, read_manifest
from reports.read.schema import OUTCOMES, TABLES, TRAINING, VERDICTS, ReportError, Row, Table, clean, parse


@dataclass(frozen=True)
class Results:
    """What a results folder holds.

    The frames have the columns of their table in `schema`, in nullable dtypes (lists as objects), one row a
    verdict, training run or timing. `complete` is False when the run was cut off, still runs, or lost lines;
    `notes` says why, one sentence each. `sharpness` is the catalogue's, where it is known.
    """

    folder: Path
    manifest: Manifest
    footer: Footer | None
    verdicts: pd.DataFrame
    training: pd.DataFrame
    timings: pd.DataFrame
    complete: bool
    notes: tuple[str, ...]
    sharpness: Sharpness | None = None


def load(folder: Path) -> Results:
    """Read a results folder; raises ReportError when it has no manifest that can be read."""
    folder = Path(folder)
    manifest = read_manifest(folder)
    losses: list[str] = []
    remarks: list[str] = []
    footer = closing(folder, losses)
    frames = {table.name: _frame(folder, table, footer, losses, remarks) for table in TABLES}
    return Results(
        folder=folder,
        manifest=manifest,
        footer=footer,
        verdicts=frames["verdicts"],
        training=frames["training"],
        timings=frames["timings"],
        complete=not losses,
        notes=(*losses, *remarks),
        sharpness=kill_matrix.read(folder),
    )


def records(frame: pd.DataFrame) -> list[Row]:
    """The rows of a frame as mappings, None where a value is missing."""
    plain = frame.astype(object)
    return [{str(name): row[name] for name in row} for row in plain.where(frame.notna(), None).to_dict("records")]


def closing(folder: Path, losses: list[str]) -> Footer | None:
    """How the run ended; that it did not, or was not complete, is said in the list."""
    try:
        footer = read_footer(folder)
    except ReportError as error:
        losses.append(f"{clean(str(error))}.")
        return None
    if footer is None:
        losses.append("The run has no footer: it was cut off, or it is still running.")
    elif footer.status != "complete":
        losses.append(f"The run was not completed: its status is “{footer.status}”.")
    return footer


def latest(
    folder: Path, table: Table, footer: Footer | None, losses: list[str], remarks: list[str]
) -> list[dict[str, object]]:
    """The rows of a table, of those with the same key the last; what is lost or replaced is said in the two lists."""
    rows = list(_rows(folder / table.file, table, losses))
    announced = footer.rows.get(table.name) if footer else None
    if announced is not None and announced != len(rows):
        losses.append(f"The footer counts {announced:,} rows of {table.name}; {len(rows):,} could be read.")
    last = {tuple(row[name] for name in table.key): row for row in rows}
    if len(last) < len(rows):
        repeated = len(rows) - len(last)
        remarks.append(f"In {table.file}, {repeated:,} earlier results were replaced by later ones.")
    return list(last.values())


def _frame(folder: Path, table: Table, footer: Footer | None, losses: list[str], remarks: list[str]) -> pd.DataFrame:
    rows = latest(folder, table, footer, losses, remarks)
    columns = {name: pd.Series([row[name] for row in rows], dtype=kind.dtype) for name, kind in table.columns.items()}
    return pd.DataFrame(columns)


def _rows(path: Path, table: Table, losses: list[str]) -> Iterator[dict[str, object]]:
    if not path.is_file():
        return
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _row(line, table)
        except ValueError as error:
            cut = number == len(lines)  # a whole line ends in a line feed, so that something follows it
            why = "the last line is cut off" if cut else f"line {number} can't be read ({clean(str(error))})"
            losses.append(f"In {path.name}, {why}; it was left out.")


def _row(line: bytes, table: Table) -> dict[str, object]:
    raw = parse(line.decode("utf-8"))
    if not isinstance(raw, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  # every unreadable line is a ValueError
    row = {name: kind.convert(raw.get(name)) for name, kind in table.columns.items()}
    lacking = [name for name in table.required if row[name] is None]
    if lacking:
        raise ValueError(f"no {lacking[0]}")
    judged = table in (VERDICTS, TRAINING) or row.get("outcome") is not None  # older timings were not
    if judged and row["outcome"] not in OUTCOMES:
        row["reason"] = f"unknown outcome “{row['outcome']}”: {row['reason'] or 'no reason given'}"
        row["outcome"] = "failed"
    return row
