"""Every two implementations against each other: equal to the last bit, within rounding, or different.

Equal: the digests of their parameters after every step are. Within rounding: both lie inside the bound of one and the
same dialect, so that they part by no more than two evaluations of it may. Different: no dialect fits both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports.read.results import Results, records
from reports.tables.findings import UNNAMED, is_law
from reports.tables.numbers import count

EQUAL, ROUNDING, DIFFERENT = "equal", "rounding", "different"
SYMBOLS = {EQUAL: "=", ROUNDING: "≈", DIFFERENT: "≠"}
MEANINGS = {
    EQUAL: "equal to the last bit in every case that both answered",
    ROUNDING: "within the rounding bound of one dialect, in every case",
    DIFFERENT: "in some case no dialect fits both",
}

KINDS = tuple((kind, symbol, MEANINGS[kind]) for kind, symbol in SYMBOLS.items())
"""What may be said of two implementations: its name, symbol and meaning."""

_ONE_DIALECT = "shape/"
"""Cases in which nothing depends on the dialect: of large ones only an implementation's own is tried."""

Answers = Mapping[tuple[str, str, str], tuple[str | None, frozenset[str], bool]]
"""Case, dtype and dialect → digest, the dialects that fit, and whether that dialect is one of them."""


@dataclass(frozen=True)
class Pair:
    """Two implementations.

    Attributes:
        one: as in `torch/builtin`.
        other: likewise.
        dialects: the ones that both ran; none if they have none in common, and are compared across them.
        counts: of cases, by `EQUAL`, `ROUNDING`, `DIFFERENT`.
    """

    one: str
    other: str
    dialects: tuple[str, ...]
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """Cases that say something of the two."""
        return sum(self.counts.values())

    @property
    def kind(self) -> str | None:
        """What may be said of all cases together; None where there are none."""
        return next((kind for kind in (DIFFERENT, ROUNDING, EQUAL) if self.counts.get(kind)), None)

    @property
    def symbol(self) -> str:
        """Of the kind."""
        return SYMBOLS[self.kind] if self.kind else ""

    @property
    def sentence(self) -> str:
        """Who, in which dialect, and in how many cases what."""
        within = f"as {', '.join(self.dialects)}" if self.dialects else "each in its own dialect"
        numbers = f"{count(self.counts.get(EQUAL, 0))} equal to the bit, {count(self.counts.get(ROUNDING, 0))} within "
        numbers += f"rounding, {count(self.counts.get(DIFFERENT, 0))} different, of {count(self.total)} cases"
        return f"{self.one} and {self.other}, {within}: {numbers}"


@dataclass(frozen=True)
class Pairs:
    """All pairs, by the names of the two, in both orders; and who is equal to the last bit."""

    names: tuple[str, ...]
    pairs: Mapping[tuple[str, str], Pair]
    groups: tuple[tuple[str, ...], ...]

    @property
    def each(self) -> list[Pair]:
        """Every pair once, of which there is something to say."""
        return [pair for (one, _), pair in self.pairs.items() if one == pair.one and pair.kind]

    @property
    def sentence(self) -> str:
        """How many pairs there are of each kind."""
        kinds = Counter(pair.kind for pair in self.each)
        same = [pair for pair in self.each if pair.dialects]
        apart = sum(pair.kind == DIFFERENT for pair in same)
        return (
            f"Of {count(sum(kinds.values()))} pairs, {count(kinds[EQUAL])} are equal to the last bit, "
            f"{count(kinds[ROUNDING])} within rounding, {count(kinds[DIFFERENT])} different; of the {count(len(same))} "
            f"that run the same dialect, {count(apart)} {'is' if apart == 1 else 'are'} different in some case."
        )


def build(results: Results) -> Pairs:
    """Make the pairs from the verdicts, without those on laws."""
    answers: dict[str, dict[tuple[str, str, str], tuple[str | None, frozenset[str], bool]]] = {}
    for row in records(results.verdicts):
        if row["outcome"] in ("agrees", "differs") and not is_law(row):
            key = (row["case"] or "", row["dtype"] or "", row["dialect"] or UNNAMED)
            fitting = frozenset((*row["fits"], *([key[2]] if row["outcome"] == "agrees" else [])))
            found = (row["trace_sha256"], fitting, row["outcome"] == "agrees")
            answers.setdefault(f"{row['framework']}/{row['implementation']}", {})[key] = found
    names = tuple(sorted(answers, key=_place))
    across = {name: _by_case(answers[name]) for name in names}
    pairs = {}
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            pair = _pair(one, other, answers, across)
            pairs[one, other] = pairs[other, one] = pair
    return Pairs(names, pairs, tuple(_groups(names, pairs)))


def _place(name: str) -> tuple[str, bool, str]:
    framework, _, own = name.partition("/")
    return framework, own != "builtin", own


def _by_case(answers: Answers) -> dict[tuple[str, str], tuple[str | None, frozenset[str], bool]]:
    """The answers of an implementation that has one dialect; none of one that ran several."""
    if len({dialect for _, _, dialect in answers}) > 1:
        return {}
    return {key[:2]: answer for key, answer in answers.items() if not key[0].startswith(_ONE_DIALECT)}


def _pair(
    one: str,
    other: str,
    answers: Mapping[str, Answers],
    across: Mapping[str, Mapping[tuple[str, str], tuple[str | None, frozenset[str], bool]]],
) -> Pair:
    mine, theirs = answers[one], answers[other]
    shared = mine.keys() & theirs.keys()
    if shared:
        dialects = tuple(sorted({dialect for _, _, dialect in shared}))
        return Pair(one, other, dialects, Counter(_kind(mine[key], theirs[key]) for key in shared))
    here, there = across[one], across[other]
    return Pair(one, other, (), Counter(_kind(here[key], there[key]) for key in here.keys() & there.keys()))


def _kind(one: tuple[str | None, frozenset[str], bool], other: tuple[str | None, frozenset[str], bool]) -> str:
    if one[0] is not None and one[0] == other[0]:
        return EQUAL
    return ROUNDING if one[1] & other[1] else DIFFERENT


def _groups(names: Iterable[str], pairs: Mapping[tuple[str, str], Pair]) -> Iterable[tuple[str, ...]]:
    """Implementations of which every two are equal to the last bit: the first that is left, and who is equal to all."""
    left = list(names)
    while left:
        group = [left.pop(0)]
        for name in list(left):
            if all(pairs[name, member].kind == EQUAL for member in group):
                group.append(name)
                left.remove(name)
        if len(group) > 1:
            yield tuple(group)
