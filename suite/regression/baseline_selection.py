"""The part of a baseline that a check repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from suite.cases import catalogue
from suite.cases.expression import Selection
from suite.errors import UserError
from suite.regression.baseline import Baseline, Key, Record
from suite.regression.comparison import require_catalogue
from suite.workers import selection
from suite.workers.selection import framework_of


@dataclass(frozen=True)
class BaselineSelection:
    """A selection from a baseline; an empty attribute selects everything.

    Attributes:
        old: the baseline.
        frameworks: the names of frameworks or of releases, which have the names of their frameworks in a baseline.
        implementations: patterns of implementations.
        cases: patterns of cases.
        dtypes: the formats.
        select: an expression.
    """

    old: Baseline
    frameworks: Sequence[str]
    implementations: Sequence[str]
    cases: Sequence[str]
    dtypes: Sequence[str]
    select: str

    def require(self, device: str) -> None:
        """Check that everything selected was recorded, on this device, with this version of the catalogue.

        Raises:
            UserError: if it was not.
        """
        manifest, recorded = self.old.manifest, self.recorded
        require_catalogue(self.old, catalogue.VERSION)
        if manifest["device"] != device:
            raise UserError(f"this baseline was recorded on {manifest['device']}, not on {device}")
        for kind, named in (("dtypes", self.dtypes), ("frameworks", self._frameworks)):
            lacking = [one for one in named if one not in recorded[kind]]
            if lacking:
                raise UserError(f"{lacking[0]} is not in this baseline; there are {', '.join(recorded[kind])}")
        for pattern in self.cases:
            if not any(catalogue.matches(name, pattern) for name in self._ids):
                raise UserError(f"no case of this baseline matches {pattern!r}")

    @cached_property
    def recorded(self) -> dict[str, Any]:
        """The selection of the recording."""
        return {**self.old.manifest["selection"], "frameworks": list(self.old.frameworks)}

    @property
    def _frameworks(self) -> Sequence[str]:
        return [framework_of(name) for name in self.frameworks]

    def selection(self) -> dict[str, Any]:
        """Return the options of the job that repeats the selection."""
        recorded = self.recorded
        both = [f"({part})" for part in (recorded["select"], self.select) if part.strip()]
        return {
            "frameworks": self.frameworks or recorded["frameworks"],
            "implementations": self.implementations,
            "cases": self._cases(),
            "dtypes": self.dtypes or recorded["dtypes"],
            "dialects": recorded["dialects"],
            "claim": recorded["claim"],
            "seed": self.old.manifest["seed"],
            "select": " and ".join(both),
        }

    @cached_property
    def _ids(self) -> list[str]:
        return sorted({key.case for key in self.old.records})

    def _cases(self) -> Sequence[str]:
        """Return the ids of the selected cases, or the patterns of the recording if no case is selected."""
        patterns: Sequence[str] = self.recorded["cases"]
        return [name for name in self._ids if _any(catalogue.matches, name, self.cases)] if self.cases else patterns

    @property
    def among(self) -> Sequence[str]:
        """The patterns of the recorded implementations, which need not match any that is installed now."""
        patterns: Sequence[str] = self.recorded["implementations"]
        return patterns

    def narrowed(self) -> Baseline:
        """Return the selected records as a baseline."""
        kept = {key: record for key, record in self.old.records.items() if self._keeps(key, record)}
        return Baseline(self.old.manifest, kept)

    def _keeps(self, key: Key, record: Record) -> bool:
        return (
            (not self.frameworks or key.framework in self._frameworks)
            and (not self.dtypes or key.dtype in self.dtypes)
            and _any(selection.matches_pattern, key.name, self.implementations)
            and _any(catalogue.matches, key.case, self.cases)
            and self._selected(key.text(record.dialect))
        )

    @cached_property
    def _selected(self) -> Any:
        return Selection.of(self.select).matches


def _any(matches: Any, name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(matches(name, pattern) for pattern in patterns)
