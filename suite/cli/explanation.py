"""What `rmsuite explain` says of one verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from reference.precision import format_of
from suite.cases.catalogue import Case
from suite.diagnosis.candidates import Candidate, relevant_differences, restore_candidate
from suite.diagnosis.step_breakdown import IntermediateValue, StepLocation, step_breakdown
from suite.results.store import Row
from suite.run import Job
from suite.workers import arrays


@dataclass(frozen=True)
class Explanation:
    """One verdict, and the step that it turns on.

    Attributes:
        row: the verdict.
        step: the first that differs, else the one with the largest error over its bound; counted from 1.
        column: the coordinate likewise.
        other: the dialect that fits in place of the claimed one, or is nearest; None if there is none to show.
        step_breakdown: of that step; empty where there is no trace.
    """

    row: Row
    step: int = 0
    column: int = 0
    other: Candidate | None = None
    step_breakdown: tuple[IntermediateValue, ...] = ()

    @classmethod
    def of(cls, job: Job) -> Explanation:
        """Of the one verdict that a job has reached.

        Raises:
            LookupError: if it has reached none, or more than one.
        """
        rows = list(job.store.rows("verdicts"))
        if len(rows) != 1:
            raise LookupError(f"one case and one implementation can be explained at a time, not {len(rows)}")
        (row,) = rows
        if row["trace"] is None or not job.cases or not row["worst_index"]:
            return cls(row)
        (case,) = job.cases
        step, (column, *_) = row["first_step"] or row["worst_step"], row["first_index"] or row["worst_index"]
        trace, _ = arrays.read(job.store.folder / "traces" / row["trace"])
        location = StepLocation(case.tape, case.setting.hyperparameters, row["dtype"], step, column)
        other = _other(row, case)
        return cls(row, step, column, other, tuple(step_breakdown(location, row["dialect"], trace, other)))

    def lines(self) -> Iterator[RenderableType]:
        """What is printed."""
        row = self.row
        who = f"{row['framework']}/{row['implementation']} {row['version']}, {row['case']}, {row['dtype']}"
        yield escape(f"{who}: {row['outcome']} ({row['dialect']})")
        for clause in (row["reason"] or "").split("; "):
            if clause:
                yield escape(f"  {clause}")
        if row.get("partings"):
            yield self.partings()
        if self.step_breakdown:
            yield f"\nstep {self.step}, coordinate {self.column}; in parentheses what is implied by what is shown:"
            yield self.table()
        if row.get("growth"):
            yield f"\nhow the error of {row['first_quantity']} grows there:"
            yield self.growth()

    def table(self) -> Table:
        """The step_breakdown of the step."""
        dtype, digits = self.row["dtype"], _digits(self.row["dtype"])
        beside = [f"{self.other.base}{', changed' if self.other.changes else ''}"] if self.other else []
        table = _table("quantity", self.row["dialect"], "bound", self.row["implementation"], "ulps", "bounds", *beside)
        for line in self.step_breakdown:
            theirs = _number(line.implementation, digits)
            table.add_row(
                line.name,
                _number(line.oracle, digits),
                "" if line.implied else _number(line.bound, 2),
                f"({theirs})" if line.implied and theirs else theirs,
                "" if line.implied else _number(line.ulps(dtype), 3),
                "" if line.implied else _number(line.bound_ratio(), 3),
                *([_number(line.other, digits)] if self.other else []),
            )
        return table

    def growth(self) -> Table:
        """The error at some steps from the first that differs on."""
        table = _table("step", "ulps", "bounds")
        for step, ulps, bounds in self.row["growth"]:
            table.add_row(str(step), _number(ulps, 3), _number(bounds, 3))
        return table

    def partings(self) -> Table:
        """Where the two traces of a law part, quantity by quantity."""
        digits = _digits(self.row["dtype"])
        table = _table("quantity", "step", "coordinate", "by the law", "found", "ulps", "values that differ")
        for each in self.row["partings"]:
            table.add_row(
                each["quantity"],
                str(each["step"]),
                str(each["index"]),
                _number(each["expected"], digits),
                _number(each["observed"], digits),
                _number(each["ulps"], 3),
                f"{each['count']} of {each['size']}",
            )
        return table


def _other(row: Row, case: Case) -> Candidate | None:
    """What is shown beside the claimed dialect where a row differs: the nearest of what fits, or just the nearest."""
    if row["first_step"] is None:
        return None
    h = case.setting.hyperparameters
    fits = [name for name in row["fits"] if name != row["dialect"]]
    if fits:
        name = min(fits, key=lambda name: len(relevant_differences(row["dialect"], name, case.tape, h, row["dtype"])))
        return Candidate.named(name, h)
    nearest = row["nearest"]
    if nearest is None or (nearest["dialect"] == row["dialect"] and not nearest["changes"]):
        return None
    return restore_candidate(nearest["dialect"], nearest["changes"], h)


def _table(first: str, *names: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for name in names:
        table.add_column(escape(name), justify="right", no_wrap=True)
    return table


def _digits(dtype: str) -> int:
    """As many as tell a number of the format from its neighbours."""
    return int(format_of(dtype).digits * 0.30103) + 2


def _number(value: Any, digits: int) -> str:
    return "" if value is None else f"{float(value):.{digits}g}"
