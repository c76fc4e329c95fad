"""A part of the section: the types that describe it, the selection of its rows, and runs in the frameworks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reports.figures.chart_style import Figure
from reports.tables.table import Table
from suite.adapters import ORACLE
from suite.cases.datasets import Dataset
from suite.cases.tasks import Task
from suite.conformance.targets import DIALECT
from suite.conformance.training import Trainings, training_requests, training_targets
from suite.results.provenance import Conditions
from suite.results.rows import ChapterRow, TrainingRow
from suite.results.run_context import RunContext
from suite.workers import arrays


@dataclass(frozen=True)
class Heading:
    """The heading of a part; `name` selects it and is its anchor on the page, `quote` is what the book says there."""

    number: int
    name: str
    title: str
    quote: str


@dataclass(frozen=True)
class PrintedNumber:
    """A number that the book prints, beside ours with as many digits.

    `same` is whether both are equal in these digits, None if they can't be compared; `remark` explains a difference.
    """

    name: str
    published: str
    ours: str
    same: bool | None
    remark: str = ""

    @property
    def verdict(self) -> str:
        """`same` as a symbol and words."""
        return {True: "✓ same", False: "✗ differs", None: "– not comparable"}[self.same]


@dataclass(frozen=True)
class Exhibit:
    """A figure with the findings that it shows, one sentence each; the first is the main one."""

    figure: Figure
    findings: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """One part of the section, described from its rows."""

    heading: Heading
    exhibits: tuple[Exhibit, ...] = ()
    tables: tuple[Table, ...] = ()
    numbers: tuple[PrintedNumber, ...] = ()

    @property
    def findings(self) -> tuple[str, ...]:
        """The findings of all exhibits."""
        return tuple(chain.from_iterable(exhibit.findings for exhibit in self.exhibits))


class Rows(tuple[ChapterRow, ...]):
    """Rows of a part."""

    __slots__ = ()

    def select(self, **columns: str) -> Rows:
        """Select the rows with these values in these columns."""
        return Rows(row for row in self if all((getattr(row, name) or "") == columns[name] for name in columns))

    def oracle(self, **columns: str) -> Rows:
        """Select from the rows that the oracle computed."""
        return self.select(framework=ORACLE, **columns)

    def runs(self, **columns: str) -> Rows:
        """Select from the runs in frameworks, and sort by `run_name`."""
        return Rows(sorted((row for row in self.select(**columns) if row.framework != ORACLE), key=run_name))

    def numbers(self, result: str) -> list[float]:
        """One of the results of every row that has it."""
        return [value for row in self if (value := row.results.get(result)) is not None]

    def by_setting(self, result: str) -> dict[str, float]:
        """One of the results of every row that has it, by the column `setting`."""
        return {row.setting: value for row in self if (value := row.results.get(result)) is not None}


def run_name(row: ChapterRow) -> str:
    """The framework and the implementation, such as `torch/builtin`."""
    return f"{row.framework}/{row.implementation}"


def points(row: ChapterRow, x: str, y: str) -> list[tuple[float, float]]:
    """The pairs of two series in which both numbers are present."""
    pairs = zip(row.series.get(x, ()), row.series.get(y, ()), strict=False)
    return [(a, b) for a, b in pairs if a is not None and b is not None]


class Columns(TypedDict, total=False):
    """Columns of a row, as a part computes them; a series is an array of one axis."""

    problem: str
    method: str
    setting: str
    inputs: Mapping[str, float | None]
    results: dict[str, float | None]
    series: Mapping[str, ArrayLike]
    detail: str


def _row(part: str, origin: Mapping[str, Any], *computed: Columns) -> ChapterRow:
    columns = dict(origin)
    for some in computed:
        columns |= some
    series = {name: np.asarray(values, np.float64).tolist() for name, values in columns.get("series", {}).items()}
    return ChapterRow(**{**columns, "part": part, "series": series})


@dataclass(frozen=True)
class FrameworkRun:
    """A training run in a framework: its comparison with the oracle, and the worker's arrays (empty if it failed)."""

    part: str
    task: Task
    training: TrainingRow
    recording: arrays.Arrays = field(repr=False)

    @property
    def path(self) -> NDArray[np.float64] | None:
        """The parameters of shape (steps + 1, n), with the initial ones; None if the run failed."""
        if not self.recording:
            return None
        start = self.task.initial[None].astype(np.float64)
        return np.concatenate([start, self.recording["parameters"].astype(np.float64)])

    def row(self, *computed: Columns, **columns: Unpack[Columns]) -> ChapterRow:
        """Make a row of the run."""
        copied = ("framework", "implementation", "version", "device", "dtype", "dialect", "outcome", "reason",
                  "gradient_ratio", "update_ratio", "seconds", "sha256")  # fmt: skip
        return _row(self.part, {name: getattr(self.training, name) for name in copied}, *computed, columns)


@dataclass(frozen=True)
class Context:
    """What a part can use: its name, the workers, options and results folder of the run, and the data set."""

    part: str
    run: RunContext
    data: Dataset

    def oracle_row(self, *computed: Columns, **columns: Unpack[Columns]) -> ChapterRow:
        """Make a row that the oracle computed."""
        return _row(self.part, {"framework": ORACLE}, *computed, columns)

    def available(self, implementations: Sequence[str]) -> dict[str, list[str]]:
        """Select, for each framework, those of the implementations that it has."""
        return {
            framework: [name for name in implementations if name in hello["implementations"]]
            for framework, hello in self.run.hellos.items()
        }

    def train(self, tasks: Iterable[Task], implementations: Sequence[str]) -> Iterator[FrameworkRun]:
        """Train every task in every framework, in those of the implementations that the framework has."""
        targets = training_targets(self.run.hellos, self.available(implementations), (DIALECT,), Conditions())
        requests = training_requests([*targets], {task.id: task for task in tasks}, folder=self.run.store.folder)
        trainings = Trainings()
        for response in self.run.send_all("in frameworks", requests):
            with np.errstate(all="ignore"):  # a run may overflow; the rows show it
                row = trainings.row(response)
            file = Path(response.request.message["output"])
            recording, _ = arrays.read(file) if response.status == "ok" else ({}, "")
            file.unlink(missing_ok=True)  # its numbers are in the rows
            yield FrameworkRun(self.part, response.request.context.task, row, recording)


@dataclass(frozen=True)
class Part:
    """A part of the section: `run` computes its rows, `describe` turns them into figures, sentences and tables."""

    heading: Heading
    run: Callable[[Context], Iterator[ChapterRow]]
    describe: Callable[[Rows], Section]
