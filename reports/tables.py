"""The tables of a report, built once; the terminal, the Markdown and the page show the same objects."""

from __future__ import annotations

from dataclasses import dataclass

from reports import agreement, axes, deviations, matrix, opening, pairs, timing, training
from reports.agreement import Agreement
from reports.axes import Axes
from reports.deviations import Deviation
from reports.matrix import Matrix
from reports.opening import Losses, Speeds
from reports.pairs import Pairs
from reports.results import Results
from reports.timing import Benchmark
from reports.training import Training

NAMES = ("agreement", "training", "timing")
"""The tables, in the order in which they are shown."""


@dataclass(frozen=True)
class Tables:
    """The three tables, of which an empty one was not run; and what is made of them beside that."""

    agreement: Agreement
    training: Training
    timing: tuple[Benchmark, ...]
    matrix: Matrix
    axes: Axes
    losses: Losses
    speeds: Speeds | None
    pairs: Pairs
    deviations: tuple[Deviation, ...]


def build(results: Results) -> Tables:
    """Make the tables of a results folder."""
    agreed, trained, timed = agreement.build(results), training.build(results), timing.build(results)
    return Tables(
        agreement=agreed,
        training=trained,
        timing=timed,
        matrix=matrix.build(results, agreed),
        axes=axes.build(results),
        losses=opening.losses(trained),
        speeds=opening.speeds(timed),
        pairs=pairs.build(results),
        deviations=deviations.build(results),
    )
