"""The agreement table: whether each implementation computes the dialect that it declares, and if not, which one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reports.read.kill_matrix import KillMatrix
from reports.read.results import Results
from reports.tables.findings import (
    RELATION,
    UNNAMED,
    Finding,
    Implementation,
    find,
    implementation,
    is_known_deviation,
    is_relation,
)
from reports.tables.numbers import count, multiple
from reports.tables.outcomes import AGREES, ORDER, Counts
from reports.tables.table import Cell, Table, columns, number
from suite.results.rows import TrainingRow, VerdictRow


@dataclass(frozen=True)
class Group:
    """The verdicts of one implementation in one dialect, or in all of its dialects.

    Attributes:
        framework: name of the framework.
        implementation: its name within the framework.
        version: of the framework.
        device: on which it ran.
        dialect: the dialect, or the main one of several.
        more: the number of other dialects.
        counts: outcomes of the verdicts.
        ulps: the largest finite error, in ulps.
        bound_ratio: the largest finite error over its bound.
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
class ImplementationVerdicts:
    """The verdicts of one implementation.

    Verdicts on metamorphic relations are counted apart, because a relation holds to the bit and has no bound.

    Attributes:
        whole: the cases in all dialects.
        groups: the cases in each dialect, its own dialect first.
        relations: name of a metamorphic relation -> verdicts on it.
    """

    whole: Group
    groups: tuple[Group, ...]
    relations: Mapping[str, Counts]

    def in_dialect(self, dialect: str) -> Group | None:
        """The cases in a dialect, if the implementation was tested in it."""
        return next((group for group in self.groups if group.dialect == dialect), None)

    @property
    def relations_held(self) -> str:
        """How many verdicts on relations agree, as in `14/16`; empty where none was tested."""
        total = sum(counts.total for counts in self.relations.values())
        return f"{count(sum(counts['agrees'] for counts in self.relations.values()))}/{count(total)}" if total else ""

    @property
    def violations(self) -> str:
        """The relations with a verdict that does not agree."""
        return "; ".join(f"{name}: {counts.others}" for name, counts in self.relations.items() if counts.others)


@dataclass(frozen=True)
class Agreement:
    """The agreement table.

    Attributes:
        implementations: one entry for each implementation, version and device.
        dialects: the tested dialects, the section's first.
        relations: the tested metamorphic relations.
        findings: verdicts that do not agree, by cause.
        counts: outcomes of all verdicts.
    """

    implementations: tuple[ImplementationVerdicts, ...]
    dialects: tuple[str, ...]
    relations: tuple[str, ...]
    findings: tuple[Finding, ...]
    counts: Counts

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        if not self.counts.total:
            return "Agreement was not run."
        agree, total, others = self.counts["agrees"], self.counts.total, self.counts.others
        verb = "verdict agrees" if total == 1 else "verdicts agree"
        known = " as deviations" if self.counts.deviations else ""
        return f"{count(agree)} of {count(total)} {verb}{f'; {others}' if others else ''}{known}."

    @property
    def unexpected(self) -> tuple[Finding, ...]:
        """The findings that are neither unsupported nor known deviations."""
        return tuple(finding for finding in self.urgent if not finding.expected)

    @property
    def urgent(self) -> tuple[Finding, ...]:
        """The findings that are not merely unsupported."""
        return tuple(finding for finding in self.findings if finding.outcome.name != "unsupported")


def build(results: Results) -> Agreement:
    """Make the agreement table from the verdicts."""
    rows = results.verdicts
    parts: dict[Implementation, list[VerdictRow]] = defaultdict(list)
    for row in rows:
        parts[implementation(row)].append(row)
    tested = set(_dialects(row for row in rows if not is_relation(row)))
    return Agreement(
        implementations=tuple(_verdicts(one, part) for one, part in sorted(parts.items())),
        dialects=tuple(sorted(tested, key=lambda dialect: (dialect != "d2l", dialect))),
        relations=tuple(dict.fromkeys(row.case.removeprefix(RELATION) for row in rows if is_relation(row))),
        findings=tuple(find(rows)),
        counts=counted(rows),
    )


def _verdicts(one: Implementation, rows: Sequence[VerdictRow]) -> ImplementationVerdicts:
    by_dialect: dict[str, list[VerdictRow]] = defaultdict(list)
    relations: dict[str, list[VerdictRow]] = defaultdict(list)
    for row in rows:
        if is_relation(row):
            relations[row.case.removeprefix(RELATION)].append(row)
        else:
            by_dialect[row.dialect or UNNAMED].append(row)
    cases = [row for part in by_dialect.values() for row in part]
    dialects, every = _dialects(cases), _dialects(rows)
    return ImplementationVerdicts(
        whole=_group(one, every[0], len(every) - 1, cases),
        groups=tuple(_group(one, dialect, 0, by_dialect[dialect]) for dialect in dialects),
        relations={name: counted(part) for name, part in relations.items()},
    )


