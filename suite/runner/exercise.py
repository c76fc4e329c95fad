"""Worker's side: put an implementation through a tape, a task or an epoch. No framework's name stands here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from reference import Hyperparameters, dialects
from suite.adapters.contract import Array, Framework, Implementation, Tensor, flat


def start(
    framework: Framework, name: str, dialect: str, parameters: list[Tensor], h: Hyperparameters
) -> Implementation:
    """An implementation, ready for its first step."""
    return framework.implementations[name](parameters, h, dialects[dialect], framework)


def replay(
    framework: Framework, name: str, dialect: str, tape: Mapping[str, Array], h: Hyperparameters
) -> dict[str, Array]:
    """Open loop: the tape's gradients drive the optimizer.

    Args:
        framework: with the device.
        name: the implementation's.
        dialect: the dialect's name, which only scratch implementations heed.
        tape: `initial`, shape `shape`, and `gradients`, shape (steps, *shape).
        h: hyper-parameters.

    Returns:
        The trace: `parameters` and what the state shows, each of shape (steps, *shape), and `spoiled`, the number of
        gradients that the implementation changed.
    """
    parameter = framework.parameter(tape["initial"])
    implementation = start(framework, name, dialect, [parameter], h)
    trace = Recorder()
    spoiled = 0
    for expected in tape["gradients"]:
        gradient = framework.tensor(expected)
        implementation.step([gradient])
        spoiled += not np.array_equal(framework.numpy(gradient), expected, equal_nan=True)
        trace.add(parameters=framework.numpy(parameter), **{k: v[0] for k, v in implementation.state().items()})
    return {**trace.arrays(), "spoiled": np.array(spoiled)}


def train(
    framework: Framework, name: str, dialect: str, task: Mapping[str, Array], h: Hyperparameters
) -> dict[str, Array]:
    """Closed loop: the framework's automatic differentiation makes the gradients.

    Returns:
        `visited` (steps, n), the parameters at which each gradient was taken; `gradients` (steps, n); and the trace, as
        in `replay`; parameters one after another in a vector.
    """
    parameters, loss = problem(framework, task)
    implementation = start(framework, name, dialect, parameters, h)
    trace = Recorder()
    for step in range(int(task["steps"])):
        visited = flat([framework.numpy(p) for p in parameters])
        gradients = framework.gradients(lambda step=step: loss(step), parameters)  # type: ignore[misc]
        recorded = flat([framework.numpy(g) for g in gradients])
        implementation.step(gradients)
        state = {part: flat(arrays) for part, arrays in implementation.state().items()}
        after = flat([framework.numpy(p) for p in parameters])
        trace.add(visited=visited, gradients=recorded, parameters=after, **state)
    return trace.arrays()


def problem(framework: Framework, task: Mapping[str, Array]) -> tuple[list[Tensor], Callable[[int], Tensor]]:
    """The parameters of a task at their start, and its loss as a function of the step."""
    if "features" not in task:
        x, rotated = framework.parameter(task["initial"]), bool(task["rotated"])
        return [x], lambda step: framework.quadratic(x, rotated)  # noqa: ARG005  (each step sees the whole)
    start_at = task["initial"]
    w, b = framework.parameter(start_at[:-1].reshape(-1, 1)), framework.parameter(start_at[-1:])
    rows = task["batches"]
    batches = [(framework.tensor(task["features"][r]), framework.tensor(task["labels"][r, None])) for r in rows]
    return [w, b], lambda step: framework.squared_loss(w, b, *batches[step % len(batches)])


class Epochs:
    """A task that is trained on, an epoch at a time, with nothing recorded: for timing."""

    def __init__(
        self, framework: Framework, name: str, dialect: str, task: Mapping[str, Array], h: Hyperparameters
    ) -> None:
        self.framework = framework
        self.parameters, self.loss = problem(framework, task)
        self.implementation = start(framework, name, dialect, self.parameters, h)
        self.length = int(task["steps_per_epoch"])

    def run(self) -> float:
        """One epoch; returns its seconds, the device's work included."""
        framework, parameters, loss, step = self.framework, self.parameters, self.loss, self.implementation.step
        framework.synchronize(parameters)
        begin = time.perf_counter()
        for i in range(self.length):
            step(framework.gradients(lambda i=i: loss(i), parameters))  # type: ignore[misc]
        framework.synchronize(parameters)
        return time.perf_counter() - begin


class Recorder:
    """Series of arrays, collected step by step."""

    def __init__(self) -> None:
        self.series: dict[str, list[Any]] = {}

    def add(self, **values: Array) -> None:
        """One step's values; every step has the same names."""
        for name, value in values.items():
            self.series.setdefault(name, []).append(value)

    def arrays(self) -> dict[str, Array]:
        """Name -> shape (steps, *shape)."""
        return {name: np.ascontiguousarray(np.stack(values)) for name, values in self.series.items()}
