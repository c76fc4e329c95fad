"""Figures over the steps of a run: the growth of errors, losses beside the oracle's, and paths in the plane."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import altair as alt

from reports.figures.chart_style import (
    LEGEND_HELP,
    WIDTH,
    Category,
    Chart,
    Figure,
    Point,
    dataset,
    figure,
    tooltips,
)
from reports.read import Results
from reports.tables.numbers import multiple
from reports.tables.training import Run, Task
from suite.results.rows import VerdictRow

# Error growth: errors in ulps, beside the rounding bound of each dialect

SHOWN = ("decades/plain", "decades/momentum", "decades/centered", "decades/long-memory", "steps/10000/large-epsilon")
"""The cases that a reader can choose; if a run has none of them, those that most implementations ran."""

FORMAT = "float32"

LEAST = 1e-2
"""Errors of fewer ulps, and errors of zero, are drawn here, because the axis is logarithmic."""

_SEVERAL = 4
_LEAST_POINTS = 3  # of the error curve of a case that is shown


def error_growth(results: Results) -> list[Figure]:
    """The figure of all error curves; empty if none was recorded."""
    rows = [row for row in results.verdicts if row.dtype == FORMAT and _error_curve(row)]
    sizes = Counter(row.case for row in rows if len(_error_curve(row)) >= _LEAST_POINTS)
    cases = [case for case in SHOWN if case in sizes] or [case for case, _ in sizes.most_common(_SEVERAL)]
    points = []
    for row in rows:  # of an implementation that runs any dialect, only the section's dialect is drawn
        if row.case in cases and (row.dialect == "d2l" or not row.implementation.startswith("scratch")):
            points += _error_points(row)
    if not points:
        return []
    caption = (
        f"Lines: the error of the parameters of each implementation in {FORMAT}, in ulps, at the coordinate nearest to "
        f"its bound. Dashed: the bound of each dialect. Errors below {LEAST:g} ulps are drawn there. {LEGEND_HELP}"
    )
    worst = max((point["error"] / point["bound"] for point in points if point["bound"]), default=0.0)
    number = len({point["name"] for point in points})
    alternative = f"Error over the steps of {number} implementations; at most {worst:.2g} bounds."
    title = "How errors grow, and the bound on them"
    data = {"curves": points, "bounds": _bounds(points)}
    return [figure("figure-growth", title, caption, alternative, _growth_chart(cases, points), data)]


def _error_curve(row: VerdictRow) -> list[tuple[float, float, float]]:
    """The points of the error curve that are complete: step, error and bound."""
    return [
        (step, error, bound)
        for step, error, bound in (point for point in row.error_curve or () if len(point) == 3)
        if step is not None and error is not None and bound is not None and step > 0
    ]


def _error_points(row: VerdictRow) -> list[Point]:
    name, dialect = f"{row.framework}/{row.implementation}", row.dialect or ""
    known = {"case": row.case, "framework": row.framework, "name": name, "dialect": dialect, "outcome": row.outcome}
    return [
        {
            **known,
            "step": step,
            "error": error,
            "drawn": max(error, LEAST),
            "bound": bound,
            "ulps": multiple(error),
            "limit": multiple(bound),
        }
        for step, error, bound in _error_curve(row)
    ]


def _bounds(points: Sequence[Point]) -> list[Point]:
    """For each case, dialect and step, the widest bound of any implementation."""
    widest: dict[tuple[str, str, float], float] = {}
    for point in points:
        key = (point["case"], point["dialect"], point["step"])
        widest[key] = max(point["bound"], widest.get(key, LEAST))
    return [
        {"case": case, "dialect": dialect, "step": step, "bound": bound}
        for (case, dialect, step), bound in widest.items()
    ]


def _growth_chart(cases: Sequence[str], points: Sequence[Point]) -> Chart:
    steps: list[float] = []  # with a tick: each about twice the one before
    for step in sorted({point["step"] for point in points}):
        if not steps or step >= 1.9 * steps[-1]:
            steps.append(step)
    errors = [max(value, LEAST) for point in points for value in (point["drawn"], point["bound"])]
    powers = range(math.floor(math.log10(min(errors))), math.ceil(math.log10(max(errors))) + 1)
    case = alt.param(name="chosen_case", value=cases[0], bind=alt.binding_select(options=list(cases), name="Case "))
    framework = Category("framework", sorted({point["framework"] for point in points}), "Framework")
    log = alt.Scale(type="log", nice=False)
    x = alt.X("step:Q", title="Step, logarithmic", scale=log, axis=alt.Axis(grid=False, format="~s", values=steps))

    def y(field: str) -> alt.Y:
        axis = alt.Axis(format="~g", values=[10.0**power for power in powers])
        return alt.Y(f"{field}:Q", title="Error, ulps, logarithmic", scale=alt.Scale(type="log"), axis=axis)

    hints = tooltips(
        name="Implementation", dialect="Dialect", step="Step", ulps="Error, ulps", limit="Bound, ulps",
        outcome="Verdict",
    )  # fmt: skip
    shared = {"x": x, "y": y("drawn"), "color": framework.colour}
    curves = dataset("curves").transform_filter("datum.case == chosen_case")
    line = curves.mark_line(strokeWidth=1.4).encode(**shared, detail="name:N", opacity=framework.opacity(0.75))
    marks = curves.mark_point(size=34, filled=True)
    marks = marks.encode(**shared, opacity=framework.opacity(0.85), tooltip=hints).add_params(*framework.params)
    bound = dataset("bounds").transform_filter("datum.case == chosen_case")
    bound = bound.mark_line(strokeWidth=1.6, strokeDash=[5, 4], color="var(--ink)", opacity=0.8).encode(
        x=x,
        y=y("bound"),
        detail="dialect:N",
        tooltip=[alt.Tooltip("dialect:N", title="Bound of"), alt.Tooltip("bound:Q", title="ulps", format=".3g")],
    )
    return alt.layer(bound, line, marks).add_params(case).properties(width=WIDTH, height=340)


# Losses of training runs

CURVE_POINTS = 150
"""A loss curve is thinned to about this many points."""

FLOOR = 1e-17
"""Where a distance of zero is drawn on a logarithmic axis."""


def losses(task: Task) -> list[Figure]:
    """Two figures of a task: losses, and distances from the oracle's loss. Empty when no curve was recorded."""
    rows = [row for section in task.sections for run in section.runs for row in _losses(run, section.dialect)]
    if not rows:
        return []
    alternative = f"Loss against steps for {len(task.runs)} runs. {task.sentence}"
    first = {row["dialect"]: row["name"] for row in reversed(rows)}
    oracle = [row for row in rows if first[row["dialect"]] == row["name"]]
    steps = sorted({row["step"] for row in rows})
    shown = set(steps[:: max(1, len(steps) // 12)])  # enough marks to see that they lie on the line
    chart = _loss_chart(rows, [section.dialect for section in task.sections])
    title, data = f"{task.title}: loss", {"oracle": oracle, "runs": [row for row in rows if row["step"] in shown]}
    caption = f"Lines: the oracle in each dialect. Marks: the implementations, on the same batches. {LEGEND_HELP}"
    loss = figure(f"figure-{task.name}-loss", title, caption, alternative, chart, data)
    title, data = f"{task.title}: distance from the oracle", {"runs": rows}
    caption = (
        "|loss − oracle's loss| / oracle's loss, one line for each run. The distance does not decide the verdict, "
        f"which checks each gradient and each update. Zero is drawn at {FLOOR:g}."
    )
    return [loss, figure(f"figure-{task.name}-distance", title, caption, alternative, _distance_chart(rows), data)]


def _losses(run: Run, dialect: str) -> list[Point]:
    row = run.row
    triples = list(zip(row.steps or [], row.losses or [], row.oracle_losses or [], strict=False))
    stride = max(1, math.ceil(len(triples) / CURVE_POINTS))
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
        for step, loss, oracle in (*triples[:-1:stride], *triples[-1:])
        if loss is not None and oracle is not None and loss > 0 and oracle > 0
    ]


def _loss_chart(rows: Sequence[Point], dialects: list[str]) -> Chart:
    values = [row["loss"] for row in rows] + [row["oracle"] for row in rows]
    wide = max(values) > 30 * min(values)
    scale = alt.Scale(type="log" if wide else "linear", zero=False, nice=not wide)
    dialect = Category("dialect", dialects, "Dialect")
    x = alt.X("step:Q", title="Step", axis=alt.Axis(grid=False))
    shared = {"x": x, "color": dialect.colour, "opacity": dialect.opacity(0.9)}
    line = dataset("oracle").mark_line(strokeWidth=1.5)
    line = line.encode(**shared, y=alt.Y("oracle:Q", title="Loss", scale=scale))
    marks = dataset("runs").mark_point(size=30, strokeWidth=1.1, filled=False).encode(
        **shared, y=alt.Y("loss:Q", title="Loss", scale=scale), shape=dialect.shape,
        tooltip=tooltips(name="Run") + tooltips("Q", step="Step", loss="Loss"),
    )  # fmt: skip
    return alt.layer(line, marks.add_params(*dialect.params)).properties(width=WIDTH, height=320)


def _distance_chart(rows: Sequence[Point]) -> Chart:
    framework = Category("framework", sorted({row["framework"] for row in rows}), "Framework")
    axis = alt.Axis(format=".0e", tickCount=6)
    line = dataset("runs").mark_line(strokeWidth=1.2).encode(
        x=alt.X("step:Q", title="Step", axis=alt.Axis(grid=False)),
        y=alt.Y("distance:Q", title="Relative distance", scale=alt.Scale(type="log"), axis=axis),
        color=framework.colour,
        strokeDash=framework.dash,
        detail="name:N",
        opacity=framework.opacity(0.75),
        tooltip=tooltips(name="Run") + tooltips("Q", step="Step", distance="Distance"),
    )  # fmt: skip
    return alt.layer(line.add_params(*framework.params)).properties(width=WIDTH, height=320)


# Paths of the tasks with two parameters, over contours

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

    def inside(self, rows: Iterable[Point]) -> list[Point]:
        """The points inside or on the edge."""
        return [row for row in rows if self.left <= row["x1"] <= self.right and self.bottom <= row["x2"] <= self.top]

    def axes(self) -> tuple[alt.X, alt.Y]:
        """The two axes of a plot of this part of the plane."""
        bare = alt.Axis(grid=False, tickCount=7)
        x = alt.X("x1:Q", title="x₁", scale=alt.Scale(domain=[self.left, self.right], nice=False), axis=bare)
        y = alt.Y("x2:Q", title="x₂", scale=alt.Scale(domain=[self.bottom, self.top], nice=False), axis=bare)
        return x, y


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
    visited: list[Point] = []
    oracle: list[Point] = []
    for section in task.sections:
        for run in section.runs:
            visited += _path(run.row.path or (), dialect=section.dialect, name=run.name)
        recorded = (run.row.oracle_path for run in section.runs if run.row.oracle_path)
        oracle += _path(next(recorded, ()), dialect=section.dialect)
    box = box_around((row["x1"], row["x2"]) for row in (*oracle, *visited))
    if box is None:
        return []
    steps = max((row["step"] for row in visited), default=0)
    caption = (
        "Lines: the oracle's path in each dialect. Marks: the points that the implementations visited in "
        f"{steps} steps with the same η, γ and ε in each dialect. A mark that is not on its line is a difference. "
        f"Grey: contours of f. {LEGEND_HELP}"
    )
    alternative = f"Paths of {len(task.runs)} runs from one starting point, over the contours. {task.sentence}"
    data = {"contours": contours(task.name, box), "oracle": box.inside(oracle), "visited": box.inside(visited)}
    chart = _path_chart(box, [section.dialect for section in task.sections])
    return [figure(f"figure-{task.name}", task.title, caption, alternative, chart, data)]


def _path(path: Sequence[Sequence[float | None]], **columns: str) -> list[Point]:
    return [
        {**columns, "step": step, "x1": point[0], "x2": point[1]}
        for step, point in enumerate(path)
        if len(point) == 2 and None not in point
    ]


def _path_chart(box: Box, dialects: Sequence[str]) -> Chart:
    x, y = box.axes()
    dialect = Category("dialect", dialects, "Dialect")
    shared = {"x": x, "y": y, "color": dialect.colour, "opacity": dialect.opacity(0.9)}
    hints = tooltips(name="Implementation", dialect="Dialect") + tooltips("Q", step="Step", x1="x₁", x2="x₂")
    line = dataset("oracle").mark_line(strokeWidth=1.5).encode(**shared, order="step:Q")
    marks = dataset("visited").mark_point(size=34, strokeWidth=1.2, filled=False)
    marks = marks.encode(**shared, shape=dialect.shape, tooltip=hints)
    chart = alt.layer(contour_lines(x, y), line, marks.add_params(*dialect.params))
    return chart.properties(width=WIDTH, height=340)