def _group(one: Implementation, dialect: str, more: int, rows: Sequence[VerdictRow]) -> Group:
    ulps = max((row.ulps for row in rows if row.ulps is not None), default=None)
    ratio = max((row.bound_ratio for row in rows if row.bound_ratio is not None), default=None)
    return Group(*one, dialect, more, counted(rows), ulps, ratio)


def counted(rows: Sequence[VerdictRow | TrainingRow]) -> Counts:
    """The number of verdicts of each outcome, and how many of them are known deviations."""
    return Counts.of((row.outcome for row in rows), (row.outcome for row in rows if is_known_deviation(row)))


def _dialects(rows: Iterable[VerdictRow]) -> list[str]:
    """Dialects, the one with most cases first (an implementation's own), then d2l, then in their order."""
    sizes: dict[str, int] = defaultdict(int)
    for row in rows:
        sizes[row.dialect or UNNAMED] += 1
    return sorted(sizes, key=lambda dialect: (-sizes[dialect], dialect != "d2l"))


# As tables


def by_implementation(agreement: Agreement) -> Table:
    """Verdicts of each implementation over all of its dialects."""
    numbers = [*(outcome.name.capitalize() for outcome in ORDER), "Largest error, ulps", "× bound"]
    return Table.of(
        [*columns("Implementation", "Verdict", numbers=numbers), *columns("Dialects", "Version", "Device")],
        (
            (*_cells(one.whole), one.whole.dialects, one.whole.version, one.whole.device)
            for one in agreement.implementations
            if one.groups
        ),
    )


def by_dialect(agreement: Agreement) -> Table:
    """Verdicts of each implementation in each dialect."""
    numbers = [*(outcome.label for outcome in ORDER), "Largest error, ulps", "× bound"]
    return Table.of(
        [*columns("Implementation", "Verdict", numbers=numbers), *columns("Dialect", "Version", "Device")],
        (
            (*_cells(group), group.dialect, group.version, group.device)
            for one in agreement.implementations
            for group in one.groups
        ),
    )


def _cells(group: Group) -> list[str | Cell]:
    counts = [Cell(count(size), muted=not size) for size in (group.counts[outcome.name] for outcome in ORDER)]
    return [group.name, group.counts.worst.cell, *counts, multiple(group.ulps), multiple(group.bound_ratio)]


def brief(agreement: Agreement, versions: bool) -> Table:
    """Verdicts of each implementation in few columns, with or without its version."""
    rows = []
    for whole in (one.whole for one in agreement.implementations if one.groups):
        worst, others = whole.counts.worst, whole.counts.others
        words = f"agrees; {others}" if worst is AGREES and others else others or worst.name
        name = f"{whole.name} {whole.version}" if whole.version and versions else whole.name
        verdict = Cell(f"{worst.symbol} {words}", outcome=worst.name)
        rows.append(
            (name, whole.dialects, verdict, whole.counts.agreeing, multiple(whole.ulps), multiple(whole.bound_ratio))
        )
    headings = columns("Implementation", "Dialect", "Verdict", numbers=("Agree", "Max ulps", "× bound"))
    return Table.of(headings, rows)


def relations_matrix(agreement: Agreement) -> Table:
    """How many verdicts on each metamorphic relation agree, a column for each relation."""
    return Table.of(
        ["Implementation", *agreement.relations],
        (
            (one.whole.name, *(_held(one.relations.get(name)) for name in agreement.relations))
            for one in agreement.implementations
            if one.relations
        ),
    )


def _held(counts: Counts | None) -> str | Cell:
    return Cell(f"{counts.worst.symbol} {counts.agreeing}", outcome=counts.worst.name) if counts else ""


def relations_brief(agreement: Agreement) -> Table:
    """How many verdicts on metamorphic relations agree, and which relations are violated."""
    return Table.of(
        ["Implementation", number("Hold"), "Do not hold"],
        ((one.whole.name, one.relations_held, one.violations) for one in agreement.implementations if one.relations),
    )


def mutants_table(matrix: KillMatrix) -> Table:
    """How many mutants of each dialect on each axis are caught; coloured where some are not."""

    def cell(pair: tuple[int, int] | None) -> str | Cell:
        return "" if pair is None else Cell(f"{pair[0]}/{pair[1]}", outcome="undecided" if pair[0] < pair[1] else None)

    return Table.of(
        columns("Dialect", numbers=matrix.axes),
        ((name, *(cell(row.get(axis)) for axis in matrix.axes)) for name, row in matrix.dialects.items()),
    )
