"""The tables of a report, built once: the terminal, the Markdown document and the page show the same objects."""

from __future__ import annotations

from dataclasses import dataclass

from reports.read.results import Results
from reports.tables import agreement, findings, first_screen, pairs, timing, training
from reports.tables.agreement import Agreement
from reports.tables.findings import Deviation
from reports.tables.first_screen import Losses, OverviewMatrix, Speeds
from reports.tables.pairs import BuiltinAxes, Pairs
from reports.tables.timing import Benchmark
from reports.tables.training import Training

NAMES = ("agreement", "training", "timing")
"""The three main tables, in their order."""


@dataclass(frozen=True)
class Tables:
    """The three main tables, each empty where it was not run, and the tables that summarize them."""

    agreement: Agreement
    training: Training
    timing: tuple[Benchmark, ...]
    matrix: OverviewMatrix
    axes: BuiltinAxes
    losses: Losses
    speeds: Speeds | None
    pairs: Pairs
    deviations: tuple[Deviation, ...]


def build(results: Results) -> Tables:
    """Make the tables of a results folder."""
    verdicts, runs, times = agreement.build(results), training.build(results), timing.build(results)
    return Tables(
        agreement=verdicts,
        training=runs,
        timing=times,
        matrix=first_screen.matrix(results, verdicts),
        axes=pairs.builtin_axes(results),
        losses=first_screen.losses(runs),
        speeds=first_screen.speeds(times),
        pairs=pairs.build(results),
        deviations=findings.known_deviations(results),
    )
