"""Part 2: the path of section 11.8.2 in the plane, beside the paths of Adagrad and of the average s_t/t."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from reports.figures.chart_style import Figure
from reports.tables import published
from reports.tables.numbers import coordinate
from suite.cases import tasks
from suite.chapter.charts import Axis, FigureText, line_chart, path_chart
from suite.chapter.descent import Array, Method, adagrad, descend, mean_of_squares, rmsprop
from suite.chapter.part import (
    Columns,
    Context,
    Exhibit,
    Heading,
    Part,
    PrintedNumber,
    Rows,
    Section,
    points,
    run_name,
)
from suite.chapter.text import agreement, counted, exact, listing, number, run_table
from suite.conformance.targets import DIALECT
from suite.results.rows import ChapterRow

HEADING = Heading(
    2,
    "trajectory",
    "The path in the plane",
    "On f(x) = 0.1 x₁² + 2 x₂² from (-5, -2) with η = 0.4, Adagrad “moved only very slowly in the later stages”. Since "
    "η is controlled separately, “this does not happen with RMSProp”: the section prints the point after 20 steps. It "
    "also mentions division by √(sₜ/t), the root of the mean of all squares, which “might take a very long time”.",
)
RATE, DECAY, EPSILON = 0.4, 0.9, 1e-6  # of the section
STEPS = 20  # of the section
MAX_STEPS = 400
THRESHOLD = 1e-2  # the loss below which a run counts as close to the minimum
SLOPES = np.array([0.2, 4.0])  # the gradient of f is SLOPES * x
METHODS: Mapping[str, Method] = {
    "rmsprop": rmsprop(RATE, DECAY, EPSILON),
    "mean of squares": mean_of_squares(RATE, EPSILON),
    "adagrad": adagrad(RATE, EPSILON),
}
TITLES = {"rmsprop": "RMSProp", "mean of squares": "sₜ/t", "adagrad": "Adagrad"}
IMPLEMENTATIONS = ("scratch", "section", "builtin")
INPUTS = {"learning_rate": RATE, "decay": DECAY, "epsilon": EPSILON, "steps": STEPS, "threshold": THRESHOLD}
SHOWN_STEPS = 120  # of the loss curves
SMALLEST_SHOWN = 1e-12
PRINTED = tuple(map(coordinate, published.QUADRATIC))


def run(context: Context) -> Iterator[ChapterRow]:
    """Run each method from the section's start with the section's hyper-parameters, and RMSProp in the frameworks."""
    task = tasks.quadratic()
    for name, method in METHODS.items():
        path = descend(lambda step, x: SLOPES * x, task.initial, MAX_STEPS, method)  # noqa: ARG005
        yield context.oracle_row(summarize(path), problem=task.id, method=name, inputs=INPUTS)
    for one in context.train([task], IMPLEMENTATIONS):
        summary = Columns() if one.path is None else summarize(one.path)
        yield one.row(summary, problem=task.id, method="rmsprop", inputs=INPUTS)


def loss(path: Array) -> Array:
    """Compute f(x) = 0.1 x1² + 2 x2² at every point; shape (steps + 1,)."""
    return np.asarray(path**2 @ SLOPES / 2)


def steps_to_threshold(losses: Array) -> int | None:
    """Find the first step with a loss of at most THRESHOLD; None if there is none."""
    close = np.flatnonzero(losses <= THRESHOLD)
    return int(close[0]) if close.size else None


def summarize(path: Array) -> Columns:
    """Make the columns `results` and `series` of a path of at least STEPS steps."""
    losses, step_sizes = loss(path), np.abs(np.diff(path[:, 0]))
    return {
        "results": {
            "x1": float(path[STEPS, 0]),
            "x2": float(path[STEPS, 1]),
            "loss": float(losses[STEPS]),
            "steps_to_threshold": steps_to_threshold(losses),
            "first_step_size": float(step_sizes[0]),
            "last_step_size": float(step_sizes[STEPS - 1]),
            "late_loss": float(np.median(losses[-len(losses) // 4 :])),
        },
        "series": {"step": np.arange(len(path)), "loss": losses, "x1": path[:, 0], "x2": path[:, 1]},
    }


def describe(rows: Rows) -> Section:
    """Describe the section's second figure with two more methods, and what follows after the twentieth step."""
    methods = {name: row for name in METHODS for row in rows.oracle(problem="quadratic", method=name)}
    runs = rows.runs(problem="quadratic", method="rmsprop")
    if "rmsprop" not in methods:
        return Section(HEADING)
    same_update = runs.select(dialect=DIALECT)
    findings = (end_point(methods["rmsprop"], same_update), *adagrad_slows_down(methods), *first_step(methods))
    caption = f"f along the same runs, for {SHOWN_STEPS} steps; the section stops after {STEPS}."
    text = FigureText("figure-trajectory-loss", "After the twentieth step", caption)
    lines = [(TITLES[name], row) for name, row in methods.items()]
    step = Axis("step", "Step", zero=True, domain=(0, SHOWN_STEPS))
    f = Axis("loss", "f(x)", log=True, format="~e", domain=(SMALLEST_SHOWN, 20), smallest=SMALLEST_SHOWN)
    exhibits = (
        Exhibit(_path_figure(methods, same_update), findings),
        Exhibit(line_chart(text, lines, step, f, Axis("method", "Method")), tuple(after_the_section(methods))),
    )
    tables = run_table(
        f"The frameworks from the same start: {agreement(runs)}",
        ("Implementation", "Dialect"),
        ("x₁ after 20 steps", "x₂"),
        runs,
        lambda row: (run_name(row), row.dialect or "", *_end(row)),
    )
    pairs = zip(("x₁", "x₂"), PRINTED, _end(methods["rmsprop"]), strict=True)
    numbers = (PrintedNumber(f"{x} after 20 steps", printed, ours, printed == ours) for x, printed, ours in pairs)
    return Section(HEADING, exhibits, tables, tuple(numbers))


