"""Part 4, exercise 1: γ = 1, with which the average keeps its initial value and RMSProp is gradient descent.

With s₀ for the initial value, a step is η g/√(s₀ + ε), or η g/(√s₀ + ε) with ε outside the root. The gradient of the
quadratic is (0.2 x₁, 4 x₂), so each step multiplies each coordinate by the same factor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reference import Dialect, Hyperparameters, dialects
from reports.figures.chart_style import Figure
from suite.cases import tasks
from suite.chapter.charts import HIGHLIGHT, STEP, Axis, FigureText, line_chart
from suite.chapter.descent import Array, descend, rmsprop
from suite.chapter.part import Columns, Context, Exhibit, FrameworkRun, Heading, Part, Rows, Section, run_name
from suite.chapter.text import capitalized, counted, exact, listing, number, run_table
from suite.chapter.trajectory import EPSILON, RATE, SLOPES, STEPS, loss
from suite.conformance.training import check_training
from suite.results.rows import ChapterRow

HEADING = Heading(
    4, "gamma-one", "Exercise 1: γ = 1", "Exercise 1: “What happens experimentally if we set γ = 1? Why?”"
)
DECAYS = (0.9, 0.99, 0.999, 0.9999, 1.0)
IMPLEMENTATIONS = ("scratch", "section", "builtin", "kernel", "v1", "legacy")
LARGEST_STABLE_RATE = 0.5
"""Gradient descent on this objective diverges from this learning rate on: 2 over the largest curvature, 4."""

STABLE_RATE = 0.4  # of a gradient descent that converges
RATES = {"section": RATE, "inside": STABLE_RATE * EPSILON**0.5, "outside": STABLE_RATE * EPSILON}
"""Setting -> η: that of the section, and those that give the stable rate with ε inside or outside the root."""

RATE_NAMES = {"section": "η = 0.4", "inside": "η = 0.4 √ε", "outside": "η = 0.4 ε"}
LARGEST = float(np.finfo(np.float32).max)
LOSS = Axis("loss", "f(x)", log=True, format="~e", domain=(1e-12, 1e40), smallest=1e-12)


def run(context: Context) -> Iterator[ChapterRow]:
    """Increase γ up to 1 in the oracle; run γ = 1 in the frameworks with the section's η and with smaller ones."""
    start = tasks.quadratic().initial
    for decay in DECAYS:
        path = descend(lambda step, x: SLOPES * x, start, STEPS, rmsprop(RATE, decay, EPSILON))  # noqa: ARG005
        yield context.oracle_row(
            problem="quadratic",
            method="rmsprop",
            setting=f"γ = {decay:g}",
            inputs={"decay": decay, "learning_rate": RATE, "epsilon": EPSILON, "steps": STEPS},
            results={"first_step_size": float(abs(path[1, 0] - path[0, 0])), "loss": float(loss(path)[-1])},
            series={"step": np.arange(STEPS + 1), "loss": loss(path), "x1": path[:, 0], "x2": path[:, 1]},
        )
    slow = (Hyperparameters(learning_rate=rate, decay=1.0, epsilon=EPSILON) for rate in RATES.values())
    trained = [replace(tasks.quadratic(), id=name, hyperparameters=h) for name, h in zip(RATES, slow, strict=True)]
    for one in context.train(trained, IMPLEMENTATIONS):
        h = one.task.hyperparameters
        inputs = {"decay": h.decay, "learning_rate": h.rate(0), "epsilon": h.epsilon, "steps": STEPS}
        columns: Columns = {"problem": "quadratic", "method": "gamma one", "setting": one.task.id, "inputs": inputs}
        compared = one
        if one.path is not None:
            columns |= compare_with_closed_form(one.path, h, dialects[str(one.training.dialect)])
            steps = int(columns["results"]["ended_after"] or 0) - 1
            if steps > 0:
                columns["detail"], compared = f"compared over {steps} steps", compared_over(one, steps)
        yield compared.row(columns)


def compare_with_closed_form(path: Array, h: Hyperparameters, dialect: Dialect) -> Columns:
    """Compare a path with gradient descent, and find the step after which it is not finite.

    A diverging run is expected to end in the step in which the square of a gradient overflows (`square_overflow`),
    because (1 - γ) g² is then 0 · ∞. An implementation that computes (1 - γ) g first ends when x overflows
    (`parameter_overflow`).
    """
    rate = descent_rate(h, dialect)
    closed = closed_form(rate, path[0], len(path) - 1)
    with np.errstate(all="ignore"):
        squares = (closed * SLOPES) ** 2
        finite = (np.isfinite(path), squares <= LARGEST, np.abs(closed) <= LARGEST)
        ended, square, parameter = (_first(~np.all(ok, axis=1)) for ok in finite)
        known = len(path) if ended is None else ended
        distance = np.abs(path[:known] - closed[:known]) / np.abs(closed[:known])
    return {
        "results": {
            "descent_rate": rate,
            "distance": float(np.max(distance)),
            "ended_after": ended,
            "square_overflow": None if square is None else square + 1,
            "parameter_overflow": parameter,
            "loss": float(loss(path[-1:])[0]),
        },
        "series": {"step": np.arange(len(path)), "loss": loss(path), "closed_form": loss(closed)},
    }


