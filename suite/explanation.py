"""What `rmsuite explain` says of one verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from suite.agreement.anatomy import Line, anatomy
from suite.job import Job
from suite.runner import arrays
from suite.runner.store import Row


@dataclass(frozen=True)
class Explanation:
    """One verdict, and the step that it turns on.

    Attributes:
        row: the verdict.
        step: the first that differs, else the one with the largest error over its bound; counted from 1.
        column: the coordinate likewise.
        anatomy: of that step; empty where there is no trace.
    """

    row: Row
    step: int
    column: int
    anatomy: list[Line]

    @classmethod
    def of(cls, job: Job) -> Explanation:
        """Of the one verdict that a job has reached.

        Raises:
            LookupError: if it has reached none, or more than one.
        """
        rows = list(job.store.rows("verdicts"))
        if len(rows) != 1:
            raise LookupError(f"one case and one implementation can be explained at a time, not {len(rows)}")
        if not job.cases:
            raise LookupError("a law has no step to take apart: where it is broken, the verdict says all")
        (row,) = rows
        (case,) = job.cases
        if row["trace"] is None:
            return cls(row, 0, 0, [])
        step, column = row["first_step"] or row["worst_step"], row["worst_index"][0]
        trace, _ = arrays.read(job.store.folder / "traces" / row["trace"])
        trace.pop("spoiled", None)
        tape = {"initial": case.tape.initial, "gradients": case.tape.gradients}
        h = case.setting.hyperparameters
        return cls(row, step, column, anatomy(tape, trace, h, row["dialect"], row["dtype"], step, column))

    def lines(self) -> Iterator[RenderableType]:
        """What is printed."""
        row = self.row
        yield f"{row['framework']}/{row['implementation']} {row['version']}, {row['case']}, {row['dtype']}: " + escape(
            f"{row['outcome']} ({row['dialect']})"
        )
        if row["reason"]:
            yield escape(row["reason"])
        if self.anatomy:
            yield f"fits: {', '.join(row['fits']) or 'no named dialect'}"
            yield f"step {self.step}, coordinate {self.column}:"
            yield self.table()

    def table(self) -> Table:
        """The anatomy of the step."""
        table = Table(box=None, pad_edge=False)
        table.add_column("quantity")
        for name in ("oracle", "bound", self.row["implementation"], "ulps apart", "bounds apart"):
            table.add_column(name, justify="right")
        for line in self.anatomy:
            theirs = _number(line.implementation, 9)
            table.add_row(
                line.name,
                _number(line.oracle, 9),
                _number(line.bound, 2),
                f"({theirs})" if line.implied and theirs else theirs,
                _number(line.ulps(self.row["dtype"]), 3),
                _number(line.bounds(), 3),
            )
        return table


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}g}"
