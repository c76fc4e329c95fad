"""Part 5, exercise 2: the objective rotated by 0 to 90 degrees; the exercise rotates it by 45.

Here the start is rotated with the objective, so that a method that depends on the shape alone, such as gradient
descent, gives the same loss at every angle. The exercise keeps the start and is also twice as steep, with (x1 ± x2) in
place of (x1 ± x2)/√2; the frameworks run it as it is printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import itemgetter

import numpy as np

from reports.figures.chart_style import Figure
from reports.tables.numbers import coordinate
from suite.cases import tasks
from suite.chapter import trajectory
from suite.chapter.charts import HIGHLIGHT, STEP, Axis, FigureText, line_chart
from suite.chapter.descent import Array, Method, adagrad, descend, gradient_descent, rmsprop
from suite.chapter.part import Columns, Context, Exhibit, Heading, Part, Rows, Section, points, run_name
from suite.chapter.text import agreement, exact, listing, number, run_table
from suite.chapter.trajectory import DECAY, EPSILON, RATE, SLOPES, STEPS
from suite.results.rows import ChapterRow

HEADING = Heading(
    5,
    "rotation",
    "Exercise 2: the objective rotated",
    "Exercise 2: “Rotate the optimization problem to minimize f(x) = 0.1 (x₁ + x₂)² + 2 (x₁ - x₂)². What happens to "
    "the convergence?”",
)
ANGLES = tuple(range(0, 91, 5))  # degrees
SHOWN_ANGLES = (0, 45)
MAX_STEPS = 600
METHODS: Mapping[str, Method] = {
    "rmsprop": rmsprop(RATE, DECAY, EPSILON),
    "adagrad": adagrad(RATE, EPSILON),
    "gradient descent": gradient_descent(RATE),
}
TITLES = {"rmsprop": "RMSProp", "adagrad": "Adagrad", "gradient descent": "gradient descent"}
OBJECTIVES = {"quadratic": "0.1 x₁² + 2 x₂²", "rotated": "0.1 (x₁ + x₂)² + 2 (x₁ - x₂)²"}
INPUTS = {**trajectory.INPUTS, "max_steps": MAX_STEPS}

_LOSS = Axis("loss", "f(x)", log=True, format="~e", smallest=1e-13)


def run(context: Context) -> Iterator[ChapterRow]:
    """Run each method at each angle, and RMSProp on the printed objectives in the oracle and in the frameworks."""
    start = tasks.quadratic().initial.astype(np.float64)
    for name, method in METHODS.items():
        curves = [rotated_losses(angle, start, method) for angle in ANGLES]
        ends, steps = [losses[STEPS] for losses in curves], [trajectory.steps_to_threshold(losses) for losses in curves]
        columns: Columns = {"problem": "rotated", "method": name}
        over_angles = {"angle": ANGLES, "loss": ends, "steps_to_threshold": steps}
        yield context.oracle_row(columns, setting="over angles", inputs=INPUTS, series=over_angles)
        for angle in SHOWN_ANGLES:
            losses = curves[ANGLES.index(angle)][: 3 * STEPS + 1]
            curve = {"step": np.arange(len(losses)), "loss": losses}
            yield context.oracle_row(columns, setting=f"{angle}°", inputs={"angle": angle}, series=curve)
    printed = (tasks.quadratic(), tasks.quadratic(rotated=True))
    for task in printed:
        path = descend(lambda step, x: task.objective.gradient(x, step), task.initial, STEPS, METHODS["rmsprop"])  # noqa: B023
        yield context.oracle_row(problem=task.id, method="rmsprop", setting="as printed", results=_end(task, path))
    for one in context.train(printed, trajectory.IMPLEMENTATIONS):
        results = {} if one.path is None else _end(one.task, one.path)
        yield one.row(problem=one.task.id, method="rmsprop", setting="as printed", results=results)


def rotated_losses(angle: float, start: Array, method: Method) -> Array:
    """Compute the losses on f(R x) from Rᵀ start, where R rotates by an angle in degrees; shape (MAX_STEPS + 1,)."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    rotation = np.array([[c, s], [-s, c]])
    curvature = rotation.T @ np.diag(SLOPES) @ rotation
    path = descend(lambda step, x: curvature @ x, rotation.T @ start, MAX_STEPS, method)  # noqa: ARG005
    return trajectory.loss(path @ rotation.T)


def _end(task: tasks.Task, path: Array) -> dict[str, float | None]:
    x = path[STEPS]
    return {"x1": float(x[0]), "x2": float(x[1]), "loss": task.objective.loss(x)}