def compared_over(one: FrameworkRun, steps: int) -> FrameworkRun:
    """Compare the first steps alone with the oracle; values that are not finite have no bound."""
    task, training = replace(one.task, steps=steps), one.training
    recording = {name: values[:steps] for name, values in one.recording.items()}
    with np.errstate(all="ignore"):
        found = check_training(task, recording, str(training.dialect), training.dtype)
    training = replace(training, gradient_ratio=found.gradient_ratio, update_ratio=found.updates.bound_ratio)
    return replace(one, training=replace(training, outcome=found.outcome, reason=found.reason))


def _first(where: NDArray[np.bool_]) -> int | None:
    return int(np.argmax(where)) if where.any() else None


def descent_rate(h: Hyperparameters, dialect: Dialect) -> float:
    """Compute the learning rate of the gradient descent that RMSProp with γ = 1 is."""
    start = h.epsilon if dialect.initial_accumulator == "epsilon" else float(dialect.initial_accumulator)
    outside = dialect.epsilon == "outside" or (dialect.epsilon != "inside" and h.momentum == 0 and not h.centered)
    return float(h.rate(0) / (start**0.5 + h.epsilon if outside else (start + h.epsilon) ** 0.5))


def closed_form(rate: float, start: Array, steps: int) -> Array:
    """Compute x_t = x_0 (1 - rate · slope)^t in each coordinate; shape (steps + 1, 2)."""
    return np.asarray(start * (1 - rate * SLOPES) ** np.arange(steps + 1)[:, None])


def describe(rows: Rows) -> Section:
    """Describe how γ approaches 1 in the oracle, and γ = 1 in the frameworks."""
    approach = Rows(sorted(rows.oracle(method="rmsprop"), key=lambda row: row.inputs.get("decay") or 0))
    runs = rows.runs(method="gamma one")
    exhibits = []
    if approach:
        findings = (*explanation(approach), *refusals(runs), *first_steps(approach))
        caption = f"f during 20 steps of the oracle with the section's η. {HIGHLIGHT}"
        text = FigureText("figure-gamma-one", "The section's quadratic as γ approaches 1", caption)
        lines = [(row.setting, row) for row in approach]
        exhibits.append(Exhibit(line_chart(text, lines, STEP, LOSS, Axis("decay", "γ")), findings))
    if any(row.series for row in runs):
        findings = (*is_descent(runs), *descent_rates(runs), *overflows(runs))
        exhibits.append(Exhibit(_descent_figure(runs), findings))
    tables = run_table(
        "γ = 1 in every framework",
        ("Implementation", "Dialect", "η"),
        ("Rate of descent", "f after 20 steps", "Distance from closed form", "Ended after"),
        runs,
        lambda row: (
            run_name(row),
            row.dialect or "",
            RATE_NAMES.get(row.setting, ""),
            number(row.results.get("descent_rate")),
            number(row.results.get("loss")),
            number(row.results.get("distance"), 2),
            f"{ended:.0f}" if (ended := row.results.get("ended_after")) is not None else "",
        ),
    )
    return Section(HEADING, tuple(exhibits), tables)


def explanation(approach: Rows) -> Iterator[str]:
    """State whether RMSProp converges at γ = 1, and why."""
    last = approach[-1]
    rate, epsilon, end = last.inputs.get("learning_rate"), last.inputs.get("epsilon"), last.results.get("loss")
    if last.inputs.get("decay") != 1 or not rate or not epsilon:
        return
    verb = "diverges" if end is None or end > 1 else "converges"
    value = f"f is {number(end)} after 20 steps" if end is not None else "f is not finite after 20 steps"
    yield (
        f"With γ = 1 RMSProp {verb}: {value}. No gradient enters the average, so s keeps its initial value, 0, and a "
        f"step is η g/√ε. This is gradient descent with the learning rate {exact(rate)}/√{exact(epsilon)} = "
        f"{number(rate / epsilon**0.5)}, and on this objective it must be less than {LARGEST_STABLE_RATE}."
    )


def refusals(runs: Rows) -> Iterator[str]:
    """State which implementations reject γ = 1."""
    if not runs:
        return
    refused = {
        run_name(row): row.reason or "" for row in runs if row.outcome in ("unsupported", "failed") and not row.series
    }
    frameworks = listing(sorted({row.framework for row in runs}))
    implementations = f"{counted(len({run_name(row) for row in runs}), 'implementation')} of {frameworks}"
    if not refused:
        yield f"No framework rejects γ = 1: {implementations} run it."
    else:
        each = listing([f"{name} ({reason})" for name, reason in refused.items()])
        yield f"Of {implementations}, these reject γ = 1: {each}."


