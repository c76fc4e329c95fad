"""Part 7, exercise 4: a grid over γ and η, and a γ that changes during the optimization."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters
from reports.figures.chart_style import Figure
from reports.tables.table import Table, columns
from suite.cases import tasks
from suite.cases.tasks import Task
from suite.chapter import trajectory
from suite.chapter.charts import HIGHLIGHT, STEP, Axis, FigureText, heat_map, line_chart
from suite.chapter.descent import Array, LeastSquares, Method, Schedule, constant, descend, rmsprop
from suite.chapter.part import Context, Exhibit, Heading, Part, Rows, Section, points, run_name
from suite.chapter.text import agreement, listing, number, percent, run_table
from suite.results.rows import ChapterRow

HEADING = Heading(
    7,
    "sensitivity",
    "A γ that changes, and how much it matters",
    "Exercise 4: “Would you want to adjust γ as optimization progresses? How sensitive is RMSProp to this?”",
)
EPSILON = 1e-6
DECAYS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
RATES = {
    "regression": tuple(float(f"{0.01 * 10 ** (k / 4):.2g}") for k in range(-6, 9)),
    "quadratic": tuple(float(f"{0.4 * 10 ** (k / 4):.2g}") for k in range(-9, 6)),
}
SECTION_DECAY = 0.9
SECTION_RATES = {"regression": 0.01, "quadratic": 0.4}
CORNERS = tuple((decay, rate) for decay in (0.5, 0.99) for rate in (0.001, 0.1))
"""The pairs of γ and η that are run in the frameworks."""

LAST_STEPS = 60  # over which the end of a loss curve is averaged, because it varies from batch to batch
SECTION_SCHEDULE = "γ = 0.9"

TEXTS = {
    "regression": ("Linear regression", "Loss above the minimum, in percent, after two epochs", "Above minimum, %"),
    "quadratic": ("The quadratic in the plane", "f(x) after 20 steps", "f(x)"),
}
"""Problem -> title, quantity of a cell, and its short name."""

CLASSES = {
    "regression": ((0.01, "under 1 %"), (0.02, "1 to 2 %"), (0.05, "2 to 5 %"), (0.15, "5 to 15 %"), (0.5, "to 50 %"),
                   (2.0, "to 200 %"), (float("inf"), "more")),
    "quadratic": ((1e-9, "under 10⁻⁹"), (1e-6, "to 10⁻⁶"), (1e-3, "to 10⁻³"), (1e-1, "to 0.1"), (1.0, "to 1"),
                  (8.0, "to 8"), (float("inf"), "more")),
}  # fmt: skip
"""Problem -> classes of a heat map: the upper limit of `Cell.excess`, and the name."""


def decay_schedules(steps: int) -> Mapping[str, Schedule]:
    """Schedules of γ over a number of steps, by their description."""
    return {
        "γ = 0.9": constant(0.9),
        "γ = 0.99": constant(0.99),
        "γ = 0.999": constant(0.999),
        "rising, 0.5 to 0.99": lambda t: 0.5 + 0.49 * (t - 1) / (steps - 1),
        "falling, 0.99 to 0.5": lambda t: 0.99 - 0.49 * (t - 1) / (steps - 1),
        "0.9, then 0.99": lambda t: 0.9 if t <= steps / 2 else 0.99,
        "1 - 1/t": lambda t: 1 - 1 / t,
    }


def run(context: Context) -> Iterator[ChapterRow]:
    """Compute both grids and the schedules of γ in the oracle; run the corners of one grid in the frameworks."""
    task = tasks.regression(context.data, context.run.options.seed)
    problem, rate = LeastSquares(task), SECTION_RATES["regression"]
    for name, losses, minimum in (
        ("regression", regression_grid(problem, task), problem.minimum_loss),
        ("quadratic", quadratic_grid(), 0.0),
    ):
        for decay, line in zip(DECAYS, losses, strict=True):
            inputs = {"decay": decay, "minimum_loss": minimum}
            cells = {"rate": RATES[name], "loss": line}
            yield context.oracle_row(problem=name, method="grid", setting=f"γ = {decay}", inputs=inputs, series=cells)
    for name, schedule in decay_schedules(task.steps).items():
        method = Method(constant(rate), schedule, constant(EPSILON))
        curve = problem.losses(descend(problem.gradient, task.initial, task.steps, method))
        decays, last = [float(schedule(t)) for t in range(1, task.steps + 1)], curve[-LAST_STEPS:]
        yield context.oracle_row(
            problem="regression",
            method="decay schedule",
            setting=name,
            inputs={"learning_rate": rate, "minimum_loss": problem.minimum_loss, "last_steps": LAST_STEPS},
            results={"loss": float(curve[-1]), "mean_loss": float(last.mean()), "loss_deviation": float(last.std())},
            series={"step": np.arange(task.steps + 1), "loss": curve, "decay": [decays[0], *decays]},
        )
    pairs = [Hyperparameters(learning_rate=rate, decay=decay, epsilon=EPSILON) for decay, rate in CORNERS]
    corners = [replace(task, id=f"{task.id}-{h.decay}-{h.rate(0)}", hyperparameters=h) for h in pairs]
    for one in context.train(corners, ("scratch",)):
        h = one.task.hyperparameters
        yield one.row(
            problem="regression",
            method="grid",
            setting=f"γ = {h.decay}, η = {h.rate(0):g}",
            inputs={"decay": h.decay, "learning_rate": h.rate(0), "minimum_loss": problem.minimum_loss},
            results={} if one.path is None else {"loss": float(problem.losses(one.path[-1:])[0])},
        )


def regression_grid(problem: LeastSquares, task: Task) -> Array:
    """Compute the loss after the task's steps; shape (decays, rates)."""
    return problem.losses(_end_points(problem.gradient, task.initial, task.steps, RATES["regression"]))


