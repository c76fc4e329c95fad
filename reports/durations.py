"""The figure of a benchmark: every sample, the median and its interval, fastest on top."""

from __future__ import annotations

import altair as alt

from reports.drawing import WIDTH, Figure, figure, on
from reports.timing import Benchmark, Timing


def build(benchmark: Benchmark, number: int) -> list[Figure]:
    """One figure of a benchmark, numbered among them; none when nothing was measured."""
    timings = [timing for timing in benchmark.timings if (timing.row["median"] or 0) > 0]
    if not timings:
        return []
    order = [timing.label for timing in timings]
    medians = [_median(timing) for timing in timings]
    samples = [
        {"who": t.label, "sample": s} for t in timings for s in t.row["samples"] or [] if s is not None and s > 0
    ]
    unit = f" ({benchmark.unit})" if benchmark.unit else ""
    scale = alt.Scale(type="log", nice=False, padding=8)
    y = alt.Y("who:N", sort=order, title=None, axis=alt.Axis(grid=True, ticks=False, domain=False))

    def x(field: str) -> alt.X:
        return alt.X(
            f"{field}:Q", scale=scale, title=f"Time{unit}, logarithmic", axis=alt.Axis(format="~g", tickCount=6)
        )

    hints = [("who:N", "Implementation"), ("median:Q", "Median"), ("low:Q", "Interval from"), ("high:Q", "to")]
    tooltip = [alt.Tooltip(field, title=title) for field, title in hints]
    ticks = on("samples").mark_tick(thickness=1, size=12, color="var(--soft)", opacity=0.45)
    rule = on("medians").mark_rule(strokeWidth=5, color="var(--hue-1)", opacity=0.55, strokeCap="round")
    point = on("medians").mark_point(size=60, filled=True, color="var(--hue-1)", opacity=1)
    chart = alt.layer(
        ticks.encode(x=x("sample"), y=y),
        rule.encode(x=x("low"), x2="high:Q", y=y, tooltip=tooltip),
        point.encode(x=x("median"), y=y, tooltip=tooltip),
    ).properties(width=WIDTH, height=24 * len(timings))
    data = {"medians": medians, "samples": samples}
    caption = "Point: median. Bar: its interval. Ticks: the samples. Fastest on top; the axis is logarithmic."
    return [figure(f"figure-timing-{number}", benchmark.title, caption, f"Times: {benchmark.sentence}", chart, data)]


def _median(timing: Timing) -> dict[str, object]:
    low, high = timing.interval or (None, None)
    return {"who": timing.label, "median": timing.row["median"], "low": low, "high": high}
