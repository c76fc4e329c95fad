"""What is known to deviate, and what is not: the file of expectations, strict both ways."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import tomllib
from packaging.specifiers import SpecifierSet

from suite.errors import UserError
from suite.results.store import Row
from suite.workers.selection import framework_of

FILE = Path(__file__).with_suffix(".toml")
USUAL = ("agrees", "unsupported")
DEVIATIONS = ("differs", "undecided", "failed", "unsupported")


class ExpectationError(UserError):
    """The file can't be used; the message says which entry, and why."""


@dataclass(frozen=True)
class Expectation:
    """A known deviation; the fields are those of the file. More than one outcome: it is the machine's to choose."""

    implementation: str
    versions: str
    cases: str
    outcome: str | Sequence[str]
    reason: str
    link: str = ""
    dtypes: Sequence[str] = ()
    bound_ratio: tuple[float, float] | None = None
    dialects: Sequence[str] = ()

    def __post_init__(self) -> None:
        for outcome in self.outcomes:
            if outcome not in DEVIATIONS and (outcome not in USUAL or len(self.outcomes) == 1):
                raise ExpectationError(f"{self.implementation}, {self.cases}: {outcome!r} is no deviation")
        SpecifierSet(self.versions)

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The one that is expected, or those that may be."""
        return (self.outcome,) if isinstance(self.outcome, str) else tuple(self.outcome)

    def about(self, row: Row) -> bool:
        """Whether it speaks of this row."""
        case = row.get("case") or row.get("task") or row.get("benchmark")
        return (
            fnmatchcase(f"{framework_of(row['framework'])}/{row['implementation']}", self.implementation)
            and fnmatchcase(str(case), self.cases)
            and (not self.dtypes or row.get("dtype") in self.dtypes)
            and (not self.dialects or row.get("dialect") in self.dialects)
            and SpecifierSet(self.versions).contains(str(row["version"]), prereleases=True)
        )

    def met(self, row: Row) -> bool:
        """Whether the row is as it says."""
        if row["outcome"] not in self.outcomes:
            return False
        ratio = row.get("bound_ratio")
        return self.bound_ratio is None or (ratio is not None and self.bound_ratio[0] <= ratio <= self.bound_ratio[1])


class Expectations:
    """All that is known."""

    def __init__(self, entries: Iterable[Expectation]) -> None:
        self.entries = tuple(entries)

    @classmethod
    def read(cls, path: Path = FILE) -> Expectations:
        """From a file.

        Raises:
            ExpectationError: if it is no TOML, or an entry lacks a field, has an unknown one, or can't be right.
        """
        try:
            entries = tomllib.loads(path.read_text("utf-8")).get("expectation", [])
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise ExpectationError(f"{path}: {error}") from error
        return cls(_entry(entry, f"{path}, entry {number}") for number, entry in enumerate(entries, start=1))

    def judged(self, row: Row) -> Row:
        """The row, with whether it is as `expected`, and the reason why a deviation is."""
        about = next((entry for entry in self.entries if entry.about(row)), None)
        if about is None:
            return {**row, "expected": row["outcome"] in USUAL, "expectation": None}
        reason = about.reason if not about.link else f"{about.reason} ({about.link})"
        return {**row, "expected": about.met(row), "expectation": f"{' or '.join(about.outcomes)}: {reason}"}


def proposals(rows: Iterable[Row]) -> str:
    """Entries, as TOML, for the rows that were not expected: one for each implementation, outcome and case.

    The band is the measured ratio, less and more by a factor of ten; the reason is the row's, for a person to improve.
    """
    text = []
    for row in rows:
        if row["expected"] or row["outcome"] == "agrees":
            continue
        entry = {
            "implementation": f"{framework_of(row['framework'])}/{row['implementation']}",
            "versions": f"=={row['version'].partition('+')[0]}",
            "cases": str(row.get("case") or row.get("task") or row.get("benchmark")),
            "outcome": row["outcome"],
            "reason": str(row.get("reason") or ""),
        }
        lines = [f"{name} = {_quoted(value)}" for name, value in entry.items()]
        if row.get("dtype"):
            lines.insert(3, f"dtypes = [{_quoted(row['dtype'])}]")
        ratio = row.get("bound_ratio")
        if ratio:
            lines.append(f"bound_ratio = [{ratio / 10:.3g}, {ratio * 10:.3g}]")
        text.append("[[expectation]]\n" + "\n".join(lines) + "\n")
    return "\n".join(dict.fromkeys(text))


def _entry(fields: dict[str, Any], where: str) -> Expectation:
    try:
        band = fields.pop("bound_ratio", None)
        return Expectation(**fields, bound_ratio=None if band is None else (float(band[0]), float(band[1])))
    except (TypeError, ValueError, IndexError) as error:
        raise ExpectationError(f"{where}: {error}") from error


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
