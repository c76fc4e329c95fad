"""Figures of times: an epoch, steps over their size and number of tensors, and ratios between two runs."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from reports.figures.chart_style import (
    LEGEND_HELP,
    WIDTH,
    Category,
    Chart,
    Figure,
    Highlight,
    Point,
    colours,
    dataset,
    decades,
    figure,
    shapes,
    tooltips,
)
from reports.tables import numbers
from reports.tables.comparison import Time
from reports.tables.numbers import count, duration, share, significant
from reports.tables.timing import CONCLUSIONS, Benchmark, Timing


def epoch(benchmark: Benchmark, index: int) -> list[Figure]:
    """The times of one benchmark; `index` makes the figure's id unique. Empty when nothing was measured."""
    timings = [timing for timing in benchmark.timings if timing.median is not None]
    if not timings:
        return []
    unit = benchmark.unit
    medians = [_median(timing, unit.seconds) for timing in timings]
    samples = [
        {"name": timing.label, "sample": sample / unit.seconds, "shown": duration(sample)}
        for timing in timings
        for sample in timing.row.samples
        if sample > 0
    ]
    order = [timing.label for timing in timings]
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(grid=True, ticks=False, domain=False))
    scale = alt.Scale(type="log", nice=False, padding=8)
    values = [*(row["sample"] for row in samples), *(row["median"] for row in medians)]
    axis = alt.Axis(format="~g", **decades(values))

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", scale=scale, title=f"Time ({unit.sign}), logarithmic", axis=axis)

    frameworks = list(dict.fromkeys(t.row.framework for t in sorted(timings, key=lambda timing: timing.order)))
    colour = alt.Color("framework:N", scale=colours(frameworks), legend=None)
    hints = tooltips(name="Implementation", shown="Median", interval="Interval", size="Samples")
    ticks = dataset("samples").mark_tick(thickness=1, size=12, color="var(--soft)", opacity=0.45)
    rule = dataset("medians").mark_rule(strokeWidth=5, opacity=0.55, strokeCap="round")
    point = dataset("medians").mark_point(size=60, filled=True, opacity=1)
    chart = alt.layer(
        ticks.encode(x=x("sample"), y=y, tooltip=tooltips(name="Implementation", shown="Sample")),
        rule.encode(x=x("low"), x2="high:Q", y=y, color=colour, tooltip=hints),
        point.encode(x=x("median"), y=y, color=colour, tooltip=hints),
    ).properties(width=WIDTH, height=24 * len(timings), padding={"left": 16, "right": 5, "top": 5, "bottom": 5})
    caption = "Point: median. Bar: its interval. Ticks: samples. Colour: framework. The fastest is on top."
    data: dict[str, Sequence[Point]] = {"medians": medians, "samples": samples}
    return [figure(f"figure-timing-{index}", benchmark.title, caption, f"Times: {benchmark.sentence}", chart, data)]


def _median(timing: Timing, seconds: float) -> Point:
    low, high = timing.row.interval or (None, None)
    return {
        "name": timing.label,
        "framework": timing.row.framework,
        "median": (timing.median or 0.0) / seconds,
        "low": low and low / seconds,
        "high": high and high / seconds,
        "shown": duration(timing.median),
        "interval": " to ".join(map(duration, timing.row.interval or ())),
        "size": count(len(timing.row.samples)),
    }


BUILTIN = "builtin"  # has a thick line: it is what users of the framework get
NANO = 1e9  # nanoseconds in a second
_AXIS_UNITS = (
    "datum.value >= 1e6 ? datum.value / 1e6 + ' ms' : "
    "datum.value >= 1e3 ? datum.value / 1e3 + ' µs' : datum.value + ' ns'"
)


def steps(benchmarks: Sequence[Benchmark]) -> list[Figure]:
    """For each setting a figure over the number of parameters, and one over the number of tensors for each size.

    A figure needs at least two points on its horizontal axis.
    """
    found = []
    timed = [benchmark for benchmark in benchmarks if benchmark.is_step]
    for index, setting in enumerate(dict.fromkeys(benchmark.setting for benchmark in timed)):
        own = [benchmark for benchmark in timed if benchmark.setting == setting]
        single = [benchmark for benchmark in own if benchmark.tensors == 1]
        if len({benchmark.size for benchmark in single}) > 1:
            found.append(_steps(f"figure-steps-{index}", f"A step, by its parameters: {setting}", single, "size"))
        for size in sorted({benchmark.size for benchmark in own if benchmark.tensors > 1}):
            same = [benchmark for benchmark in own if benchmark.size == size]
            if len(same) > 1:
                title = f"A step over {numbers.size(size)} parameters, by its tensors: {setting}"
                found.append(_steps(f"figure-tensors-{index}-{size}", title, same, "tensors"))
    return found


