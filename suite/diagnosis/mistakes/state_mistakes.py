"""Mistakes in the state: the average of squares, the mean gradient, and the momentum buffer."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.diagnosis.mistakes.arithmetic import to_bfloat16
from suite.diagnosis.mistakes.evaluation import Evaluation, Formula
from suite.diagnosis.mistakes.mistake import MistakeList

STATE_MISTAKES = MistakeList()
"""Mistakes in updating or using the state."""

update_averages, quotient, with_momentum = Evaluation.update_averages, Evaluation.quotient, Evaluation.with_momentum


def centered(formula: Formula) -> bool:
    """Return whether there is a mean gradient."""
    return formula.centered


def buffered(formula: Formula) -> bool:
    """Return whether there is a momentum buffer."""
    return formula.buffered


def nesterov(formula: Formula) -> bool:
    """Return whether momentum is Nesterov's."""
    return formula.nesterov


# The average of squares


@STATE_MISTAKES.method("update_averages")
def missing_square(self: Evaluation, g: Any) -> None:
    """|g| instead of g²."""
    self.squares = np.abs(g)
    update_averages(self, g)


@STATE_MISTAKES.method("update_averages")
def largest_average(self: Evaluation, g: Any) -> None:
    """The average never decreases, as in AMSGrad."""
    update_averages(self, g)
    self.v = np.maximum(self.before.v, self.v)


@STATE_MISTAKES.method("update_averages")
def average_starts_at_the_first_square(self: Evaluation, g: Any) -> None:
    """v is g² before the first step."""
    if self.t == 1:
        self.v = g * g
    update_averages(self, g)


@STATE_MISTAKES.method("update_averages")
def average_updated_twice(self: Evaluation, g: Any) -> None:
    """Each step counts twice."""
    update_averages(self, g)
    update_averages(self, g)


@STATE_MISTAKES.method("update_averages")
def average_frozen(self: Evaluation, g: Any) -> None:
    """The average contains the first step only."""
    if self.t == 1:
        update_averages(self, g)


@STATE_MISTAKES.method("quotient")
def average_updated_after_use(self: Evaluation, rate: Any, g: Any) -> Any:
    """The step divides by the average from before it."""
    new, self.v = self.v, self.before.v
    u = quotient(self, rate, g)
    self.v = new
    return u


@STATE_MISTAKES.method("update_averages")
def average_rounded_to_bfloat16(self: Evaluation, g: Any) -> None:
    """The average is stored in bfloat16."""
    update_averages(self, g)
    self.v = self.arithmetic.array(to_bfloat16(np.asarray(self.v, np.float32)))


@STATE_MISTAKES.method("update_averages")
def average_shared_by_neighbours(self: Evaluation, g: Any) -> None:
    """Two coordinates share a state, which is updated with the first and then with the second."""
    update_averages(self, g)
    first = np.arange(len(g)) // 2 * 2
    second = np.minimum(first + 1, len(g) - 1)
    shared = self.average(self.before.v[first], g[first], g[first])
    self.v = self.average(shared, g[second], g[second])


@STATE_MISTAKES.method("update_averages")
def average_over_coordinates(self: Evaluation, g: Any) -> None:
    """One number for the whole parameter, as in NovoGrad."""
    self.squares = self.arithmetic.array(np.full(g.shape, np.mean(g * g)))
    update_averages(self, g)


@STATE_MISTAKES.method("update_averages")
def averages_reset_half_way(self: Evaluation, g: Any) -> None:
    """The averages start again half-way, as after a checkpoint that lacks them."""
    if self.t == len(self.formula.rates) // 2 + 1:
        self.v, self.m = np.full_like(self.v, self.formula.initial_accumulator), np.zeros_like(self.m)
    update_averages(self, g)


@STATE_MISTAKES.method("quotient")
def epsilon_stays_in_the_average(self: Evaluation, rate: Any, g: Any) -> Any:
    """v + ε is formed in place."""
    u = quotient(self, rate, g)
    self.v = self.v + self.epsilon
    return u


# The mean gradient


@STATE_MISTAKES.method("variance", centered)
def mean_not_squared(self: Evaluation) -> Any:
    """v - |m|."""
    return self.v - np.abs(self.m)


@STATE_MISTAKES.method("variance", centered)
def mean_added(self: Evaluation) -> Any:
    """v + m²."""
    return self.v + self.m * self.m


@STATE_MISTAKES.method("variance", centered)
def mean_updated_after_use(self: Evaluation) -> Any:
    """The new v, and m from before the step."""
    return self.v - self.before.m * self.before.m


@STATE_MISTAKES.method("update_averages", centered)
def mean_replaced_by_the_gradient(self: Evaluation, g: Any) -> None:
    """v - g²."""
    update_averages(self, g)
    self.m = g


@STATE_MISTAKES.method("update_averages", centered)
def mean_of_absolute_gradients(self: Evaluation, g: Any) -> None:
    """m averages |g|."""
    update_averages(self, np.abs(g))


# The momentum buffer


@STATE_MISTAKES.method("with_momentum", buffered)
def momentum_ignored(self: Evaluation, u: Any) -> Any:  # noqa: ARG001
    """There is no buffer."""
    return u


@STATE_MISTAKES.method("with_momentum", buffered)
def momentum_dampened(self: Evaluation, u: Any) -> Any:
    """μb + (1-μ)u, as in Adam."""
    return with_momentum(self, (self.one - self.momentum) * u)


@STATE_MISTAKES.evaluation(buffered)
class momentum_of_gradients(Evaluation):  # noqa: N801
    """The buffer holds gradients, and is divided afterwards."""

    def quotient(self, rate: Any, g: Any) -> Any:
        """Divide the buffer."""
        self.b = self.momentum * self.b + g
        return super().quotient(rate, self.b)

    def with_momentum(self, u: Any) -> Any:
        """Return u, which contains the momentum."""
        return u


@STATE_MISTAKES.method("with_momentum", buffered)
def rate_applied_twice(self: Evaluation, u: Any) -> Any:
    """η enters the buffer and scales it too."""
    return self.rate() * with_momentum(self, u)


@STATE_MISTAKES.method("with_momentum", nesterov)
def nesterov_with_the_old_buffer(self: Evaluation, u: Any) -> Any:
    """u + μb with the buffer from before the step, which is plain momentum."""
    with_momentum(self, u)
    return u + self.momentum * self.before.b


@STATE_MISTAKES.method("with_momentum", nesterov)
def nesterov_without_the_step(self: Evaluation, u: Any) -> Any:
    """μb without u."""
    with_momentum(self, u)
    return self.momentum * self.b


@STATE_MISTAKES.method("with_momentum", nesterov)
def nesterov_applied_twice(self: Evaluation, u: Any) -> Any:
    """Nesterov's momentum looks ahead by two steps."""
    return u + self.momentum * with_momentum(self, u)
