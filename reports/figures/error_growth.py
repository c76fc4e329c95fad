"""The figure of error growth: errors over the steps, in ulps, beside the rounding bound of each dialect."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

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
from reports.read.results import Results
from reports.tables.numbers import multiple
from suite.results.rows import VerdictRow

SHOWN = ("decades/plain", "decades/momentum", "decades/centered", "decades/long-memory", "steps/10000/large-epsilon")
"""The cases that a reader can choose; where a run has none of them, those that most implementations ran."""

FORMAT = "float32"

LEAST = 1e-2
"""Errors of fewer ulps, and errors of zero, are drawn here, because the axis is logarithmic."""

_SEVERAL = 4
_LEAST_POINTS = 3  # of the error curve of a case that is shown


def build(results: Results) -> list[Figure]:
    """The figure; empty where no error curve was recorded."""
    rows = [row for row in results.verdicts if row.dtype == FORMAT and _curve(row)]
    cases = _cases(rows)
    points = [point for row in rows if row.case in cases and _is_drawn(row) for point in _points(row)]
    if not points:
        return []
    frameworks = sorted({point["framework"] for point in points})
    caption = (
        f"Lines: the error of the parameters of each implementation in {FORMAT}, in ulps, at the coordinate nearest to "
        f"its bound. Dashed: the bound of each dialect. Errors below {LEAST:g} ulps are drawn there. {LEGEND_HELP}"
    )
    worst = max((point["error"] / point["bound"] for point in points if point["bound"]), default=0.0)
    number = len({point["name"] for point in points})
    alternative = f"Error over the steps of {number} implementations; at most {worst:.2g} bounds."
    title = "How errors grow, and the bound on them"
    chart = _chart(cases, frameworks, *_ticks(points))
    return [figure("figure-growth", title, caption, alternative, chart, {"curves": points, "bounds": _bounds(points)})]


def _curve(row: VerdictRow) -> list[tuple[float, float, float]]:
    """The points of the error curve that are complete: step, error and bound."""
    curve = []
    for point in row.error_curve or ():
        values = [value for value in point if value is not None]
        if len(point) == len(values) == 3 and values[0] > 0:
            curve.append((values[0], values[1], values[2]))
    return curve


def _cases(rows: Sequence[VerdictRow]) -> list[str]:
    sizes = Counter(row.case for row in rows if len(_curve(row)) >= _LEAST_POINTS)
    return [case for case in SHOWN if case in sizes] or [case for case, _ in sizes.most_common(_SEVERAL)]


def _is_drawn(row: VerdictRow) -> bool:
    """Whether a row has a line: of an implementation that runs any dialect, only the section's dialect is drawn."""
    return not row.implementation.startswith("scratch") or row.dialect == "d2l"


def _points(row: VerdictRow) -> Iterator[Point]:
    for step, error, bound in _curve(row):
        yield {
            "case": row.case,
            "framework": row.framework,
            "name": f"{row.framework}/{row.implementation}",
            "dialect": row.dialect or "",
            "outcome": row.outcome,
            "step": step,
            "error": error,
            "drawn": max(error, LEAST),
            "bound": bound,
            "ulps": multiple(error),
            "limit": multiple(bound),
        }


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


def _ticks(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """Ticks of the two axes: recorded steps, each about twice the one before, and powers of ten around all values."""
    steps: list[float] = []
    for step in sorted({point["step"] for point in points}):
        if not steps or step >= 1.9 * steps[-1]:
            steps.append(step)
    values = [max(value, LEAST) for point in points for value in (point["drawn"], point["bound"])]
    ends = (math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))))
    return steps, [10.0**power for power in range(ends[0], ends[1] + 1)]


def _chart(cases: Sequence[str], frameworks: Sequence[str], steps: list[float], powers: list[float]) -> Chart:
    case = alt.param(name="chosen_case", value=cases[0], bind=alt.binding_select(options=list(cases), name="Case "))
    highlight = Highlight("framework", frameworks)
    log = alt.Scale(type="log", nice=False)
    x = alt.X("step:Q", title="Step, logarithmic", scale=log, axis=alt.Axis(grid=False, format="~s", values=steps))

    def y(field: str) -> alt.Y:
        axis = alt.Axis(format="~g", values=powers)
        return alt.Y(f"{field}:Q", title="Error, ulps, logarithmic", scale=alt.Scale(type="log"), axis=axis)

    hints = tooltips(
        name="Implementation", dialect="Dialect", step="Step", ulps="Error, ulps", limit="Bound, ulps",
        outcome="Verdict",
    )  # fmt: skip
    colour = alt.Color("framework:N", scale=scales(frameworks)[0], title="Framework")
    curves = dataset("curves").transform_filter("datum.case == chosen_case")
    line = curves.mark_line(strokeWidth=1.4)
    line = line.encode(x=x, y=y("drawn"), color=colour, detail="name:N", opacity=highlight.opacity(0.75))
    marks = curves.mark_point(size=34, filled=True)
    marks = marks.encode(x=x, y=y("drawn"), color=colour, opacity=highlight.opacity(0.85), tooltip=hints)
    bound = dataset("bounds").transform_filter("datum.case == chosen_case")
    bound = bound.mark_line(strokeWidth=1.6, strokeDash=[5, 4], color="var(--ink)", opacity=0.8).encode(
        x=x,
        y=y("bound"),
        detail="dialect:N",
        tooltip=[alt.Tooltip("dialect:N", title="Bound of"), alt.Tooltip("bound:Q", title="ulps", format=".3g")],
    )
    chart = alt.layer(bound, line, marks.add_params(*highlight.params)).add_params(case)
    return chart.properties(width=WIDTH, height=340)