def quadratic_grid() -> Array:
    """Compute the loss on the quadratic after the section's steps; shape (decays, rates)."""
    slopes, start = trajectory.SLOPES[:, None, None], tasks.quadratic().initial
    return trajectory.loss(_end_points(lambda step, x: slopes * x, start, trajectory.STEPS, RATES["quadratic"]))  # noqa: ARG005


def _end_points(
    gradient: Callable[[int, Array], Array], start: NDArray[Any], steps: int, rates: Sequence[float]
) -> Array:
    """Compute the final parameters for each γ and η; shape (decays, rates, n)."""
    decays, columns = np.array(DECAYS)[:, None], np.array(rates)
    initial = np.broadcast_to(start[:, None, None], (len(start), len(decays), len(columns)))
    return np.moveaxis(descend(gradient, initial, steps, rmsprop(columns, decays, EPSILON))[-1], 0, -1)


@dataclass(frozen=True)
class Cell:
    """A pair of γ and η of a grid, and the loss at the end of its run.

    `excess` is (loss - minimum) / minimum, or the loss itself where the minimum is 0.
    """

    decay: float
    rate: float
    loss: float
    excess: float


def describe(rows: Rows) -> Section:
    """Describe two heat maps over γ and η, and the loss curves of several schedules of γ."""
    corners = rows.runs(problem="regression", method="grid")
    exhibits = []
    for problem in ("regression", "quadratic"):
        if pairs := grid(rows, problem):
            findings = [*best_pair(pairs, problem), *effect_of_each(pairs, problem)]
            if problem == "regression":
                findings += [*best_rates(pairs), *in_frameworks(corners)]
            exhibits.append(Exhibit(_heat_map(pairs, problem, corners), tuple(findings)))
    schedules = rows.oracle(problem="regression", method="decay schedule")
    if schedules:
        exhibits.append(Exhibit(_schedule_figure(schedules), tuple(changing_decay(schedules))))
    tables = run_table(
        "The frameworks at pairs of the first heat map",
        ("Pair", "Implementation"),
        ("Loss",),
        corners,
        lambda row: (row.setting, run_name(row), number(row.results.get("loss"), 9)),
    )
    headings = ("Loss at the end", "Mean of the last steps", "Standard deviation")
    names = ("loss", "mean_loss", "loss_deviation")
    cells = [(row.setting, *(number(row.results.get(name), 5) for name in names)) for row in schedules]
    if schedules:
        tables = (Table.of(columns("γ", numbers=headings), cells, "Schedules of γ"), *tables)
    return Section(HEADING, tuple(exhibits), tables)


