"""A part of the section, and what it can use: data, the oracle's numbers, and runs in the frameworks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reports.chapter.document import Heading, Section
from reports.chapter.text import Rows
from suite.cases.datasets import Dataset
from suite.cases.tasks import Task
from suite.conformance.training import Trainings, training_requests, training_targets
from suite.results.provenance import Conditions
from suite.results.rows import ChapterRow
from suite.results.run_context import RunContext
from suite.workers import arrays
from suite.workers.progress import Progress

Array = NDArray[np.float64]

DIALECT = "d2l"
"""The dialect of the section, which scratch implementations run."""

_COPIED = ("framework", "implementation", "version", "device", "dtype", "dialect", "outcome", "reason",
           "gradient_ratio", "update_ratio", "seconds", "sha256")  # fmt: skip


@dataclass(frozen=True)
class FrameworkRun:
    """A training run in a framework.

    Attributes:
        task: the task that was trained.
        columns: columns of a training row: the implementation, and the outcome of the comparison with the oracle.
        recording: the worker's arrays; empty if it failed.
    """

    task: Task
    columns: Mapping[str, Any]
    recording: arrays.Arrays = field(repr=False)

    @property
    def path(self) -> Array | None:
        """The parameters of shape (steps + 1, n), with the initial ones; None if the run failed."""
        if not self.recording:
            return None
        start = self.task.initial[None].astype(np.float64)
        return np.concatenate([start, self.recording["parameters"].astype(np.float64)])

    def row(self, **columns: Any) -> ChapterRow:
        """Make a row of the chapter; `columns` are added to those of the run, or replace them."""
        return ChapterRow(**{**self.columns, **columns})


class FrameworkRunner:
    """Runs tasks in the frameworks and compares each gradient and each update with the oracle.

    Attributes:
        context: the workers and the results folder.
    """

    def __init__(self, context: RunContext) -> None:
        self.context = context

    @property
    def folder(self) -> Path:
        """The results folder."""
        return self.context.store.folder

    def available(self, implementations: Sequence[str]) -> dict[str, list[str]]:
        """Select, for each framework, those of the implementations that it has."""
        return {
            framework: [name for name in implementations if name in hello["implementations"]]
            for framework, hello in self.context.hellos.items()
        }

    def train(self, tasks: Mapping[str, Task], implementations: Sequence[str]) -> Iterator[FrameworkRun]:
        """Train every task in every framework, in those of the implementations that the framework has."""
        chosen = self.available(implementations)
        targets = training_targets(self.context.hellos, chosen, (DIALECT,), Conditions())
        requests = training_requests([*targets], tasks, folder=self.folder)
        trainings = Trainings()
        for response in self.context.ask_all("in frameworks", requests):
            with np.errstate(all="ignore"):  # a run may overflow; the rows show it
                row = trainings.row(response)
            file = Path(response.request.message["output"])
            recording, _ = arrays.read(file) if response.status == "ok" else ({}, "")
            file.unlink(missing_ok=True)  # its numbers are in the rows
            yield FrameworkRun(response.request.context.task, {name: getattr(row, name) for name in _COPIED}, recording)


@dataclass(frozen=True)
class Context:
    """What a part can use.

    Attributes:
        runner: runs tasks in the frameworks.
        data: the data set of the regression.
        data_folder: the folder that the user named for data, if any.
        cache: the folder of downloads.
        download: whether data may be downloaded.
        seed: of initial parameters and batch orders.
        progress: shows messages to the user.
    """

    runner: FrameworkRunner
    data: Dataset
    data_folder: Path | None
    cache: Path
    download: bool
    seed: int
    progress: Progress


@dataclass(frozen=True)
class Part:
    """A part of the section.

    Attributes:
        heading: its number, name, title and quotation.
        run: computes its rows.
        describe: turns its rows into figures, sentences and tables.
    """

    heading: Heading
    run: Callable[[Context], Iterator[ChapterRow]]
    describe: Callable[[Rows], Section]

    @property
    def name(self) -> str:
        """The name by which a user selects it."""
        return self.heading.name


def series(**columns: ArrayLike) -> dict[str, list[float]]:
    """Convert arrays of one axis to the lists of `ChapterRow.series`."""
    return {name: np.asarray(values, np.float64).tolist() for name, values in columns.items()}
