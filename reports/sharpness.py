"""How sharp the catalogue is: of all wrong optimizers that were made up, how many it tells from the right ones.

`rmsuite sharpness` writes it as `sharpness.json`, into a results folder or beside the documents of the project. A file
that is not as it should be is as none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reports.numbers import count
from reports.schema import mapping, parse, text, whole

FILE = "sharpness.json"
DOCUMENTS = Path(__file__).resolve().parents[1] / "docs"


@dataclass(frozen=True)
class Sharpness:
    """The kill matrix.

    Attributes:
        total: wrong optimizers that were tried.
        killed: those that a case of the catalogue tells from what they should be.
        proven_same: those that are proven to compute the same in the tested precision.
        survivors: the others, in words.
        dialects: dialect -> axis -> (killed, total).
    """

    total: int
    killed: int
    proven_same: int
    survivors: tuple[str, ...]
    dialects: Mapping[str, Mapping[str, tuple[int, int]]]

    @property
    def axes(self) -> tuple[str, ...]:
        """The columns of the matrix."""
        return tuple(dict.fromkeys(axis for row in self.dialects.values() for axis in row))

    @property
    def sentence(self) -> str:
        """The figure in one line."""
        same = f", {count(self.proven_same)} are proven to be the same function" if self.proven_same else ""
        alive = len(self.survivors)
        left = f"; {count(alive)} {'is' if alive == 1 else 'are'} not told apart" if alive else ""
        caught = f"The catalogue catches {count(self.killed)} of {count(self.total)} wrong optimizers"
        return f"{caught}{same}{left}."


def read(folder: Path) -> Sharpness | None:
    """The kill matrix of a results folder, else that of the project's documents, else None."""
    return next((found for place in (folder, DOCUMENTS) if (found := _read(place / FILE)) is not None), None)


def _read(path: Path) -> Sharpness | None:
    try:
        raw = mapping(parse(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    total, killed, same = (whole(raw.get(name)) for name in ("total", "killed", "proven_same"))
    if total is None or killed is None:
        return None
    rows = {name: _row(mapping(row)) for name, row in mapping(raw.get("dialects")).items()}
    survivors = raw.get("survivors")
    return Sharpness(
        total=total,
        killed=killed,
        proven_same=same or 0,
        survivors=tuple(map(_words, survivors)) if isinstance(survivors, list) else (),
        dialects={name: row for name, row in rows.items() if row},
    )


def _row(raw: Mapping[str, object]) -> dict[str, tuple[int, int]]:
    found = {}
    for axis, pair in raw.items():
        numbers = [whole(part) for part in pair] if isinstance(pair, list) else []
        if len(numbers) == 2 and numbers[0] is not None and numbers[1] is not None:
            found[axis] = (numbers[0], numbers[1])
    return found


def _words(survivor: object) -> str:
    """A survivor in words: text, or the texts of its fields."""
    parts = [survivor] if isinstance(survivor, str) else list(mapping(survivor).values())
    return ", ".join(found for part in parts if (found := text(part))) or "one without a name"
