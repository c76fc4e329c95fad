"""Figures of steps: what each parameter costs, over the number of parameters, and over the number of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from reports.figures.chart_style import HOW, WIDTH, Chart, Emphasis, Figure, decades, figure, on, scales, shapes
from reports.tables import numbers
from reports.tables.numbers import duration, share
from reports.tables.timing import Benchmark, Timing

BUILTIN = "builtin"
"""The implementation whose line is thick: what a framework's users get."""

_UNITS = (
    "datum.value >= 1e6 ? datum.value / 1e6 + ' ms' : "
    "datum.value >= 1e3 ? datum.value / 1e3 + ' µs' : datum.value + ' ns'"
)  # of the axis, which has nanoseconds

NANO = 1e9
"""Nanoseconds in a second."""


def build(benchmarks: Sequence[Benchmark]) -> list[Figure]:
    """A figure over the sizes of steps, and for each size one over its tensors; where there are two points at least."""
    found = []
    steps = [benchmark for benchmark in benchmarks if benchmark.is_step]
    for number, setting in enumerate(dict.fromkeys(benchmark.setting for benchmark in steps)):
        ours = [benchmark for benchmark in steps if benchmark.setting == setting]
        whole = [benchmark for benchmark in ours if benchmark.tensors == 1]
        if len({benchmark.size for benchmark in whole}) > 1:
            found.append(_figure(f"figure-steps-{number}", f"A step, by its parameters: {setting}", whole, "size"))
        for size in sorted({benchmark.size for benchmark in ours if benchmark.tensors > 1}):
            same = [benchmark for benchmark in ours if benchmark.size == size]
            if len(same) > 1:
                title = f"A step over {numbers.size(size)} parameters, by its tensors: {setting}"
                found.append(_figure(f"figure-tensors-{number}-{size}", title, same, "tensors"))
    return found


def _figure(identifier: str, title: str, benchmarks: Sequence[Benchmark], across: str) -> Figure:
    entries = [(benchmark, timing) for benchmark in benchmarks for timing in benchmark.timings if timing.each]
    entries.sort(key=lambda entry: entry[1].place)
    rows = [_point(benchmark, timing, across) for benchmark, timing in entries]
    limits = [row for benchmark in benchmarks for row in _limit(benchmark)] if across == "size" else []
    words = {"size": "Parameters", "tensors": "Tensors"}[across]
    dashed = "Dashed: what the memory alone needs. " if limits else ""
    caption = f"Colour: the framework. Mark: the implementation. Thick: the built-in. {dashed}{HOW}"
    sentence = f"Nanoseconds for each parameter against {words.lower()}. {benchmarks[-1].sentence}"
    chart = _chart(rows, limits, words)
    return figure(identifier, title, caption, sentence, chart, {"steps": rows, "limits": limits})


def _point(benchmark: Benchmark, timing: Timing, across: str) -> dict[str, Any]:
    low, high = timing.interval or (None, None)
    return {
        "framework": timing.row["framework"],
        "implementation": timing.within,
        "who": timing.label,
        "at": benchmark.size if across == "size" else benchmark.tensors,
        "each": (timing.each or 0.0) * NANO,
        "low": low and low / benchmark.size * NANO,
        "high": high and high / benchmark.size * NANO,
        "step": duration(timing.median),
        "parameter": duration(timing.each),
        "limit": share(timing.fraction),
    }


def _limit(benchmark: Benchmark) -> list[dict[str, Any]]:
    """A short level line at the size where the limit was measured; those of several sizes join."""
    if benchmark.limit is None:
        return []
    seconds, who = benchmark.limit
    known = {"each": seconds / benchmark.size * NANO, "step": duration(seconds), "who": who or "memory alone"}
    return [{**known, "at": benchmark.size * factor} for factor in (0.7, 1.4)]


def _chart(rows: Sequence[dict[str, Any]], limits: Sequence[dict[str, Any]], words: str) -> Chart:
    frameworks = list(dict.fromkeys(row["framework"] for row in rows))
    implementations = list(dict.fromkeys(row["implementation"] for row in rows))
    colour, shape = scales(frameworks)[0], shapes(implementations)
    framework = Emphasis("framework", frameworks, "framework_chosen")
    implementation = Emphasis("implementation", implementations, "implementation_chosen")
    strength = framework.strength(0.9, 0.05, also=implementation)
    log = alt.Scale(type="log", nice=False, padding=12)
    ends = sorted({row["at"] for row in rows})
    x = alt.X("at:Q", title=f"{words}, logarithmic", scale=log, axis=alt.Axis(grid=False, format="~s", values=ends))
    hue = alt.Color("framework:N", scale=colour, title="Framework", legend=alt.Legend(orient="top"))

    ticks = decades(row["each"] for row in rows)

    def y(field: str) -> alt.Y:
        title = "Time per parameter, logarithmic"
        return alt.Y(f"{field}:Q", title=title, scale=alt.Scale(type="log"), axis=alt.Axis(labelExpr=_UNITS, **ticks))

    marks = alt.Legend(symbolStrokeColor="var(--ink)")
    steps = on("steps")
    hints = [("who", "Implementation"), ("at", words), ("step", "A step"), ("parameter", "A parameter")]
    hints += [("limit", "Of the limit")] if limits else []
    width = alt.condition(f"datum.implementation == '{BUILTIN}'", alt.value(3), alt.value(1))
    line = steps.mark_line().encode(x=x, y=y("each"), color=hue, detail="who:N", opacity=strength, strokeWidth=width)
    rule = steps.mark_rule(strokeWidth=1).encode(x=x, y=y("low"), y2="high:Q", color=hue, opacity=strength)
    point = steps.mark_point(size=45, strokeWidth=1.3, filled=False).encode(
        x=x,
        y=y("each"),
        color=hue,
        shape=alt.Shape("implementation:N", scale=shape, title="Implementation", legend=marks),
        opacity=strength,
        tooltip=[alt.Tooltip(f"{field}:{'Q' if field == 'at' else 'N'}", title=title) for field, title in hints],
    )
    limit = on("limits").mark_line(strokeWidth=2, strokeDash=[5, 4], color="var(--ink)").encode(
        x=x, y=y("each"), tooltip=[alt.Tooltip("who:N", title="Memory alone"), alt.Tooltip("step:N", title="A step")]
    )  # fmt: skip
    layers = [line, rule, point.add_params(*framework.params, *implementation.params), *([limit] if limits else [])]
    return alt.layer(*layers).properties(width=WIDTH, height=420)
