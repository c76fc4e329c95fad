"""Part 4, exercise 1: γ = 1. The average stays where it starts, and what is left is gradient descent.

With s₀ for the average's start, a step is η g/√(s₀ + ε), or η g/(√s₀ + ε) where ε stands outside. On the quadratic, of
which the gradient is (0.2 x₁, 4 x₂), each coordinate is then multiplied by the same number at every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Dialect, Hyperparameters, dialects
from suite.cases import tasks
from suite.cases.tasks import Task
from suite.chapter.descent import descend, rmsprop
from suite.chapter.frameworks import FrameworkRun
from suite.chapter.part import Context, Part, path_with_start, row, series
from suite.chapter.trajectory import EPSILON, RATE, SLOPES, STEPS, loss
from suite.conformance import training
from suite.results.store import Row

DECAYS = (0.9, 0.99, 0.999, 0.9999, 1.0)
IMPLEMENTATIONS = ("scratch", "section", "builtin", "kernel", "v1", "legacy")
TAMED = 0.4
"""The rate of the gradient descent that is asked for beside the section's η; from 2/4 on it diverges."""

RATES = {"section": RATE, "inside": TAMED * EPSILON**0.5, "outside": TAMED * EPSILON}
"""The section's η; and those that make a descent with the tamed rate of it, by where ε stands."""

LARGEST = float(np.finfo(np.float32).max)


def rows(context: Context) -> Iterator[Row]:
    """The way to γ = 1 in the oracle; and the frameworks at γ = 1, with the section's η and with one that suits it."""
    start = tasks.quadratic().initial
    for decay in DECAYS:
        path = descend(lambda step, x: SLOPES * x, start, STEPS, rmsprop(RATE, decay, EPSILON))  # noqa: ARG005
        yield row(
            "quadratic",
            "rmsprop",
            f"γ = {decay:g}",
            given={"decay": decay, "learning_rate": RATE, "epsilon": EPSILON, "steps": STEPS},
            found={"first_step": float(abs(path[1, 0] - path[0, 0])), "loss": float(loss(path)[-1])},
            series=series(step=np.arange(STEPS + 1), loss=loss(path), x1=path[:, 0], x2=path[:, 1]),
        )
    asked = {name: _task(name, rate) for name, rate in RATES.items()}
    for one in context.runner.train(asked, IMPLEMENTATIONS):
        h, setting = one.task.hyperparameters, one.task.id
        given = {"decay": h.decay, "learning_rate": h.rate(0), "epsilon": h.epsilon, "steps": STEPS}
        told = compared(path_with_start(one), h, dialects[one.row["dialect"]]) if one.observed else {}
        if told and (ended := told["found"]["ended"]):
            told.update(judged_before(one, ended - 1))
        yield {**one.row, "subject": "quadratic", "method": "gamma one", "setting": setting, "given": given, **told}


def _task(name: str, rate: float) -> Task:
    h = Hyperparameters(learning_rate=rate, decay=1.0, epsilon=EPSILON)
    return replace(tasks.quadratic(), id=name, hyperparameters=h)


def compared(path: NDArray[np.float64], h: Hyperparameters, dialect: Dialect) -> dict[str, Any]:
    """A path beside the closed form: how far from it, as a share of it; and after which step it is no number.

    It may end in the step in which the square of a gradient overflows, since 0 · ∞, which 1 - γ makes of it, is no
    number (`due`), or where (1 - γ) g is formed first, not until x overflows (`due_late`).
    """
    rate = descent_rate(h, dialect)
    closed = closed_form(rate, path[0], len(path) - 1)
    with np.errstate(all="ignore"):
        squares = (closed * SLOPES) ** 2
        held = (np.isfinite(path), squares <= LARGEST, np.abs(closed) <= LARGEST)
        ended, due, late = (_first(~np.all(ok, axis=1)) for ok in held)
        known = len(path) if ended is None else ended
        off = np.abs(path[:known] - closed[:known]) / np.abs(closed[:known])
    return {
        "found": {
            "rate": rate,
            "distance": float(np.max(off)),
            "ended": ended,
            "due": None if due is None else due + 1,
            "due_late": late,
            "loss": float(loss(path[-1:])[0]),
        },
        "series": series(step=np.arange(len(path)), loss=loss(path), closed=loss(closed)),
    }


def judged_before(one: FrameworkRun, steps: int) -> Row:
    """What the oracle says of the steps before a run ended: of what is no number it says nothing."""
    if steps < 1:
        return {}
    observed = {name: values[:steps] for name, values in one.observed.items()}
    with np.errstate(all="ignore"):
        found = training.checked(replace(one.task, steps=steps), observed, one.row["dialect"], one.row["dtype"])
    ratios = {"gradient_ratio": found.gradient_ratio, "update_ratio": found.updates.bound_ratio}
    return {"outcome": found.outcome, "reason": found.reason, "detail": f"judged over {steps} steps", **ratios}


def _first(where: NDArray[np.bool_]) -> int | None:
    """The first place at which something is so."""
    return int(np.argmax(where)) if where.any() else None


def descent_rate(h: Hyperparameters, dialect: Dialect) -> float:
    """The rate of the gradient descent that RMSProp with γ = 1 is."""
    start = h.epsilon if dialect.initial_accumulator == "epsilon" else float(dialect.initial_accumulator)
    outside = dialect.epsilon == "outside" or (dialect.epsilon != "inside" and h.momentum == 0 and not h.centered)
    return float(h.rate(0) / (start**0.5 + h.epsilon if outside else (start + h.epsilon) ** 0.5))


def closed_form(rate: float, start: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """x_t = x_0 (1 - rate · slope)^t in each coordinate; shape (steps + 1, 2)."""
    return np.asarray(start * (1 - rate * SLOPES) ** np.arange(steps + 1)[:, None])


PART = Part(4, "gamma-one", "Exercise 1: γ = 1", rows)
