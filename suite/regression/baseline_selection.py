"""A part of a baseline: what a check is to ask again of all that was recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from suite.cases import catalogue
from suite.cases.expression import Selection
from suite.regression.baseline import Baseline, Key, Record
from suite.regression.comparison import Unlike, require_catalogue
from suite.workers import selection
from suite.workers.selection import framework_of


@dataclass(frozen=True)
class Narrowing:
    """What a user names of a baseline; nothing named is all of it.

    Attributes:
        old: the baseline.
        frameworks: names, or those of releases, which go by that of their framework in a baseline.
        implementations: patterns.
        cases: patterns.
        dtypes: names.
        select: an expression.
    """

    old: Baseline
    frameworks: Sequence[str]
    implementations: Sequence[str]
    cases: Sequence[str]
    dtypes: Sequence[str]
    select: str

    def require(self, device: str) -> None:
        """See to it that all that is named was recorded, on this device, with the catalogue that there is now.

        Raises:
            Unlike: if it was not.
        """
        manifest, recorded = self.old.manifest, self.recorded
        require_catalogue(self.old, catalogue.VERSION)
        if manifest["device"] != device:
            raise Unlike(f"this baseline was recorded on {manifest['device']}, not on {device}")
        for kind, named in (("dtypes", self.dtypes), ("frameworks", self._frameworks)):
            lacking = [one for one in named if one not in recorded[kind]]
            if lacking:
                raise Unlike(f"{lacking[0]} is not in this baseline; there are {', '.join(recorded[kind])}")
        for pattern in self.cases:
            if not any(catalogue.matches(name, pattern) for name in self._ids):
                raise Unlike(f"no case of this baseline matches {pattern!r}")

    @cached_property
    def recorded(self) -> dict[str, Any]:
        """The selection with which it was recorded."""
        return {**self.old.manifest["selection"], "frameworks": list(self.old.frameworks)}

    @property
    def _frameworks(self) -> Sequence[str]:
        return [framework_of(name) for name in self.frameworks]

    def selection(self) -> dict[str, Any]:
        """What to ask, as parameters of a command."""
        recorded = self.recorded
        both = [f"({part})" for part in (recorded["select"], self.select) if part.strip()]
        return {
            "framework": self.frameworks or recorded["frameworks"],
            "implementation": self.implementations,
            "case": self._cases(),
            "dtype": self.dtypes or recorded["dtypes"],
            "dialect": recorded["dialects"],
            "claim": recorded["claim"],
            "seed": self.old.manifest["seed"],
            "select": " and ".join(both),
        }

    @cached_property
    def _ids(self) -> list[str]:
        return sorted({key.case for key in self.old.records})

    def _cases(self) -> Sequence[str]:
        """The ids of the cases that are named; if none is, the patterns as they were recorded."""
        patterns: Sequence[str] = self.recorded["cases"]
        return [name for name in self._ids if _any(catalogue.matches, name, self.cases)] if self.cases else patterns

    @property
    def among(self) -> Sequence[str]:
        """Patterns of the implementations that were recorded; unlike those that are named, they may match none."""
        patterns: Sequence[str] = self.recorded["implementations"]
        return patterns

    def narrowed(self) -> Baseline:
        """What of the baseline is asked again."""
        kept = {key: record for key, record in self.old.records.items() if self._keeps(key, record)}
        return Baseline(self.old.manifest, kept)

    def _keeps(self, key: Key, record: Record) -> bool:
        return (
            (not self.frameworks or key.framework in self._frameworks)
            and (not self.dtypes or key.dtype in self.dtypes)
            and _any(selection.matches_pattern, key.name, self.implementations)
            and _any(catalogue.matches, key.case, self.cases)
            and self._selected(key.words(record.dialect))
        )

    @cached_property
    def _selected(self) -> Any:
        return Selection.of(self.select).matches


def _any(matches: Any, name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(matches(name, pattern) for pattern in patterns)
