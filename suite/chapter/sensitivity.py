"""Part 7, exercise 4: a grid over γ and η, and a γ that changes as the optimisation goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters
from suite.cases import tasks
from suite.cases.tasks import Task
from suite.chapter import trajectory
from suite.chapter.batched_regression import LeastSquares
from suite.chapter.descent import Method, Schedule, always, descend, rmsprop
from suite.chapter.part import Context, Part, path_with_start, row, series
from suite.results.store import Row

Array = NDArray[np.float64]

EPSILON = 1e-6
DECAYS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
RATES = {
    "regression": tuple(float(f"{0.01 * 10 ** (k / 4):.2g}") for k in range(-6, 9)),
    "quadratic": tuple(float(f"{0.4 * 10 ** (k / 4):.2g}") for k in range(-9, 6)),
}
CORNERS = tuple((decay, rate) for decay in (0.5, 0.99) for rate in (0.001, 0.1))
RATE = 0.01  # of the section's regression, with which γ changes
LAST = 60  # steps over which the end of a curve is averaged: batches make it jump


def schedules(steps: int) -> Mapping[str, Schedule]:
    """γ as the optimisation goes on, by what it does, for so many steps."""
    return {
        "γ = 0.9": always(0.9),
        "γ = 0.99": always(0.99),
        "γ = 0.999": always(0.999),
        "rising, 0.5 to 0.99": lambda t: 0.5 + 0.49 * (t - 1) / (steps - 1),
        "falling, 0.99 to 0.5": lambda t: 0.99 - 0.49 * (t - 1) / (steps - 1),
        "0.9, then 0.99": lambda t: 0.9 if t <= steps / 2 else 0.99,
        "1 - 1/t": lambda t: 1 - 1 / t,
    }


def rows(context: Context) -> Iterator[Row]:
    """The oracle's grids, its curves for each course of γ, and the frameworks at the corners of the regression's."""
    task = tasks.regression(context.data, context.seed)
    least = LeastSquares.of(task)
    for subject, losses in (("regression", regression_grid(least, task)), ("quadratic", plane_grid())):
        lowest = least.loss if subject == "regression" else 0.0
        for decay, line in zip(DECAYS, losses, strict=True):
            given, ends = {"decay": decay, "lowest": lowest}, series(rate=RATES[subject], loss=line)
            yield row(subject, "grid", f"γ = {decay}", given=given, series=ends)
    for name, schedule in schedules(task.steps).items():
        path = descend(least.gradient, task.initial, task.steps, Method(always(RATE), schedule, always(EPSILON)))
        curve = least.losses(path)
        used = [schedule(t) for t in range(1, task.steps + 1)]
        yield row(
            "regression",
            "course",
            name,
            given={"learning_rate": RATE, "lowest": least.loss, "last": LAST},
            found={"loss": float(curve[-1]), "mean": float(curve[-LAST:].mean()), "spread": float(curve[-LAST:].std())},
            series=series(step=np.arange(task.steps + 1), loss=curve, decay=[used[0], *used]),
        )
    corners = [corner(task, decay, rate) for decay, rate in CORNERS]
    for one in context.runner.train({one.id: one for one in corners}, ("scratch",)):
        h = one.task.hyperparameters
        given = {"decay": h.decay, "learning_rate": h.rate(0), "lowest": least.loss}
        found = {"loss": float(least.losses(path_with_start(one)[-1:])[0])} if one.observed else {}
        own = {"setting": f"γ = {h.decay}, η = {h.rate(0):g}", "given": given, "found": found}
        yield {**one.row, "subject": "regression", "method": "grid", **own}


def corner(task: Task, decay: float, rate: float) -> Task:
    """The same task with another γ and η."""
    h = Hyperparameters(learning_rate=rate, decay=decay, epsilon=EPSILON)
    return replace(task, id=f"{task.id}-{decay}-{rate}", hyperparameters=h)


def regression_grid(least: LeastSquares, task: Task) -> Array:
    """The loss after the task's steps; shape (decays, rates)."""
    end = _ends(least.gradient, task.initial, task.steps, RATES["regression"])
    return least.losses(np.moveaxis(end, 0, -1))


def plane_grid() -> Array:
    """The loss after the section's steps in the plane; shape (decays, rates)."""
    slopes = trajectory.SLOPES[:, None, None]
    start = tasks.quadratic().initial
    end = _ends(lambda step, x: slopes * x, start, trajectory.STEPS, RATES["quadratic"])  # noqa: ARG005
    return trajectory.loss(np.moveaxis(end, 0, -1))


def _ends(gradient: Callable[[int, Array], Array], start: NDArray[Any], steps: int, rates: Sequence[float]) -> Array:
    """Where every γ and η ends; shape (n, decays, rates)."""
    decays, columns = np.array(DECAYS)[:, None], np.array(rates)
    initial = np.broadcast_to(start[:, None, None], (len(start), len(decays), len(columns)))
    return np.asarray(descend(gradient, initial, steps, rmsprop(columns, decays, EPSILON))[-1])


PART = Part(7, "sensitivity", "A γ that changes, and how much it matters", rows)
