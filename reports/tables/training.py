"""The training tables: the losses of complete training runs, beside the oracle's on the same data and the book's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.read import Results, by_key
from reports.tables.findings import UNNAMED
from reports.tables.numbers import coordinate, distance, fixed, loss, multiple
from reports.tables.outcomes import NAMED, Counts, Outcome
from reports.tables.published import QUADRATIC, REGRESSION, SHORT, Published, published_run
from reports.tables.table import Cell, Column, Table, columns
from reports.tables.table import Section as TableSection
from suite.results.rows import TrainingRow, name_of

TITLES = {
    "quadratic": "Quadratic, f(x) = 0.1 x₁² + 2 x₂²",
    "rotated": "Rotated quadratic, f(x) = 0.1 (x₁ + x₂)² + 2 (x₁ − x₂)²",
    "regression": "Linear regression",
}
"""Titles of known tasks, in their order; other tasks follow under their own names."""

PROGRAMS = ("scratch", "builtin")  # the two that the book has for each framework, by the names of our implementations


@dataclass(frozen=True)
class Run:
    """One training run."""

    row: TrainingRow

    @property
    def outcome(self) -> Outcome:
        """The outcome of the run."""
        return NAMED[self.row.outcome]

    @property
    def name(self) -> str:
        """As in `torch/builtin`."""
        return name_of(self.row)

    @property
    def published(self) -> Published | None:
        """What the book prints for the same program."""
        row = self.row
        return published_run(row.framework, row.implementation, row.dialect) if row.task == "regression" else None

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


@dataclass(frozen=True)
class Task:
    """A task with its runs by dialect."""

    name: str
    sections: tuple[Section, ...]

    @property
    def title(self) -> str:
        """The objective, as a formula if there is one."""
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
    def sentence(self) -> str:
        """How many runs agree, and the largest relative distance between a loss curve and the oracle's."""
        counts = Counts.of(run.row.outcome for run in self.runs)
        verb = "run agrees" if counts.total == 1 else "runs agree"
        others = f"; {counts.others}" if counts.others else ""
        largest = max((d for run in self.runs if (d := run.row.loss_distance) is not None), default=None)
        farthest = (
            "no loss curves to compare."
            if largest is None
            else f"loss curves at most {distance(largest)} (relative) from the oracle's."
        )
        return f"{counts['agrees']} of {counts.total} {verb}{others}; {farthest}"

    @property
    def published(self) -> str | None:
        """What the book prints for the task, in a sentence."""
        if self.name != "quadratic":
            return None
        x1, x2 = map(coordinate, QUADRATIC)
        return f"{SHORT} prints x1 {x1}, x2 {x2} after 20 steps of d2l."


def build(results: Results) -> tuple[Task, ...]:
    """The tasks of the training runs."""
    parts = by_key(results.training, lambda row: row.task)
    known = list(TITLES)
    order = sorted(parts, key=lambda name: (known.index(name) if name in known else len(known), name))
    return tuple(Task(name, tuple(_sections(parts[name]))) for name in order)


def _sections(rows: Sequence[TrainingRow]) -> Iterator[Section]:
    parts = by_key(map(Run, rows), lambda run: run.row.dialect or UNNAMED)
    for dialect in sorted(parts, key=lambda name: (name != "d2l", name)):
        runs = sorted(parts[dialect], key=lambda run: (run.name, run.outcome.urgency, run.row.dtype, run.row.device))
        yield Section(dialect, tuple(runs))


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
        printed = _published_loss(run)
        last = [Cell(printed, muted=bool(printed))]
    return [run.name, outcome, row.dtype, *figures, *ratios, *last]


def brief(task: Task, wide: bool) -> Table:
    """The runs of a task below the oracle's in each dialect, in few columns; unless `wide`, x2 is below x1."""
    separator = ", " if wide else "\n"
    last = f"x1{separator}x2" if task.planar else "D2L"
    headings = columns("Dialect, implementation", numbers=("Loss", "Distance", "Grad.", "Upd.", last))
    headings.append(Column("Outcome", wrap=False))
    sections = [TableSection.of("", _brief(section, task, separator)) for section in task.sections]
    return Table.grouped(headings, sections, notes=_notes(task))


def _brief(section: Section, task: Task, separator: str) -> Iterator[list[str | Cell]]:
    # The oracle has more than one loss where the runs differ in precision or data.
    for oracle in dict.fromkeys(loss(run.row.oracle_loss) for run in section.runs):
        yield [Cell(text, muted=True) for text in (f"{section.dialect}: oracle", oracle, "", "", "", "", "")]
    for run in section.runs:
        row = run.row
        last = separator.join(map(coordinate, run.final or ())) if task.planar else _published_loss(run)
        name = f"{run.name} {row.dtype}" if row.dtype and not task.dtype else run.name
        ratios = [multiple(row.gradient_ratio), multiple(row.update_ratio)]
        yield [name, loss(row.loss), distance(row.loss_distance), *ratios, last, run.outcome.cell]


def _published_loss(run: Run) -> str:
    return fixed(run.published.loss, 3) if run.published else ""


def _notes(task: Task) -> Iterator[str]:
    if task.published:
        yield task.published
    elif any(run.published for run in task.runs):
        yield "D2L: the loss that the book prints; shuffles and initial weights differ, so it can't be compared."
    yield "Distance: of the loss curves. Grad., upd.: largest error of gradients and updates over its bound."


# Final losses, on the first screen


@dataclass(frozen=True)
class Losses:
    """The final losses of the book's regression.

    `rows` has each framework with our loss and the book's for each of `PROGRAMS`; `sentences` summarize all runs.
    """

    rows: tuple[tuple[str, tuple[str, ...]], ...]
    sentences: tuple[str, ...]


def losses(tasks: Sequence[Task]) -> Losses:
    """Make the table of losses from the training runs, only those in float32 if there are any."""
    regression = [run.row for section in _sections_of(tasks, "regression") for run in section.runs]
    ours: dict[tuple[str, str], TrainingRow] = {}
    for row in sorted(regression, key=lambda row: row.dtype != "float32"):
        if row.implementation == "builtin" or row.dialect == "d2l":  # the book's program from scratch computes d2l
            ours.setdefault((row.framework, row.implementation), row)
    rows = []
    for framework in dict.fromkeys(row.framework for row in regression):
        cells: list[str] = []
        for program in PROGRAMS:
            run, printed = ours.get((framework, program)), REGRESSION.get((framework, program))
            cells += [loss(run.loss, 6) if run else "", fixed(printed.loss, 3) if printed else ""]
        if any(cells):
            rows.append((framework, tuple(cells)))
    return Losses(tuple(rows), tuple(_summary(tasks)))


def _sections_of(tasks: Sequence[Task], name: str) -> tuple[Section, ...]:
    return next((task.sections for task in tasks if task.name == name), ())


def _summary(tasks: Sequence[Task]) -> Iterator[str]:
    outcomes = [run.row.outcome for task in tasks for run in task.runs]
    agree = outcomes.count("agrees")
    if outcomes:
        yield f"{'All' if agree == len(outcomes) else f'{agree} of'} {len(outcomes)} runs agree."
    ends = {
        f"({', '.join(map(coordinate, run.final))})"
        for section in _sections_of(tasks, "quadratic")
        if section.dialect == "d2l"
        for run in section.runs
        if run.final and run.row.outcome == "agrees"
    }
    printed = f"({', '.join(map(coordinate, QUADRATIC))})"
    if ends:
        published = ", as in D2L" if ends == {printed} else f"; D2L prints {printed}"
        yield f"The 2-D run ends at {'; '.join(sorted(ends))}{published}."
