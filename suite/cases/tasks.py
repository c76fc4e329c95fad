"""Closed-loop tasks: the workloads of D2L 11.8, with the same initial parameters and batch order for everyone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters
from reference.objectives import LinearRegression, Network, Objective, Quadratic
from suite.cases import datasets
from suite.cases.datasets import Dataset
from suite.cases.random import Bits

SECTION = "Dive into Deep Learning 11.8"
ROWS, BATCH, EPOCHS = 1500, 10, 2  # of the regression, as in `get_data_ch11` and `train_ch11`
DIGITS_STEPS, DIGITS_BATCH = 28, 64  # the first 1792 of the 1797 images
LOSS_EVERY = 200 // BATCH  # steps between evaluations of the loss, as in `train_ch11`


@dataclass(frozen=True)
class Task:
    """A model with data, initial parameters and a batch order.

    Attributes:
        id: the identifier, whose meaning never changes.
        reason: what the task tests.
        source: where it is taken from.
        objective: the function that is minimised, for the oracle.
        initial: the initial parameters, float32, shape (n,).
        steps: the number of steps.
        steps_per_epoch: the number of steps in an epoch.
        evaluate: the steps after which the loss is reported; 0 is before the first.
        hyperparameters: those of the section.
        data: the arrays that a worker needs besides `initial`, by name.
        replayed: whether the gradients of the oracle's run are a tape of the catalogue.
    """

    id: str
    reason: str
    source: str
    objective: Objective
    initial: NDArray[np.float32]
    steps: int
    steps_per_epoch: int
    evaluate: tuple[int, ...]
    hyperparameters: Hyperparameters
    data: Mapping[str, NDArray[Any]] = field(repr=False)
    replayed: bool = True

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that are sent to a worker, by name."""
        counts = {"steps": np.array(self.steps), "steps_per_epoch": np.array(self.steps_per_epoch)}
        return {"initial": self.initial, **counts, **self.data}


def quadratic(*, rotated: bool = False) -> Task:
    """The 2-D quadratic of section 11.8.2 from (-5, -2), 20 steps; or its rotation (exercise 2)."""
    steps = 20
    return Task(
        id="rotated" if rotated else "quadratic",
        reason="coordinates of different curvature, mixed by a rotation, which element-wise scaling can't undo"
        if rotated
        else "coordinates of different curvature, which element-wise scaling corrects",
        source=f"{SECTION}.5, exercise 2" if rotated else f"{SECTION}.2",
        objective=Quadratic(rotated),
        initial=np.array([-5.0, -2.0], np.float32),
        steps=steps,
        steps_per_epoch=steps,
        evaluate=tuple(range(steps + 1)),
        hyperparameters=Hyperparameters(learning_rate=0.4, decay=0.9, epsilon=1e-6),
        data={"rotated": np.array(rotated)},
    )


def regression(data: Dataset, seed: int) -> Task:
    """The linear regression of section 11.8.2: the first 1500 rows, batch 10, w ~ N(0, 0.01²), b = 0, two epochs.

    Args:
        data: the table.
        seed: of the initial parameters and the batch order.
    """
    bits = Bits(seed)
    table = np.ascontiguousarray(data.standardized()[:ROWS])
    features, labels = np.ascontiguousarray(table[:, :-1]), np.ascontiguousarray(table[:, -1])
    weights = (0.01 * bits.normal((features.shape[1],))).astype(np.float32)
    batches = np.concatenate([bits.permutation(ROWS).reshape(-1, BATCH) for _ in range(EPOCHS)])
    steps = len(batches)
    return Task(
        id="regression",
        reason=f"the section's own workload, on {data.name} data",
        source=f"{SECTION}.2 and {SECTION}.3",
        objective=LinearRegression(features, labels, batches),
        initial=np.append(weights, np.float32(0)),
        steps=steps,
        steps_per_epoch=steps // EPOCHS,
        evaluate=tuple(range(0, steps + 1, LOSS_EVERY)),
        hyperparameters=Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-6),
        data={
            "shapes": np.array([[features.shape[1], 1], [1, -1]]),
            "features": features,
            "labels": labels,
            "batches": batches,
        },
    )


def digits(seed: int) -> Task:
    """A network with 32 hidden units on handwritten digits (exercise 3, "a real problem"): batch 64, two epochs.

    Initial weights are N(0, 1/n) for n inputs, rounded to float32.
    """
    bits = Bits(seed + 1)
    features, labels = datasets.digits()
    features, labels = features[: DIGITS_STEPS * DIGITS_BATCH], labels[: DIGITS_STEPS * DIGITS_BATCH]
    batches = np.concatenate([bits.permutation(len(labels)).reshape(-1, DIGITS_BATCH) for _ in range(EPOCHS)])
    objective = Network(features, labels, batches, hidden=32, classes=10)
    start = [
        bits.normal(shape) / np.sqrt(shape[0]) if len(shape) == 2 else np.zeros(shape) for shape in objective.shapes
    ]
    return Task(
        id="digits",
        reason="a small network on real images: four parameters of different sizes, and gradients that are partly zero",
        source=f"{SECTION}.5, exercise 3",
        objective=objective,
        initial=np.concatenate([part.ravel() for part in start]).astype(np.float32),
        steps=len(batches),
        steps_per_epoch=DIGITS_STEPS,
        evaluate=tuple(range(0, len(batches) + 1, DIGITS_STEPS // 4)),
        hyperparameters=Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-6),
        data={
            "shapes": np.array([[*shape, -1][:2] for shape in objective.shapes]),
            "features": features,
            "labels": labels,
            "batches": batches,
        },
        replayed=False,
    )


def replayed(data: Dataset, seed: int) -> dict[str, Task]:
    """Return the tasks whose gradients are tapes of the catalogue, by id."""
    return {task.id: task for task in (quadratic(), quadratic(rotated=True), regression(data, seed))}


def tasks(data: Dataset, seed: int) -> dict[str, Task]:
    """Return all tasks, by id."""
    other = digits(seed)
    return {**replayed(data, seed), other.id: other}
