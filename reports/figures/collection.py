"""All figures of the page: the growth of errors, trajectories, loss curves and distances, timings."""

from __future__ import annotations

from reports.figures import epoch_times, error_growth, loss_curves, step_times, trajectories
from reports.figures.chart_style import Figure
from reports.read.results import Results
from reports.tables.report import Tables

_BENCHMARKS = 6
"""How many benchmarks have a figure of their own; all have a table, and steps are lines in a figure of many."""


def build(results: Results, tables: Tables) -> dict[str, list[Figure]]:
    """All figures that the results allow: under `agreement`, `training` and `timing`."""
    training = []
    for task in tables.training.tasks:
        if task.planar and task.name in ("quadratic", "rotated"):
            training += trajectories.build(task)
        elif not task.planar:
            training += loss_curves.build(task)
    epochs = [benchmark for benchmark in tables.timing if not benchmark.is_step]
    timing = [drawn for number, one in enumerate(epochs[:_BENCHMARKS]) for drawn in epoch_times.build(one, number)]
    return {
        "agreement": error_growth.build(results),
        "training": training,
        "timing": [*timing, *step_times.build(tables.timing)],
    }
