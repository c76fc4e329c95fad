"""What is kept between steps, and is not what it should be: the averages and the momentum buffer."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.diagnosis.mistakes.arithmetic import to_bfloat16
from suite.diagnosis.mistakes.evaluation import Evaluation
from suite.diagnosis.mistakes.mistake import Collection, buffered, centered, nesterov

MISREMEMBERED = Collection()
"""Where a part is done wrongly that makes the state."""

remember, quotient, heavy = Evaluation.remember, Evaluation.quotient, Evaluation.heavy

# -- the average of squares ------------------------------------------------------------------------------------------


@MISREMEMBERED.part("remember")
def missing_square(self: Evaluation, g: Any) -> None:
    """|g| in place of g²."""
    self.squares = np.abs(g)
    remember(self, g)


@MISREMEMBERED.part("remember")
def largest_average(self: Evaluation, g: Any) -> None:
    """It never falls, as in AMSGrad."""
    remember(self, g)
    self.v = np.maximum(self.before.v, self.v)


@MISREMEMBERED.part("remember")
def average_starts_at_the_first_square(self: Evaluation, g: Any) -> None:
    """v is g² before the first step."""
    if self.t == 1:
        self.v = g * g
    remember(self, g)


@MISREMEMBERED.part("remember")
def average_updated_twice(self: Evaluation, g: Any) -> None:
    """A step counts for two."""
    remember(self, g)
    remember(self, g)


@MISREMEMBERED.part("remember")
def average_frozen(self: Evaluation, g: Any) -> None:
    """Only the first step enters it."""
    if self.t == 1:
        remember(self, g)


@MISREMEMBERED.part("quotient")
def average_updated_after_use(self: Evaluation, rate: Any, g: Any) -> Any:
    """The step divides by the average from before it."""
    new, self.v = self.v, self.before.v
    u = quotient(self, rate, g)
    self.v = new
    return u


@MISREMEMBERED.part("remember")
def average_of_fewer_bits(self: Evaluation, g: Any) -> None:
    """It is kept in bfloat16."""
    remember(self, g)
    self.v = self.arithmetic.held(to_bfloat16(np.asarray(self.v, np.float32)))


@MISREMEMBERED.part("remember")
def average_shared(self: Evaluation, g: Any) -> None:
    """Two neighbours have one state: the second goes on from what the first has left, and the first from that."""
    remember(self, g)
    first = np.arange(len(g)) // 2 * 2
    second = np.minimum(first + 1, len(g) - 1)
    left = self.average(self.before.v[first], g[first], g[first])
    self.v = self.average(left, g[second], g[second])


@MISREMEMBERED.part("remember")
def average_over_coordinates(self: Evaluation, g: Any) -> None:
    """One number for the whole parameter, as in Novograd."""
    self.squares = self.arithmetic.held(np.full(g.shape, np.mean(g * g)))
    remember(self, g)


@MISREMEMBERED.part("remember")
def state_forgotten(self: Evaluation, g: Any) -> None:
    """Half-way the averages begin anew: a checkpoint lacked them."""
    if self.t == len(self.formula.rates) // 2 + 1:
        self.v, self.m = np.full_like(self.v, self.formula.start), np.zeros_like(self.m)
    remember(self, g)


@MISREMEMBERED.part("quotient")
def epsilon_stays_in_the_average(self: Evaluation, rate: Any, g: Any) -> Any:
    """v + ε is formed in place."""
    u = quotient(self, rate, g)
    self.v = self.v + self.epsilon
    return u


# -- the mean --------------------------------------------------------------------------------------------------------


@MISREMEMBERED.part("spread", centered)
def mean_not_squared(self: Evaluation) -> Any:
    """v - |m|."""
    return self.v - np.abs(self.m)


@MISREMEMBERED.part("spread", centered)
def mean_added(self: Evaluation) -> Any:
    """v + m²."""
    return self.v + self.m * self.m


@MISREMEMBERED.part("spread", centered)
def mean_updated_after_use(self: Evaluation) -> Any:
    """The new v, and m from before the step."""
    return self.v - self.before.m * self.before.m


@MISREMEMBERED.part("remember", centered)
def mean_without_memory(self: Evaluation, g: Any) -> None:
    """v - g²."""
    remember(self, g)
    self.m = g


@MISREMEMBERED.part("remember", centered)
def mean_of_sizes(self: Evaluation, g: Any) -> None:
    """m averages |g|."""
    remember(self, np.abs(g))


# -- momentum --------------------------------------------------------------------------------------------------------


@MISREMEMBERED.part("heavy", buffered)
def momentum_forgotten(self: Evaluation, u: Any) -> Any:  # noqa: ARG001
    """There is no buffer."""
    return u


@MISREMEMBERED.part("heavy", buffered)
def momentum_dampened(self: Evaluation, u: Any) -> Any:
    """μb + (1-μ)u, as in Adam."""
    return heavy(self, (self.one - self.momentum) * u)


@MISREMEMBERED.whole(buffered)
class momentum_of_gradients(Evaluation):  # noqa: N801
    """The buffer holds gradients, and is divided afterwards."""

    def quotient(self, rate: Any, g: Any) -> Any:
        """Of the buffer."""
        self.b = self.momentum * self.b + g
        return super().quotient(rate, self.b)

    def heavy(self, u: Any) -> Any:
        """Done already."""
        return u


@MISREMEMBERED.part("heavy", buffered)
def rate_twice(self: Evaluation, u: Any) -> Any:
    """η enters the buffer and scales it."""
    return self.rate() * heavy(self, u)


@MISREMEMBERED.part("heavy", nesterov)
def nesterov_with_the_old_buffer(self: Evaluation, u: Any) -> Any:
    """u + μb with the buffer from before the step, which is no more than momentum."""
    heavy(self, u)
    return u + self.momentum * self.before.b


@MISREMEMBERED.part("heavy", nesterov)
def nesterov_without_the_step(self: Evaluation, u: Any) -> Any:
    """μb, and not u beside it."""
    heavy(self, u)
    return self.momentum * self.b


@MISREMEMBERED.part("heavy", nesterov)
def nesterov_twice(self: Evaluation, u: Any) -> Any:
    """Looks ahead by two steps."""
    return u + self.momentum * heavy(self, u)
