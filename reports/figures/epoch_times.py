"""The figure of an epoch: every sample of every implementation, the median and its interval, fastest on top."""

from __future__ import annotations

from typing import Any

import altair as alt

from reports.figures.chart_style import WIDTH, Figure, decades, figure, on, scales
from reports.tables.numbers import count, duration
from reports.tables.timing import Benchmark, Timing


def build(benchmark: Benchmark, number: int) -> list[Figure]:
    """One figure of a benchmark, numbered among them; none when nothing was measured."""
    timings = [timing for timing in benchmark.timings if timing.median is not None]
    if not timings:
        return []
    order = [timing.label for timing in timings]
    unit = benchmark.unit
    medians = [_median(timing, unit.seconds) for timing in timings]
    samples = [row for timing in timings for row in _samples(timing, unit.seconds)]
    scale = alt.Scale(type="log", nice=False, padding=8)
    y = alt.Y("who:N", sort=order, title=None, axis=alt.Axis(grid=True, ticks=False, domain=False))

    powers = decades([*(row["sample"] for row in samples), *(row["median"] for row in medians)])

    def x(field: str) -> alt.X:
        axis = alt.Axis(format="~g", **powers)
        return alt.X(f"{field}:Q", scale=scale, title=f"Time ({unit.sign}), logarithmic", axis=axis)

    hints = [("who:N", "Implementation"), ("shown:N", "Median"), ("interval:N", "Interval"), ("size:N", "Samples")]
    tooltip = [alt.Tooltip(field, title=title) for field, title in hints]
    frameworks = list(dict.fromkeys(t.row["framework"] for t in sorted(timings, key=lambda timing: timing.place)))
    hue = alt.Color("framework:N", scale=scales(frameworks)[0], legend=None)
    ticks = on("samples").mark_tick(thickness=1, size=12, color="var(--soft)", opacity=0.45)
    rule = on("medians").mark_rule(strokeWidth=5, opacity=0.55, strokeCap="round")
    point = on("medians").mark_point(size=60, filled=True, opacity=1)
    hint = [alt.Tooltip("who:N", title="Implementation"), alt.Tooltip("shown:N", title="Sample")]
    chart = alt.layer(
        ticks.encode(x=x("sample"), y=y, tooltip=hint),
        rule.encode(x=x("low"), x2="high:Q", y=y, color=hue, tooltip=tooltip),
        point.encode(x=x("median"), y=y, color=hue, tooltip=tooltip),
    ).properties(width=WIDTH, height=24 * len(timings), padding={"left": 16, "right": 5, "top": 5, "bottom": 5})
    data = {"medians": medians, "samples": samples}
    caption = "Point: median. Bar: its interval. Ticks: the samples. Colour: the framework. Fastest on top."
    return [figure(f"figure-timing-{number}", benchmark.title, caption, f"Times: {benchmark.sentence}", chart, data)]


def _median(timing: Timing, seconds: float) -> dict[str, Any]:
    low, high = timing.interval or (None, None)
    return {
        "who": timing.label,
        "framework": timing.row["framework"],
        "median": (timing.median or 0.0) / seconds,
        "low": low and low / seconds,
        "high": high and high / seconds,
        "shown": duration(timing.median),
        "interval": " to ".join(map(duration, timing.interval or ())),
        "size": count(len(timing.samples)),
    }


def _samples(timing: Timing, seconds: float) -> list[dict[str, Any]]:
    return [
        {"who": timing.label, "sample": sample / seconds, "shown": duration(sample)}
        for sample in timing.samples
        if sample > 0
    ]
