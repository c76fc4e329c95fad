"""Figures of a training run: its loss beside the oracle's, and the distance between the two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from reports.figures.chart_style import HOW, WIDTH, Chart, Emphasis, Figure, figure, on, scales
from reports.tables.training import Run, Task

CURVE_POINTS = 150
"""A loss curve is thinned to about this many points."""

FLOOR = 1e-17
"""Where a distance of zero is drawn on a logarithmic axis."""


def build(task: Task) -> list[Figure]:
    """Two figures of a task: losses and distances; none when no curve was recorded."""
    rows = [row for section in task.sections for run in section.runs for row in _curve(run, section.dialect)]
    if not rows:
        return []
    dialects = [section.dialect for section in task.sections]
    words = f"Loss against steps for {len(task.runs)} runs. {task.sentence}"
    caption = f"Lines: the oracle in each dialect. Marks: the implementations, on the same batches. {HOW}"
    first = {row["dialect"]: row["who"] for row in reversed(rows)}
    oracle = [row for row in rows if first[row["dialect"]] == row["who"]]
    data = {"oracle": oracle, "runs": _sparse(rows)}
    chart = _losses(rows, dialects)
    losses = figure(f"figure-{task.name}-loss", f"{task.title}: loss", caption, words, chart, data)
    caption = (
        "|loss − oracle's loss| / oracle's loss along each run, one line a run. Reported, not judged: a verdict "
        f"judges each gradient and each update. Zero is drawn at {FLOOR:g}."
    )
    title = f"{task.title}: distance from the oracle"
    distances = figure(f"figure-{task.name}-distance", title, caption, words, _distances(rows), {"runs": rows})
    return [losses, distances]


def _curve(run: Run, dialect: str) -> list[dict[str, Any]]:
    row = run.row
    triples = list(zip(row["steps"] or [], row["losses"] or [], row["oracle_losses"] or [], strict=False))
    parts = [run.name, dialect, row["dtype"]]
    kept = [t for t in _thin(triples) if None not in t and t[1] > 0 and t[2] > 0]
    return [
        {
            "dialect": dialect,
            "framework": row["framework"],
            "who": " · ".join(part for part in parts if part),
            "step": step,
            "loss": loss,
            "oracle": oracle,
            "distance": max(abs(loss - oracle) / oracle, FLOOR),
        }
        for step, loss, oracle in kept
    ]


def _thin(items: list[Any]) -> list[Any]:
    stride = -(-len(items) // CURVE_POINTS) or 1
    kept = items[::stride]
    return kept if not items or kept[-1] is items[-1] else [*kept, items[-1]]


def _losses(rows: Sequence[dict[str, Any]], dialects: list[str]) -> Chart:
    colour, shape, _ = scales(dialects)
    values = [row["loss"] for row in rows] + [row["oracle"] for row in rows]
    wide = max(values) > 30 * min(values)
    scale = alt.Scale(type="log" if wide else "linear", zero=False, nice=not wide)
    only = Emphasis("dialect", dialects)
    strength = only.strength(0.9)
    hue = alt.Color("dialect:N", scale=colour, title="Dialect")
    x = alt.X("step:Q", title="Step", axis=alt.Axis(grid=False))
    line = on("oracle").mark_line(strokeWidth=1.5)
    line = line.encode(
        x=x,
        y=alt.Y("oracle:Q", title="Loss", scale=scale),
        color=hue,
        opacity=strength,
    )
    dots = on("runs").mark_point(size=30, strokeWidth=1.1, filled=False)
    dots = dots.encode(
        x=x,
        y=alt.Y("loss:Q", title="Loss", scale=scale),
        color=hue,
        shape=alt.Shape("dialect:N", scale=shape, title="Dialect"),
        opacity=strength,
        tooltip=[
            alt.Tooltip("who:N", title="Run"),
            alt.Tooltip("step:Q", title="Step"),
            alt.Tooltip("loss:Q", title="Loss"),
        ],
    )
    return alt.layer(line, dots.add_params(*only.params)).properties(width=WIDTH, height=320)


def _sparse(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """About a dozen marks a curve: enough to see that they lie on the line."""
    steps = sorted({row["step"] for row in rows})
    shown = set(steps[:: max(1, len(steps) // 12)])
    return [row for row in rows if row["step"] in shown]


def _distances(rows: Sequence[dict[str, Any]]) -> Chart:
    frameworks = sorted({row["framework"] for row in rows})
    colour, _, dash = scales(frameworks)
    only = Emphasis("framework", frameworks)
    hints = [("who:N", "Run"), ("step:Q", "Step"), ("distance:Q", "Distance")]
    line = on("runs").mark_line(strokeWidth=1.2).encode(
        x=alt.X("step:Q", title="Step", axis=alt.Axis(grid=False)),
        y=alt.Y("distance:Q", title="Relative distance", scale=alt.Scale(type="log"), axis=_powers()),
        color=alt.Color("framework:N", scale=colour, title="Framework"),
        strokeDash=alt.StrokeDash("framework:N", scale=dash, title="Framework"),
        detail="who:N",
        opacity=only.strength(0.75),
        tooltip=[alt.Tooltip(field, title=title) for field, title in hints],
    )  # fmt: skip
    return alt.layer(line.add_params(*only.params)).properties(width=WIDTH, height=320)


def _powers() -> alt.Axis:
    return alt.Axis(format=".0e", tickCount=6)
