"""The first table: whether each implementation computes the dialect that it declares, and if not, which one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reports.read.results import Results, records
from reports.read.schema import Row
from reports.tables.findings import LAW, UNNAMED, Finding, Who, findings, is_law, who
from reports.tables.numbers import count
from reports.tables.outcomes import AGREES, UNSUPPORTED, Counts

USUAL = (AGREES.name, UNSUPPORTED.name)
"""Outcomes that need no explanation."""


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
    """One implementation: its row over all dialects, and one group a dialect, its own dialect first.

    Laws stand apart: they hold to the bit or not at all, and no bound has a part in them. `laws` has the verdicts on
    each that was tried, by its name without `law/`.
    """

    whole: Group
    groups: tuple[Group, ...]
    laws: Mapping[str, Counts]

    def cell(self, dialect: str) -> Group | None:
        """The group of that dialect, if the implementation was asked for it."""
        return next((group for group in self.groups if group.dialect == dialect), None)

    @property
    def kept(self) -> str:
        """Verdicts on laws that agree, of all, as in `14/16`; nothing where no law was tried."""
        total = sum(counts.total for counts in self.laws.values())
        return f"{count(sum(counts['agrees'] for counts in self.laws.values()))}/{count(total)}" if total else ""

    @property
    def not_kept(self) -> str:
        """The laws of which a verdict does not agree, with what it is."""
        return "; ".join(f"{name}: {counts.others}" for name, counts in self.laws.items() if counts.others)


@dataclass(frozen=True)
class Agreement:
    """The agreement table: implementations, the dialects and laws they were asked for, and what does not agree."""

    implementations: tuple[Implementation, ...]
    dialects: tuple[str, ...]
    laws: tuple[str, ...]
    findings: tuple[Finding, ...]
    counts: Counts

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        if not self.counts.total:
            return "Agreement was not run."
        agree, total, others = self.counts["agrees"], self.counts.total, self.counts.others
        verb = "verdict agrees" if total == 1 else "verdicts agree"
        known = " as deviations" if self.counts.known and sum(self.counts.known.values()) else ""
        return f"{count(agree)} of {count(total)} {verb}{f'; {others}' if others else ''}{known}."

    @property
    def surprising(self) -> tuple[Finding, ...]:
        """The findings that were not expected."""
        return tuple(finding for finding in self.urgent if not finding.expected)

    @property
    def urgent(self) -> tuple[Finding, ...]:
        """The findings without what is merely unsupported."""
        return tuple(finding for finding in self.findings if finding.outcome.name != "unsupported")


def build(results: Results) -> Agreement:
    """Make the agreement table from the verdicts."""
    rows = records(results.verdicts)
    parts: dict[Who, list[Row]] = defaultdict(list)
    for row in rows:
        parts[who(row)].append(row)
    asked = set(_dialects(row for row in rows if not is_law(row)))
    return Agreement(
        implementations=tuple(_implementation(whose, part) for whose, part in sorted(parts.items())),
        dialects=tuple(sorted(asked, key=lambda dialect: (dialect != "d2l", dialect))),
        laws=tuple(dict.fromkeys(row["case"].removeprefix(LAW) for row in rows if is_law(row))),
        findings=tuple(findings(rows)),
        counts=counted(rows),
    )


def _implementation(whose: Who, rows: Sequence[Row]) -> Implementation:
    by_dialect: dict[str, list[Row]] = defaultdict(list)
    laws: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if is_law(row):
            laws[row["case"].removeprefix(LAW)].append(row)
        else:
            by_dialect[row["dialect"] or UNNAMED].append(row)
    cases = [row for part in by_dialect.values() for row in part]
    dialects, every = _dialects(cases), _dialects(rows)
    return Implementation(
        whole=_group(whose, every[0], len(every) - 1, cases),
        groups=tuple(_group(whose, dialect, 0, by_dialect[dialect]) for dialect in dialects),
        laws={name: counted(part) for name, part in laws.items()},
    )


def _group(whose: Who, dialect: str, more: int, rows: Sequence[Row]) -> Group:
    framework, implementation, version, device = whose
    return Group(
        framework=framework,
        implementation=implementation,
        version=version,
        device=device,
        dialect=dialect,
        more=more,
        counts=counted(rows),
        ulps=_largest(rows, "ulps"),
        bound_ratio=_largest(rows, "bound_ratio"),
    )


def counted(rows: Sequence[Row]) -> Counts:
    """How many verdicts there are of each outcome, and how many of these are known deviations."""
    known = (row["outcome"] for row in rows if row["expected"] and row["expectation"] and row["outcome"] not in USUAL)
    return Counts.of((row["outcome"] for row in rows), known)


def _largest(rows: Iterable[Row], column: str) -> float | None:
    return max((row[column] for row in rows if row[column] is not None), default=None)


def _dialects(rows: Iterable[Row]) -> list[str]:
    """Dialects, the one with most cases first (an implementation's own), then d2l, then as they come."""
    sizes: dict[str, int] = defaultdict(int)
    for row in rows:
        sizes[row["dialect"] or UNNAMED] += 1
    return sorted(sizes, key=lambda dialect: (-sizes[dialect], dialect != "d2l"))
