"""All figures of the page: trajectories, loss curves and distances, timings."""

from __future__ import annotations

from reports import curves, durations, scaling, trajectories
from reports.drawing import Figure
from reports.tables import Tables

_BENCHMARKS = 6
"""How many benchmarks have a figure of their own; all have a table, and steps are lines in a figure of many."""


def build(tables: Tables) -> dict[str, list[Figure]]:
    """All figures that the results allow: under `training`, and under `timing`."""
    training = []
    for task in tables.training.tasks:
        if task.planar and task.name in ("quadratic", "rotated"):
            training += trajectories.build(task)
        elif not task.planar:
            training += curves.build(task)
    epochs = [benchmark for benchmark in tables.timing if not benchmark.is_step]
    timing = [drawn for number, one in enumerate(epochs[:_BENCHMARKS]) for drawn in durations.build(one, number)]
    return {"training": training, "timing": [*timing, *scaling.build(tables.timing)]}
