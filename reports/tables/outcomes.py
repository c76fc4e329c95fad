"""The five outcomes of a verdict: their symbols, their words and their order. A colour never stands alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """One outcome: its name, its symbol (also one for ASCII terminals), and its verb in a sentence."""

    name: str
    symbol: str
    ascii: str
    verb: str
    meaning: str

    def counted(self, size: int) -> str:
        """As in `1 differs`, `3 differ`."""
        return f"{size:,} {self.name if self is DIFFERS and size == 1 else self.verb}"


AGREES = Outcome("agrees", "✓", "+", "agree", "Every value lies inside the rounding bound of the oracle.")
DIFFERS = Outcome(
    "differs", "✗", "x", "differ", "At least one value lies outside the bound: another algorithm. Or a law is broken."
)
UNDECIDED = Outcome(
    "undecided", "?", "?", "undecided", "The bound is not finite, or wider than the effect: never a pass."
)
UNSUPPORTED = Outcome(
    "unsupported", "–", "-", "unsupported", "The implementation does not offer what the case asks for."
)
FAILED = Outcome("failed", "!", "!", "failed", "An error, a crash or a timeout; there is no answer to judge.")

ORDER = (AGREES, DIFFERS, UNDECIDED, UNSUPPORTED, FAILED)
"""As they are counted and explained."""

NAMED: Mapping[str, Outcome] = {outcome.name: outcome for outcome in ORDER}

_URGENCY = (DIFFERS, FAILED, UNDECIDED, AGREES, UNSUPPORTED)


@dataclass(frozen=True)
class Counts:
    """How many verdicts of a group have each outcome, in the order of `ORDER`; and how many of these were known to."""

    by_outcome: Mapping[str, int]
    known: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, outcomes: Iterable[str], known: Iterable[str] = ()) -> Counts:
        """Count outcomes by name; `known` are those among them that are deviations as expected."""
        found, expected = Counter(outcomes), Counter(known)
        return cls(*({outcome.name: part[outcome.name] for outcome in ORDER} for part in (found, expected)))

    def __getitem__(self, outcome: str) -> int:
        return self.by_outcome[outcome]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_outcome.values())

    def new(self, outcome: Outcome) -> int:
        """How many have an outcome that was not known to be theirs."""
        return self[outcome.name] - self.known.get(outcome.name, 0)

    @property
    def deviations(self) -> int:
        """How many are known deviations."""
        return sum(self.known.values())

    @property
    def unexpected(self) -> int:
        """How many neither agree nor are unsupported nor were known to be what they are."""
        return sum(self.new(outcome) for outcome in (DIFFERS, FAILED, UNDECIDED))

    @property
    def rank(self) -> int:
        """Sorting key: what needs attention comes first."""
        return _URGENCY.index(self.worst)

    @property
    def worst(self) -> Outcome:
        """What the group as a whole is. What is unsupported or a known deviation hides no agreement, all else does."""
        return next((o for o in _URGENCY if self.new(o)), next((o for o in _URGENCY if self[o.name]), UNSUPPORTED))

    @property
    def others(self) -> str:
        """All but the agreements, in words: `3 differ, 2 failed, 4 known`."""
        found = [o.counted(self.new(o)) for o in ORDER if o is not AGREES and self.new(o)]
        known = self.deviations
        return ", ".join([*found, f"{known:,} known"] if known else found)


def urgency(outcome: str) -> int:
    """Sorting key: what needs attention comes first."""
    return _URGENCY.index(NAMED[outcome])
