"""Part 2: the path of section 11.8.2 in the plane, beside those of Adagrad and of the average s_t/t."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.cases import tasks
from suite.chapter.descent import Method, adagrad, descend, mean_of_squares, rmsprop
from suite.chapter.part import Context, Part, path_with_start, row, series
from suite.results.store import Row

RATE, DECAY, EPSILON = 0.4, 0.9, 1e-6  # the section's
STEPS, LONG = 20, 400  # the section's, and enough to see what comes after them
NEAR = 1e-2  # a loss that counts as arrived
SLOPES = np.array([0.2, 4.0])  # of the gradient
METHODS: Mapping[str, Method] = {
    "rmsprop": rmsprop(RATE, DECAY, EPSILON),
    "mean of squares": mean_of_squares(RATE, EPSILON),
    "adagrad": adagrad(RATE, EPSILON),
}
IMPLEMENTATIONS = ("scratch", "section", "builtin")
GIVEN = {"learning_rate": RATE, "decay": DECAY, "epsilon": EPSILON, "steps": STEPS, "near": NEAR}


def rows(context: Context) -> Iterator[Row]:
    """Each method from the section's start with the section's numbers, and the frameworks on the first of them."""
    task = tasks.quadratic()
    for name, method in METHODS.items():
        path = descend(lambda step, x: SLOPES * x, task.initial, LONG, method)  # noqa: ARG005
        yield row(task.id, name, given=GIVEN, **described(path))
    for one in context.runner.train({task.id: task}, IMPLEMENTATIONS):
        told = described(path_with_start(one)) if one.observed else {}
        yield {**one.row, "subject": task.id, "method": "rmsprop", "setting": "", "given": GIVEN, **told}


def loss(path: NDArray[np.float64]) -> NDArray[np.float64]:
    """f(x) = 0.1 x1² + 2 x2² on the way; shape (steps + 1,)."""
    return np.asarray(path**2 @ SLOPES / 2)


def described(path: NDArray[np.float64]) -> dict[str, Any]:
    """A path of at least the section's steps: where it is after these, how long it takes, and what becomes of it."""
    losses, moved = loss(path), np.abs(np.diff(path[:, 0]))
    arrived = np.flatnonzero(losses <= NEAR)
    return {
        "found": {
            "x1": float(path[STEPS, 0]),
            "x2": float(path[STEPS, 1]),
            "loss": float(losses[STEPS]),
            "arrived": int(arrived[0]) if arrived.size else None,
            "first_step": float(moved[0]),
            "last_step": float(moved[STEPS - 1]),
            "late_loss": float(np.median(losses[-len(losses) // 4 :])),
        },
        "series": series(step=np.arange(len(path)), loss=losses, x1=path[:, 0], x2=path[:, 1]),
    }


PART = Part(2, "trajectory", "The path in the plane", rows)
