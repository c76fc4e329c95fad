"""Run an implementation on a tape or a task. Worker's side; no framework is named here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from reference import Hyperparameters, dialects
from reference.objectives import flatten, unflatten
from suite.adapters.contract import Array, Framework, Implementation, Problem, Tensor, Unsupported


class Setup(NamedTuple):
    """An implementation, and how it is run."""

    framework: Framework
    name: str
    dialect: str  # that a scratch implementation runs; others ignore it
    h: Hyperparameters
    dtype: str

    def create(self, parameters: list[Tensor], rate_scale: Sequence[float] | None = None) -> Implementation:
        """Create the implementation, ready for its first step."""
        implementation = self.framework.implementations[self.name]
        return implementation(parameters, self.h, dialects[self.dialect], self.framework, rate_scale)


def replay(setup: Setup, tape: Mapping[str, Array]) -> dict[str, Array]:
    """Run an open loop: the tape's gradients drive the optimizer.

    The tape has `initial`, shape (n,), and `gradients`, shape (steps, n), which the framework rounds to the dtype.
    Optional entries: with `shapes`, rows padded with -1, the coordinates are divided into parameters of these shapes;
    with `rate_scale`, each of these has its own factor on the learning rate; with `strided`, parameters and gradients
    are not contiguous in memory; with `restored`, the optimizer is recreated from its saved state after that many
    steps. A sparse gradient of the only parameter has, in place of `gradients`, `rows`, int64, shape (steps, k), where
    -1 is no row, and `values`, shape (steps, k, width).

    Returns:
        The trace: `parameters` and each part of the state that the implementation shows, shape (steps, n); and
        `changed_gradients`, the number of steps at which the implementation changed a gradient that it was given.

    Raises:
        Unsupported: if the implementation can't replay this tape.
    """
    framework, dtype = setup.framework, setup.dtype
    require_supported(framework.implementations[setup.name], tape)
    shapes = unpadded(tape.get("shapes", [tape["initial"].shape]))
    arranged = framework.strided if "strided" in tape else lambda tensor: tensor
    rate_scale = tape["rate_scale"].tolist() if "rate_scale" in tape else None
    parameters = [arranged(framework.parameter(part, dtype)) for part in unflatten(tape["initial"], shapes)]
    implementation = setup.create(parameters, rate_scale)
    trace, used = Recorder(), Recorder()
    for step, tensors in enumerate(recorded_gradients(framework, tape, shapes, dtype)):
        if step == tape.get("restored"):
            parameters = [framework.parameter(framework.numpy(p), dtype) for p in parameters]
            implementation = implementation.restored(parameters)
        gradients = [arranged(tensor) for tensor in tensors]
        before = flat_values(framework, gradients)
        implementation.step(gradients)
        trace.add(parameters=flat_values(framework, parameters), **flat_state(implementation))
        used.add(before=before, after=flat_values(framework, gradients))
    return {**trace.arrays(), "changed_gradients": count_changed(**used.arrays())}


def require_supported(implementation: type[Implementation], tape: Mapping[str, Array]) -> None:
    """Raise Unsupported if an implementation can't replay a tape, whatever the hyper-parameters."""
    native, max_steps = implementation.native, implementation.max_steps
    if max_steps is not None and len(tape["values" if "values" in tape else "gradients"]) > max_steps:
        raise Unsupported(f"{native} is too slow for more than {max_steps} steps")
    if "rows" in tape and implementation.unsupported_sparse:
        raise Unsupported(f"{native} {implementation.unsupported_sparse}")
    if "rate_scale" in tape and implementation.unsupported_rate_scale:
        raise Unsupported(f"{native} {implementation.unsupported_rate_scale}")


def recorded_gradients(
    framework: Framework, tape: Mapping[str, Array], shapes: Sequence[tuple[int, ...]], dtype: str
) -> Iterator[list[Tensor]]:
    """Yield the tape's gradients for each step, one tensor for each parameter."""
    if "rows" not in tape:
        for gradient in tape["gradients"]:
            yield [framework.tensor(part, dtype) for part in unflatten(gradient, shapes)]
        return
    ((height, width),) = shapes
    for rows, values in zip(tape["rows"], tape["values"]):
        kept = rows >= 0
        yield [framework.sparse(rows[kept], values[kept], (height, width), dtype)]


def count_changed(before: Array, after: Array) -> Array:
    """Count the steps at which a value changed; shapes (steps, n). A NaN that stays NaN has not changed."""
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    return np.array(np.count_nonzero(~same.all(axis=1)))


def train(setup: Setup, task: Mapping[str, Array]) -> dict[str, Array]:
    """Run a closed loop: the framework's automatic differentiation makes the gradients.

    Returns:
        The trace as in `replay`, all parameters in one vector, with `visited`, shape (steps, n), the parameters at
        which each gradient was taken, and `gradients`, shape (steps, n).
    """
    problem = make_problem(setup.framework, task, setup.dtype)
    implementation, trace = setup.create(problem.parameters), Recorder()
    for step in range(int(task["steps"])):
        record_step(trace, implementation, problem, step)
    return trace.arrays()


def record_step(trace: Recorder, implementation: Implementation, problem: Problem, step: int) -> None:
    """Take a single step of a closed loop and add it to a trace."""
    framework, parameters = implementation.framework, problem.parameters
    visited = flat_values(framework, parameters)
    gradients = flat_values(framework, implementation.train(problem, step, 1))
    after = flat_values(framework, parameters)
    trace.add(visited=visited, gradients=gradients, parameters=after, **flat_state(implementation))


def make_problem(framework: Framework, task: Mapping[str, Array], dtype: str) -> Problem:
    """Make a task's initial parameters, loss and batches from its arrays."""
    if "rotated" in task:
        rotated = bool(task["rotated"])
        x = framework.parameter(task["initial"], dtype)
        return Problem([x], lambda x: framework.quadratic(x, rotated), [()], task)
    parameters = [framework.parameter(part, dtype) for part in unflatten(task["initial"], unpadded(task["shapes"]))]
    classes = task["labels"].dtype.kind in "iu"
    features, labels = task["features"], task["labels"] if classes else task["labels"][:, None]
    batches = [
        (framework.tensor(features[rows], dtype), framework.tensor(labels[rows], "int64" if classes else dtype))
        for rows in task["batches"]
    ]
    loss = framework.cross_entropy if classes else framework.squared_loss
    return Problem(parameters, loss, batches, task)


def unpadded(shapes: Iterable[Iterable[int]]) -> list[tuple[int, ...]]:
    """Return shapes that are padded with -1 without the padding."""
    return [tuple(int(length) for length in shape if length >= 0) for shape in shapes]


def flat_values(framework: Framework, tensors: Sequence[Tensor]) -> Array:
    """Return the values of tensors as one vector."""
    return flatten([framework.numpy(tensor) for tensor in tensors])


def flat_state(implementation: Implementation) -> dict[str, Array]:
    """Return each part of the state that an implementation shows as a vector."""
    return {part: flatten(arrays) for part, arrays in implementation.state().items()}


class Recorder:
    """Series of arrays, collected step by step."""

    def __init__(self) -> None:
        self.series: dict[str, list[Array]] = {}

    def add(self, **values: Array) -> None:
        """Add one step's values; every step has the same names."""
        for name, value in values.items():
            self.series.setdefault(name, []).append(value)

    def arrays(self) -> dict[str, Array]:
        """Return name -> array of shape (steps, *shape)."""
        return {name: np.ascontiguousarray(np.stack(values)) for name, values in self.series.items()}
