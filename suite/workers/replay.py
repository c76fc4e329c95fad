"""Worker's side: put an implementation through a tape or a task. No framework's name stands here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reference import Hyperparameters, dialects
from suite.adapters.contract import Array, Framework, Implementation, Problem, Tensor, Unsupported, divided, flat


def start(
    framework: Framework,
    name: str,
    dialect: str,
    parameters: list[Tensor],
    h: Hyperparameters,
    rate_scale: Sequence[float] | None = None,
) -> Implementation:
    """An implementation, ready for its first step."""
    return framework.implementations[name](parameters, h, dialects[dialect], framework, rate_scale)


def replay(
    framework: Framework, name: str, dialect: str, tape: Mapping[str, Array], h: Hyperparameters, dtype: str
) -> dict[str, Array]:
    """Open loop: the tape's gradients drive the optimizer.

    Args:
        framework: with the device.
        name: the implementation's.
        dialect: the dialect's name, which only scratch implementations heed.
        tape: `initial`, shape (n,), and `gradients`, shape (steps, n). With `shapes`, a row each that is filled up with
            -1, the coordinates are divided into parameters of these shapes; with `rate_scale`, each of these has its
            own factor on the learning rate; with `strided`, parameters and gradients have gaps in memory; with
            `restored`, the optimizer is built anew from its saved state after so many steps. In place of `gradients`,
            `rows`, int64, shape (steps, k), and `values`, shape (steps, k, width): the gradient of the one parameter is
            sparse; -1 among the rows is none.
        h: hyper-parameters.
        dtype: the format that the framework rounds the tape to, and runs in.

    Returns:
        The trace: `parameters` and what the state shows, each of shape (steps, n), and `spoiled`, the number of
        steps in which the implementation changed a gradient.

    Raises:
        Unsupported: if the implementation can't, or is too slow.
    """
    require(framework.implementations[name], tape)
    shapes = [tuple(int(d) for d in row if d >= 0) for row in tape.get("shapes", [tape["initial"].shape])]
    spread = framework.strided if "strided" in tape else lambda tensor: tensor
    rate_scale = tape["rate_scale"].tolist() if "rate_scale" in tape else None
    parameters = [spread(framework.parameter(part, dtype)) for part in divided(tape["initial"], shapes)]
    implementation = start(framework, name, dialect, parameters, h, rate_scale)
    trace, given = Recorder(), Recorder()
    for step, tensors in enumerate(recorded(framework, tape, shapes, dtype)):
        if step == tape.get("restored"):
            parameters = [framework.parameter(framework.numpy(p), dtype) for p in parameters]
            implementation = implementation.resumed(parameters)
        gradients = [spread(tensor) for tensor in tensors]
        before = values(framework, gradients)
        implementation.step(gradients)
        trace.add(parameters=values(framework, parameters), **remembered(implementation))
        given.add(before=before, after=values(framework, gradients))
    return {**trace.arrays(), "spoiled": changed(**given.arrays())}


def require(implementation: type[Implementation], tape: Mapping[str, Array]) -> None:
    """Raise Unsupported if an implementation can't replay a tape, whatever the hyper-parameters."""
    native, longest = implementation.native, implementation.longest
    if longest is not None and len(tape["values" if "values" in tape else "gradients"]) > longest:
        raise Unsupported(f"{native} is too slow for more than {longest} steps")
    if "rows" in tape and implementation.sparse:
        raise Unsupported(f"{native} {implementation.sparse}")
    if "rate_scale" in tape and implementation.own_rates:
        raise Unsupported(f"{native} {implementation.own_rates}")


def recorded(
    framework: Framework, tape: Mapping[str, Array], shapes: Sequence[tuple[int, ...]], dtype: str
) -> Iterator[list[Tensor]]:
    """The tape's gradients, step by step, a tensor a parameter."""
    if "rows" not in tape:
        for gradient in tape["gradients"]:
            yield [framework.tensor(part, dtype) for part in divided(gradient, shapes)]
        return
    ((height, width),) = shapes
    for rows, values in zip(tape["rows"], tape["values"]):
        kept = rows >= 0
        yield [framework.sparse(rows[kept], values[kept], (height, width), dtype)]


def changed(before: Array, after: Array) -> Array:
    """In how many steps a value is not what it was; shapes (steps, n). NaN is what NaN was."""
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    return np.array(np.count_nonzero(~same.all(axis=1)))


def train(
    framework: Framework, name: str, dialect: str, task: Mapping[str, Array], h: Hyperparameters, dtype: str
) -> dict[str, Array]:
    """Closed loop: the framework's automatic differentiation makes the gradients.

    Returns:
        `visited` (steps, n), the parameters at which each gradient was taken; `gradients` (steps, n); and the trace, as
        in `replay`; parameters one after another in a vector.
    """
    of = problem(framework, task, dtype)
    implementation, trace = start(framework, name, dialect, of.parameters, h), Recorder()
    for step in range(int(task["steps"])):
        record(trace, implementation, of, step)
    return trace.arrays()


def record(trace: Recorder, implementation: Implementation, of: Problem, step: int) -> None:
    """Take one step of a closed loop, by itself, and write down all there is to it."""
    visited = values(implementation.framework, of.parameters)
    taken = values(implementation.framework, implementation.descend(of, step, 1))
    after = values(implementation.framework, of.parameters)
    trace.add(visited=visited, gradients=taken, parameters=after, **remembered(implementation))


def values(framework: Framework, tensors: Sequence[Tensor]) -> Array:
    """Tensors one after another in a vector."""
    return flat([framework.numpy(tensor) for tensor in tensors])


def remembered(implementation: Implementation) -> dict[str, Array]:
    """What there is of the state, each part as a vector."""
    return {part: flat(arrays) for part, arrays in implementation.state().items()}


def problem(framework: Framework, task: Mapping[str, Array], dtype: str) -> Problem:
    """The parameters of a task at their start, its loss, and its batches."""
    length = int(task["steps_per_epoch"])
    if "rotated" in task:
        rotated = bool(task["rotated"])
        x = framework.parameter(task["initial"], dtype)
        return Problem([x], lambda x: framework.quadratic(x, rotated), [()], length, task)
    shapes = [tuple(int(d) for d in row if d >= 0) for row in task["shapes"]]
    parameters = [framework.parameter(part, dtype) for part in divided(task["initial"], shapes)]
    classes = task["labels"].dtype.kind in "iu"
    features, labels = task["features"], task["labels"] if classes else task["labels"][:, None]
    batches = [
        (framework.tensor(features[rows], dtype), framework.tensor(labels[rows], "int64" if classes else dtype))
        for rows in task["batches"]
    ]
    return Problem(parameters, framework.cross_entropy if classes else framework.squared_loss, batches, length, task)


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
