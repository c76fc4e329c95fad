"""Figures of training runs: losses beside the oracle's, their distance, and paths in the plane over contours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import altair as alt

from reports.figures.chart_style import (
    LEGEND_HELP,
    WIDTH,
    Chart,
    Figure,
    Highlight,
    Point,
    dataset,
    figure,
    scales,
    tooltips,
)
from reports.tables.training import Run, Section, Task

ItemT = TypeVar("ItemT")

# Losses

CURVE_POINTS = 150
"""A loss curve is thinned to about this many points."""

FLOOR = 1e-17
"""Where a distance of zero is drawn on a logarithmic axis."""


def losses(task: Task) -> list[Figure]:
    """Two figures of a task: losses, and distances from the oracle's loss. Empty when no curve was recorded."""
    rows = [row for section in task.sections for run in section.runs for row in _curve(run, section.dialect)]
    if not rows:
        return []
    alternative = f"Loss against steps for {len(task.runs)} runs. {task.sentence}"
    first = {row["dialect"]: row["name"] for row in reversed(rows)}
    oracle = [row for row in rows if first[row["dialect"]] == row["name"]]
    dialects = [section.dialect for section in task.sections]
    return [
        figure(
            f"figure-{task.name}-loss",
            f"{task.title}: loss",
            f"Lines: the oracle in each dialect. Marks: the implementations, on the same batches. {LEGEND_HELP}",
            alternative,
            _loss_chart(rows, dialects),
            {"oracle": oracle, "runs": _sparse(rows)},
        ),
        figure(
            f"figure-{task.name}-distance",
            f"{task.title}: distance from the oracle",
            "|loss − oracle's loss| / oracle's loss, one line for each run. The distance does not decide the verdict, "
            f"which checks each gradient and each update. Zero is drawn at {FLOOR:g}.",
            alternative,
            _distance_chart(rows),
            {"runs": rows},
        ),
    ]


def _curve(run: Run, dialect: str) -> list[Point]:
    row = run.row
    triples = list(zip(row.steps or [], row.losses or [], row.oracle_losses or [], strict=False))
    return [
        {
            "dialect": dialect,
            "framework": row.framework,
            "name": " · ".join(part for part in (run.name, dialect, row.dtype) if part),
            "step": step,
            "loss": loss,
            "oracle": oracle,
            "distance": max(abs(loss - oracle) / oracle, FLOOR),
        }
        for step, loss, oracle in _thin(triples)
        if loss is not None and oracle is not None and loss > 0 and oracle > 0
    ]