def _steps(identifier: str, title: str, benchmarks: Sequence[Benchmark], across: str) -> Figure:
    entries = [(one, timing) for one in benchmarks for timing in one.timings if timing.seconds_per_parameter]
    entries.sort(key=lambda entry: entry[1].order)
    rows = [_step(benchmark, timing, across) for benchmark, timing in entries]
    limits = [row for benchmark in benchmarks for row in _limit(benchmark)] if across == "size" else []
    heading = {"size": "Parameters", "tensors": "Tensors"}[across]
    dashed = "Dashed: the memory limit. " if limits else ""
    caption = f"Colour: framework. Mark: implementation. Thick: the built-in. {dashed}{LEGEND_HELP}"
    alternative = f"Nanoseconds per parameter against {heading.lower()}. {benchmarks[-1].sentence}"
    data = {"steps": rows, "limits": limits}
    return figure(identifier, title, caption, alternative, _step_chart(rows, limits, heading), data)


def _step(benchmark: Benchmark, timing: Timing, across: str) -> Point:
    low, high = timing.row.interval or (None, None)
    return {
        "framework": timing.row.framework,
        "implementation": timing.short_label,
        "name": timing.label,
        "at": benchmark.size if across == "size" else benchmark.tensors,
        "each": (timing.seconds_per_parameter or 0.0) * NANO,
        "low": low and low / benchmark.size * NANO,
        "high": high and high / benchmark.size * NANO,
        "step": duration(timing.median),
        "parameter": duration(timing.seconds_per_parameter),
        "limit": share(timing.row.limit_share),
    }


def _limit(benchmark: Benchmark) -> list[Point]:
    """A short level line at the size where the limit was measured; lines of neighbouring sizes join."""
    if benchmark.memory_limit is None:
        return []
    seconds, name = benchmark.memory_limit
    known = {"each": seconds / benchmark.size * NANO, "step": duration(seconds), "name": name or "memory limit"}
    return [{**known, "at": benchmark.size * factor} for factor in (0.7, 1.4)]


def _step_chart(rows: Sequence[Point], limits: Sequence[Point], heading: str) -> Chart:
    frameworks = list(dict.fromkeys(row["framework"] for row in rows))
    implementations = list(dict.fromkeys(row["implementation"] for row in rows))
    framework = Category("framework", frameworks, "Framework", "framework_chosen", legend=alt.Legend(orient="top"))
    implementation = Highlight("implementation", implementations, "implementation_chosen")
    opacity = framework.opacity(0.9, 0.05, also=implementation)
    log = alt.Scale(type="log", nice=False, padding=12)
    ends = sorted({row["at"] for row in rows})
    x = alt.X("at:Q", title=f"{heading}, logarithmic", scale=log, axis=alt.Axis(grid=False, format="~s", values=ends))
    axis = alt.Axis(labelExpr=_AXIS_UNITS, **decades(row["each"] for row in rows))

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title="Time per parameter, logarithmic", scale=alt.Scale(type="log"), axis=axis)

    marks = alt.Legend(symbolStrokeColor="var(--ink)")
    shape = alt.Shape("implementation:N", scale=shapes(implementations), title="Implementation", legend=marks)
    hints = tooltips(name="Implementation") + tooltips("Q", at=heading)
    hints += tooltips(step="Step", parameter="Per parameter")
    hints += tooltips(limit="Memory limit / time") if limits else []
    width = alt.condition(f"datum.implementation == '{BUILTIN}'", alt.value(3), alt.value(1))
    data = dataset("steps")
    shared = {"x": x, "color": framework.colour, "opacity": opacity}
    line = data.mark_line().encode(**shared, y=y("each"), detail="name:N", strokeWidth=width)
    rule = data.mark_rule(strokeWidth=1).encode(**shared, y=y("low"), y2="high:Q")
    point = data.mark_point(size=45, strokeWidth=1.3, filled=False)
    point = point.encode(**shared, y=y("each"), shape=shape, tooltip=hints)
    layers = [line, rule, point.add_params(*framework.params, *implementation.params)]
    if limits:
        limit = dataset("limits").mark_line(strokeWidth=2, strokeDash=[5, 4], color="var(--ink)")
        layers.append(limit.encode(x=x, y=y("each"), tooltip=tooltips(name="Memory limit", step="Step")))
    return alt.layer(*layers).properties(width=WIDTH, height=420)


