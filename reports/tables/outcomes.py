"""The outcomes of a verdict: symbol, wording and order. Colour is never the only sign of an outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reports.tables.table import Cell


@dataclass(frozen=True)
class Outcome:
    """An outcome of a verdict.

    Attributes:
        name: as in result files.
        symbol: shown before the name.
        ascii: the symbol for terminals that show ASCII only.
        verb: the form that follows a plural number.
        meaning: one sentence for the legend.
    """

    name: str
    symbol: str
    ascii: str
    verb: str
    meaning: str

    @property
    def label(self) -> str:
        """Symbol and name, as in `✓ agrees`."""
        return f"{self.symbol} {self.name}"

    @property
    def cell(self) -> Cell:
        """The label as a coloured cell of a table."""
        return Cell(self.label, outcome=self.name)

    def counted(self, number: int) -> str:
        """A number of verdicts, as in `1 differs`, `3 differ`."""
        return f"{number:,} {self.name if self is DIFFERS and number == 1 else self.verb}"


AGREES = Outcome("agrees", "✓", "+", "agree", "Every value lies inside the rounding bound of the oracle.")
DIFFERS = Outcome(
    "differs", "✗", "x", "differ", "A value lies outside its rounding bound, or a metamorphic relation is violated."
)
UNDECIDED = Outcome(
    "undecided", "?", "?", "undecided", "The bound is not finite or is wider than the effect; this is never a pass."
)
UNSUPPORTED = Outcome("unsupported", "–", "-", "unsupported", "The implementation does not offer what the case needs.")
FAILED = Outcome("failed", "!", "!", "failed", "The implementation raised an error, crashed or timed out.")

ORDER = (AGREES, DIFFERS, UNDECIDED, UNSUPPORTED, FAILED)
"""All outcomes, in the order of columns and legends."""

NAMED: Mapping[str, Outcome] = {outcome.name: outcome for outcome in ORDER}

USUAL = (AGREES.name, UNSUPPORTED.name)
"""Outcomes that need no explanation."""

_URGENCY = (DIFFERS, FAILED, UNDECIDED, AGREES, UNSUPPORTED)


@dataclass(frozen=True)
class Counts:
    """The number of verdicts of each outcome, and how many of them are known deviations."""

    by_outcome: Mapping[str, int]
    known: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, outcomes: Iterable[str], known: Iterable[str] = ()) -> Counts:
        """Count the names of outcomes; `known` holds those that are expected deviations."""
        found, expected = Counter(outcomes), Counter(known)
        return cls(*({outcome.name: part[outcome.name] for outcome in ORDER} for part in (found, expected)))

    def __getitem__(self, outcome: str) -> int:
        return self.by_outcome[outcome]

    @property
    def total(self) -> int:
        """The number of verdicts."""
        return sum(self.by_outcome.values())

    def new(self, outcome: Outcome) -> int:
        """The number of verdicts with an outcome that is not a known deviation."""
        return self[outcome.name] - self.known.get(outcome.name, 0)

    @property
    def deviations(self) -> int:
        """The number of known deviations."""
        return sum(self.known.values())

    @property
    def unexpected(self) -> int:
        """The number of verdicts that differ, failed or are undecided without being known deviations."""
        return sum(self.new(outcome) for outcome in (DIFFERS, FAILED, UNDECIDED))

    @property
    def rank(self) -> int:
        """Sorting key: the most urgent first."""
        return _URGENCY.index(self.worst)

    @property
    def worst(self) -> Outcome:
        """The outcome of the group: the most urgent one; unsupported cases and known deviations hide no agreement."""
        return next((o for o in _URGENCY if self.new(o)), next((o for o in _URGENCY if self[o.name]), UNSUPPORTED))

    @property
    def others(self) -> str:
        """All outcomes but agreement, in words: `3 differ, 2 failed, 4 known`."""
        found = [o.counted(self.new(o)) for o in ORDER if o is not AGREES and self.new(o)]
        known = self.deviations
        return ", ".join([*found, f"{known:,} known"] if known else found)

    @property
    def agreeing(self) -> str:
        """The number that agree, of all: `14/16`."""
        return f"{self[AGREES.name]:,}/{self.total:,}"


def urgency(outcome: str) -> int:
    """Sorting key of an outcome's name: the most urgent first."""
    return _URGENCY.index(NAMED[outcome])
