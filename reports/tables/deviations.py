"""Known deviations: what was expected to deviate and does, those of one reason together, with its link."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from reports.read.results import Results, records
from reports.read.schema import Row
from reports.tables.outcomes import NAMED, Outcome

_LINK = re.compile(r"\s*\((https?://[^\s()]+)\)\s*$")
_OUTCOMES = re.compile(rf"^(?:(?:{'|'.join(NAMED)})(?: or )?)+: ")


@dataclass(frozen=True)
class Deviation:
    """Verdicts that deviate for one known reason.

    Attributes:
        reason: for people.
        link: to where it is discussed; an address on the web, or None.
        outcomes: what they are, with how many.
        names: the implementations, as in `torch/builtin`.
        cases: or tasks, or benchmarks.
    """

    reason: str
    link: str | None
    outcomes: Mapping[str, int]
    names: tuple[str, ...]
    cases: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many verdicts."""
        return sum(self.outcomes.values())

    @property
    def counted(self) -> list[tuple[Outcome, int]]:
        """The outcomes, those of most verdicts first."""
        return sorted(((NAMED[name], size) for name, size in self.outcomes.items()), key=lambda pair: -pair[1])


def build(results: Results) -> tuple[Deviation, ...]:
    """All of a run, those of most verdicts first."""
    parts: dict[str, list[tuple[str, Row]]] = {}
    for frame, about in ((results.verdicts, "case"), (results.training, "task"), (results.timings, "benchmark")):
        for row in records(frame):
            deviates = row["expected"] and row["expectation"] and row["outcome"] not in ("agrees", "unsupported")
            if deviates:
                parts.setdefault(row["expectation"], []).append((str(row[about]), row))
    found = [_deviation(words, part) for words, part in parts.items()]
    return tuple(sorted(found, key=lambda one: (-one.size, one.reason)))


def _deviation(expectation: str, part: list[tuple[str, Row]]) -> Deviation:
    words = _OUTCOMES.sub("", expectation)
    link = _LINK.search(words)
    names = sorted({f"{row['framework']}/{row['implementation']}" for _, row in part})
    return Deviation(
        reason=words[: link.start()] if link else words,
        link=link[1] if link else None,
        outcomes=Counter(row["outcome"] for _, row in part),
        names=tuple(names),
        cases=tuple(sorted({case for case, _ in part})),
    )