def describe(rows: Rows) -> Section:
    """Describe the losses over the angles, and the exercise as it is printed."""
    over = {name: row for name in METHODS for row in rows.oracle(problem="rotated", method=name, setting="over angles")}
    runs = Rows(row for row in rows.runs(setting="as printed") if row.problem in OBJECTIVES)
    exhibits: tuple[Exhibit, ...] = ()
    if "rmsprop" in over:
        caption = "The start is rotated with the objective, so every angle is the same problem in other coordinates."
        text = FigureText("figure-rotation", "f after 20 steps by the angle of the objective", caption)
        lines = [(TITLES[name], row) for name, row in over.items()]
        angle = Axis("angle", "Angle (°)", zero=True, domain=(0, 90))
        by_angle = line_chart(text, lines, angle, _LOSS, Axis("method", "Method"))
        findings = (*worst_angle(over["rmsprop"]), *sensitivity_to_rotation(over), *convergence(over["rmsprop"]))
        printed = tuple(as_printed(rows, runs))
        exhibits = (Exhibit(by_angle, findings), Exhibit(_curve_figure(rows), printed))
    tables = run_table(
        "The frameworks on both objectives after 20 steps",
        ("Objective", "Implementation", "Dialect"),
        ("x₁", "x₂", "f"),
        Rows(sorted(runs, key=lambda row: row.problem)),
        lambda row: (
            OBJECTIVES[row.problem],
            run_name(row),
            row.dialect or "",
            *(coordinate(row.results.get(name)) for name in ("x1", "x2")),
            number(row.results.get("loss"), 6),
        ),
    )
    return Section(HEADING, exhibits, tables)


def worst_angle(row: ChapterRow) -> Iterator[str]:
    """State the loss along the axes, at the worst angle, and at the best one."""
    pairs = points(row, "angle", "loss")
    axis = dict(pairs).get(0.0)
    if axis is None:
        return
    best, worst = min(pairs, key=itemgetter(1)), max(pairs, key=itemgetter(1))
    ratio = worst[1] / axis
    verb = "slows RMSProp down" if ratio > 10 else "hardly affects RMSProp"
    statement = (
        f"Rotation {verb}: after {row.inputs.get('steps') or 0:.0f} steps f is {number(axis)} along the axes and "
        f"{number(worst[1])} at the worst angle, {worst[0]:.0f}°, a ratio of {number(ratio, 2)}"
    )
    if best[0] != 0 and best[1] < axis / 10:
        statement += f"; at the best angle, {best[0]:.0f}°, it is {number(best[1])}"
    yield f"{statement}."


def sensitivity_to_rotation(over: Mapping[str, ChapterRow]) -> Iterator[str]:
    """State which methods depend on the angle, and why."""
    spread = {}
    for name, row in over.items():
        losses = [loss for _, loss in points(row, "angle", "loss")]
        spread[name] = max(losses) / min(losses) if losses and min(losses) > 0 else float("inf")
    invariant = [TITLES[name] for name, factor in spread.items() if factor < 1 + 1e-6]
    affected = [f"{TITLES[name]} by a factor of {number(s, 2)}" for name, s in spread.items() if s >= 1 + 1e-6]
    if invariant:
        yield (
            f"Rotation does not affect {listing(invariant)}, because the start is rotated with the objective. Over the "
            f"angles the losses of the others change: {listing(affected)}. These methods divide each coordinate by the "
            "size of its own gradients; across the axes both coordinates have gradients of the same size, so the "
            "division no longer compensates for the narrow valley."
        )
    elif affected:
        yield f"Over the angles the loss of every method changes: {listing(affected)}."


def convergence(row: ChapterRow) -> Iterator[str]:
    """State how many steps RMSProp takes to the threshold."""
    pairs = points(row, "angle", "steps_to_threshold")
    angles = len(row.series.get("angle", ()))
    if not pairs:
        return
    best, worst = min(pairs, key=itemgetter(1)), max(pairs, key=itemgetter(1))
    never = f"; at {angles - len(pairs)} angles it never reaches it" if len(pairs) < angles else ""
    yield (
        f"RMSProp reaches f ≤ {exact(row.inputs.get('threshold'))} after {best[1]:.0f} steps at {best[0]:.0f}° and "
        f"after {worst[1]:.0f} at {worst[0]:.0f}°{never}."
    )


def as_printed(rows: Rows, runs: Rows) -> Iterator[str]:
    """Compare the exercise's objective with the section's."""
    ends = {
        name: row for name in OBJECTIVES for row in rows.oracle(problem=name, method="rmsprop", setting="as printed")
    }
    if len(ends) == 2:
        losses = {name: row.results.get("loss") or 0.0 for name, row in ends.items()}
        x1, x2 = (coordinate(ends["rotated"].results.get(name)) for name in ("x1", "x2"))
        verb = "farther from" if losses["rotated"] > losses["quadratic"] else "closer to"
        yield (
            "On the objective as the exercise prints it, which keeps the start and is twice as steep, RMSProp ends "
            f"{verb} the minimum: after 20 steps x₁ = {x1}, x₂ = {x2} and f = {number(losses['rotated'])}, where the "
            f"section's objective gives f = {number(losses['quadratic'])}."
        )
    if runs:
        yield f"In the frameworks, on both objectives as they are printed, {agreement(runs)}."


def _curve_figure(rows: Rows) -> Figure:
    caption = f"f during 60 steps at 0° and at 45°. {HIGHLIGHT}"
    text = FigureText("figure-rotation-curves", "f along the axes and across them", caption)
    lines = [
        (f"{TITLES[name]}, {angle}°", row)
        for name in METHODS
        for angle in SHOWN_ANGLES
        for row in rows.oracle(problem="rotated", method=name, setting=f"{angle}°")
    ]
    return line_chart(text, lines, STEP, _LOSS, Axis("curve", "Run"))


PART = Part(HEADING, run, describe)
