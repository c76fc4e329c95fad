"""The outcomes of a verdict: symbol, wording and order. Colour is never the only sign of an outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports.tables.table import Cell


@dataclass(frozen=True)
class Outcome:
    """An outcome of a verdict, under its name in result files.

    `ascii` replaces `symbol` where a terminal shows ASCII only, `verb` follows a plural number, and `meaning` is a
    sentence for the legend.
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

    @property
    def urgency(self) -> int:
        """Sorting key: the most urgent first."""
        return _URGENCY.index(self)

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

ORDER = (AGREES, DIFFERS, UNDECIDED, UNSUPPORTED, FAILED)  # of columns and legends
NAMED: Mapping[str, Outcome] = {outcome.name: outcome for outcome in ORDER}
_URGENCY = (DIFFERS, FAILED, UNDECIDED, AGREES, UNSUPPORTED)


@dataclass(frozen=True)
class Counts:
    """The number of verdicts of each outcome, by name, and how many of them are known deviations."""

    by_outcome: Counter[str]
    known: Counter[str]

    @classmethod
    def of(cls, outcomes: Iterable[str], known: Iterable[str] = ()) -> Counts:
        """Count the names of outcomes; `known` holds those that are expected deviations."""
        return cls(Counter(outcomes), Counter(known))

    def __getitem__(self, outcome: str) -> int:
        return self.by_outcome[outcome]

    @property
    def total(self) -> int:
        """The number of verdicts."""
        return self.by_outcome.total()

    @property
    def deviations(self) -> int:
        """The number of known deviations."""
        return self.known.total()

    def new(self, outcome: Outcome) -> int:
        """The number of verdicts with an outcome that is not a known deviation."""
        return self[outcome.name] - self.known[outcome.name]

    @property
    def unexpected(self) -> int:
        """The number of verdicts that differ, failed or are undecided without being known deviations."""
        return sum(map(self.new, (DIFFERS, FAILED, UNDECIDED)))

    @property
    def worst(self) -> Outcome:
        """The outcome of the group: the most urgent one; unsupported cases and known deviations hide no agreement."""
        return next((o for o in _URGENCY if self.new(o)), next((o for o in _URGENCY if self[o.name]), UNSUPPORTED))

    @property
    def others(self) -> str:
        """All outcomes but agreement, in words: `3 differ, 2 failed, 4 known`."""
        found = [o.counted(self.new(o)) for o in ORDER if o is not AGREES and self.new(o)]
        return ", ".join([*found, f"{self.deviations:,} known"] if self.deviations else found)

    @property
    def agreeing(self) -> str:
        """The number that agree, of all: `14/16`."""
        return f"{self[AGREES.name]:,}/{self.total:,}"
