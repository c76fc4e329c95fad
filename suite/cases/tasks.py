"""Closed-loop tasks: the workloads of D2L 11.8, with the same initial parameters and batch order for all frameworks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters, Trace, dialects, replay
from reference.objectives import LinearRegression, Network, Objective, Quadratic
from reference.precision import wider
from suite.cases import datasets
from suite.cases.datasets import Dataset
from suite.cases.random import Bits

SECTION = "Dive into Deep Learning 11.8"
ROWS, BATCH, EPOCHS = 1500, 10, 2  # of the regression, as in `get_data_ch11` and `train_ch11`
HIDDEN, CLASSES, EVALUATIONS_PER_EPOCH = 32, 10, 4  # of a network
DIGITS_STEPS, DIGITS_BATCH = 28, 64  # the first 1792 of the 1797 images
HYPERPARAMETERS = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-6)  # of the section
LOSS_EVERY = 200 // BATCH  # steps between evaluations of the loss, as in `train_ch11`


@dataclass(frozen=True)
class Task:
    """A model with data, initial parameters and a batch order."""

    id: str  # its meaning never changes
    reason: str  # what the task tests
    source: str  # where it is taken from
    objective: Objective  # the function that is minimised, for the oracle
    initial: NDArray[np.float32]  # the initial parameters, shape (n,)
    steps: int
    steps_per_epoch: int
    evaluate: tuple[int, ...]  # the steps after which the loss is reported; 0 is before the first
    hyperparameters: Hyperparameters
    data: Mapping[str, NDArray[Any]] = field(repr=False)  # the arrays that a worker needs besides `initial`
    replayed: bool = True  # whether the gradients of the oracle's run are a tape of the catalogue

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that are sent to a worker, by name."""
        counts = {"steps": np.array(self.steps), "steps_per_epoch": np.array(self.steps_per_epoch)}
        return {"initial": self.initial, **counts, **self.data}

    def replay(self, dialect: str, dtype: str) -> Trace:
        """Run the oracle, in a type wide enough for `dtype`; each gradient is computed where the oracle has arrived."""
        inputs = (lambda step, x: self.objective.gradient(x, step), self.initial, self.hyperparameters)
        return replay(*inputs, dialects[dialect], dtype=wider(dtype), steps=self.steps, precision=dtype)


def quadratic(*, rotated: bool = False) -> Task:
    """The 2-D quadratic of section 11.8.2 from (-5, -2), 20 steps; or its rotation (exercise 2)."""
    steps, effect = 20, "which element-wise scaling corrects"
    if rotated:
        effect = "mixed by a rotation, which element-wise scaling can't undo"
    return Task(
        id="rotated" if rotated else "quadratic",
        reason=f"coordinates of different curvature, {effect}",
        source=f"{SECTION}.5, exercise 2" if rotated else f"{SECTION}.2",
        objective=Quadratic(rotated),
        initial=np.array([-5.0, -2.0], np.float32),
        steps=steps,
        steps_per_epoch=steps,
        evaluate=tuple(range(steps + 1)),
        hyperparameters=replace(HYPERPARAMETERS, learning_rate=0.4),
        data={"rotated": np.array(rotated)},
    )


def regression(data: Dataset, seed: int) -> Task:
    """The linear regression of section 11.8.2: the first 1500 rows, batch 10, w ~ N(0, 0.01²), b = 0, two epochs.

    The seed decides the initial parameters and the batch order.
    """
    bits = Bits(seed)
    table = np.ascontiguousarray(data.standardized()[:ROWS])
    features, labels = np.ascontiguousarray(table[:, :-1]), np.ascontiguousarray(table[:, -1])
    weights = (0.01 * bits.normal((features.shape[1],))).astype(np.float32)
    batches = np.concatenate([bits.permutation(ROWS).reshape(-1, BATCH) for _ in range(EPOCHS)])
    objective, steps = LinearRegression(features, labels, batches), len(batches)
    return Task(
        id="regression",
        reason=f"the section's own workload, on {data.name} data",
        source=f"{SECTION}.2 and {SECTION}.3",
        objective=objective,
        initial=np.append(weights, np.float32(0)),
        steps=steps,
        steps_per_epoch=steps // EPOCHS,
        evaluate=tuple(range(0, steps + 1, LOSS_EVERY)),
        hyperparameters=HYPERPARAMETERS,
        data=_data(objective, ((features.shape[1], 1), (1,))),
    )


def network(features: NDArray[np.float32], labels: NDArray[np.int64], batch: int, epochs: int, bits: Bits) -> Task:
    """A network with 32 hidden units on images (exercise 3); weights start at N(0, 1/n) for n inputs, in float32."""
    batches = np.concatenate([bits.permutation(len(labels)).reshape(-1, batch) for _ in range(epochs)])
    objective = Network(features, labels, batches, HIDDEN, CLASSES)
    start = [
        bits.normal(shape) / np.sqrt(shape[0]) if len(shape) == 2 else np.zeros(shape) for shape in objective.shapes
    ]
    epoch = len(batches) // epochs
    evaluated = (round(k * epoch / EVALUATIONS_PER_EPOCH) for k in range(EVALUATIONS_PER_EPOCH * epochs + 1))
    return Task(
        id="network",
        reason="a small network on real images: four parameters of different sizes, and gradients that are partly zero",
        source=f"{SECTION}.5, exercise 3",
        objective=objective,
        initial=np.concatenate([part.ravel() for part in start]).astype(np.float32),
        steps=len(batches),
        steps_per_epoch=epoch,
        evaluate=tuple(dict.fromkeys(evaluated)),
        hyperparameters=HYPERPARAMETERS,
        data=_data(objective, objective.shapes),
        replayed=False,
    )


def digits(seed: int) -> Task:
    """A network on handwritten digits, "a real problem": batch 64, two epochs."""
    features, labels = datasets.digits()
    used = DIGITS_STEPS * DIGITS_BATCH
    task = network(features[:used], labels[:used], DIGITS_BATCH, EPOCHS, Bits(seed + 1))
    return replace(task, id="digits")


def _data(objective: LinearRegression | Network, shapes: Iterable[tuple[int, ...]]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a task on data; shapes of one dimension end with -1."""
    arrays = {name: getattr(objective, name) for name in ("features", "labels", "batches")}
    return {"shapes": np.array([[*shape, -1][:2] for shape in shapes]), **arrays}


def replayed(data: Dataset, seed: int) -> dict[str, Task]:
    """Return the tasks whose gradients are tapes of the catalogue, by id."""
    return {task.id: task for task in (quadratic(), quadratic(rotated=True), regression(data, seed))}


def tasks(data: Dataset, seed: int) -> dict[str, Task]:
    """Return all tasks, by id."""
    return {**replayed(data, seed), "digits": digits(seed)}