def end_point(row: ChapterRow, runs: Rows) -> str:
    """State the point after STEPS steps, whether the section prints it, and whether the frameworks reach it."""
    x1, x2 = _end(row)
    same = "as the section prints it, to the last digit" if (x1, x2) == PRINTED else "not as the section prints it"
    statement = f"After {STEPS} steps RMSProp is at x₁ = {x1}, x₂ = {x2}, {same}"
    if not runs:
        return f"{statement}."
    others = [run_name(run) for run in runs if _end(run) != (x1, x2)]
    if not others:
        return f"{statement}, in the oracle and in all {counted(len(runs), 'run')} of this update in frameworks."
    return (
        f"{statement}, in the oracle; of {counted(len(runs), 'run')} of this update in frameworks, "
        f"{listing(others)} {'ends' if len(others) == 1 else 'end'} at another point."
    )


def adagrad_slows_down(methods: Mapping[str, ChapterRow]) -> Iterator[str]:
    """State whether Adagrad's steps become small, and how long each method takes to the threshold."""
    if "adagrad" not in methods:
        return
    row = methods["adagrad"]
    first, last = (row.results.get(name) or 0.0 for name in ("first_step_size", "last_step_size"))
    verb = "slows down" if last < first / 2 else "does not slow down"
    statement = (
        f"Adagrad with the same η {verb}: its step in x₁ changes from {number(first)} to {number(last)}, and after "
        f"{STEPS} steps it is at x₁ = {_end(row)[0]}"
    )
    steps = {name: one.results.get("steps_to_threshold") for name, one in methods.items()}
    if steps["adagrad"] and steps["rmsprop"]:
        threshold = exact(row.inputs.get("threshold"))
        reached = f"after {steps['adagrad']:.0f} steps, RMSProp after {steps['rmsprop']:.0f}"
        statement += f". It reaches f ≤ {threshold} {reached}"
        if mean := steps.get("mean of squares"):
            statement += f", and sₜ/t after {mean:.0f}"
    yield f"{statement}."


def first_step(methods: Mapping[str, ChapterRow]) -> Iterator[str]:
    """State the size of RMSProp's first step, and why it is larger than η."""
    row = methods["rmsprop"]
    rate, decay, first = row.inputs.get("learning_rate"), row.inputs.get("decay"), row.results.get("first_step_size")
    if rate and first and decay is not None and decay < 1:
        predicted = rate / (1 - decay) ** 0.5
        equal, explained = abs(first / predicted - 1) < 1e-3, "because s starts at 0 and is then (1 - γ) g²"
        reason = explained if equal else f"not η/√(1 - γ) = {predicted:.3f}"
        yield (
            f"RMSProp's first step is {number(first)} in every coordinate, {number(first / rate)} times η, {reason}. "
            "The bias of an average that starts at 0 is not corrected."
        )


def after_the_section(methods: Mapping[str, ChapterRow]) -> Iterator[str]:
    """State where each method ends with a constant η."""
    late = {name: row.results.get("late_loss") for name, row in methods.items()}
    early, rmsprop_late = methods["rmsprop"].results.get("loss"), late["rmsprop"]
    if early is None or rmsprop_late is None:
        return
    median = f"{number(rmsprop_late)} in the median of the last hundred of {MAX_STEPS}"
    if rmsprop_late > 10 * early:
        yield (
            f"RMSProp does not stay near the minimum: f is {number(early)} after {STEPS} steps, and {median}. With a "
            "constant η its steps do not become smaller, because they are divided by gradients that become smaller "
            "too. It needs a schedule (exercise 3)."
        )
    else:
        yield f"RMSProp stays near the minimum: f is {number(early)} after {STEPS} steps, and {median}."
    others = [name for name in methods if name != "rmsprop" and late[name]]
    if others:
        reached = listing([f"{TITLES[name]} has reached {number(late[name])}" for name in others])
        converging = all((late[name] or 0) < rmsprop_late / 100 for name in methods if name != "rmsprop")
        yield f"By then {reached}{'; they are slower at first, but converge' if converging else ''}."


def _path_figure(methods: Mapping[str, ChapterRow], runs: Rows) -> Figure:
    lines = [point for name, row in methods.items() for point in _path(row, TITLES[name])]
    first_runs = list({row.framework: row for row in reversed(runs) if row.series}.values())
    frameworks = sorted({row.framework for row in first_runs})
    marks = [
        {**point, "framework": row.framework, "run": run_name(row)}
        for row in first_runs
        for point in _path(row, TITLES["rmsprop"])[frameworks.index(row.framework) :: len(frameworks)]
    ]
    caption = (
        "Lines and dots: the oracle, one dot a step. Open marks: runs in frameworks, each at other steps. Grey: "
        "contours of f."
    )
    text = FigureText("figure-trajectory", "Three ways to divide by the size of past gradients", caption)
    return path_chart(text, lines, Axis("method", "Method"), marks)


def _path(row: ChapterRow, title: str) -> list[dict[str, Any]]:
    both = zip(points(row, "step", "x1"), points(row, "x1", "x2"), strict=False)
    return [{"method": title, "step": step, "x1": x1, "x2": x2} for (step, _), (x1, x2) in both if step <= STEPS]


def _end(row: ChapterRow) -> tuple[str, str]:
    return coordinate(row.results.get("x1")), coordinate(row.results.get("x2"))


PART = Part(HEADING, run, describe)
