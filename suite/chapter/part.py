"""What a part of the section is: rows, made with what there is to make them with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.cases.datasets import Dataset
from suite.chapter.frameworks import FrameworkRun, FrameworkRunner
from suite.results.store import Row
from suite.workers.progress import Progress


@dataclass(frozen=True)
class Context:
    """What a part may use.

    Attributes:
        runner: the frameworks, and how a task is put to them.
        data: of the regression.
        folder: that a user named for data, if any.
        cache: where downloads are kept.
        download: whether a publisher may be asked.
        seed: of starts and batch orders.
        progress: for those who wait.
    """

    runner: FrameworkRunner
    data: Dataset
    folder: Path | None
    cache: Path
    download: bool
    seed: int
    progress: Progress


@dataclass(frozen=True)
class Part:
    """A part of the section.

    Attributes:
        number: in the order of the section.
        name: by which it is chosen.
        title: for people.
        make: its rows, in the columns of `row`.
    """

    number: int
    name: str
    title: str
    make: Callable[[Context], Iterator[Row]]


def row(subject: str, method: str, setting: str = "", **columns: Any) -> Row:
    """A row of the oracle's; what a framework did has more columns (`FrameworkRunner.rows`).

    Args:
        subject: what was run: `quadratic`, `regression`, ….
        method: by what: `rmsprop`, `adagrad`, ….
        setting: what sets it apart from other rows of this subject and method.
        columns: `given` and `found`, numbers by name; `series`, lists of them by name.
    """
    return {"framework": "oracle", "subject": subject, "method": method, "setting": setting, **columns}


def numbers(values: Any) -> list[float]:
    """An array of one axis as a list."""
    return [float(value) for value in np.asarray(values, np.float64)]


def series(**columns: Any) -> Mapping[str, Sequence[float]]:
    """Columns as lists."""
    return {name: numbers(values) for name, values in columns.items()}


def path_with_start(run: FrameworkRun) -> NDArray[np.float64]:
    """The parameters of a training on the way, the start included; shape (steps + 1, n)."""
    start = run.task.initial[None].astype(np.float64)
    return np.concatenate([start, run.observed["parameters"].astype(np.float64)])
