"""All figures of the page: trajectories, loss curves and distances, timings."""

from __future__ import annotations

from reports import curves, durations, trajectories
from reports.drawing import Figure
from reports.tables import Tables

_BENCHMARKS = 6
"""How many benchmarks have a figure; all have a table."""


def build(tables: Tables) -> dict[str, list[Figure]]:
    """All figures that the results allow: under `training`, and under `timing`."""
    training = []
    for task in tables.training.tasks:
        if task.planar and task.name in ("quadratic", "rotated"):
            training += trajectories.build(task)
        elif not task.planar:
            training += curves.build(task)
    timing = [f for number, b in enumerate(tables.timing[:_BENCHMARKS]) for f in durations.build(b, number)]
    return {"training": training, "timing": timing}