_COLOURS = {"slower": "var(--differs)", "faster": "var(--agrees)", "unclear": "var(--hue-5)", "same": "var(--soft)"}
_SHAPES = {"slower": "triangle-right", "faster": "triangle-left", "unclear": "diamond", "same": "circle"}


def ratios(times: Sequence[Time]) -> list[Figure]:
    """The ratio of every compared time; empty if no time was compared."""
    rows = [_ratio(time) for time in times if time.ratio and time.interval and time.conclusion in CONCLUSIONS]
    if not rows:
        return []
    benchmarks = list(dict.fromkeys(row["benchmark"] for row in rows))
    highlight = Highlight("conclusion", CONCLUSIONS)
    y = alt.Y("benchmark:N", sort=benchmarks, title=None, axis=alt.Axis(grid=True, ticks=False, domain=False))
    log = alt.Scale(type="log", nice=False, padding=12)
    x = alt.X("ratio:Q", title="Second time over first, logarithmic", scale=log)
    scale, shape = (
        alt.Scale(domain=list(CONCLUSIONS), range=[one[c] for c in CONCLUSIONS]) for one in (_COLOURS, _SHAPES)
    )
    colour = alt.Color("conclusion:N", scale=scale, title="Second run")
    place = alt.YOffset("place:Q", scale=alt.Scale(domain=[-0.05, 1.05]))
    hints = tooltips(
        name="Implementation", benchmark="Benchmark", conclusion="Second run", shown="Ratio", first="First time",
        second="Second time", floor="Noise floor",
    )  # fmt: skip
    rule = dataset("times").mark_rule(strokeWidth=2, strokeCap="round")
    rule = rule.encode(x=alt.X("low:Q"), x2="high:Q", y=y, yOffset=place, color=colour, opacity=highlight.opacity(0.6))
    point = dataset("times").mark_point(size=45, filled=True).encode(
        x=x, y=y, yOffset=place, color=colour, shape=alt.Shape("conclusion:N", scale=shape, title="Second run"),
        opacity=highlight.opacity(0.95), tooltip=hints,
    )  # fmt: skip
    unity = dataset("unity").mark_rule(strokeDash=[4, 4], color="var(--ink)").encode(x="ratio:Q")
    chart = alt.layer(unity, rule, point.add_params(*highlight.params))
    chart = chart.properties(width=WIDTH, height=46 * len(benchmarks))
    counts = ", ".join(f"{sum(row['conclusion'] == one for row in rows)} {one}" for one in CONCLUSIONS)
    caption = f"Mark: the second time over the first, with its interval. Dashed: equal times. {LEGEND_HELP}"
    alternative = f"Ratios of {len(rows)} times: {counts}."
    data: dict[str, list[Point]] = {"times": _placed(rows), "unity": [{"ratio": 1.0}]}
    return [figure("figure-ratios", "Times", caption, alternative, chart, data)]


def _ratio(time: Time) -> Point:
    low, high = time.interval or (None, None)
    return {
        "name": time.name,
        "benchmark": time.benchmark,
        "conclusion": time.conclusion,
        "ratio": time.ratio,
        "low": low,
        "high": high,
        "shown": f"{significant(time.ratio)} ({significant(low)} to {significant(high)})",
        "first": duration(time.medians[0]),
        "second": duration(time.medians[1]),
        "floor": share(time.noise_floor),
    }


def _placed(rows: Sequence[Point]) -> list[Point]:
    """Rows with a place from 0 to 1 within their benchmark, ordered by ratio, so that marks do not overlap."""
    placed: list[Point] = []
    for benchmark in dict.fromkeys(row["benchmark"] for row in rows):
        own = sorted((row for row in rows if row["benchmark"] == benchmark), key=lambda row: float(row["ratio"]))
        placed += [{**row, "place": place / max(1, len(own) - 1)} for place, row in enumerate(own)]
    return placed
