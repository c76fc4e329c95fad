"""How implementations relate to each other: the axes on which built-ins differ, and the distance of every pair.

Two implementations are equal where the fingerprints of their parameters are, within rounding where both lie inside the
bound of one dialect, and different where no dialect fits both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from reports.read import Results, by_key
from reports.tables.findings import UNNAMED, Finding, is_relation
from reports.tables.numbers import count
from reports.tables.outcomes import DIFFERS
from reports.tables.table import Cell, Table, columns
from suite.results.rows import VerdictRow, name_of
from suite.results.wording import AXES

# The axes on which the built-ins differ

BUILTIN = "builtin"  # the name that every adapter gives to the optimizer that users of the framework import

PREFERRED_TAPE = "decades/"  # its cases are shown first as examples
PREFERRED_CASES = ("decades/plain", "decades/large-epsilon")
"""The cases shown before all others: the section's own hyper-parameters, and an epsilon large enough to matter."""


@dataclass(frozen=True)
class DialectDifference:
    """The built-ins of two frameworks, which compute different dialects.

    In `separated` of the `compared` cases, `one` leaves the bound of the dialect of `other`; in `case` it is outside
    from `step` on, counted from 1. Both are None where no case separates the two.
    """

    one: str
    other: str
    step: int | None
    case: str | None
    separated: int
    compared: int

    @property
    def names(self) -> str:
        """As in `mxnet ≠ torch`."""
        return f"{self.one} ≠ {self.other}"

    @property
    def brief(self) -> str:
        """The difference in a few words, to follow the names."""
        if self.step is None:
            return self.sentence
        return f"from step {self.step} of {self.case}, in {self.separated} of {self.compared} cases"

    @property
    def sentence(self) -> str:
        """The difference in words, to follow the names."""
        if self.step is None:
            return "no case separates them" if self.compared else "not compared"
        return f"separated in {self.separated} of {self.compared} cases, from step {self.step} of {self.case}"


@dataclass(frozen=True)
class BuiltinAxes:
    """The built-ins side by side: framework -> dialect.

    `rows` has the axes on which they differ, in words, with a value for each built-in; `differences` has every two
    that compute different dialects.
    """

    builtins: Mapping[str, str]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    differences: tuple[DialectDifference, ...]

    @property
    def sentence(self) -> str:
        """How many algorithms the built-ins are."""
        size, different = len(self.builtins), len(set(self.builtins.values()))
        return f"What {size} frameworks call RMSProp is {different} algorithms:"

    @staticmethod
    def minority(values: Sequence[str]) -> set[str]:
        """The values on an axis that fewer built-ins share than the most common one."""
        sizes = Counter(values)
        most = max(sizes.values())
        return {value for value, size in sizes.items() if size < most}

    def table(self) -> Table:
        """The axes as rows, the built-ins as columns."""
        headings = [f"{framework}/{BUILTIN}: {dialect}" for framework, dialect in self.builtins.items()]
        return Table.of(["Axis", *headings], ((axis, *values) for axis, values in self.rows))


def builtin_axes(results: Results) -> BuiltinAxes:
    """Compare the built-ins whose dialect is known."""
    dialects = results.manifest.dialects
    rows = by_key((row for row in results.verdicts if row.implementation == BUILTIN), lambda row: row.framework)
    declared = {name: results.manifest.implementations.get(f"{name}/{BUILTIN}", {}).get("dialect") for name in rows}
    builtins = {name: known for name, known in sorted(declared.items()) if known is not None and known in dialects}
    differences = [
        _difference(one, other, builtins[other], rows[one])
        for one, other in combinations(builtins, 2)
        if builtins[one] != builtins[other]
    ]
    values = [
        (axis.name, tuple(axis.short(dialects[dialect].get(name, "")) for dialect in builtins.values()))
        for name, axis in AXES.items()
    ]
    return BuiltinAxes(builtins, tuple(row for row in values if len(set(row[1])) > 1), tuple(differences))


