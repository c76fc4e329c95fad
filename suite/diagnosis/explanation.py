"""The explanation of one verdict, as `rmsuite explain` prints it: lines of text and tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reference.precision import format_of
from reports.tables.table import Table, number
from suite.cases.catalogue import Case
from suite.diagnosis.candidates import Candidate, relevant_differences, restore_candidate
from suite.diagnosis.step_breakdown import IntermediateValue, StepLocation, step_breakdown
from suite.results.rows import VerdictRow
from suite.workers import arrays


@dataclass(frozen=True)
class Explanation:
    """A verdict, and the step that it turns on.

    Attributes:
        row: the verdict.
        step: the first step that differs, else the one with the largest error relative to its bound; counted from 1.
        column: the first coordinate that differs, else the one with the largest error relative to its bound.
        other: the dialect that fits or comes nearest instead of the claimed one; None if there is none to show.
        step_breakdown: the intermediate values of that step; empty without a trace.
    """

    row: VerdictRow
    step: int = 0
    column: int = 0
    other: Candidate | None = None
    step_breakdown: tuple[IntermediateValue, ...] = ()

    def parts(self) -> Iterator[str | Table]:
        """Yield the lines and tables of the explanation."""
        row = self.row
        name = f"{row.framework}/{row.implementation} {row.version}, {row.case}, {row.dtype}"
        yield f"{name}: {row.outcome} ({row.dialect})"
        for clause in (row.reason or "").split("; "):
            if clause:
                yield f"  {clause}"
        if row.mismatches:
            yield self._mismatches()
        if self.step_breakdown:
            yield f"\nstep {self.step}, coordinate {self.column}; values in parentheses follow from those shown:"
            yield self._breakdown()
        if row.error_growth:
            yield f"\nhow the error of {row.first_quantity} grows there:"
            yield self._growth()

    def _breakdown(self) -> Table:
        """Return the intermediate values of the step."""
        dtype, digits, other = self.row.dtype, _digits(self.row.dtype), self.other
        beside = [f"{other.base}{', changed' if other.changes else ''}"] if other else []
        rows = []
        for line in self.step_breakdown:
            shown = _number(line.implementation, digits)
            errors = ("", "") if line.implied else (_number(line.ulps(dtype), 3), _number(line.bound_ratio(), 3))
            rows.append(
                (
                    line.name,
                    _number(line.oracle, digits),
                    "" if line.implied else _number(line.bound, 2),
                    f"({shown})" if line.implied and shown else shown,
                    *errors,
                    *([_number(line.other, digits)] if other else []),
                )
            )
        headings = (str(self.row.dialect), "bound", self.row.implementation, "ulps", "bounds", *beside)
        return Table.of(("quantity", *map(number, headings)), rows)

    def _growth(self) -> Table:
        """Return the error at some steps, from the first that differs on."""
        rows = ((str(step), _number(ulps, 3), _number(bounds, 3)) for step, ulps, bounds in self.row.error_growth or ())
        return Table.of(map(number, ("step", "ulps", "bounds")), rows)

    def _mismatches(self) -> Table:
        """Return the first mismatch of each quantity between the two traces of a metamorphic relation."""
        digits = _digits(self.row.dtype)
        rows = (
            (
                each.quantity,
                str(each.step),
                str(each.index),
                _number(each.expected, digits),
                _number(each.observed, digits),
                _number(each.ulps, 3),
                f"{each.count} of {each.size}",
            )
            for each in self.row.mismatches
        )
        headings = ("step", "coordinate", "expected", "found", "ulps", "values that differ")
        return Table.of(("quantity", *map(number, headings)), rows)


def explain(row: VerdictRow, case: Case | None, traces: Path) -> Explanation:
    """Explain a verdict.

    Args:
        row: the verdict.
        case: its case; None for a metamorphic relation.
        traces: the folder of the traces.
    """
    if row.trace is None or case is None or not row.worst_index or not row.worst_step:
        return Explanation(row)
    step, (column, *_) = row.first_step or row.worst_step, row.first_index or row.worst_index
    trace, _ = arrays.read(traces / row.trace)
    location = StepLocation(case.tape, case.setting.hyperparameters, row.dtype, step, column)
    other = _other_dialect(row, case)
    return Explanation(row, step, column, other, tuple(step_breakdown(location, str(row.dialect), trace, other)))


def _other_dialect(row: VerdictRow, case: Case) -> Candidate | None:
    """Return the dialect that is shown beside the claimed one: the nearest that fits, else the nearest of all."""
    if row.first_step is None:
        return None
    h = case.setting.hyperparameters
    fits = [name for name in row.fits if name != row.dialect]
    if fits:
        name = min(fits, key=lambda name: len(relevant_differences(str(row.dialect), name, case.tape, h, row.dtype)))
        return Candidate.named(name, h)
    nearest = row.nearest
    if nearest is None or (nearest.dialect == row.dialect and not nearest.changes):
        return None
    changes = {change.axis: (change.before, change.after) for change in nearest.changes}
    return restore_candidate(nearest.dialect, changes, h)


def _digits(dtype: str) -> int:
    """Return the number of decimal digits that tell a number of the format from its neighbours."""
    return int(format_of(dtype).digits * 0.30103) + 2


def _number(value: Any, digits: int) -> str:
    return "" if value is None else f"{float(value):.{digits}g}"
