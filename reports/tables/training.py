"""The training table: the losses of whole training runs, beside the oracle's on the same data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reports.read.results import Results
from reports.tables.numbers import coordinate, distance, fixed, loss, multiple
from reports.tables.outcomes import NAMED, Counts, Outcome, urgency
from reports.tables.published import QUADRATIC, SHORT, Published, published_run
from reports.tables.table import Cell, Column, Table, columns
from reports.tables.table import Section as TableSection
from suite.results.rows import TrainingRow

TITLES = {
    "quadratic": "Quadratic, f(x) = 0.1 x₁² + 2 x₂²",
    "rotated": "Rotated quadratic, f(x) = 0.1 (x₁ + x₂)² + 2 (x₁ − x₂)²",
    "regression": "Linear regression",
}
"""Titles of known tasks, in their order; other tasks follow under their own names."""


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        row: the row of the training table.
        outcome: of the run.
        published: what the book prints for the same program.
    """

    row: TrainingRow
    outcome: Outcome
    published: Published | None

    @property
    def name(self) -> str:
        """As in `torch/builtin`."""
        return f"{self.row.framework}/{self.row.implementation}"

    @property
    def final(self) -> tuple[float | None, float | None] | None:
        """The last point of a run with two parameters."""
        point = self.row.final
        return (point[0], point[1]) if point is not None and len(point) == 2 else None


@dataclass(frozen=True)
class Section:
    """The runs of one task in one dialect."""

    dialect: str
    runs: tuple[Run, ...]

    @property
    def oracle_losses(self) -> tuple[str, ...]:
        """The oracle's losses as shown; more than one where the runs differ in precision or data."""
        return tuple(dict.fromkeys(loss(run.row.oracle_loss) for run in self.runs))


@dataclass(frozen=True)
class Task:
    """A task with its runs by dialect."""

    name: str
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        """What is trained, as a formula where there is one."""
        return TITLES.get(self.name, self.name)

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs in all dialects."""
        return tuple(run for section in self.sections for run in section.runs)

    @property
    def planar(self) -> bool:
        """Whether the task has two parameters, so that its last point is shown."""
        return any(run.final is not None for run in self.runs)

    @property
    def dtype(self) -> str | None:
        """The format of all runs, or None when they have several."""
        found = {run.row.dtype for run in self.runs}
        return found.pop() if len(found) == 1 else None

    @property
    def counts(self) -> Counts:
        """The number of runs of each outcome."""
        return Counts.of(run.outcome.name for run in self.runs)

    @property
    def distance(self) -> float | None:
        """The largest relative distance between a loss curve and the oracle's."""
        return max((d for run in self.runs if (d := run.row.loss_distance) is not None), default=None)

    @property
    def sentence(self) -> str:
        """How many runs agree, and the largest distance from the oracle's loss curve."""
        counts = self.counts
        verb = "run agrees" if counts.total == 1 else "runs agree"
        others = f"; {counts.others}" if counts.others else ""
        farthest = (
            "no loss curves to compare."
            if self.distance is None
            else f"loss curves at most {distance(self.distance)} (relative) from the oracle's."
        )
        return f"{counts['agrees']} of {counts.total} {verb}{others}; {farthest}"

    @property
    def published(self) -> str | None:
        """What the book prints for the task, in a sentence."""
        if self.name != "quadratic":
            return None
        x1, x2 = map(coordinate, QUADRATIC)
        return f"{SHORT} prints x1 {x1}, x2 {x2} after 20 steps of d2l."


@dataclass(frozen=True)
class Training:
    """The training table."""

    tasks: tuple[Task, ...]


def build(results: Results) -> Training:
    """Make the training table from the training runs."""
    parts: dict[str, list[TrainingRow]] = defaultdict(list)
    for row in results.training:
        parts[row.task].append(row)
    known = list(TITLES)
    order = sorted(parts, key=lambda name: (known.index(name) if name in known else len(known), name))
    return Training(tuple(Task(name, tuple(_sections(parts[name]))) for name in order))


def _sections(rows: Sequence[TrainingRow]) -> Iterable[Section]:
    parts: dict[str, list[Run]] = defaultdict(list)
    for row in rows:
        parts[row.dialect or "(none)"].append(_run(row))
    for dialect in sorted(parts, key=lambda name: (name != "d2l", name)):
        yield Section(dialect, tuple(sorted(parts[dialect], key=_order)))


def _order(run: Run) -> tuple[object, ...]:
    return run.name, urgency(run.outcome.name), run.row.dtype, run.row.device


def _run(row: TrainingRow) -> Run:
    book = row.task == "regression"
    published = published_run(row.framework, row.implementation, row.dialect) if book else None
    return Run(row, NAMED[row.outcome], published)


# As tables


def table(task: Task) -> Table:
    """The runs of a task, a section for each dialect."""
    last = ["Last x₁", "Last x₂"] if task.planar else [f"{SHORT} *"]
    numbers = ["Loss", "Oracle’s loss", "Distance", "Gradients", "Updates", *last]
    return Table.grouped(
        columns("Implementation", "Outcome", "dtype", numbers=numbers),
        [TableSection.of(section.dialect, (_row(run, task) for run in section.runs)) for section in task.sections],
        section_heading="Dialect",
    )


def _row(run: Run, task: Task) -> list[str | Cell]:
    row = run.row
    outcome = Cell(run.outcome.label, outcome=run.outcome.name, detail=row.reason or "")
    figures = [loss(row.loss), loss(row.oracle_loss), distance(row.loss_distance)]
    ratios = [multiple(row.gradient_ratio), multiple(row.update_ratio)]
    if task.planar:
        last: list[str | Cell] = [*(map(coordinate, run.final) if run.final else ("", ""))]
    else:
        last = [Cell(fixed(run.published.loss, 3), muted=True) if run.published else ""]
    return [run.name, outcome, row.dtype, *figures, *ratios, *last]


def brief(task: Task, wide: bool) -> Table:
    """The runs of a task below the oracle's in each dialect, in few columns; where not wide, x2 stands below x1."""
    separator = ", " if wide else "\n"
    last = f"x1{separator}x2" if task.planar else "D2L"
    headings = columns("Dialect, implementation", numbers=("Loss", "Distance", "Grad.", "Upd.", last))
    headings.append(Column("Outcome", wrap=False))
    sections = [TableSection.of("", _brief(section, task, separator)) for section in task.sections]
    return Table.grouped(headings, sections, notes=_notes(task))


def _brief(section: Section, task: Task, separator: str) -> Iterator[list[str | Cell]]:
    for oracle in section.oracle_losses:
        yield [Cell(text, muted=True) for text in (f"{section.dialect}: oracle", oracle, "", "", "", "", "")]
    for run in section.runs:
        row = run.row
        if task.planar:
            last = separator.join(map(coordinate, run.final)) if run.final else ""
        else:
            last = fixed(run.published.loss, 3) if run.published else ""
        name = f"{run.name} {row.dtype}" if row.dtype and not task.dtype else run.name
        ratios = [multiple(row.gradient_ratio), multiple(row.update_ratio)]
        yield [name, loss(row.loss), distance(row.loss_distance), *ratios, last, run.outcome.cell]


def _notes(task: Task) -> Iterator[str]:
    if task.published:
        yield task.published
    elif any(run.published for run in task.runs):
        yield "D2L: the loss that the book prints; shuffles and initial weights differ, so it can't be compared."
    yield "Distance: of the loss curves. Grad., upd.: largest error of gradients and updates over its bound."
