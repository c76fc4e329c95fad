"""The reader: a results folder becomes three tables of typed rows, a manifest, and notes on what is missing.

A run may have been cut off in the middle of a line, resumed after that, or never closed. None of this stops
a report; all of it is said in the report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

from reports.read import kill_matrix
from reports.read.kill_matrix import KillMatrix
from reports.read.manifest import Footer, Manifest, read_footer, read_manifest
from suite.errors import UserError
from suite.results.decoding import clean, decode, flag, parse, text
from suite.results.rows import TIMINGS, TRAINING, VERDICTS, Outcome, Table, TimingRow, TrainingRow, VerdictRow

RowT = TypeVar("RowT")

OUTCOMES: tuple[str, ...] = get_args(Outcome)
"""Every outcome that a row can have."""

_USUAL = ("agrees", "unsupported")
"""Outcomes that are expected where a row does not say whether it is expected."""


@dataclass(frozen=True)
class Results:
    """What a results folder holds.

    Attributes:
        folder: its path.
        manifest: the conditions of the run.
        footer: how the run ended; None where it has none.
        verdicts: one row for each verdict.
        training: one row for each training run.
        timings: one row for each timing.
        complete: False when the run was cut off, still runs, or lost lines.
        notes: why it is not complete, and which rows were replaced, one sentence each.
        kill_matrix: the result of mutation testing; None where it is not known.
    """

    folder: Path
    manifest: Manifest
    footer: Footer | None
    verdicts: tuple[VerdictRow, ...]
    training: tuple[TrainingRow, ...]
    timings: tuple[TimingRow, ...]
    complete: bool
    notes: tuple[str, ...]
    kill_matrix: KillMatrix | None = None


def load(folder: Path) -> Results:
    """Read a results folder.

    Raises:
        UserError: if it has no manifest that can be read.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    losses: list[str] = []
    remarks: list[str] = []
    footer = closing(folder, losses)
    verdicts = latest(folder, VERDICTS, footer, losses, remarks)
    training = latest(folder, TRAINING, footer, losses, remarks)
    timings = latest(folder, TIMINGS, footer, losses, remarks)
    return Results(
        folder=folder,
        manifest=manifest,
        footer=footer,
        verdicts=tuple(verdicts),
        training=tuple(training),
        timings=tuple(timings),
        complete=not losses,
        notes=(*losses, *remarks),
        kill_matrix=kill_matrix.read(folder),
    )


def closing(folder: Path, losses: list[str]) -> Footer | None:
    """Read how the run ended; add to `losses` that it did not end, or was not complete."""
    try:
        footer = read_footer(folder)
    except UserError as error:
        losses.append(f"{clean(str(error))}.")
        return None
    if footer is None:
        losses.append("The run has no footer: it was cut off, or it is still running.")
    elif footer.status != "complete":
        losses.append(f"The run was not completed: its status is “{footer.status}”.")
    return footer


def latest(
    folder: Path, table: Table[RowT], footer: Footer | None, losses: list[str], remarks: list[str]
) -> list[RowT]:
    """Read the rows of a table; of rows with the same key the last one counts.

    Args:
        folder: the results folder.
        table: the table to read.
        footer: how the run ended, with the number of rows that it wrote.
        losses: gets a sentence for each line that can't be read, and for each row that is missing.
        remarks: gets a sentence where rows were replaced.
    """
    rows = list(_rows(folder / table.file, table, losses))
    announced = footer.rows.get(table.name) if footer else None
    if announced is not None and announced != len(rows):
        losses.append(f"The footer counts {announced:,} rows of {table.name}; {len(rows):,} could be read.")
    last = {table.key_of(row): row for row in rows}
    if len(last) < len(rows):
        repeated = len(rows) - len(last)
        remarks.append(f"In {table.file}, {repeated:,} earlier results were replaced by later ones.")
    return list(last.values())


def _rows(path: Path, table: Table[RowT], losses: list[str]) -> Iterator[RowT]:
    if not path.is_file():
        return
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield decode(table, _judged(parse(line.decode("utf-8"))))
        except ValueError as error:
            cut = number == len(lines)  # a whole line ends in a line feed, so that something follows it
            why = "the last line is cut off" if cut else f"line {number} can't be read ({clean(str(error))})"
            losses.append(f"In {path.name}, {why}; it was left out.")


def _judged(raw: object) -> object:
    """Make an unknown outcome a failure; where a row does not say whether its outcome is expected, decide by it."""
    if not isinstance(raw, dict) or (outcome := text(raw.get("outcome"))) is None:
        return raw
    changes: dict[str, object] = {}
    if outcome not in OUTCOMES:
        reason = f"unknown outcome “{outcome}”: {text(raw.get('reason')) or 'no reason given'}"
        changes = {"outcome": "failed", "reason": reason}
    if flag(raw.get("expected")) is None:
        changes["expected"] = outcome in _USUAL
    return {**raw, **changes}
