"""The agreement table: whether each implementation computes the dialect that it declares, and if not, which one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reports.read import KillMatrix, Results, by_key
from reports.tables.findings import RELATION, UNNAMED, Finding, counted, find, implementation, is_relation
from reports.tables.numbers import count, multiple
from reports.tables.outcomes import AGREES, ORDER, UNSUPPORTED, Counts
from reports.tables.table import Cell, Table, columns, number
from suite.results.rows import VerdictRow, name_of


@dataclass(frozen=True)
class Group:
    """The verdicts of one implementation in one dialect, or in all of its dialects, then named as in `d2l + 11`.

    `ulps` is the largest finite error in ulps, `bound_ratio` the largest finite error over its bound.
    """

    name: str
    version: str
    device: str
    dialect: str
    counts: Counts
    ulps: float | None
    bound_ratio: float | None


@dataclass(frozen=True)
class ImplementationVerdicts:
    """The verdicts of one implementation: in all dialects, and in each dialect, its own dialect first.

    Verdicts on metamorphic relations are counted separately, because a relation holds to the bit and has no bound.
    """

    overall: Group
    groups: Mapping[str, Group]
    relations: Mapping[str, Counts]


@dataclass(frozen=True)
class Agreement:
    """The agreement table.

    `implementations` has one entry for each implementation, version and device. Of the tested `dialects` the section's
    comes first. `findings` are the verdicts that do not agree, by cause.
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
    def urgent(self) -> tuple[Finding, ...]:
        """The findings that are not merely unsupported."""
        return tuple(finding for finding in self.findings if finding.outcome is not UNSUPPORTED)

    @property
    def unexpected(self) -> tuple[Finding, ...]:
        """The findings that are neither unsupported nor known deviations."""
        return tuple(finding for finding in self.urgent if not finding.expected)


def build(results: Results) -> Agreement:
    """Make the agreement table from the verdicts."""
    rows = results.verdicts
    tested = _dialects(row for row in rows if not is_relation(row))
    return Agreement(
        implementations=tuple(_verdicts(part) for _, part in sorted(by_key(rows, implementation).items())),
        dialects=tuple(sorted(tested, key=lambda dialect: (dialect != "d2l", dialect))),
        relations=tuple(dict.fromkeys(map(_relation, filter(is_relation, rows)))),
        findings=tuple(find(rows)),
        counts=counted(rows),
    )


def _verdicts(rows: Sequence[VerdictRow]) -> ImplementationVerdicts:
    cases = [row for row in rows if not is_relation(row)]
    main, *others = _dialects(rows)
    by_dialect = by_key(cases, lambda row: row.dialect or UNNAMED)
    relations = by_key(filter(is_relation, rows), _relation)
    return ImplementationVerdicts(
        overall=_group(rows[0], f"{main} + {len(others)}" if others else main, cases),
        groups={dialect: _group(rows[0], dialect, by_dialect[dialect]) for dialect in _dialects(cases)},
        relations={name: counted(part) for name, part in relations.items()},
    )


def _group(one: VerdictRow, dialect: str, rows: Sequence[VerdictRow]) -> Group:
    ulps = max((row.ulps for row in rows if row.ulps is not None), default=None)
    ratio = max((row.bound_ratio for row in rows if row.bound_ratio is not None), default=None)
    return Group(name_of(one), one.version, one.device, dialect, counted(rows), ulps, ratio)


def _relation(row: VerdictRow) -> str:
    return row.case.removeprefix(RELATION)


def _dialects(rows: Iterable[VerdictRow]) -> list[str]:
    """Dialects, the one with most cases first (an implementation's own), then d2l, then in their order."""
    sizes = Counter(row.dialect or UNNAMED for row in rows)
    return sorted(sizes, key=lambda dialect: (-sizes[dialect], dialect != "d2l"))


# As tables


def by_implementation(agreement: Agreement) -> Table:
    """Verdicts of each implementation over all of its dialects."""
    groups = [one.overall for one in agreement.implementations if one.groups]
    return _table(groups, [outcome.name.capitalize() for outcome in ORDER], "Dialects")


def by_dialect(agreement: Agreement) -> Table:
    """Verdicts of each implementation in each dialect."""
    groups = [group for one in agreement.implementations for group in one.groups.values()]
    return _table(groups, [outcome.label for outcome in ORDER], "Dialect")


def _table(groups: Iterable[Group], outcomes: Sequence[str], dialect: str) -> Table:
    numbers = (*outcomes, "Largest error, ulps", "× bound")
    headings = [*columns("Implementation", "Verdict", numbers=numbers), *columns(dialect, "Version", "Device")]
    return Table.of(headings, map(_cells, groups))


def _cells(group: Group) -> list[str | Cell]:
    sizes = [group.counts[outcome.name] for outcome in ORDER]
    counts = [Cell(count(size), muted=not size) for size in sizes]
    errors = [multiple(group.ulps), multiple(group.bound_ratio)]
    return [group.name, group.counts.worst.cell, *counts, *errors, group.dialect, group.version, group.device]


def brief(agreement: Agreement, versions: bool) -> Table:
    """Verdicts of each implementation in few columns, with or without its version."""
    rows = []
    for overall in (one.overall for one in agreement.implementations if one.groups):
        worst, others = overall.counts.worst, overall.counts.others
        words = f"agrees; {others}" if worst is AGREES and others else others or worst.name
        name = f"{overall.name} {overall.version}" if overall.version and versions else overall.name
        verdict = Cell(f"{worst.symbol} {words}", outcome=worst.name)
        rows.append(
            (
                name,
                overall.dialect,
                verdict,
                overall.counts.agreeing,
                multiple(overall.ulps),
                multiple(overall.bound_ratio),
            )
        )
    headings = columns("Implementation", "Dialect", "Verdict", numbers=("Agree", "Max ulps", "× bound"))
    return Table.of(headings, rows)


def relations_matrix(agreement: Agreement) -> Table:
    """How many verdicts on each metamorphic relation agree, a column for each relation."""

    def cell(counts: Counts | None) -> str | Cell:
        return Cell(f"{counts.worst.symbol} {counts.agreeing}", outcome=counts.worst.name) if counts else ""

    tested = [one for one in agreement.implementations if one.relations]
    rows = ((one.overall.name, *(cell(one.relations.get(name)) for name in agreement.relations)) for one in tested)
    return Table.of(["Implementation", *agreement.relations], rows)


def relations_brief(agreement: Agreement) -> Table:
    """How many verdicts on metamorphic relations agree, and which relations are violated."""
    rows = []
    for one in agreement.implementations:
        if one.relations:
            agree = sum(counts["agrees"] for counts in one.relations.values())
            total = sum(counts.total for counts in one.relations.values())
            violated = "; ".join(f"{name}: {counts.others}" for name, counts in one.relations.items() if counts.others)
            rows.append((one.overall.name, f"{count(agree)}/{count(total)}", violated))
    return Table.of(["Implementation", number("Hold"), "Do not hold"], rows)


def mutants_table(matrix: KillMatrix) -> Table:
    """How many mutants of each dialect on each axis are caught; coloured where some are not."""
    axes = list(dict.fromkeys(axis for row in matrix.dialects.values() for axis in row))

    def cell(pair: tuple[int, int] | None) -> str | Cell:
        return "" if pair is None else Cell(f"{pair[0]}/{pair[1]}", outcome="undecided" if pair[0] < pair[1] else None)

    rows = ((name, *(cell(row.get(axis)) for axis in axes)) for name, row in matrix.dialects.items())
    return Table.of(columns("Dialect", numbers=axes), rows)