def axis_differences(finding: Finding, dialects: Mapping[str, Mapping[str, str]]) -> str:
    """Where another dialect fits than the claimed one: how the two differ, as in `ε outside √, not inside √`."""
    if finding.outcome is not DIFFERS or not finding.fits or len(finding.dialects) != 1:
        return ""
    other, claimed = dialects.get(finding.fits[0], {}), dialects.get(finding.dialects[0], {})
    known = [axis for axis in AXES if axis in other and axis in claimed and other[axis] != claimed[axis]]
    return "; ".join(
        f"{AXES[axis].name} {AXES[axis].short(other[axis])}, not {AXES[axis].short(claimed[axis])}" for axis in known
    )


def _difference(one: str, other: str, dialect: str, rows: Sequence[VerdictRow]) -> DialectDifference:
    """Return when traces of `one` leave the bound of a dialect, that of `other`, according to the verdicts on `one`."""
    compared = [
        (row.case, row.ruled_out_at)
        for row in rows
        if row.ruled_out_at is not None and row.outcome in ("agrees", "differs")
    ]
    steps = {case: left[dialect] for case, left in compared if dialect in left}
    first = min(steps, key=lambda name: (not name.startswith(PREFERRED_TAPE), steps[name], name), default=None)
    case = next((name for name in PREFERRED_CASES if name in steps), first)
    return DialectDifference(one, other, steps.get(case) if case else None, case, len(steps), len(compared))


# Every two implementations

EQUAL, ROUNDING, DIFFERENT = "equal", "rounding", "different"
SYMBOLS = {EQUAL: "=", ROUNDING: "≈", DIFFERENT: "≠"}
MEANINGS = {
    EQUAL: "equal to the last bit in every case that both ran",
    ROUNDING: "within the rounding bound of one dialect in every case",
    DIFFERENT: "no dialect fits both in some case",
}

_SHAPES = "shape/"  # their result does not depend on the dialect; large ones run in an implementation's own only
_Key = tuple[str, str, str]  # case, dtype, dialect


class _Trace(NamedTuple):
    fingerprint: str | None
    fits: frozenset[str]  # dialects whose bounds hold it


@dataclass(frozen=True)
class Pair:
    """Two implementations, as in `torch/builtin`, and the number of cases of each closeness.

    `dialects` has the dialects that both ran; it is empty if they are compared across dialects.
    """

    one: str
    other: str
    dialects: tuple[str, ...]
    counts: Counter[str]

    @property
    def closeness(self) -> str | None:
        """`EQUAL`, `ROUNDING` or `DIFFERENT` for all cases together; None if no case compares the two."""
        return next((kind for kind in (DIFFERENT, ROUNDING, EQUAL) if self.counts[kind]), None)

    @property
    def symbol(self) -> str:
        """The symbol of the closeness."""
        return SYMBOLS[self.closeness] if self.closeness else ""

    @property
    def sentence(self) -> str:
        """Names, dialects, and the number of cases of each closeness."""
        dialects = f"as {', '.join(self.dialects)}" if self.dialects else "each in its own dialect"
        equal, rounding, different = (count(self.counts[kind]) for kind in SYMBOLS)
        return (
            f"{self.one} and {self.other}, {dialects}: {equal} equal to the bit, {rounding} within rounding, "
            f"{different} different, of {count(self.counts.total())} cases"
        )


