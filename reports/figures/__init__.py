"""The figures of a report, as Vega-Lite charts built from its tables. This package does not import `reports.render`."""

from __future__ import annotations

from reports.figures import timing, traces
from reports.figures.chart_style import Figure
from reports.read import Results
from reports.tables.report import Tables

_EPOCHS = 6
"""The largest number of benchmarks with a figure of their own; all have a table, and steps share figures."""


def build(results: Results, tables: Tables) -> dict[str, list[Figure]]:
    """All figures that the results allow, under `agreement`, `training` and `timing`."""
    runs = []
    for task in tables.training:
        if task.planar and task.name in ("quadratic", "rotated"):
            runs += traces.paths(task)
        elif not task.planar:
            runs += traces.losses(task)
    epochs = [benchmark for benchmark in tables.timing if not benchmark.is_step][:_EPOCHS]
    times = [figure for index, benchmark in enumerate(epochs) for figure in timing.epoch(benchmark, index)]
    return {
        "agreement": traces.error_growth(results),
        "training": runs,
        "timing": [*times, *timing.steps(tables.timing)],
    }
