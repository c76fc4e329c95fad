"""Why the frameworks' own RMSProps are not the same: the axes on which their dialects differ, and when that shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from reports.read.results import Results, records
from reports.read.schema import Row
from reports.tables.findings import Finding
from reports.tables.outcomes import DIFFERS

BUILTIN = "builtin"
"""The implementation of a framework that its users get, by this name in every adapter."""

WORDS = {
    "epsilon": "ε stands",
    "initial_accumulator": "average starts at",
    "learning_rate": "η and buffer",
    "momentum": "momentum buffer",
    "weight_decay": "weight decay",
    "clipping": "clipping",
    "decay_complement": "1−γ",
    "hyperparameter_rounding": "hyper-parameters",
    "sparse": "rows without gradient",
    "duplicates": "rows named twice",
    "subnormals": "subnormal numbers",
}
"""Each axis in words, from what users meet first to what they hardly meet."""

VALUES = {
    ("epsilon", "inside"): "inside √",
    ("epsilon", "outside"): "outside √",
    ("epsilon", "inside with momentum"): "outside √, inside with momentum",
    ("epsilon", "inside when centered"): "outside √, inside when centered",
    ("learning_rate", "inside"): "η inside",
    ("learning_rate", "outside"): "η outside",
    ("decay_complement", "working"): "rounded",
    ("sparse", "dense"): "decay",
    ("sparse", "lazy"): "rest",
    ("weight_decay", "l2"): "ℓ₂",
}
"""Values whose own name says too little beside their axis."""

TAPE = "decades/"
"""The tape on which they are looked at first."""

USUAL = ("decades/plain", "decades/large-epsilon")
"""Where two are looked at first: the section's own hyper-parameters, and an ε that can be seen."""


@dataclass(frozen=True)
class Own:
    """What a framework calls RMSProp: as in `torch`, with the dialect that it computes."""

    framework: str
    dialect: str


@dataclass(frozen=True)
class Parting:
    """Two of them.

    Attributes:
        one: as it is called.
        other: likewise.
        step: the first step, from 1, at which `one` is outside the bound of what `other` computes; None if it never is.
        case: in which.
        apart: in how many cases it is, in float32.
        asked: of how many.
    """

    one: Own
    other: Own
    step: int | None
    case: str | None
    apart: int
    asked: int

    @property
    def brief(self) -> str:
        """The same in a few words, after the names of the two."""
        if self.step is None:
            return self.sentence
        return f"at step {self.step} of {self.case}, {self.apart} of {self.asked} cases"

    @property
    def sentence(self) -> str:
        """What is to be said of the two."""
        if self.step is None:
            return "no case tells them apart" if self.asked else "not held against each other"
        return f"apart in {self.apart} of {self.asked} cases, from step {self.step} of {self.case}"


@dataclass(frozen=True)
class Axes:
    """The built-ins side by side.

    Attributes:
        owns: a column each.
        rows: of each axis on which they differ its words, and a value a column.
        partings: every two that don't compute the same dialect.
    """

    owns: tuple[Own, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    partings: tuple[Parting, ...]

    @property
    def sentence(self) -> str:
        """How many algorithms they are."""
        size, different = len(self.owns), len({own.dialect for own in self.owns})
        return f"What {size} frameworks call RMSProp are {different} algorithms:"

    @staticmethod
    def odd(values: Sequence[str]) -> set[str]:
        """The values on an axis that stand against one which more of them share."""
        sizes = Counter(values)
        most = max(sizes.values())
        return {value for value, size in sizes.items() if size < most}


def build(results: Results) -> Axes:
    """Of a run in which at least two frameworks have a built-in of known dialect; else empty."""
    manifest = results.manifest
    rows: dict[str, list[Row]] = {}
    for row in records(results.verdicts):
        if row["implementation"] == BUILTIN:
            rows.setdefault(row["framework"], []).append(row)
    owns = []
    for framework in sorted(rows):
        declared = manifest.implementations.get(f"{framework}/{BUILTIN}", {}).get("dialect")
        if declared is not None and declared in manifest.dialects:
            owns.append(Own(framework, declared))
    partings = [
        _parting(one, other, rows[one.framework])
        for one, other in combinations(owns, 2)
        if one.dialect != other.dialect
    ]
    return Axes(tuple(owns), tuple(_rows(owns, manifest.dialects)), tuple(partings))


def why(finding: Finding, dialects: Mapping[str, Mapping[str, str]]) -> str:
    """Where another dialect fits than the one that is claimed: their axes, as in `ε stands outside √, not inside √`."""
    if finding.outcome is not DIFFERS or not finding.fits or len(finding.dialects) != 1:
        return ""
    other, claimed = dialects.get(finding.fits[0], {}), dialects.get(finding.dialects[0], {})
    known = [axis for axis in WORDS if axis in other and axis in claimed and other[axis] != claimed[axis]]
    return "; ".join(f"{WORDS[axis]} {_value(axis, other)}, not {_value(axis, claimed)}" for axis in known)


def _rows(owns: Sequence[Own], dialects: Mapping[str, Mapping[str, str]]) -> list[tuple[str, tuple[str, ...]]]:
    found = []
    for axis, words in WORDS.items():
        values = tuple(_value(axis, dialects[own.dialect]) for own in owns)
        if len(set(values)) > 1:
            found.append((words, values))
    return found


def _value(axis: str, dialect: Mapping[str, str]) -> str:
    value = dialect.get(axis, "")
    return VALUES.get((axis, value), value)


def _parting(one: Own, other: Own, rows: Sequence[Row]) -> Parting:
    """From the rows of `one`, of which some say when they leave the dialect of the other."""
    asked = [row for row in rows if row["leaves"] is not None and row["outcome"] in ("agrees", "differs")]
    left = {row["case"]: row["leaves"][other.dialect] for row in asked if other.dialect in row["leaves"]}
    first = min(left, key=lambda name: (not name.startswith(TAPE), left[name], name), default=None)
    case = next((name for name in USUAL if name in left), first)
    return Parting(one, other, left.get(case) if case else None, case, len(left), len(asked))
