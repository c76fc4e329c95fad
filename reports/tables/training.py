"""The second table: the losses of whole training runs, beside those of the oracle on the same data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.read.results import Results, records
from reports.read.schema import Row
from reports.tables.numbers import distance, loss
from reports.tables.outcomes import NAMED, Counts, Outcome, urgency
from reports.tables.published import Published, beside

TITLES = {
    "quadratic": "Quadratic, f(x) = 0.1 x₁² + 2 x₂²",
    "rotated": "Rotated quadratic, f(x) = 0.1 (x₁ + x₂)² + 2 (x₁ − x₂)²",
    "regression": "Linear regression",
}
"""Known tasks, in the order in which they are shown; others follow under their own names."""


@dataclass(frozen=True)
class Run:
    """One training run; `row` has the columns of the training table."""

    row: Row
    outcome: Outcome
    published: Published | None

    @property
    def name(self) -> str:
        """As in `torch/builtin`."""
        return f"{self.row['framework']}/{self.row['implementation']}"

    @property
    def final(self) -> tuple[float | None, float | None] | None:
        """The last point of a run in two dimensions."""
        point = self.row["final"]
        return (point[0], point[1]) if point is not None and len(point) == 2 else None


@dataclass(frozen=True)
class Section:
    """The runs of one task in one dialect."""

    dialect: str
    runs: tuple[Run, ...]

    @property
    def oracle_losses(self) -> tuple[str, ...]:
        """The oracle's losses as they are shown; more than one when the runs differ in precision or data."""
        return tuple(dict.fromkeys(loss(run.row["oracle_loss"]) for run in self.runs))


@dataclass(frozen=True)
class Task:
    """One task, its runs by dialect."""

    name: str
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        """What is trained, as a formula where there is one."""
        return TITLES.get(self.name, self.name)

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs of the task."""
        return tuple(run for section in self.sections for run in section.runs)

    @property
    def planar(self) -> bool:
        """True when the task has two parameters, so that its last point can be shown."""
        return any(run.final is not None for run in self.runs)

    @property
    def dtype(self) -> str | None:
        """The precision of all runs, or None when they have several."""
        found = {run.row["dtype"] for run in self.runs}
        return found.pop() if len(found) == 1 else None

    @property
    def counts(self) -> Counts:
        """How many runs have each outcome."""
        return Counts.of(run.outcome.name for run in self.runs)

    @property
    def losses(self) -> list[float]:
        """The final losses, lowest first."""
        return sorted(run.row["loss"] for run in self.runs if run.row["loss"] is not None)

    @property
    def distance(self) -> float | None:
        """The largest distance between a loss curve and the oracle's."""
        return max((d for run in self.runs if (d := run.row["loss_distance"]) is not None), default=None)

    @property
    def sentence(self) -> str:
        """How many runs agree, and the largest distance from the oracle's loss curve."""
        counts = self.counts
        verb = "run agrees" if counts.total == 1 else "runs agree"
        others = f"; {counts.others}" if counts.others else ""
        return f"{counts['agrees']} of {counts.total} {verb}{others}; {self._farthest}"

    @property
    def _farthest(self) -> str:
        if self.distance is None:
            return "no loss curve to compare."
        return f"loss curves at most {distance(self.distance)} (relative) from the oracle's."


@dataclass(frozen=True)
class Training:
    """The training table."""

    tasks: tuple[Task, ...]


def build(results: Results) -> Training:
    """Make the training table from the training runs."""
    parts: dict[str, list[Row]] = defaultdict(list)
    for row in records(results.training):
        parts[row["task"]].append(row)
    known = list(TITLES)
    order = sorted(parts, key=lambda name: (known.index(name) if name in known else len(known), name))
    return Training(tuple(Task(name, tuple(_sections(parts[name]))) for name in order))


def _sections(rows: Sequence[Row]) -> Iterable[Section]:
    parts: dict[str, list[Run]] = defaultdict(list)
    for row in rows:
        parts[row["dialect"] or "(none)"].append(_run(row))
    for dialect in sorted(parts, key=lambda name: (name != "d2l", name)):
        yield Section(dialect, tuple(sorted(parts[dialect], key=_place)))


def _place(run: Run) -> tuple[object, ...]:
    return run.name, urgency(run.outcome.name), run.row["dtype"] or "", run.row["device"] or ""


def _run(row: Row) -> Run:
    published = beside(row["framework"], row["implementation"], row["dialect"]) if row["task"] == "regression" else None
    return Run(row, NAMED[row["outcome"]], published)
