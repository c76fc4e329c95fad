"""The oracle's update with hyper-parameters that change at every step, for one run or for many runs at once.

Adagrad and the average s_t/t of the section are RMSProp with a decay that depends on the step. With γ_t = 1 - 1/t the
leaky average is the mean of all squares so far, s_t/t. Dividing by the root of their sum is the same as dividing by the
root of that mean with η/√t and ε/t in place of η and ε.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reference import Hyperparameters, dialects
from reference.algorithm import Algorithm, update
from reference.objectives import LinearRegression
from reference.replay import initial_state
from suite.cases.tasks import Task

Array = NDArray[np.float64]
Number = float | Array
"""A number, or an array that broadcasts to the shape of the parameters."""

Schedule = Callable[[int], Number]
"""A hyper-parameter as a function of the step, counted from 1."""

_SECTION = Algorithm.of(dialects["d2l"], Hyperparameters(), "float64").with_numbers(
    {"initial_accumulator": np.float64(0), "gradient_scale": None}
)


@dataclass(frozen=True)
class Method:
    """The hyper-parameters of every step: η_t, γ_t, and ε_t inside the root."""

    learning_rate: Schedule
    decay: Schedule
    epsilon: Schedule


def constant(value: Number) -> Schedule:
    """The same value at every step."""
    return lambda t: value  # noqa: ARG005


def rmsprop(learning_rate: Number, decay: Number, epsilon: Number = 1e-6) -> Method:
    """RMSProp, equation 11.8.1."""
    return Method(constant(learning_rate), constant(decay), constant(epsilon))


def mean_of_squares(learning_rate: Number, epsilon: Number = 1e-6) -> Method:
    """Division by √(s_t/t + ε), where s_t is the sum of squares: "one way of fixing this problem", section 11.8."""
    return Method(constant(learning_rate), lambda t: 1 - 1 / t, constant(epsilon))


def adagrad(learning_rate: Number, epsilon: Number = 1e-6) -> Method:
    """Division by √(s_t + ε), where s_t is the sum of squares (section 11.7)."""
    return Method(lambda t: learning_rate / np.sqrt(t), lambda t: 1 - 1 / t, lambda t: epsilon / t)


def gradient_descent(learning_rate: Number) -> Method:
    """Gradient descent, x ← x - η g: with γ = 1 and s = 0 the denominator is √ε, here 1."""
    return Method(constant(learning_rate), constant(1.0), constant(1.0))


def descend(gradient: Callable[[int, Array], ArrayLike], initial: ArrayLike, steps: int, method: Method) -> Array:
    """Compute the parameters of all steps in float64; shape (steps + 1, *shape), with the initial ones first.

    `gradient` is a function of the step, counted from 0, and the parameters. Overflow gives infinities.
    """
    path = [np.array(initial, np.float64)]
    state = initial_state(path[0], _SECTION)
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            rate, decay, epsilon = (
                np.asarray(at(t), np.float64) for at in (method.learning_rate, method.decay, method.epsilon)
            )
            numbers = {"decay": decay, "complement": 1 - decay, "epsilon": epsilon}
            g = np.asarray(gradient(t - 1, path[-1]), np.float64)
            x, state = update(path[-1], state, g, t, rate, _SECTION.with_numbers(numbers))
            path.append(x)
    return np.stack(path)


class LeastSquares:
    """A linear regression in float64, for many parameter vectors at once.

    `minimum_loss` is ½ mean (Xw + b - y)² at the solution of the normal equations.
    """

    def __init__(self, task: Task) -> None:
        """Take the design matrix and the batches of a task; raise a TypeError if it is not a linear regression."""
        objective = task.objective
        if not isinstance(objective, LinearRegression):
            raise TypeError(f"{task.id} is not a linear regression")
        rows = np.asarray(objective.features, np.float64)
        self.design = np.column_stack([rows, np.ones(len(rows))])
        self.labels = np.asarray(objective.labels, np.float64)
        self.batches = objective.batches
        solution = np.linalg.lstsq(self.design, self.labels, rcond=None)[0]
        self.minimum_loss = float(self.losses(solution[None])[0])

    def gradient(self, step: int, x: Array) -> Array:
        """Compute the gradients of a step's batch; x has shape (n, …), one parameter vector along the first axis."""
        chosen = self.batches[step % len(self.batches)]
        design = self.design[chosen]
        labels = self.labels[chosen].reshape(-1, *[1] * (x.ndim - 1))
        return np.asarray(np.tensordot(design.T, np.tensordot(design, x, 1) - labels, 1) / len(chosen))

    def losses(self, x: NDArray[Any]) -> Array:
        """Compute the loss over all rows for parameter vectors along the last axis: shape (…, n) gives (…)."""
        return np.asarray(np.mean((x @ self.design.T - self.labels) ** 2, axis=-1) / 2)
