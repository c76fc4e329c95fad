"""The oracle's update, driven by numbers that change from step to step: γ too, and for many runs side by side.

Adagrad and the average s_t/t of the section are the same update with a γ of their own for each step. With γ_t = 1 - 1/t
the leaky average is the mean of all squares so far, s_t/t; and dividing by the root of their sum is to divide by the
root of that mean, with η/√t and ε/t in place of η and ε.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reference import Hyperparameters, dialects
from reference.algorithm import Algorithm, update
from reference.replay import initial_state

Array = NDArray[np.float64]
Number = Any  # a number, or an array that meets the shape of the parameters
Schedule = Callable[[int], Number]
"""What a number is at step t, counted from 1."""

_SECTION = Algorithm.of(dialects["d2l"], Hyperparameters(), "float64").with_numbers(
    {"initial_accumulator": np.float64(0), "gradient_scale": None}
)


@dataclass(frozen=True)
class Method:
    """η, γ and ε of every step.

    Attributes:
        rate: η_t.
        decay: γ_t.
        epsilon: ε_t, inside the root.
    """

    rate: Schedule
    decay: Schedule
    epsilon: Schedule


def always(value: Number) -> Schedule:
    """The same at every step."""
    return lambda t: value  # noqa: ARG005


def rmsprop(rate: Number, decay: Number, epsilon: Number = 1e-6) -> Method:
    """Equation 11.8.1."""
    return Method(always(rate), always(decay), always(epsilon))


def mean_of_squares(rate: Number, epsilon: Number = 1e-6) -> Method:
    """Divide by √(s_t/t + ε), where s_t is the sum of squares: "one way of fixing this problem", section 11.8."""
    return Method(always(rate), lambda t: 1 - 1 / t, always(epsilon))


def adagrad(rate: Number, epsilon: Number = 1e-6) -> Method:
    """Divide by √(s_t + ε), where s_t is the sum of squares (section 11.7)."""
    return Method(lambda t: rate / np.sqrt(t), lambda t: 1 - 1 / t, lambda t: epsilon / t)


def gradient_descent(rate: Number) -> Method:
    """x ← x - η g: with γ = 1 and s = 0 nothing is left of the denominator but √ε, here 1."""
    return Method(always(rate), always(1.0), always(1.0))


def descend(gradient: Callable[[int, Array], ArrayLike], initial: ArrayLike, steps: int, method: Method) -> Array:
    """The parameters on the way.

    Args:
        gradient: of the step, counted from 0, and the parameters.
        initial: the parameters before the first step, any shape.
        steps: how many.
        method: its numbers are floats, or arrays that meet the shape of the parameters.

    Returns:
        Shape (steps + 1, *shape), the start included. What overflows is infinite.
    """
    path = [np.array(initial, np.float64)]
    state = initial_state(path[0], _SECTION)
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            rate, decay, epsilon = (np.asarray(of(t), np.float64) for of in (method.rate, method.decay, method.epsilon))
            numbers = {"decay": decay, "complement": 1 - decay, "epsilon": epsilon}
            g = np.asarray(gradient(t - 1, path[-1]), np.float64)
            x, state = update(path[-1], state, g, t, rate, _SECTION.with_numbers(numbers))
            path.append(x)
    return np.stack(path)
