"""All figures of the page: error growth, training runs, and times."""

from __future__ import annotations

from reports.figures import error_growth, timing, training
from reports.figures.chart_style import Figure
from reports.read.results import Results
from reports.tables.report import Tables

_EPOCHS = 6
"""The largest number of benchmarks with a figure of their own; all have a table, and steps share figures."""


def build(results: Results, tables: Tables) -> dict[str, list[Figure]]:
    """All figures that the results allow, under `agreement`, `training` and `timing`."""
    runs = []
    for task in tables.training.tasks:
        if task.planar and task.name in ("quadratic", "rotated"):
            runs += training.paths(task)
        elif not task.planar:
            runs += training.losses(task)
    epochs = [benchmark for benchmark in tables.timing if not benchmark.is_step][:_EPOCHS]
    times = [figure for index, benchmark in enumerate(epochs) for figure in timing.epoch(benchmark, index)]
    return {
        "agreement": error_growth.build(results),
        "training": runs,
        "timing": [*times, *timing.steps(tables.timing)],
    }