def grid(rows: Rows, problem: str) -> list[Cell]:
    """Select all pairs with a finite loss."""
    cells = []
    for row in rows.oracle(problem=problem, method="grid"):
        decay, minimum = row.inputs.get("decay"), row.inputs.get("minimum_loss") or 0.0
        if decay is not None:
            pairs = points(row, "rate", "loss")
            cells += [Cell(decay, rate, loss, loss / minimum - 1 if minimum else loss) for rate, loss in pairs]
    return cells


def best_pair(cells: Sequence[Cell], problem: str) -> Iterator[str]:
    """State the pair with the lowest loss, and the loss of the section's pair."""
    best, rate = min(cells, key=lambda cell: cell.excess), SECTION_RATES[problem]
    own = [cell for cell in cells if cell.decay == SECTION_DECAY and abs(cell.rate / rate - 1) < 0.02]
    statement = (
        f"Of {len(cells)} pairs, γ = {best.decay:g} with η = {best.rate:g} is the best, {_excess(best, problem)}"
    )
    if own:
        statement += f"; the section's pair, γ = {SECTION_DECAY} with η = {rate}, ends {_excess(own[0], problem)}"
    yield f"{statement}."


def _excess(cell: Cell, problem: str) -> str:
    return f"{percent(cell.excess)} above the minimum" if problem == "regression" else f"with f = {number(cell.excess)}"


def effect_of_each(cells: Sequence[Cell], problem: str) -> Iterator[str]:
    """State by how much the loss changes if γ alone, or η alone, differs from the section's pair."""
    rate = min((cell.rate for cell in cells), key=lambda value: abs(value / SECTION_RATES[problem] - 1))
    by_decay = [cell for cell in cells if cell.rate == rate]
    by_rate = [cell for cell in cells if cell.decay == SECTION_DECAY]
    if not by_decay or not by_rate:
        return
    factors = [max(c.loss for c in part) / max(min(c.loss for c in part), 1e-300) for part in (by_decay, by_rate)]
    more, less = ("η", "γ") if factors[1] > factors[0] else ("γ", "η")
    conclusion = f"{more} matters more than {less}" if max(factors) > 2 * min(factors) else "both matter equally"
    yield (
        f"Starting from the section's pair, changing γ alone from {by_decay[0].decay:g} to {by_decay[-1].decay:g} "
        f"changes the loss by up to a factor of {number(factors[0])}, and changing η alone from {by_rate[0].rate:g} to "
        f"{by_rate[-1].rate:g} by up to a factor of {number(factors[1])}: {conclusion}."
    )


def best_rates(cells: Sequence[Cell]) -> Iterator[str]:
    """State whether the best η depends on γ."""
    decays = list(dict.fromkeys(cell.decay for cell in cells))
    best = {decay: min((c for c in cells if c.decay == decay), key=lambda c: c.excess).rate for decay in decays}
    first, last = best[decays[0]], best[decays[-1]]
    values = f"{first:g} at γ = {decays[0]:g} and {last:g} at γ = {decays[-1]:g}"
    if first > 2 * last:
        yield (
            f"The best η decreases with γ: it is {values}. An average that starts at 0 with a large γ stays too small "
            "for about 1/(1 - γ) steps, so these steps are too long."
        )
    else:
        yield f"The best η does not decrease with γ: it is {values}."


def in_frameworks(corners: Rows) -> Iterator[str]:
    """State whether the frameworks agree with the oracle at the corners."""
    if corners:
        pairs, frameworks = len({row.setting for row in corners}), sorted({row.framework for row in corners})
        yield f"At the {pairs} framed pairs, in {listing(frameworks)}, {agreement(corners)}."


