"""The three tables of a report, built once; the terminal, the Markdown and the page show the same objects."""

from __future__ import annotations

from dataclasses import dataclass

from reports import agreement, timing, training
from reports.agreement import Agreement
from reports.results import Results
from reports.timing import Benchmark
from reports.training import Training

NAMES = ("agreement", "training", "timing")
"""The tables, in the order in which they are shown."""


@dataclass(frozen=True)
class Tables:
    """The three tables; an empty one was not run."""

    agreement: Agreement
    training: Training
    timing: tuple[Benchmark, ...]


def build(results: Results) -> Tables:
    """Make the three tables of a results folder."""
    return Tables(agreement.build(results), training.build(results), timing.build(results))
