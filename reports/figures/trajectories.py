"""Figures of the tasks in the plane: the paths of the implementations over the oracle's, and contours of f."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from reports.figures.chart_style import HOW, WIDTH, Chart, Emphasis, Figure, figure, on, scales
from reports.figures.contours import Box, box_around, contours
from reports.tables.training import Run, Section, Task


def build(task: Task) -> list[Figure]:
    """One figure of a task in the plane; none when no path was recorded."""
    visited = [row for section in task.sections for run in section.runs for row in _visited(run, section.dialect)]
    oracle = [row for section in task.sections for row in _oracle_path(section)]
    box = box_around([(row["x1"], row["x2"]) for row in (*oracle, *visited)])
    if box is None:
        return []
    dialects = [section.dialect for section in task.sections]
    steps = max((row["step"] for row in visited), default=0)
    caption = (
        f"Lines: the oracle's path in each dialect. Marks: the points that the implementations visited, {steps} "
        "steps of the same η, γ and ε in each dialect. A mark off its line is a difference. "
        f"Grey: contours of f. {HOW}"
    )
    words = f"Paths of {len(task.runs)} runs from one starting point, over the contours. {task.sentence}"
    data = {"contours": contours(task.name, box), "oracle": _inside(oracle, box), "visited": _inside(visited, box)}
    return [figure(f"figure-{task.name}", task.title, caption, words, _plane(box, dialects), data)]


def _visited(run: Run, dialect: str) -> list[dict[str, Any]]:
    return [
        {"dialect": dialect, "who": run.name, "step": step, "x1": point[0], "x2": point[1]}
        for step, point in enumerate(run.row["path"] or [])
        if len(point) == 2 and None not in point
    ]


def _oracle_path(section: Section) -> list[dict[str, Any]]:
    path: list[list[float]] = next((run.row["oracle_path"] for run in section.runs if run.row["oracle_path"]), [])
    return [
        {"dialect": section.dialect, "step": step, "x1": point[0], "x2": point[1]}
        for step, point in enumerate(path)
        if len(point) == 2 and None not in point
    ]


def _inside(rows: Sequence[dict[str, Any]], box: Box) -> list[dict[str, Any]]:
    return [row for row in rows if box.holds(row["x1"], row["x2"])]


def _plane(box: Box, dialects: Sequence[str]) -> Chart:
    colour, shape, _ = scales(dialects)
    bare = alt.Axis(grid=False, tickCount=7)
    x = alt.X("x1:Q", title="x₁", scale=alt.Scale(domain=[box.left, box.right], nice=False), axis=bare)
    y = alt.Y("x2:Q", title="x₂", scale=alt.Scale(domain=[box.bottom, box.top], nice=False), axis=bare)
    only = Emphasis("dialect", dialects)
    strength = only.strength(0.9)
    hue = alt.Color("dialect:N", scale=colour, title="Dialect")
    mark = alt.Shape("dialect:N", scale=shape, title="Dialect")
    hints = [
        alt.Tooltip(f"{name}:N", title=title) for name, title in (("who", "Implementation"), ("dialect", "Dialect"))
    ]
    numbers = [alt.Tooltip("step:Q", title="Step"), alt.Tooltip("x1:Q", title="x₁"), alt.Tooltip("x2:Q", title="x₂")]
    level = on("contours").mark_line(strokeWidth=1, color="var(--contour)")
    level = level.encode(x=x, y=y, detail="arc:N", order="place:Q")
    line = on("oracle").mark_line(strokeWidth=1.5).encode(x=x, y=y, color=hue, order="step:Q", opacity=strength)
    dots = on("visited").mark_point(size=34, strokeWidth=1.2, filled=False)
    dots = dots.encode(x=x, y=y, color=hue, shape=mark, opacity=strength, tooltip=[*hints, *numbers])
    return alt.layer(level, line, dots.add_params(*only.params)).properties(width=WIDTH, height=340)