def changing_decay(schedules: Rows) -> Iterator[str]:
    """State the best and the worst schedule of γ, and whether a changing γ is worthwhile."""
    minimum, last = schedules[0].inputs.get("minimum_loss"), schedules[0].inputs.get("last_steps") or 0
    if not minimum:
        return
    excess = {name: mean / minimum - 1 for name, mean in schedules.by_setting("mean_loss").items()}
    if not excess:
        return
    best, worst = min(excess, key=excess.__getitem__), max(excess, key=excess.__getitem__)
    yield (
        f"In the mean of the last {last:.0f} steps with the section's η, the best schedule of γ is “{best}”, "
        f"{percent(excess[best])} above the minimum, and the worst is “{worst}”, {percent(excess[worst])} above it."
    )
    changing = [excess[name] for name in excess if not name.startswith("γ =")]
    if SECTION_SCHEDULE in excess and changing:
        gain = excess[SECTION_SCHEDULE] - min(changing)
        variation = schedules.by_setting("loss_deviation").get(SECTION_SCHEDULE, 0.0) / minimum
        less, conclusion = "more", "changing γ helps here"
        if gain < variation:
            less, conclusion = "less", "here γ can stay constant, and η is the parameter to adjust"
        yield (
            f"The best changing γ {'improves' if gain > 0 else 'worsens'} the loss of {SECTION_SCHEDULE} by "
            f"{percent(abs(gain))}, {less} than it varies from batch to batch ({percent(variation)}): {conclusion}."
        )


def _heat_map(cells: Sequence[Cell], problem: str, corners: Rows) -> Figure:
    runs: dict[tuple[float | None, float | None], list[str]] = {}
    for row in corners if problem == "regression" else ():
        pair = (row.inputs.get("decay"), row.inputs.get("learning_rate"))
        runs.setdefault(pair, []).append(f"{run_name(row)} {row.outcome}")
    framed = [
        {**_point(cell, problem), "run": ", ".join(runs[cell.decay, cell.rate])}
        for cell in cells
        if (cell.decay, cell.rate) in runs
    ]
    title, quantity, short = TEXTS[problem]
    caption = f"{quantity}, computed by the oracle for each pair; blank where it is not finite."
    caption += " Framed: pairs that were run in the frameworks too." if framed else ""
    text = FigureText(f"figure-sensitivity-{problem}", f"{title}: γ against η", caption)
    every = [_point(cell, problem) for cell in cells]
    names = [name for _, name in CLASSES[problem]]
    return heat_map(text, every, Axis("rate", "η"), Axis("decay", "γ"), Axis("value", short), names, framed)


def _point(cell: Cell, problem: str) -> dict[str, Any]:
    value = 100 * cell.excess if problem == "regression" else cell.excess
    if problem == "regression" and value < 9995:
        shown = f"{value:.{value < 9.95:d}f}"
    elif 0.01 <= value < 1000:
        shown = f"{value:.2g}"
    else:
        shown = f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return {
        "decay": f"{cell.decay:g}",
        "rate": f"{cell.rate:g}",
        "value": value,
        "text": shown,
        "class": next(name for limit, name in CLASSES[problem] if cell.excess < limit or limit == float("inf")),
    }


def _schedule_figure(schedules: Rows) -> Figure:
    caption = f"Loss above the minimum, relative to it, during two epochs with the section's η. {HIGHLIGHT}"
    text = FigureText("figure-sensitivity-schedules", "Schedules of γ, linear regression", caption)
    lines = []
    for row in schedules:
        minimum, thinned = row.inputs.get("minimum_loss") or 1.0, points(row, "step", "loss")[::3]
        excess = {"step": [step for step, _ in thinned], "excess": [loss / minimum - 1 for _, loss in thinned]}
        lines.append((row.setting, replace(row, series=excess)))
    excess_axis = Axis("excess", "Above the minimum", log=True, format="~%", smallest=1e-4)
    return line_chart(text, lines, STEP, excess_axis, Axis("schedule", "γ"))


PART = Part(HEADING, run, describe)
