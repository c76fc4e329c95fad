"""The figure of errors: how they grow over the steps, in ulps, beside the bound that no right evaluation passes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import altair as alt

from reports.figures.chart_style import HOW, WIDTH, Chart, Emphasis, Figure, figure, on, scales
from reports.read.results import Results, records
from reports.read.schema import Row
from reports.tables.numbers import multiple

SHOWN = ("decades/plain", "decades/momentum", "decades/centered", "decades/long-memory", "steps/10000/large-epsilon")
"""The cases of which one can be chosen, as far as a run has them; else those that most implementations answered."""

FORMAT = "float32"
LEAST = 1e-2
"""Where an error of less than so many ulps is drawn, also none at all, on a logarithmic axis."""

_SEVERAL = 4
_POINTS = 3  # that a course has at least


def build(results: Results) -> list[Figure]:
    """One figure; none where no course was kept."""
    rows = [row for row in records(results.verdicts) if row["dtype"] == FORMAT and _points(row)]
    cases = _cases(rows)
    points = [point for row in rows if row["case"] in cases and _shown(row) for point in _course(row)]
    if not points:
        return []
    bounds = _bounds(points)
    frameworks = sorted({point["framework"] for point in points})
    caption = (
        f"Lines: of each implementation the error of the parameters in {FORMAT}, in ulps, where it is nearest to its "
        f"bound. Dashed: the bound, of each dialect. Less than {LEAST:g} ulps is drawn there. {HOW}"
    )
    worst = max((point["error"] / point["bound"] for point in points if point["bound"]), default=0.0)
    words = (
        f"Error over steps of {len({point['who'] for point in points})} implementations; at most {worst:.2g} bounds."
    )
    title = "How errors grow, and the bound on them"
    chart = _chart(cases, frameworks, _ticks(points))
    return [figure("figure-growth", title, caption, words, chart, {"courses": points, "bounds": bounds})]


def _points(row: Row) -> list[list[float]]:
    return [point for point in row["course"] or () if len(point) == 3 and None not in point and point[0] > 0]


def _cases(rows: Sequence[Row]) -> list[str]:
    sizes = Counter(row["case"] for row in rows if len(_points(row)) >= _POINTS)
    return [case for case in SHOWN if case in sizes] or [case for case, _ in sizes.most_common(_SEVERAL)]


def _shown(row: Row) -> bool:
    """Whether a line is drawn of it: of what runs any dialect, for the section's only."""
    return not row["implementation"].startswith("scratch") or row["dialect"] == "d2l"


def _course(row: Row) -> list[dict[str, Any]]:
    named = {
        "case": row["case"],
        "framework": row["framework"],
        "who": f"{row['framework']}/{row['implementation']}",
        "dialect": row["dialect"] or "",
        "outcome": row["outcome"],
    }
    return [
        {
            **named,
            "step": step,
            "error": error,
            "drawn": max(error, LEAST),
            "bound": bound,
            "ulps": multiple(error),
            "limit": multiple(bound),
        }
        for step, error, bound in _points(row)
    ]


def _bounds(points: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each dialect at each step the widest that anyone was held against."""
    widest: dict[tuple[str, str, float], float] = {}
    for point in points:
        key = (point["case"], point["dialect"], point["step"])
        widest[key] = max(point["bound"], widest.get(key, LEAST))
    return [
        {"case": case, "dialect": dialect, "step": step, "bound": bound}
        for (case, dialect, step), bound in widest.items()
    ]


def _ticks(points: Sequence[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """The steps that there are, one a doubling, and the powers of ten between which errors and bounds are."""
    steps: list[float] = []
    for step in sorted({point["step"] for point in points}):
        if not steps or step >= 1.9 * steps[-1]:
            steps.append(step)
    values = [max(value, LEAST) for point in points for value in (point["drawn"], point["bound"])]
    ends = (math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))))
    return steps, [10.0**power for power in range(ends[0], ends[1] + 1)]


def _chart(cases: Sequence[str], frameworks: Sequence[str], ticks: tuple[list[float], list[float]]) -> Chart:
    case = alt.param(name="asked_case", value=cases[0], bind=alt.binding_select(options=list(cases), name="Case "))
    only = Emphasis("framework", frameworks)
    colour = scales(frameworks)[0]
    log = alt.Scale(type="log", nice=False)
    x = alt.X("step:Q", title="Step, logarithmic", scale=log, axis=alt.Axis(grid=False, format="~s", values=ticks[0]))

    powers = alt.Axis(format="~g", values=ticks[1])

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title="Error, ulps, logarithmic", scale=alt.Scale(type="log"), axis=powers)

    hints = [("who", "Implementation"), ("dialect", "Dialect"), ("step", "Step"), ("ulps", "Error, ulps")]
    hints += [("limit", "Bound, ulps"), ("outcome", "Verdict")]
    tooltip = [alt.Tooltip(f"{field}:N", title=title) for field, title in hints]
    hue = alt.Color("framework:N", scale=colour, title="Framework")
    base = on("courses").transform_filter("datum.case == asked_case")
    line = base.mark_line(strokeWidth=1.4).encode(
        x=x, y=y("drawn"), color=hue, detail="who:N", opacity=only.strength(0.75)
    )
    dots = base.mark_point(size=34, filled=True).encode(
        x=x, y=y("drawn"), color=hue, opacity=only.strength(0.85), tooltip=tooltip
    )
    limit = on("bounds").transform_filter("datum.case == asked_case")
    limit = limit.mark_line(strokeWidth=1.6, strokeDash=[5, 4], color="var(--ink)", opacity=0.8).encode(
        x=x,
        y=y("bound"),
        detail="dialect:N",
        tooltip=[alt.Tooltip("dialect:N", title="Bound of"), alt.Tooltip("bound:Q", title="ulps", format=".3g")],
    )
    chart = alt.layer(limit, line, dots.add_params(*only.params)).add_params(case)
    return chart.properties(width=WIDTH, height=340)
