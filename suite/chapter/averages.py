"""Part 1: the weights of leaky averages, their sums and half-lives (section 11.8.1)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reference import Hyperparameters, dialects, effective_window, half_life, leaky_weights, replay, weight_sum
from reports.tables.table import Table, columns
from suite.chapter.charts import HIGHLIGHT, Axis, FigureText, line_chart
from suite.chapter.descent import Array
from suite.chapter.part import Context, Exhibit, Heading, Part, PrintedNumber, Rows, Section, points
from suite.chapter.text import number, percent
from suite.results.rows import ChapterRow

HEADING = Heading(
    1,
    "averages",
    "Leaky averages",
    "Equation 11.8.2 unrolls sₜ = γ sₜ₋₁ + (1 - γ) gₜ²: the weight of an observation made k steps ago is (1 - γ) γᵏ. "
    "The section plots these weights over 40 steps, and states that they sum to 1 “with a half-life time of an "
    "observation of γ⁻¹”.",
)
DECAYS = (0.95, 0.9, 0.8, 0.7)  # those of the section's plot
STEPS = 40
TOLERANCE = 0.05  # the relative error up to which a printed value counts as the same


def run(context: Context) -> Iterator[ChapterRow]:
    """Compute the weights for each γ: from the formula, and from the update with a single gradient."""
    for decay in DECAYS:
        weights = leaky_weights(decay, STEPS)
        yield context.oracle_row(
            problem="average",
            method="leaky",
            setting=f"γ = {decay}",
            inputs={"decay": decay, "steps": STEPS},
            results={
                "weight_sum": weight_sum(decay, STEPS),
                "numerical_sum": float(weights.sum()),
                "half_life": half_life(decay),
                "halved_after": int(np.argmax(weights <= weights[0] / 2)),
                "window": effective_window(decay),
                "printed_half_life": 1 / decay,
            },
            series={"age": np.arange(STEPS), "weight": weights, "impulse_response": impulse_response(decay)},
        )


def impulse_response(decay: float) -> Array:
    """Compute the oracle's average after a gradient of 1 followed by zeros; shape (STEPS,)."""
    gradients = np.zeros((STEPS, 1))
    gradients[0] = 1
    trace = replay(gradients, [0.0], Hyperparameters(decay=decay), dialects["d2l"])
    return np.asarray(trace.square_average[:, 0])


def describe(rows: Rows) -> Section:
    """Describe the section's first figure, and its statements about sums and half-lives."""
    averages = Rows(sorted(rows.oracle(problem="average"), key=lambda row: -(row.inputs.get("decay") or 0)))
    if not any(row.series for row in averages):
        return Section(HEADING)
    caption = f"The area under each line is the sum of its weights. {HIGHLIGHT}"
    text = FigureText("figure-averages", "Weight of an observation by its age", caption)
    lines = [(row.setting, row) for row in averages]
    age, weight = Axis("age", "Steps ago", zero=True), Axis("weight", "Weight", zero=True)
    chart = line_chart(text, lines, age, weight, Axis("average", "Average"))
    findings = (half_lives(averages), sums(averages), update_weights(averages))
    headings = ("Sum over 40 steps", "Half-life (steps)", "γ⁻¹, printed as half-life", "1/(1 - γ)")
    names = ("weight_sum", "half_life", "printed_half_life", "window")
    cells = ((row.setting, *(number(row.results.get(name), 4) for name in names)) for row in averages)
    table = Table.of(columns("Average", numbers=headings), cells, "Sums, half-lives and windows of the averages")
    return Section(HEADING, (Exhibit(chart, findings),), (table,), tuple(_published(averages)))


def half_lives(averages: Rows) -> str:
    """State the half-lives, and whether the section prints them."""
    longest, shortest = averages[0], averages[-1]
    when = f"{number(longest.results.get('half_life'))} steps at {longest.setting}"
    if shortest is not longest:
        when += f" and after {number(shortest.results.get('half_life'))} steps at {shortest.setting}"
    statement = f"The weight of an observation halves after {when} (ln ½ / ln γ)"
    if all(_as_printed(row) for row in averages):
        return f"{statement}, which is the γ⁻¹ that the section prints."
    worst = max(averages, key=_ratio)
    printed, window = (number(worst.results.get(name)) for name in ("printed_half_life", "window"))
    left = float((worst.inputs.get("decay") or 0) ** (worst.results.get("printed_half_life") or 0))
    return (
        f"{statement}. The section prints γ⁻¹ instead: at {worst.setting} this is {printed} steps, after which an "
        f"observation still has {percent(left)} of its weight. Nor is γ⁻¹ the number of observations that the average "
        f"covers, which is 1/(1 - γ) = {window}."
    )


def sums(averages: Rows) -> str:
    """State the sums of the weights, and whether they equal 1 - γⁿ."""
    steps = averages[0].inputs.get("steps") or 0
    each = ", ".join(f"{number(row.results.get('numerical_sum'), 4)} at {row.setting}" for row in averages)
    worst = max(abs((row.results.get("numerical_sum") or 0) - (row.results.get("weight_sum") or 0)) for row in averages)
    statement = f"Over {steps:.0f} steps the weights add up to {each}"
    if worst < 1e-12:
        return f"{statement}. This is 1 - γⁿ; the remaining weight belongs to older observations."
    return f"{statement}. This differs from 1 - γⁿ by up to {number(worst, 2)}."


def update_weights(averages: Rows) -> str:
    """State whether the update applies the weights of the formula."""
    pairs = [pair for row in averages for pair in points(row, "weight", "impulse_response")]
    worst = max(abs(weight - response) for weight, response in pairs) if pairs else float("nan")
    if worst <= 1e-15:
        return "The update applies these weights: after one gradient of 1 and then zeros, s takes exactly their values."
    return f"After one gradient of 1 and then zeros, s differs from these weights by up to {number(worst, 2)}."


def _ratio(row: ChapterRow) -> float:
    return (row.results.get("half_life") or 0) / (row.results.get("printed_half_life") or 1)


def _as_printed(row: ChapterRow) -> bool:
    return abs(_ratio(row) - 1) <= TOLERANCE


def _published(averages: Rows) -> Iterator[PrintedNumber]:
    for row in averages:
        if row.inputs.get("decay") == 0.9:
            yield PrintedNumber(
                "half-life of an observation, γ = 0.9",
                f"γ⁻¹ = {number(row.results.get('printed_half_life'))}",
                f"{number(row.results.get('half_life'))} steps",
                _as_printed(row),
                "" if _as_printed(row) else "an error of the section: the half-life is ln ½ / ln γ, not γ⁻¹",
            )
            window = row.results.get("window")
            same = window is not None and f"{window:.0f}" == "10"
            name = "observations that the average covers, γ = 0.9"
            yield PrintedNumber(name, "1/(1 - γ) = 10", number(window), same)


PART = Part(HEADING, run, describe)
