"""Part 5, exercise 2: the objective rotated, from the axes to the exercise's 45 degrees and on to 90.

The start turns with the objective, so that what depends on the shape alone, as gradient descent does, is the same at
every angle. The exercise keeps the start, and is also twice as steep: (x1 ± x2) in place of (x1 ± x2)/√2; the
frameworks run it as it stands there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from suite.cases import tasks
from suite.chapter import trajectory
from suite.chapter.descent import Method, adagrad, descend, gradient_descent, rmsprop
from suite.chapter.part import Context, Part, path_with_start, row, series
from suite.chapter.trajectory import DECAY, EPSILON, NEAR, RATE, SLOPES, STEPS
from suite.results.store import Row

ANGLES = tuple(range(0, 91, 5))  # degrees
LONG = 600  # steps
METHODS: Mapping[str, Method] = {
    "rmsprop": rmsprop(RATE, DECAY, EPSILON),
    "adagrad": adagrad(RATE, EPSILON),
    "gradient descent": gradient_descent(RATE),
}
SHOWN = (0, 45)
IMPLEMENTATIONS = trajectory.IMPLEMENTATIONS


def rows(context: Context) -> Iterator[Row]:
    """Each method over the angles; two of its curves; and the frameworks on the exercise and on the section's f."""
    start = tasks.quadratic().initial.astype(np.float64)
    for name, method in METHODS.items():
        ends = [turned(angle, start, method) for angle in ANGLES]
        yield row(
            "rotated",
            name,
            "over angles",
            given={
                "learning_rate": RATE,
                "decay": DECAY,
                "epsilon": EPSILON,
                "steps": STEPS,
                "near": NEAR,
                "long": LONG,
            },
            series=series(
                angle=ANGLES,
                loss=[losses[STEPS] for losses in ends],
                arrived=[arrival(losses) for losses in ends],
            ),
        )
        for angle in SHOWN:
            losses = ends[ANGLES.index(angle)][: 3 * STEPS + 1]
            told = series(step=np.arange(len(losses)), loss=losses)
            yield row("rotated", name, f"{angle}°", given={"angle": angle}, series=told)
    both = {one.id: one for one in (tasks.quadratic(), tasks.quadratic(rotated=True))}
    for task in both.values():
        path = descend(lambda step, x: task.objective.gradient(x, step), task.initial, STEPS, METHODS["rmsprop"])  # noqa: B023
        yield row(task.id, "rmsprop", "as printed", found=_end(task, path))
    for one in context.runner.train(both, IMPLEMENTATIONS):
        found = _end(one.task, path_with_start(one)) if one.observed else {}
        yield {**one.row, "subject": one.task.id, "method": "rmsprop", "setting": "as printed", "found": found}


def turned(angle: float, start: NDArray[np.float64], method: Method) -> NDArray[np.float64]:
    """The loss along a run on f(R x) from Rᵀ start, where R turns by an angle in degrees; shape (LONG + 1,)."""
    rotation = turn(angle)
    curvature = rotation.T @ np.diag(SLOPES) @ rotation
    path = descend(lambda step, x: curvature @ x, rotation.T @ start, LONG, method)  # noqa: ARG005
    return trajectory.loss(path @ rotation.T)


def turn(angle: float) -> NDArray[np.float64]:
    """The rotation of the plane by an angle in degrees."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([[c, s], [-s, c]])


def arrival(losses: NDArray[np.float64]) -> float:
    """The first step at which a loss is near the least; not a number if there is none."""
    near = np.flatnonzero(losses <= NEAR)
    return float(near[0]) if near.size else float("nan")


def _end(task: tasks.Task, path: NDArray[np.float64]) -> dict[str, float]:
    x = path[STEPS]
    return {"x1": float(x[0]), "x2": float(x[1]), "loss": task.objective.loss(x)}


PART = Part(5, "rotation", "Exercise 2: the objective rotated", rows)
