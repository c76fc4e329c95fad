"""The first table: whether each implementation computes the dialect that it declares, and if not, which one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.numbers import count, multiple, percent
from reports.outcomes import DIFFERS, NAMED, UNDECIDED, Counts, Outcome, urgency
from reports.results import Results, records
from reports.schema import Row

UNNAMED = "(none)"
"""Stands for a dialect or case that a row does not name."""

_Who = tuple[str, str, str, str]  # framework, implementation, version, device


@dataclass(frozen=True)
class Group:
    """The verdicts of one implementation in one dialect, or in all of its dialects.

    `ulps` and `bound_ratio` are the largest finite ones. `more` counts the dialects beyond the named one.
    """

    framework: str
    implementation: str
    version: str
    device: str
    dialect: str
    more: int
    counts: Counts
    ulps: float | None
    bound_ratio: float | None

    @property
    def name(self) -> str:
        """As in `torch/builtin`."""
        return f"{self.framework}/{self.implementation}"

    @property
    def dialects(self) -> str:
        """As in `d2l + 11`."""
        return f"{self.dialect} + {self.more}" if self.more else self.dialect


@dataclass(frozen=True)
class Implementation:
    """One implementation: its row over all dialects, and one group a dialect, its own dialect first."""

    whole: Group
    groups: tuple[Group, ...]

    def cell(self, dialect: str) -> Group | None:
        """The group of that dialect, if the implementation was asked for it."""
        return next((group for group in self.groups if group.dialect == dialect), None)


@dataclass(frozen=True)
class Finding:
    """Verdicts that do not agree for one and the same cause, and the row among them that shows it best."""

    outcome: Outcome
    name: str
    version: str
    device: str
    dialects: tuple[str, ...]
    cases: tuple[str, ...]
    fits: tuple[str, ...]
    size: int
    row: Row

    @property
    def title(self) -> str:
        """Who, in which dialects, in how many cases."""
        dialects = ", ".join(self.dialects[:3]) + (
            f" and {len(self.dialects) - 3} more" if len(self.dialects) > 3 else ""
        )
        cases = f"{count(self.size)} case{'' if self.size == 1 else 's'}"
        return f"{self.name}, dialect{'' if len(self.dialects) == 1 else 's'} {dialects}, {cases}"

    @property
    def where(self) -> str | None:
        """The first step outside the bound, and the place and size of the largest error."""
        if self.outcome is not DIFFERS:
            return None
        parts = []
        if self.row["first_step"] is not None:
            parts.append(f"leaves the bound at step {self.row['first_step']}")
        if self.row["worst_step"] is not None:
            parts.append(f"largest at step {self.row['worst_step']}{_coordinate(self.row)}")
        if self.row["ulps"] is not None:
            parts.append(f"{multiple(self.row['ulps'])} ulps")
        if self.row["bound_ratio"] is not None:
            parts.append(f"{multiple(self.row['bound_ratio'])} × the bound")
        return "; ".join(parts) or None

    @property
    def cause(self) -> str | None:
        """Which dialect fits instead, or how much could be decided."""
        if self.outcome is UNDECIDED and self.row["decided"] is not None:
            return f"{percent(self.row['decided'])} of the values could be decided"
        if self.outcome is not DIFFERS:
            return None
        return f"fits {', '.join(self.fits)}" if self.fits else "fits no known dialect"


@dataclass(frozen=True)
class Agreement:
    """The agreement table: implementations, the dialects they were asked for, and what does not agree."""

    implementations: tuple[Implementation, ...]
    dialects: tuple[str, ...]
    findings: tuple[Finding, ...]
    counts: Counts

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        if not self.counts.total:
            return "Agreement was not run."
        agree, total, others = self.counts["agrees"], self.counts.total, self.counts.others
        verb = "verdict agrees" if total == 1 else "verdicts agree"
        return f"{count(agree)} of {count(total)} {verb}{f'; {others}' if others else ''}."

    @property
    def urgent(self) -> tuple[Finding, ...]:
        """The findings without what is merely unsupported."""
        return tuple(finding for finding in self.findings if finding.outcome.name != "unsupported")


def build(results: Results) -> Agreement:
    """Make the agreement table from the verdicts."""
    rows = records(results.verdicts)
    parts: dict[_Who, list[Row]] = defaultdict(list)
    for row in rows:
        parts[_who(row)].append(row)
    return Agreement(
        implementations=tuple(_implementation(who, part) for who, part in sorted(parts.items())),
        dialects=tuple(sorted(set(_dialects(rows)), key=lambda dialect: (dialect != "d2l", dialect))),
        findings=tuple(_findings(rows)),
        counts=Counts.of(row["outcome"] for row in rows),
    )


def _who(row: Row) -> _Who:
    return row["framework"], row["implementation"], row["version"] or "", row["device"] or ""


def _implementation(who: _Who, rows: Sequence[Row]) -> Implementation:
    by_dialect: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_dialect[row["dialect"] or UNNAMED].append(row)
    dialects = _dialects(rows)
    return Implementation(
        whole=_group(who, dialects[0], len(dialects) - 1, rows),
        groups=tuple(_group(who, dialect, 0, by_dialect[dialect]) for dialect in dialects),
    )


def _group(who: _Who, dialect: str, more: int, rows: Sequence[Row]) -> Group:
    framework, implementation, version, device = who
    return Group(
        framework=framework,
        implementation=implementation,
        version=version,
        device=device,
        dialect=dialect,
        more=more,
        counts=Counts.of(row["outcome"] for row in rows),
        ulps=_largest(rows, "ulps"),
        bound_ratio=_largest(rows, "bound_ratio"),
    )


def _largest(rows: Iterable[Row], column: str) -> float | None:
    return max((row[column] for row in rows if row[column] is not None), default=None)


def _dialects(rows: Iterable[Row]) -> list[str]:
    """Dialects, the one with most cases first (an implementation's own), then d2l, then as they come."""
    sizes: dict[str, int] = defaultdict(int)
    for row in rows:
        sizes[row["dialect"] or UNNAMED] += 1
    return sorted(sizes, key=lambda dialect: (-sizes[dialect], dialect != "d2l"))


def _findings(rows: Iterable[Row]) -> list[Finding]:
    parts: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row["outcome"] != "agrees":
            parts[(*_who(row), row["outcome"], *_cause(row))].append(row)
    found = [_finding(part) for part in parts.values()]
    return sorted(found, key=lambda finding: (urgency(finding.outcome.name), -finding.size, finding.name))


def _cause(row: Row) -> tuple[object, ...]:
    """What makes two verdicts of an implementation the same finding."""
    if row["outcome"] == "differs":
        return row["dialect"], tuple(sorted(row["fits"]))
    return (row["reason"],)


def _finding(rows: Sequence[Row]) -> Finding:
    shown = max(rows, key=lambda row: row["bound_ratio"] or 0.0)
    return Finding(
        outcome=NAMED[shown["outcome"]],
        name=f"{shown['framework']}/{shown['implementation']}",
        version=shown["version"] or "",
        device=shown["device"] or "",
        dialects=tuple(dict.fromkeys(row["dialect"] or UNNAMED for row in rows)),
        cases=tuple(dict.fromkeys(row["case"] or UNNAMED for row in rows)),
        fits=tuple(shown["fits"]),
        size=len(rows),
        row=shown,
    )


def _coordinate(row: Row) -> str:
    index = f", coordinate [{', '.join(map(str, row['worst_index']))}]" if row["worst_index"] else ""
    return f"{index} of {row['quantity']}" if row["quantity"] else index
