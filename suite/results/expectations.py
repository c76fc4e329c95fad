"""Expectations: the known deviations of frameworks, which turn other outcomes than agreement into expected ones.

A row without an entry must agree or be unsupported. A row with an entry must match it, so that a deviation that has
disappeared is reported too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import tomllib
from packaging.specifiers import SpecifierSet

from suite.errors import UserError
from suite.results.rows import RunRow, RunRowT, TrainingRow, case_of
from suite.workers.selection import framework_of

FILE = Path(__file__).with_suffix(".toml")
WITHOUT_ENTRY = ("agrees", "unsupported")
DEVIATIONS = ("differs", "undecided", "failed", "unsupported")


@dataclass(frozen=True)
class Expectation:
    """A known deviation: an entry of the file, with its fields."""

    implementation: str  # a pattern of `FRAMEWORK/IMPLEMENTATION`
    versions: str  # a version specifier of the framework
    cases: str  # a pattern of ids of cases, tasks or benchmarks
    outcome: str | Sequence[str]  # the expected outcome; several, where it depends on the machine
    reason: str  # the cause of the deviation
    link: str = ""  # a page about it
    dtypes: Sequence[str] = ()  # the formats; all if empty
    bound_ratio: tuple[float, float] | None = None  # the smallest and the largest expected ratio of error and bound
    dialects: Sequence[str] = ()  # the dialects; all if empty

    def __post_init__(self) -> None:
        for outcome in self.outcomes:
            if outcome not in DEVIATIONS and (outcome not in WITHOUT_ENTRY or len(self.outcomes) == 1):
                raise UserError(f"{self.implementation}, {self.cases}: {outcome!r} is not a deviation")
        SpecifierSet(self.versions)

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The expected outcomes."""
        return (self.outcome,) if isinstance(self.outcome, str) else tuple(self.outcome)

    def applies(self, row: RunRow) -> bool:
        """Return whether the entry is about a row."""
        return (
            fnmatchcase(f"{framework_of(row.framework)}/{row.implementation}", self.implementation)
            and fnmatchcase(case_of(row), self.cases)
            and (not self.dtypes or row.dtype in self.dtypes)
            and (not self.dialects or row.dialect in self.dialects)
            and SpecifierSet(self.versions).contains(row.version, prereleases=True)
        )

    def met(self, row: RunRow) -> bool:
        """Return whether a row matches the outcome and size of the entry."""
        if row.outcome not in self.outcomes:
            return False
        ratio = _bound_ratio(row)
        return self.bound_ratio is None or (ratio is not None and self.bound_ratio[0] <= ratio <= self.bound_ratio[1])


class Expectations:
    """The entries of a file; the first one that applies to a row is used."""

    def __init__(self, entries: Iterable[Expectation]) -> None:
        self.entries = tuple(entries)

    @classmethod
    def read(cls, path: Path = FILE) -> Expectations:
        """Read a file.

        Raises:
            UserError: if it is not TOML, or an entry lacks a field, has an unknown one, or has an invalid value.
        """
        try:
            entries = tomllib.loads(path.read_text("utf-8")).get("expectation", [])
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise UserError(f"{path}: {error}") from error
        return cls(_entry(entry, f"{path}, entry {number}") for number, entry in enumerate(entries, start=1))

    def apply(self, row: RunRowT) -> RunRowT:
        """Return the row with `expected` and `expectation` filled in."""
        entry = next((entry for entry in self.entries if entry.applies(row)), None)
        if entry is None:
            return replace(row, expected=row.outcome in WITHOUT_ENTRY, expectation=None)
        reason = entry.reason if not entry.link else f"{entry.reason} ({entry.link})"
        return replace(row, expected=entry.met(row), expectation=f"{' or '.join(entry.outcomes)}: {reason}")


def proposals(rows: Iterable[RunRow]) -> str:
    """Return TOML entries for the rows that were not expected, one for each implementation, outcome and case.

    The limits of the ratio are a tenth and ten times the measured one. The reason is that of the row, to be improved.
    """
    text = []
    for row in rows:
        if row.expected or row.outcome == "agrees":
            continue
        entry: dict[str, object] = {
            "implementation": f"{framework_of(row.framework)}/{row.implementation}",
            "versions": f"=={row.version.partition('+')[0]}",
            "cases": case_of(row),
            **({"dtypes": [row.dtype]} if row.dtype else {}),
            "outcome": str(row.outcome),
            "reason": row.reason or "",
        }
        ratio = _bound_ratio(row)
        if ratio:
            entry["bound_ratio"] = [float(f"{limit:.3g}") for limit in (ratio / 10, ratio * 10)]
        # texts, numbers and lists of them are written alike in TOML and JSON
        lines = (f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in entry.items())
        text.append("[[expectation]]\n" + "".join(lines))
    return "\n".join(dict.fromkeys(text))


def _bound_ratio(row: RunRow) -> float | None:
    return None if isinstance(row, TrainingRow) else row.bound_ratio


def _entry(fields: Mapping[str, Any], where: str) -> Expectation:
    limits = fields.get("bound_ratio")
    try:
        pair = None if limits is None else (float(limits[0]), float(limits[1]))
        return Expectation(**{**fields, "bound_ratio": pair})
    except (TypeError, ValueError, IndexError, UserError) as error:
        raise UserError(f"{where}: {error}") from error
