"""Worker's side: put an implementation through a tape, a task or an epoch. No framework's name stands here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reference import Hyperparameters, dialects
from suite.adapters.contract import Array, Framework, Implementation, Tensor, Unsupported, divided, flat


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
        tape: `initial`, shape (n,), and `gradients`, shape (steps, n). With `shapes`, a row each that is filled up with
            -1, the coordinates are divided into parameters of these shapes; with `strided`, parameters and gradients
            have gaps in memory; with `restored`, the optimizer is built anew from its saved state after so many steps.
        h: hyper-parameters.

    Returns:
        The trace: `parameters` and what the state shows, each of shape (steps, n), and `spoiled`, the number of
        steps in which the implementation changed a gradient.

    Raises:
        Unsupported: if the implementation can't, or is too slow.
    """
    longest = framework.implementations[name].longest
    if longest is not None and len(tape["gradients"]) > longest:
        raise Unsupported(f"{framework.implementations[name].native} is too slow for more than {longest} steps")
    shapes = [tuple(d for d in row if d >= 0) for row in tape.get("shapes", [tape["initial"].shape])]
    spread = framework.strided if "strided" in tape else lambda tensor: tensor
    parameters = [spread(framework.parameter(part)) for part in divided(tape["initial"], shapes)]
    implementation = start(framework, name, dialect, parameters, h)
    trace = Recorder()
    spoiled = 0
    for step, expected in enumerate(tape["gradients"]):
        if step == tape.get("restored"):
            parameters = [framework.parameter(framework.numpy(p)) for p in parameters]
            implementation = implementation.resumed(parameters)
        gradients = [spread(framework.tensor(part)) for part in divided(expected, shapes)]
        implementation.step(gradients)
        spoiled += not np.array_equal(values(framework, gradients), expected, equal_nan=True)
        trace.add(parameters=values(framework, parameters), **remembered(implementation))
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
        visited = values(framework, parameters)
        gradients = framework.gradients(lambda step=step: loss(step), parameters)  # type: ignore[misc]
        recorded = values(framework, gradients)
        implementation.step(gradients)
        after = values(framework, parameters)
        trace.add(visited=visited, gradients=recorded, parameters=after, **remembered(implementation))
    return trace.arrays()


def values(framework: Framework, tensors: Sequence[Tensor]) -> Array:
    """Tensors one after another in a vector."""
    return flat([framework.numpy(tensor) for tensor in tensors])


def remembered(implementation: Implementation) -> dict[str, Array]:
    """What there is of the state, each part as a vector."""
    return {part: flat(arrays) for part, arrays in implementation.state().items()}


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