def _thin(items: list[ItemT]) -> list[ItemT]:
    stride = -(-len(items) // CURVE_POINTS) or 1
    kept = items[::stride]
    return kept if not items or kept[-1] is items[-1] else [*kept, items[-1]]


def _sparse(rows: Sequence[Point]) -> list[Point]:
    """About a dozen marks for each curve: enough to see that they lie on the line."""
    steps = sorted({row["step"] for row in rows})
    shown = set(steps[:: max(1, len(steps) // 12)])
    return [row for row in rows if row["step"] in shown]


def _loss_chart(rows: Sequence[Point], dialects: list[str]) -> Chart:
    colours, shape, _ = scales(dialects)
    values = [row["loss"] for row in rows] + [row["oracle"] for row in rows]
    wide = max(values) > 30 * min(values)
    scale = alt.Scale(type="log" if wide else "linear", zero=False, nice=not wide)
    highlight = Highlight("dialect", dialects)
    opacity = highlight.opacity(0.9)
    colour = alt.Color("dialect:N", scale=colours, title="Dialect")
    x = alt.X("step:Q", title="Step", axis=alt.Axis(grid=False))
    line = dataset("oracle").mark_line(strokeWidth=1.5)
    line = line.encode(x=x, y=alt.Y("oracle:Q", title="Loss", scale=scale), color=colour, opacity=opacity)
    marks = dataset("runs").mark_point(size=30, strokeWidth=1.1, filled=False).encode(
        x=x, y=alt.Y("loss:Q", title="Loss", scale=scale), color=colour, opacity=opacity,
        shape=alt.Shape("dialect:N", scale=shape, title="Dialect"),
        tooltip=[*tooltips(name="Run"), alt.Tooltip("step:Q", title="Step"), alt.Tooltip("loss:Q", title="Loss")],
    )  # fmt: skip
    return alt.layer(line, marks.add_params(*highlight.params)).properties(width=WIDTH, height=320)


def _distance_chart(rows: Sequence[Point]) -> Chart:
    frameworks = sorted({row["framework"] for row in rows})
    colour, _, dash = scales(frameworks)
    highlight = Highlight("framework", frameworks)
    axis = alt.Axis(format=".0e", tickCount=6)
    numbers = (alt.Tooltip(f"{name.lower()}:Q", title=name) for name in ("Step", "Distance"))
    hints = [*tooltips(name="Run"), *numbers]
    line = dataset("runs").mark_line(strokeWidth=1.2).encode(
        x=alt.X("step:Q", title="Step", axis=alt.Axis(grid=False)),
        y=alt.Y("distance:Q", title="Relative distance", scale=alt.Scale(type="log"), axis=axis),
        color=alt.Color("framework:N", scale=colour, title="Framework"),
        strokeDash=alt.StrokeDash("framework:N", scale=dash, title="Framework"),
        detail="name:N",
        opacity=highlight.opacity(0.75),
        tooltip=hints,
    )  # fmt: skip
    return alt.layer(line.add_params(*highlight.params)).properties(width=WIDTH, height=320)


# Paths of the tasks with two parameters

LIMIT = 12.0
"""Points farther from the origin than this are not drawn, so that a diverging run does not shrink the others."""

_LEVELS = 9
_CORNERS = 180


@dataclass(frozen=True)
class Box:
    """A rectangle in the plane of x1 and x2."""

    left: float
    right: float
    bottom: float
    top: float

    def contains(self, x1: float, x2: float) -> bool:
        """True for a point inside or on the edge."""
        return self.left <= x1 <= self.right and self.bottom <= x2 <= self.top


def box_around(points: Iterable[tuple[float, float]]) -> Box | None:
    """A box with a margin around the minimum and those points that are within the limit; None without points."""
    near = [(x1, x2) for x1, x2 in points if max(abs(x1), abs(x2)) <= LIMIT]
    if not near:
        return None
    x1s, x2s = [0.0, *(p[0] for p in near)], [0.0, *(p[1] for p in near)]
    margins = [0.08 * max(max(values) - min(values), 0.5) for values in (x1s, x2s)]
    return Box(min(x1s) - margins[0], max(x1s) + margins[0], min(x2s) - margins[1], max(x2s) + margins[1])


def contours(task: str, box: Box) -> list[Point]:
    """Ellipses of equal f up to the corners of a box: rows of `level`, `place` along the ellipse, `x1` and `x2`."""
    function = rotated if task == "rotated" else quadratic
    highest = max(function(x1, x2) for x1 in (box.left, box.right) for x2 in (box.bottom, box.top))
    rows: list[Point] = []
    for number in range(1, _LEVELS + 1):
        level = highest * (number / (_LEVELS + 1)) ** 2
        for place in range(_CORNERS + 1):
            angle = 2 * math.pi * place / _CORNERS
            u, v = math.sqrt(level / 0.1) * math.cos(angle), math.sqrt(level / 2) * math.sin(angle)
            x1, x2 = ((u + v) / 2, (u - v) / 2) if task == "rotated" else (u, v)
            rows.append({"level": number, "place": place, "x1": x1, "x2": x2})
    return rows


def contour_lines(x: alt.X, y: alt.Y) -> alt.Chart:
    """The contours as lines of the dataset `contours`, clipped at the edges of the plot."""
    line = dataset("contours").mark_line(strokeWidth=1, color="var(--contour)", clip=True)
    encoded: alt.Chart = line.encode(x=x, y=y, detail="level:N", order="place:Q")
    return encoded


def quadratic(x1: float, x2: float) -> float:
    """f(x) = 0.1 x1² + 2 x2²."""
    return 0.1 * x1**2 + 2 * x2**2


def rotated(x1: float, x2: float) -> float:
    """f(x) = 0.1 (x1 + x2)² + 2 (x1 - x2)²."""
    return quadratic(x1 + x2, x1 - x2)


def paths(task: Task) -> list[Figure]:
    """The paths of a task with two parameters, over the contours of f. Empty when no path was recorded."""
    visited = [row for section in task.sections for run in section.runs for row in _visited(run, section.dialect)]
    oracle = [row for section in task.sections for row in _oracle_path(section)]
    box = box_around([(row["x1"], row["x2"]) for row in (*oracle, *visited)])
    if box is None:
        return []
    steps = max((row["step"] for row in visited), default=0)
    caption = (
        "Lines: the oracle's path in each dialect. Marks: the points that the implementations visited in "
        f"{steps} steps with the same η, γ and ε in each dialect. A mark that is not on its line is a difference. "
        f"Grey: contours of f. {LEGEND_HELP}"
    )
    alternative = f"Paths of {len(task.runs)} runs from one starting point, over the contours. {task.sentence}"
    data = {"contours": contours(task.name, box), "oracle": _inside(oracle, box), "visited": _inside(visited, box)}
    chart = _path_chart(box, [section.dialect for section in task.sections])
    return [figure(f"figure-{task.name}", task.title, caption, alternative, chart, data)]


def _visited(run: Run, dialect: str) -> list[Point]:
    return [
        {"dialect": dialect, "name": run.name, "step": step, "x1": point[0], "x2": point[1]}
        for step, point in enumerate(run.row.path or [])
        if len(point) == 2 and None not in point
    ]


def _oracle_path(section: Section) -> list[Point]:
    path = next((run.row.oracle_path for run in section.runs if run.row.oracle_path), ())
    return [
        {"dialect": section.dialect, "step": step, "x1": point[0], "x2": point[1]}
        for step, point in enumerate(path)
        if len(point) == 2 and None not in point
    ]


def _inside(rows: Sequence[Point], box: Box) -> list[Point]:
    return [row for row in rows if box.contains(row["x1"], row["x2"])]


def _path_chart(box: Box, dialects: Sequence[str]) -> Chart:
    colours, shapes, _ = scales(dialects)
    bare = alt.Axis(grid=False, tickCount=7)
    x = alt.X("x1:Q", title="x₁", scale=alt.Scale(domain=[box.left, box.right], nice=False), axis=bare)
    y = alt.Y("x2:Q", title="x₂", scale=alt.Scale(domain=[box.bottom, box.top], nice=False), axis=bare)
    highlight = Highlight("dialect", dialects)
    opacity = highlight.opacity(0.9)
    colour = alt.Color("dialect:N", scale=colours, title="Dialect")
    shape = alt.Shape("dialect:N", scale=shapes, title="Dialect")
    numbers = [alt.Tooltip("step:Q", title="Step"), alt.Tooltip("x1:Q", title="x₁"), alt.Tooltip("x2:Q", title="x₂")]
    hints = [*tooltips(name="Implementation", dialect="Dialect"), *numbers]
    line = dataset("oracle").mark_line(strokeWidth=1.5).encode(x=x, y=y, color=colour, order="step:Q", opacity=opacity)
    marks = dataset("visited").mark_point(size=34, strokeWidth=1.2, filled=False)
    marks = marks.encode(x=x, y=y, color=colour, shape=shape, opacity=opacity, tooltip=hints)
    chart = alt.layer(contour_lines(x, y), line, marks.add_params(*highlight.params))
    return chart.properties(width=WIDTH, height=340)