@dataclass(frozen=True)
class Pairs:
    """All pairs of implementations, by two names in either order, and groups that are equal to the last bit."""

    names: tuple[str, ...]
    pairs: Mapping[tuple[str, str], Pair]
    groups: tuple[tuple[str, ...], ...]

    @property
    def compared(self) -> list[Pair]:
        """Every pair that some case compares, once."""
        return [pair for (one, _), pair in self.pairs.items() if one == pair.one and pair.closeness]

    @property
    def sentence(self) -> str:
        """The number of pairs of each closeness."""
        kinds = Counter(pair.closeness for pair in self.compared)
        same = [pair for pair in self.compared if pair.dialects]
        different = sum(pair.closeness == DIFFERENT for pair in same)
        return (
            f"Of {count(sum(kinds.values()))} pairs, {count(kinds[EQUAL])} are equal to the last bit, "
            f"{count(kinds[ROUNDING])} within rounding, {count(kinds[DIFFERENT])} different; of the {count(len(same))} "
            f"that run the same dialect, {count(different)} {'is' if different == 1 else 'are'} different in some case."
        )

    def table(self) -> Table:
        """The number of cases by closeness, for every pair."""
        rows: list[list[str | Cell]] = []
        for pair in self.compared:
            closeness = Cell(f"{pair.symbol} {pair.closeness}", outcome=pair.closeness)
            dialects = ", ".join(pair.dialects) or "their own"
            rows.append([pair.one, pair.other, dialects, closeness, *(count(pair.counts[kind]) for kind in SYMBOLS)])
        numbers = ("Equal", "Within rounding", "Different")
        return Table.of(columns("One", "Other", "Dialects", "All cases", numbers=numbers), rows)


def build(results: Results) -> Pairs:
    """Compare every two implementations, without the verdicts on metamorphic relations."""
    traces: dict[str, dict[_Key, _Trace]] = {}
    for row in results.verdicts:
        if row.outcome in ("agrees", "differs") and not is_relation(row):
            key = (row.case, row.dtype, row.dialect or UNNAMED)
            fits = frozenset((*row.fits, *([key[2]] if row.outcome == "agrees" else [])))
            traces.setdefault(name_of(row), {})[key] = _Trace(row.trace_sha256, fits)
    names = tuple(sorted(traces, key=lambda name: builtin_first(name.partition("/")[::2])))
    pairs = {}
    for one, other in combinations(names, 2):
        pairs[one, other] = pairs[other, one] = _pair(one, other, traces[one], traces[other])
    return Pairs(names, pairs, tuple(_groups(names, pairs)))


def builtin_first(names: tuple[str, str]) -> tuple[str, bool, str]:
    """Sorting key of a framework and an implementation: by framework; within each, the built-in comes first."""
    framework, implementation = names
    return framework, implementation != BUILTIN, implementation


def _pair(one: str, other: str, mine: Mapping[_Key, _Trace], theirs: Mapping[_Key, _Trace]) -> Pair:
    shared = mine.keys() & theirs.keys()
    if shared:
        dialects = tuple(sorted({dialect for _, _, dialect in shared}))
        return Pair(one, other, dialects, Counter(_closeness(mine[key], theirs[key]) for key in shared))
    left, right = _without_dialect(mine), _without_dialect(theirs)
    return Pair(one, other, (), Counter(_closeness(left[key], right[key]) for key in left.keys() & right.keys()))


def _without_dialect(traces: Mapping[_Key, _Trace]) -> dict[tuple[str, str], _Trace]:
    """Traces by case and dtype of an implementation of one dialect; empty for one that ran several dialects."""
    if len({dialect for _, _, dialect in traces}) > 1:
        return {}
    return {key[:2]: trace for key, trace in traces.items() if not key[0].startswith(_SHAPES)}


def _closeness(one: _Trace, other: _Trace) -> str:
    if one.fingerprint is not None and one.fingerprint == other.fingerprint:
        return EQUAL
    return ROUNDING if one.fits & other.fits else DIFFERENT


def _groups(names: Iterable[str], pairs: Mapping[tuple[str, str], Pair]) -> Iterable[tuple[str, ...]]:
    """Groups of implementations that are equal to the last bit, built greedily in the order of names."""
    left = list(names)
    while left:
        group = [left.pop(0)]
        for name in list(left):
            if all(pairs[name, member].closeness == EQUAL for member in group):
                group.append(name)
                left.remove(name)
        if len(group) > 1:
            yield tuple(group)
