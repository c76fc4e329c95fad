"""The tables of a report, built once; the terminal, the Markdown and the page show the same objects."""

from __future__ import annotations

from dataclasses import dataclass

from reports.read.results import Results
from reports.tables import agreement, deviations, dialect_axes, first_screen, matrix, pairs, timing, training
from reports.tables.agreement import Agreement
from reports.tables.deviations import Deviation
from reports.tables.dialect_axes import Axes
from reports.tables.first_screen import Losses, Speeds
from reports.tables.matrix import Matrix
from reports.tables.pairs import Pairs
from reports.tables.timing import Benchmark
from reports.tables.training import Training

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
        axes=dialect_axes.build(results),
        losses=first_screen.losses(trained),
        speeds=first_screen.speeds(timed),
        pairs=pairs.build(results),
        deviations=deviations.build(results),
    )
