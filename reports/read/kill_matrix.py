"""Reads the result of mutation testing: how many mutants of each dialect the catalogue detects.

A mutant is an optimizer with one deliberate error. `rmsuite sharpness -o FOLDER` writes the result to `sharpness.json`.
The result of the results folder is used; if it has none, that of the project's documents is used. A file that can't be
read counts as missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reports.tables.numbers import count
from suite.results.decoding import mapping, parse, text, whole

FILE = "sharpness.json"
DOCUMENTS = Path(__file__).resolve().parents[2] / "docs"


@dataclass(frozen=True)
class KillMatrix:
    """The result of mutation testing.

    Attributes:
        total: the number of mutants.
        killed: the number of mutants that some case of the catalogue detects.
        proven_same: the number of mutants that are proven to compute the same values in the tested precision.
        survivors: the other mutants, in words.
        dialects: dialect -> changed axis -> (killed, total), without the mutants that are proven to be the same.
        beyond: kind of a mutant that does not change one axis, in words -> (killed, total).
    """

    total: int
    killed: int
    proven_same: int
    survivors: tuple[str, ...]
    dialects: Mapping[str, Mapping[str, tuple[int, int]]]
    beyond: Mapping[str, tuple[int, int]]

    @property
    def axes(self) -> tuple[str, ...]:
        """The columns of the matrix."""
        return tuple(dict.fromkeys(axis for row in self.dialects.values() for axis in row))

    @property
    def sentence(self) -> str:
        """The totals in one sentence."""
        same = f", {count(self.proven_same)} are proven to be the same function" if self.proven_same else ""
        alive = len(self.survivors)
        left = f"; {count(alive)} {'is' if alive == 1 else 'are'} not told apart" if alive else ""
        caught = f"The catalogue catches {count(self.killed)} of {count(self.total)} wrong optimizers"
        return f"{caught}{same}{left}."


def read(folder: Path) -> KillMatrix | None:
    """Read the kill matrix of a results folder, or else of the project's documents; None if neither has one."""
    return next((found for place in (folder, DOCUMENTS) if (found := _read(place / FILE)) is not None), None)


def _read(path: Path) -> KillMatrix | None:
    try:
        raw = mapping(parse(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    total, killed, same = (whole(raw.get(name)) for name in ("total", "killed", "proven_same"))
    if total is None or killed is None:
        return None
    rows = {name: _row(mapping(row)) for name, row in mapping(raw.get("dialects")).items()}
    mistakes = [pair for pair in map(_pair, mapping(raw.get("mistakes")).values()) if pair]
    beyond = {
        "a dialect in place of another": _pair(raw.get("pairs")),
        "mistakes that are no axis": (sum(pair[0] for pair in mistakes), sum(pair[1] for pair in mistakes)),
    }
    survivors = raw.get("survivors")
    return KillMatrix(
        total=total,
        killed=killed,
        proven_same=same or 0,
        survivors=tuple(map(_words, survivors)) if isinstance(survivors, list) else (),
        dialects={name: row for name, row in rows.items() if row},
        beyond={name: pair for name, pair in beyond.items() if pair and pair[1]},
    )


def _row(raw: Mapping[str, object]) -> dict[str, tuple[int, int]]:
    return {axis: pair for axis, cell in raw.items() if (pair := _pair(cell)) is not None}


def _pair(raw: object) -> tuple[int, int] | None:
    """Return killed and total, from a list of the two, or from an object that also has `proven_same`."""
    named = mapping(raw)
    parts = raw if isinstance(raw, list) else [named.get("killed"), named.get("total")]
    numbers = [whole(part) for part in parts]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        return None
    return numbers[0], numbers[1] - (whole(named.get("proven_same")) or 0)


def _words(survivor: object) -> str:
    """Describe a survivor: its own text, or its dialect, the changed axis, and the wrong value."""
    fields = mapping(survivor)
    parts = [survivor] if isinstance(survivor, str) else [fields.get(name) for name in ("dialect", "wrong", "value")]
    words = [str(part) if isinstance(part, bool | int | float) else text(part) for part in parts]
    return ", ".join(word for word in words if word) or "one without a name"