def first_steps(approach: Rows) -> Iterator[str]:
    """State how the first step grows as γ approaches 1."""
    below = [row for row in approach if (row.inputs.get("decay") or 0) < 1]
    if len(below) < 2:
        return
    first, last = below[0], below[-1]
    sizes = [row.results.get("first_step_size") or 0.0 for row in (first, last)]
    predicted = [
        (row.inputs.get("learning_rate") or 0) / (1 - (row.inputs.get("decay") or 0)) ** 0.5 for row in (first, last)
    ]
    proportional = np.allclose(sizes, predicted, rtol=0.01, atol=0)
    yield (
        f"As γ approaches 1, the first step grows from {number(sizes[0])} at {first.setting} to {number(sizes[1])} "
        f"at {last.setting}. {'It equals' if proportional else 'It differs from'} η/√(1 - γ)."
    )


def is_descent(runs: Rows) -> Iterator[str]:
    """State whether every run is gradient descent."""
    distances = {
        f"{run_name(row)}, {RATE_NAMES.get(row.setting, '')}": distance
        for row in runs
        if (distance := row.results.get("distance")) is not None
    }
    if distances:
        worst = max(distances, key=distances.__getitem__)
        verb = "is" if distances[worst] < 1e-3 else "is not always"
        yield (
            f"In the frameworks, RMSProp with γ = 1 {verb} gradient descent with a constant learning rate. Of "
            f"{len(distances)} runs, {worst}, is the farthest from the closed form x₀ (1 - rate · slope)ᵗ, by a "
            f"relative distance of {number(distances[worst], 2)}."
        )


def descent_rates(runs: Rows) -> Iterator[str]:
    """State the learning rate of each implementation's gradient descent with the section's η."""
    rates = {
        run_name(row): rate for row in runs if row.setting == "section" and (rate := row.results.get("descent_rate"))
    }
    groups: dict[str, list[str]] = {}
    for name in sorted(rates, key=rates.__getitem__):
        groups.setdefault(number(rates[name]), []).append(name)
    if len(groups) > 1:
        each = "; ".join(f"{rate} in {listing(sorted(names))}" for rate, names in groups.items())
        stable = [name for name, rate in rates.items() if rate < LARGEST_STABLE_RATE]
        yield (
            "With the same η = 0.4, the learning rate of the descent depends on the place of ε and on the initial "
            f"value of s. It is {each}. "
            + (f"Only {listing(stable)} converges, because s starts at 1." if stable else "All of these diverge.")
        )


def overflows(runs: Rows) -> Iterator[str]:
    """State after which step diverging runs end, and which overflow explains it."""

    def steps(rows: Sequence[ChapterRow]) -> str:
        every = sorted({int(row.results.get("ended_after") or 0) for row in rows})
        return listing([str(count) for count in every], "or")

    def overflowed(row: ChapterRow, where: str) -> bool:
        return row.results.get(where) == row.results.get("ended_after")

    ended = [row for row in runs if row.results.get("ended_after") is not None]
    square = [row for row in ended if overflowed(row, "square_overflow")]
    parameter = [row for row in ended if row not in square and overflowed(row, "parameter_overflow")]
    other = [row for row in ended if row not in square and row not in parameter]
    if square:
        count = counted(len(square), "diverging run ends", "diverging runs end")
        yield capitalized(
            f"{count} after {steps(square)} steps, in the step in which g² overflows float32: it is multiplied by 1 - "
            "γ = 0, and 0 · ∞ is not a number. The parameters themselves would overflow much later."
        )
    if parameter:
        names = list(dict.fromkeys(map(run_name, parameter)))
        yield (
            f"{listing(names)} {'ends' if len(names) == 1 else 'end'} only when the parameters overflow, after "
            f"{steps(parameter)} steps: (1 - γ) g is computed first there, which is 0, so no square overflows."
        )
    if other:
        each = listing([f"{run_name(row)} after {row.results.get('ended_after'):.0f} steps" for row in other])
        yield f"Neither overflow explains where these runs end: {each}."


def _descent_figure(runs: Rows) -> Figure:
    def rate(row: ChapterRow) -> float:
        return row.results.get("descent_rate") or 0

    selected = [row for row in runs if row.setting == "section" or abs(rate(row) / STABLE_RATE - 1) < 1e-3]
    shown = [(f"rate {number(rate(row))}", row) for row in sorted(selected, key=rate) if row.series]
    lines = [
        (label, replace(row, series={**row.series, "loss": row.series.get("closed_form", ())}))
        for label, row in dict(reversed(shown)).items()
    ]
    title = "γ = 1 in the frameworks: gradient descent at different learning rates"
    caption = (
        "Lines: the closed form. Marks: the frameworks with η = 0.4, and with an η so small that the descent "
        "converges. Select a rate in the legend to highlight it."
    )
    text = FigureText("figure-gamma-one-descent", title, caption)
    return line_chart(text, reversed(lines), STEP, LOSS, Axis("rate", "Descent"), shown)


PART = Part(HEADING, run, describe)
