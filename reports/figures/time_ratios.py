"""The figure of two runs: of each time the second over the first, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from reports.figures.chart_style import HOW, WIDTH, Emphasis, Figure, figure, on
from reports.tables.comparison import CALLS, Time
from reports.tables.numbers import duration, share, significant

_HUES = {"slower": "var(--differs)", "faster": "var(--agrees)", "unclear": "var(--hue-5)", "same": "var(--soft)"}
_SHAPES = {"slower": "triangle-right", "faster": "triangle-left", "unclear": "diamond", "same": "circle"}


def build(times: Sequence[Time]) -> list[Figure]:
    """One figure; none where no time was compared."""
    rows = [_point(time) for time in times if time.ratio and time.interval and time.call in CALLS]
    if not rows:
        return []
    benchmarks = list(dict.fromkeys(row["benchmark"] for row in rows))
    only = Emphasis("call", CALLS)
    scale = alt.Scale(domain=list(CALLS), range=[_HUES[call] for call in CALLS])
    shape = alt.Scale(domain=list(CALLS), range=[_SHAPES[call] for call in CALLS])
    y = alt.Y("benchmark:N", sort=benchmarks, title=None, axis=alt.Axis(grid=True, ticks=False, domain=False))
    x = alt.X(
        "ratio:Q", title="Second time over first, logarithmic", scale=alt.Scale(type="log", nice=False, padding=12)
    )
    hue = alt.Color("call:N", scale=scale, title="Now")
    offset = alt.YOffset("place:Q", scale=alt.Scale(domain=[-0.05, 1.05]))
    hints = [
        ("who", "Implementation"),
        ("benchmark", "Benchmark"),
        ("call", "Now"),
        ("shown", "Ratio"),
        ("first", "First"),
    ]
    hints += [("second", "Second"), ("floor", "Floor")]
    rule = (
        on("times")
        .mark_rule(strokeWidth=2, strokeCap="round")
        .encode(x=alt.X("low:Q"), x2="high:Q", y=y, yOffset=offset, color=hue, opacity=only.strength(0.6))
    )
    point = on("times").mark_point(size=45, filled=True).encode(
        x=x, y=y, yOffset=offset, color=hue, shape=alt.Shape("call:N", scale=shape, title="Now"),
        opacity=only.strength(0.95), tooltip=[alt.Tooltip(f"{field}:N", title=title) for field, title in hints],
    )  # fmt: skip
    one = on("unity").mark_rule(strokeDash=[4, 4], color="var(--ink)").encode(x="ratio:Q")
    chart = alt.layer(one, rule, point.add_params(*only.params)).properties(width=WIDTH, height=46 * len(benchmarks))
    caption = (
        f"A mark is one implementation: the second time over the first, with its interval. Dashed: the same time. {HOW}"
    )
    counts = ", ".join(f"{sum(row['call'] == call for row in rows)} {call}" for call in CALLS)
    words = f"Ratios of {len(rows)} times: {counts}."
    return [
        figure("figure-ratios", "Times", caption, words, chart, {"times": _placed(rows), "unity": [{"ratio": 1.0}]})
    ]


def _point(time: Time) -> dict[str, Any]:
    low, high = time.interval or (None, None)
    return {
        "who": time.name,
        "benchmark": time.benchmark,
        "call": time.call,
        "ratio": time.ratio,
        "low": low,
        "high": high,
        "shown": f"{significant(time.ratio)} ({significant(low)} to {significant(high)})",
        "first": duration(time.medians[0]),
        "second": duration(time.medians[1]),
        "floor": share(time.floor),
    }


def _placed(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each with a place from 0 to 1 among those of its benchmark, from the least ratio on."""
    placed = []
    for benchmark in dict.fromkeys(row["benchmark"] for row in rows):
        ours = sorted((row for row in rows if row["benchmark"] == benchmark), key=lambda row: float(row["ratio"]))
        placed += [{**row, "place": place / max(1, len(ours) - 1)} for place, row in enumerate(ours)]
    return placed
