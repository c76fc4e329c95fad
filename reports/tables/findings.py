"""Verdicts that do not agree, grouped by cause: findings, and known deviations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from reports.read import NORMAL_OUTCOMES, Results, by_key
from reports.tables.numbers import count, multiple, percent
from reports.tables.outcomes import DIFFERS, NAMED, UNDECIDED, Counts, Outcome
from reports.tables.table import Cell, Table, number
from suite.results.rows import AxisValue, NearestDialect, RunRow, TrainingRow, VerdictRow, case_of, name_of

UNNAMED = "(none)"  # stands for a dialect that a row does not name
RELATION = "law/"  # prefix of the case id of a metamorphic relation


@dataclass(frozen=True)
class Finding:
    """The `size` verdicts of one implementation that do not agree for the same cause.

    `row` is the verdict that shows the cause best; `fits` has the dialects that fit every one of the verdicts.
    """

    row: VerdictRow
    dialects: tuple[str, ...]
    fits: tuple[str, ...]
    size: int

    @property
    def outcome(self) -> Outcome:
        """The outcome of all of the verdicts."""
        return NAMED[self.row.outcome]

    @property
    def name(self) -> str:
        """The implementation, as in `torch/builtin`."""
        return name_of(self.row)

    @property
    def expected(self) -> bool:
        """Whether the verdicts are known deviations."""
        return self.row.expected

    @property
    def relation(self) -> str | None:
        """The metamorphic relation that is violated, if it is one."""
        return self.row.case.removeprefix(RELATION) if self.outcome is DIFFERS and is_relation(self.row) else None

    @property
    def title(self) -> str:
        """The implementation, its dialects, and the number of cases or the violated relation."""
        more = f" and {len(self.dialects) - 3} more" if len(self.dialects) > 3 else ""
        dialects = f"dialect{'' if len(self.dialects) == 1 else 's'} {', '.join(self.dialects[:3])}{more}"
        expected = ", as expected" if self.expected and self.outcome.name != "unsupported" else ""
        if self.relation:
            times = f", {count(self.size)} times" if self.size > 1 else ""
            return f"{self.name} violates the metamorphic relation {self.relation}, {dialects}{times}{expected}"
        return f"{self.name}, {dialects}, {count(self.size)} case{'' if self.size == 1 else 's'}{expected}"

    @property
    def explanation(self) -> tuple[str, ...]:
        """Lines of explanation: the suite's own reason if it is complete, otherwise location and cause.

        The reason why a deviation is known comes last.
        """
        reason = self.row.reason
        complete = reason and (self.row.first_quantity or self.relation or self.outcome is UNDECIDED)
        lines = (reason,) if complete else (self.location, self.cause, reason)
        known = f"expected: {self.row.expectation}" if self.expected and self.row.expectation else None
        return tuple(line for line in (*lines, known) if line)

    @property
    def location(self) -> str | None:
        """The first step outside the bound, and the place and size of the largest error; None for a relation."""
        if self.outcome is not DIFFERS or self.relation:
            return None
        parts = []
        if self.row.first_step is not None:
            parts.append(f"first outside the bound at step {self.row.first_step}")
        if self.row.worst_step is not None:
            parts.append(f"largest error at step {self.row.worst_step}{_coordinate(self.row)}")
        if self.row.ulps is not None:
            parts.append(f"{multiple(self.row.ulps)} ulps")
        if self.row.bound_ratio is not None:
            parts.append(f"{multiple(self.row.bound_ratio)} × the bound")
        return "; ".join(parts) or None

    @property
    def cause(self) -> str | None:
        """The dialect that fits instead or comes nearest, or the share of values that could be decided."""
        if self.outcome is UNDECIDED and self.row.decided is not None:
            return f"{percent(self.row.decided)} of the values could be decided"
        if self.outcome is not DIFFERS:
            return None
        if self.relation:
            return "the two traces are not equal to the last bit"
        if self.fits:
            return f"fits {', '.join(self.fits)}"
        nearest = self.row.nearest
        if nearest is None or (not nearest.changes and not nearest.fits):
            return "fits no known dialect"
        return f"{'fits' if nearest.fits else 'fits no known dialect; the nearest is'} {describe_nearest(nearest)}"


def describe_nearest(nearest: NearestDialect) -> str:
    """A dialect with its changes, as in `torch with initial_accumulator 1.0 in place of 0.0`."""
    words = [f"{one.axis} {_value(one.after)} in place of {_value(one.before)}" for one in nearest.changes]
    return f"{nearest.dialect}{' with ' if words else ''}{' and '.join(words)}"


def find(rows: Iterable[VerdictRow]) -> list[Finding]:
    """All findings, the most urgent first; of equal urgency, unexpected ones before known deviations."""
    wrong = (row for row in rows if row.outcome != "agrees")
    parts = by_key(wrong, lambda row: (*implementation(row), row.outcome, row.expected, _group(row)))
    found = [_finding(cause) for part in parts.values() for cause in _by_cause(part)]
    return sorted(found, key=lambda one: (one.outcome.urgency, one.expected, -one.size, one.name))


def implementation(row: VerdictRow) -> tuple[str, str, str, str]:
    """Framework, implementation, version and device that a verdict is about."""
    return row.framework, row.implementation, row.version, row.device


def is_relation(row: VerdictRow) -> bool:
    """Whether a verdict is about a metamorphic relation."""
    return row.case.startswith(RELATION)


def is_known_deviation(row: RunRow) -> bool:
    """Whether a verdict deviates as recorded in expectations.toml."""
    return bool(row.expected and row.expectation and row.outcome and row.outcome not in NORMAL_OUTCOMES)


def counted(rows: Sequence[VerdictRow | TrainingRow]) -> Counts:
    """The number of verdicts of each outcome, and how many of them are known deviations."""
    return Counts.of((row.outcome for row in rows), (row.outcome for row in rows if is_known_deviation(row)))


def _group(row: VerdictRow) -> tuple[str | None, ...]:
    """What verdicts of one cause share besides implementation and outcome: the relation, the dialect or the reason."""
    if row.outcome == "undecided":
        return ()
    if row.outcome == "differs":
        return ("relation", row.case) if is_relation(row) else (row.dialect,)
    return (row.reason,)


def _by_cause(rows: Sequence[VerdictRow]) -> Iterator[list[VerdictRow]]:
    """Divide rows of one group by cause.

    The cause is the dialect that fits most of the rows, then the one that fits most of the rest, and so on; where no
    dialect fits, it is the nearest dialect with its changed axes.
    """
    if rows[0].outcome != "differs" or is_relation(rows[0]):
        yield list(rows)
        return
    rest = [row for row in rows if row.fits]
    while rest:
        ((most, _),) = Counter(name for row in rest for name in row.fits).most_common(1)
        yield [row for row in rest if most in row.fits]
        rest = [row for row in rest if most not in row.fits]
    yield from by_key((row for row in rows if not row.fits), _changed_axes).values()


def _changed_axes(row: VerdictRow) -> str:
    """The nearest dialect that fits and its changed axes, without their values, which depend on the case."""
    if row.nearest is None or not row.nearest.fits:
        return ""
    return f"{row.nearest.dialect} {' '.join(change.axis for change in row.nearest.changes)}"


def _finding(rows: Sequence[VerdictRow]) -> Finding:
    shown = max(rows, key=lambda row: (-len(row.fits), row.bound_ratio or 0.0))  # fewest fits: most specific
    return Finding(
        row=shown,
        dialects=tuple(dict.fromkeys(row.dialect or UNNAMED for row in rows)),
        fits=tuple(name for name in shown.fits if all(name in row.fits for row in rows)),
        size=len(rows),
    )


def _coordinate(row: VerdictRow) -> str:
    index = f", coordinate [{', '.join(map(str, row.worst_index))}]" if row.worst_index else ""
    return f"{index} of {row.quantity}" if row.quantity else index


def _value(value: AxisValue) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if value is not None and not isinstance(value, str | bool):
        return f"a list of {len(value)}"
    return "none" if value is None else str(value).lower()


# Known deviations

_LINK = re.compile(r"\s*\((https?://[^\s()]+)\)\s*$")
_OUTCOMES = re.compile(rf"^(?:(?:{'|'.join(NAMED)})(?: or )?)+: ")


@dataclass(frozen=True)
class Deviation:
    """Verdicts that deviate for the same known reason, with the link that follows it in expectations.toml."""

    reason: str
    link: str | None
    outcomes: Counter[str]
    names: tuple[str, ...]
    cases: tuple[str, ...]

    @property
    def size(self) -> int:
        """The number of verdicts."""
        return self.outcomes.total()

    @property
    def counted(self) -> str:
        """The number of verdicts of each outcome, the most frequent first: `✗ 3 differ, ! 1 failed`."""
        return ", ".join(f"{NAMED[o].symbol} {NAMED[o].counted(size)}" for o, size in self.outcomes.most_common())


def known_deviations(results: Results) -> tuple[Deviation, ...]:
    """The known deviations of a run, those of most verdicts first."""
    rows: Iterable[RunRow] = chain(results.verdicts, results.training, results.timings)
    parts = by_key(filter(is_known_deviation, rows), lambda row: row.expectation or "")
    found = [_deviation(expectation, part) for expectation, part in parts.items()]
    return tuple(sorted(found, key=lambda one: (-one.size, one.reason)))


def _deviation(expectation: str, part: Sequence[RunRow]) -> Deviation:
    words = _OUTCOMES.sub("", expectation)
    link = _LINK.search(words)
    return Deviation(
        reason=words[: link.start()] if link else words,
        link=link[1] if link else None,
        outcomes=Counter(row.outcome for row in part if row.outcome),
        names=tuple(sorted(set(map(name_of, part)))),
        cases=tuple(sorted(set(map(case_of, part)))),
    )


def deviations_table(deviations: Sequence[Deviation]) -> Table:
    """The known deviations, one a row."""
    rows = (
        (Cell(one.reason, link=one.link), count(one.size), one.counted, few(one.cases), few(one.names))
        for one in deviations
    )
    return Table.of(["Reason", number("Verdicts"), "Outcomes", "Cases", "Implementations"], rows)


def few(names: Sequence[str], limit: int = 6) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
