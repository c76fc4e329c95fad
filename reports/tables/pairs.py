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

from reports.read.results import Results
from reports.tables.findings import UNNAMED, Finding, is_relation
from reports.tables.numbers import count
from reports.tables.outcomes import DIFFERS
from reports.tables.table import Table
from suite.results.rows import VerdictRow
from suite.results.wording import AXES

# The axes on which the built-ins differ

BUILTIN = "builtin"
"""The name that every adapter gives to the optimizer that users of the framework import."""

PREFERRED_TAPE = "decades/"
"""The tape whose cases are shown first as examples."""

PREFERRED_CASES = ("decades/plain", "decades/large-epsilon")
"""The cases shown first as examples: the section's own hyper-parameters, and an epsilon large enough to matter."""


@dataclass(frozen=True)
class Builtin:
    """The built-in RMSProp of a framework, and the dialect that it computes."""

    framework: str
    dialect: str


@dataclass(frozen=True)
class DialectDifference:
    """Two built-ins of different dialects.

    Attributes:
        one: the first built-in.
        other: the second built-in.
        step: the first step, from 1, at which `one` is outside the bound of the dialect of `other`; None if at none.
        case: the case in which that is.
        separated: the number of float32 cases in which `one` leaves that bound.
        compared: the number of cases that were compared.
    """

    one: Builtin
    other: Builtin
    step: int | None
    case: str | None
    separated: int
    compared: int

    @property
    def names(self) -> str:
        """As in `mxnet ≠ torch`."""
        return f"{self.one.framework} ≠ {self.other.framework}"

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
    """The built-ins side by side.

    Attributes:
        builtins: one for each framework.
        rows: axes on which they differ: the axis in words, and a value for each built-in.
        differences: every two that compute different dialects.
    """

    builtins: tuple[Builtin, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    differences: tuple[DialectDifference, ...]

    @property
    def sentence(self) -> str:
        """How many algorithms the built-ins are."""
        size, different = len(self.builtins), len({one.dialect for one in self.builtins})
        return f"What {size} frameworks call RMSProp is {different} algorithms:"

    @staticmethod
    def minority(values: Sequence[str]) -> set[str]:
        """The values on an axis that fewer built-ins share than the most common one."""
        sizes = Counter(values)
        most = max(sizes.values())
        return {value for value, size in sizes.items() if size < most}

    def table(self) -> Table:
        """The axes as rows, the built-ins as columns."""
        headings = [f"{one.framework}/{BUILTIN}: {one.dialect}" for one in self.builtins]
        return Table.of(["Axis", *headings], ((axis, *values) for axis, values in self.rows))


def builtin_axes(results: Results) -> BuiltinAxes:
    """Compare the built-ins whose dialect is known."""
    manifest = results.manifest
    rows: dict[str, list[VerdictRow]] = {}
    for row in results.verdicts:
        if row.implementation == BUILTIN:
            rows.setdefault(row.framework, []).append(row)
    builtins = []
    for framework in sorted(rows):
        declared = manifest.implementations.get(f"{framework}/{BUILTIN}", {}).get("dialect")
        if declared is not None and declared in manifest.dialects:
            builtins.append(Builtin(framework, declared))
    differences = [
        _difference(one, other, rows[one.framework])
        for one, other in combinations(builtins, 2)
        if one.dialect != other.dialect
    ]
    return BuiltinAxes(tuple(builtins), tuple(_axis_rows(builtins, manifest.dialects)), tuple(differences))


def axis_differences(finding: Finding, dialects: Mapping[str, Mapping[str, str]]) -> str:
    """Where another dialect fits than the claimed one: how the two differ, as in `ε outside √, not inside √`."""
    if finding.outcome is not DIFFERS or not finding.fits or len(finding.dialects) != 1:
        return ""
    other, claimed = dialects.get(finding.fits[0], {}), dialects.get(finding.dialects[0], {})
    known = [axis for axis in AXES if axis in other and axis in claimed and other[axis] != claimed[axis]]
    return "; ".join(
        f"{AXES[axis].name} {AXES[axis].short(other[axis])}, not {AXES[axis].short(claimed[axis])}" for axis in known
    )


def _axis_rows(
    builtins: Sequence[Builtin], dialects: Mapping[str, Mapping[str, str]]
) -> Iterable[tuple[str, tuple[str, ...]]]:
    for name, axis in AXES.items():
        values = tuple(axis.short(dialects[one.dialect].get(name, "")) for one in builtins)
        if len(set(values)) > 1:
            yield axis.name, values


def _difference(one: Builtin, other: Builtin, rows: Sequence[VerdictRow]) -> DialectDifference:
    """From the verdicts of `one`, which tell when its trace leaves the bound of each other dialect."""
    compared = [
        (row.case, row.ruled_out_at)
        for row in rows
        if row.ruled_out_at is not None and row.outcome in ("agrees", "differs")
    ]
    steps = {case: left[other.dialect] for case, left in compared if other.dialect in left}
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

_SHAPES = "shape/"
"""Cases whose result does not depend on the dialect; large ones are compared with an implementation's own only."""

_Key = tuple[str, str, str]  # case, dtype, dialect


class _Trace(NamedTuple):
    fingerprint: str | None
    fits: frozenset[str]  # dialects whose bounds hold it


@dataclass(frozen=True)
class Pair:
    """Two implementations.

    Attributes:
        one: as in `torch/builtin`.
        other: as in `torch/builtin`.
        dialects: the dialects that both ran; empty if they are compared across dialects.
        counts: `EQUAL`, `ROUNDING` or `DIFFERENT` -> number of cases.
    """

    one: str
    other: str
    dialects: tuple[str, ...]
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """The number of cases that compare the two."""
        return sum(self.counts.values())

    @property
    def closeness(self) -> str | None:
        """`EQUAL`, `ROUNDING` or `DIFFERENT` for all cases together; None where no case compares the two."""
        return next((kind for kind in (DIFFERENT, ROUNDING, EQUAL) if self.counts.get(kind)), None)

    @property
    def symbol(self) -> str:
        """The symbol of the closeness."""
        return SYMBOLS[self.closeness] if self.closeness else ""

    @property
    def sentence(self) -> str:
        """Names, dialects, and the number of cases of each closeness."""
        dialects = f"as {', '.join(self.dialects)}" if self.dialects else "each in its own dialect"
        equal, rounding, different = (count(self.counts.get(kind, 0)) for kind in (EQUAL, ROUNDING, DIFFERENT))
        return (
            f"{self.one} and {self.other}, {dialects}: {equal} equal to the bit, {rounding} within rounding, "
            f"{different} different, of {count(self.total)} cases"
        )


@dataclass(frozen=True)
class Pairs:
    """All pairs of implementations.

    Attributes:
        names: the implementations.
        pairs: the names of two, in either order -> the pair.
        groups: groups of implementations that are equal to the last bit.
    """

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


def build(results: Results) -> Pairs:
    """Compare every two implementations, without the verdicts on metamorphic relations."""
    traces: dict[str, dict[_Key, _Trace]] = {}
    for row in results.verdicts:
        if row.outcome in ("agrees", "differs") and not is_relation(row):
            key = (row.case, row.dtype, row.dialect or UNNAMED)
            fits = frozenset((*row.fits, *([key[2]] if row.outcome == "agrees" else [])))
            name = f"{row.framework}/{row.implementation}"
            traces.setdefault(name, {})[key] = _Trace(row.trace_sha256, fits)
    names = tuple(sorted(traces, key=_order))
    pairs = {}
    for one, other in combinations(names, 2):
        pairs[one, other] = pairs[other, one] = _pair(one, other, traces[one], traces[other])
    return Pairs(names, pairs, tuple(_groups(names, pairs)))


def _order(name: str) -> tuple[str, bool, str]:
    framework, _, own = name.partition("/")
    return framework, own != BUILTIN, own


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
