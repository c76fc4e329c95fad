"""Part 6, exercise 3: a small network on real images, and the ways to adjust the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters
from reference.objectives import Network
from suite.cases import images
from suite.cases.images import Images
from suite.cases.random import Bits
from suite.cases.tasks import SECTION, Task
from suite.chapter.descent import Method, always, descend
from suite.chapter.part import Context, Part, path_with_start, row, series
from suite.results.store import Row

RATE, DECAY, EPSILON = 0.03, 0.9, 1e-6  # a rate at which it matters how it is adjusted
PEAKS = (0.01, 0.03, 0.1)
"""Rates from which the schedules go down, or up to which they warm, in the oracle."""

HIDDEN, CLASSES = 32, 10
SIZES = {"digits": (64, 8), "Fashion-MNIST": (128, 4)}
"""Images to a batch, and epochs: about 180 steps of either."""

IMPLEMENTATIONS = ("scratch", "builtin")
POINTS_TO_AN_EPOCH = 4  # of a curve

Schedule = Callable[[int, int, int], float]
"""What η is multiplied by, of the step (counted from 0), the steps to an epoch, and all steps."""


def falling(t: int, epoch: int, steps: int) -> float:  # noqa: ARG001  (schedules share a signature)
    """A tenth after half of the way, and a tenth of that after three quarters."""
    return float(0.1 ** ((2 * t >= steps) + (4 * t >= 3 * steps)))


def cosine(t: int, epoch: int, steps: int) -> float:  # noqa: ARG001
    """Half a wave, from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * t / steps))


def warm_up(t: int, epoch: int, steps: int) -> float:
    """A straight line up to 1 over the first epoch, and half a wave after it."""
    return (t + 1) / epoch if t < epoch else cosine(t - epoch, epoch, steps - epoch)


SCHEDULES: Mapping[str, Schedule] = {
    "constant": lambda t, epoch, steps: 1.0,  # noqa: ARG005
    "step": falling,
    "cosine": cosine,
    "inverse square root": lambda t, epoch, steps: 1 / math.sqrt(1 + t / epoch),  # noqa: ARG005
    "warm-up, then cosine": warm_up,
}


def rows(context: Context) -> Iterator[Row]:
    """Each schedule in the oracle, from several rates; and in each framework from scratch and built in, from one."""
    pictures = images.resolve(context.folder, context.cache, download=context.download)
    context.progress.say(f"images: {pictures.detail}")
    tasks = {task.id: task for task in scheduled(pictures, context.seed)}
    ends: dict[str, NDArray[np.int64]] = {}
    for name, task in tasks.items():
        path = own_path(task)
        ends[name] = predicted(task, path[-1], pictures)
        rates = task.hyperparameters.learning_rate
        yield row(pictures.name, "schedule", name, detail=pictures.detail, **_described(task, path, pictures, rates))
    yield from over_peaks(pictures, context.seed)
    for one in context.runner.train(tasks, IMPLEMENTATIONS):
        told: dict[str, Any] = {}
        if one.observed:
            path = path_with_start(one)
            told = _described(one.task, path, pictures)
            told["found"]["alike"] = float(np.mean(predicted(one.task, path[-1], pictures) == ends[one.task.id]))
        yield {**one.row, "subject": pictures.name, "method": "schedule", "setting": one.task.id, **told}


def own_path(task: Task) -> NDArray[np.float64]:
    """The oracle's run of a task, the start included; shape (steps + 1, n)."""
    h, objective = task.hyperparameters, task.objective
    method = Method(lambda t: h.rate(t - 1), always(DECAY), always(EPSILON))
    return descend(lambda step, x: objective.gradient(x, step), task.initial, task.steps, method)


def over_peaks(pictures: Images, seed: int) -> Iterator[Row]:
    """Each schedule from several rates: the mean loss of the last epoch, since batches make it jump."""
    ends: dict[str, list[float]] = {name: [] for name in SCHEDULES}
    for peak in PEAKS:
        for task in scheduled(pictures, seed, peak):
            path = own_path(task)
            ends[task.id].append(
                float(np.mean([task.objective.loss(path[at]) for at in task.evaluate[-POINTS_TO_AN_EPOCH:]]))
            )
    for name, means in ends.items():
        yield row(pictures.name, "peaks", name, series=series(peak=PEAKS, mean=means))


def scheduled(pictures: Images, seed: int, peak: float = RATE) -> Iterator[Task]:
    """A task for each schedule: the same images, start and order of batches.

    Weights start as N(0, 1/n) where n numbers come in, and are rounded to float32.
    """
    bits = Bits(seed + 2)
    batch, epochs = SIZES[pictures.name]
    count = len(pictures.labels)
    batches = np.concatenate([bits.permutation(count).reshape(-1, batch) for _ in range(epochs)])
    objective = Network(pictures.features, pictures.labels, batches, HIDDEN, CLASSES)
    start = [
        bits.normal(shape) / np.sqrt(shape[0]) if len(shape) == 2 else np.zeros(shape) for shape in objective.shapes
    ]
    steps, epoch = len(batches), len(batches) // epochs
    for name, schedule in SCHEDULES.items():
        rates = tuple(peak * schedule(t, epoch, steps) for t in range(steps))
        yield Task(
            id=name,
            reason="a way to adjust the learning rate",
            source=f"{SECTION}.5, exercise 3",
            objective=objective,
            initial=np.concatenate([part.ravel() for part in start]).astype(np.float32),
            steps=steps,
            steps_per_epoch=epoch,
            evaluate=tuple(
                sorted({round(k * epoch / POINTS_TO_AN_EPOCH) for k in range(POINTS_TO_AN_EPOCH * epochs + 1)})
            ),
            hyperparameters=Hyperparameters(learning_rate=rates, decay=DECAY, epsilon=EPSILON),
            data={
                "shapes": np.array([[*shape, -1][:2] for shape in objective.shapes]),
                "features": pictures.features,
                "labels": pictures.labels,
                "batches": batches,
            },
            replayed=False,
        )


def predicted(task: Task, x: NDArray[np.float64], pictures: Images) -> NDArray[np.int64]:
    """The classes that a network sees in the images to test on."""
    assert isinstance(task.objective, Network)  # noqa: S101
    return np.asarray(task.objective.predicted(x, pictures.test_features))


def _described(task: Task, path: NDArray[np.float64], pictures: Images, rates: Any = None) -> dict[str, Any]:
    losses = [task.objective.loss(path[at]) for at in task.evaluate]
    right = [float(np.mean(predicted(task, path[at], pictures) == pictures.test_labels)) for at in task.evaluate]
    columns: dict[str, Any] = {"step": task.evaluate, "loss": losses, "accuracy": right}
    if rates is not None:
        columns["rate"] = [rates[min(at, task.steps - 1)] for at in task.evaluate]
    return {
        "given": {
            "learning_rate": RATE,
            "decay": DECAY,
            "epsilon": EPSILON,
            "steps": task.steps,
            "epochs": task.steps // task.steps_per_epoch,
            "tested": len(pictures.test_labels),
        },
        "found": {
            "loss": losses[-1],
            "accuracy": right[-1],
            "mean": float(np.mean(losses[-POINTS_TO_AN_EPOCH:])),
            "spread": float(np.ptp(losses[-POINTS_TO_AN_EPOCH:])),
        },
        "series": series(**columns),
    }


PART = Part(6, "network", "Exercise 3: a real problem, and how to adjust η", rows)
