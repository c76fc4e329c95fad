"""The rows of a results folder: their columns, and how a value from a file becomes one of them.

A file may come from anywhere. A value of the wrong type is a missing value; text loses what could steer a
terminal or reorder a line; a number that is not finite is missing, as it is in the files themselves.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from suite.errors import UserError

OUTCOMES = ("agrees", "differs", "undecided", "unsupported", "failed")
"""Every outcome that a verdict can have."""

Row = Mapping[str, Any]
"""One row of a table: column name to value, None where the value is missing."""

_INT64 = 2**63


class ReportError(UserError):
    """The folder can't be reported on; the message is one line that says why."""


def parse(line: str) -> object:
    """Parse JSON, with the non-standard NaN and Infinity as missing values; raises ValueError."""
    try:
        value: object = json.loads(line, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def clean(value: str) -> str:
    """Text with line feeds and tabs kept, and all other control, format and surrogate characters replaced."""
    if value.isprintable():
        return value
    return "".join(map(_plain, value.replace("\r\n", "\n").replace("\r", "\n")))


def _plain(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    category = unicodedata.category(character)
    return "\n" if category in ("Zl", "Zp") else " " if category == "Zs" else "\N{REPLACEMENT CHARACTER}"


def text(value: object) -> str | None:
    """Cleaned text, or None for anything else and for empty text."""
    return (clean(value) or None) if isinstance(value, str) else None


def flag(value: object) -> bool | None:
    """True or False, or None for anything else."""
    return value if isinstance(value, bool) else None


def real(value: object) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def whole(value: object) -> int | None:
    """A 64-bit integer, or None."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -_INT64 <= value < _INT64 else None


def reals(value: object) -> list[float | None] | None:
    """A list of finite numbers, None at the places of the others."""
    return [real(item) for item in value] if isinstance(value, list) else None


def wholes(value: object) -> list[int] | None:
    """A list of integers, or None when one of them is not."""
    items = [whole(item) for item in value] if isinstance(value, list) else [None]
    return None if None in items else [item for item in items if item is not None]


def names(value: object) -> list[str]:
    """A list of cleaned texts; anything else in it is left out."""
    found = [text(item) for item in value] if isinstance(value, list) else []
    return [item for item in found if item is not None]


def points(value: object) -> list[list[float | None]] | None:
    """A list of points, each a list of numbers."""
    found = [reals(item) for item in value] if isinstance(value, list) else [None]
    return None if None in found else [item for item in found if item is not None]


def mapping(value: object) -> dict[str, object]:
    """An object with cleaned names, or an empty one."""
    return {clean(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def figures(value: object) -> dict[str, float | None]:
    """An object of numbers, by their names."""
    return {name: real(item) for name, item in mapping(value).items()}


def counts(value: object) -> dict[str, int]:
    """An object of whole numbers, by their names; anything else in it is left out."""
    found = {name: whole(item) for name, item in mapping(value).items()}
    return {name: number for name, number in found.items() if number is not None}


def nearest(value: object) -> dict[str, object] | None:
    """The dialect that a trace is nearest to, with the axes that were changed: each with its value before and after."""
    found = mapping(value)
    dialect, fits = text(found.get("dialect")), flag(found.get("fits"))
    if dialect is None or fits is None:
        return None
    changes = {axis: pair for axis, pair in mapping(found.get("changes")).items() if isinstance(pair, list)}
    pairs = {axis: [_plain_value(part) for part in pair] for axis, pair in changes.items() if len(pair) == 2}
    return {"dialect": dialect, "changes": pairs, "fits": fits, "bound_ratio": real(found.get("bound_ratio"))}


def _plain_value(value: object) -> object:
    """A value of an axis: text, a truth value or a number; a list, as of learning rates, by its length."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    known = flag(value)
    return known if known is not None else real(value) if isinstance(value, int | float) else text(value)


@dataclass(frozen=True)
class Kind:
    """A kind of column: what makes its values, and the pandas dtype that holds them (None missing)."""

    convert: Callable[[object], object]
    dtype: str


TEXT = Kind(text, "string")
FLAG = Kind(flag, "boolean")
REAL = Kind(real, "Float64")
WHOLE = Kind(whole, "Int64")
REALS = Kind(reals, "object")
WHOLES = Kind(wholes, "object")
NAMES = Kind(names, "object")
POINTS = Kind(points, "object")
FIGURES = Kind(figures, "object")
COUNTS = Kind(counts, "object")
NEAREST = Kind(nearest, "object")


@dataclass(frozen=True)
class Table:
    """One file of rows: its name, its columns, those that a row can't lack, and those that identify a row."""

    name: str
    columns: Mapping[str, Kind]
    required: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def file(self) -> str:
        """The file's name in the results folder."""
        return f"{self.name}.jsonl"


_WHO = {"framework": TEXT, "implementation": TEXT, "version": TEXT, "device": TEXT}

VERDICTS = Table(
    "verdicts",
    {
        **_WHO,
        "dtype": TEXT,
        "case": TEXT,
        "dialect": TEXT,
        "outcome": TEXT,
        "quantity": TEXT,
        "worst_step": WHOLE,
        "worst_index": WHOLES,
        "first_step": WHOLE,
        "first_quantity": TEXT,
        "first_index": WHOLES,
        "ulps": REAL,
        "bound_ratio": REAL,
        "decided": REAL,
        "fits": NAMES,
        "nearest": NEAREST,
        "growth": POINTS,
        "course": POINTS,
        "leaves": COUNTS,
        "trace_sha256": TEXT,
        "reason": TEXT,
        "expected": FLAG,
        "expectation": TEXT,
        "repeat": TEXT,
        "seconds": REAL,
        "sha256": TEXT,
    },
    required=("framework", "implementation", "outcome"),
    key=("framework", "implementation", "version", "device", "dtype", "case", "dialect"),
)

TRAINING = Table(
    "training",
    {
        **_WHO,
        "dtype": TEXT,
        "task": TEXT,
        "dialect": TEXT,
        "outcome": TEXT,
        "gradient_ratio": REAL,
        "update_ratio": REAL,
        "loss": REAL,
        "oracle_loss": REAL,
        "loss_distance": REAL,
        "steps": WHOLES,
        "losses": REALS,
        "oracle_losses": REALS,
        "final": REALS,
        "path": POINTS,
        "oracle_path": POINTS,
        "reason": TEXT,
        "expected": FLAG,
        "expectation": TEXT,
        "repeat": TEXT,
        "seconds": REAL,
        "sha256": TEXT,
    },
    required=("framework", "implementation", "task", "outcome"),
    key=("framework", "implementation", "version", "device", "dtype", "task", "dialect"),
)

TIMINGS = Table(
    "timings",
    {
        **_WHO,
        "instance": WHOLE,
        "dtype": TEXT,
        "dialect": TEXT,
        "mode": TEXT,
        "benchmark": TEXT,
        "size": WHOLE,
        "tensors": WHOLE,
        "threads": WHOLE,
        "seed": WHOLE,
        "profile": TEXT,
        "outcome": TEXT,
        "bound_ratio": REAL,
        "reason": TEXT,
        "first_call": REAL,
        "warm_up": REALS,
        "steady": FLAG,
        "loops": WHOLE,
        "samples": REALS,
        "at": REALS,
        "switches": REALS,
        "outliers": WHOLES,
        "median": REAL,
        "interval": REALS,
        "spread": REAL,
        "drift": REAL,
        "sample_seconds": REAL,
        "cpu_share": REAL,
        "leftover": REAL,
        "missing_steps": REAL,
        "floor": REAL,
        "against": TEXT,
        "ratio": REAL,
        "ratio_interval": REALS,
        "p": REAL,
        "call": TEXT,
        "limit": REAL,
        "fraction": REAL,
        "state_bytes": WHOLE,
        "held_bytes": WHOLE,
        "peak_bytes": WHOLE,
        "resolution": REAL,
        "surroundings": FIGURES,
        "doubts": NAMES,
        "expected": FLAG,
        "expectation": TEXT,
        "sha256": TEXT,
    },
    required=("framework", "implementation", "benchmark"),
    key=("framework", "implementation", "instance", "version", "device", "dtype", "dialect", "benchmark", "threads"),
)

TABLES = (VERDICTS, TRAINING, TIMINGS)
"""The three tables, in the order in which a report shows them."""
