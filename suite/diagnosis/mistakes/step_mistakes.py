"""Mistakes in the step: the gradient, the denominator, the change of the parameters, and weight decay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from suite.diagnosis.mistakes.evaluation import Evaluation, Formula, Update
from suite.diagnosis.mistakes.mistake import (
    MistakeList,
    clips_coordinates,
    clips_norm,
    clips_weights,
    decaying,
    scaled,
)

STEP_MISTAKES = MistakeList()
"""Mistakes in computing or applying the step."""

updates, effective_gradient = Evaluation.updates, Evaluation.effective_gradient
update_averages, apply = Evaluation.update_averages, Evaluation.apply
quotient, move = Evaluation.quotient, Evaluation.move


def bias_corrected(formula: Formula) -> bool:
    """Return whether the averages are bias-corrected."""
    return formula.bias_corrected


def coupled(formula: Formula) -> bool:
    """Return whether there is l2 weight decay."""
    return formula.coupled


def decoupled(formula: Formula) -> bool:
    """Return whether there is decoupled weight decay."""
    return formula.decoupled


# The gradient


@STEP_MISTAKES.method("updates")
def stale_gradient(self: Evaluation, step: int) -> Iterator[Update]:
    """The gradient of the step before; none in the first step."""
    if step:
        yield from updates(self, step - 1)


@STEP_MISTAKES.evaluation()
class stale_numerator(Evaluation):  # noqa: N801
    """The average uses the new gradient, the numerator that of the step before."""

    previous: Any = None

    def quotient(self, rate: Any, g: Any) -> Any:
        """Divide the previous gradient."""
        previous, self.previous = 0 * g if self.previous is None else self.previous, g
        return super().quotient(rate, previous)


@STEP_MISTAKES.method("updates")
def gradients_never_cleared(self: Evaluation, step: int) -> Iterator[Update]:
    """Each gradient is added to those before it."""
    before = [update.gradient for earlier in range(step) for update in updates(self, earlier)]
    for update in updates(self, step):
        yield update._replace(gradient=sum(before, update.gradient))


@STEP_MISTAKES.method("effective_gradient")
def gradient_of_the_neighbour(self: Evaluation, g: Any) -> Any:
    """Gradients and parameters are in different orders."""
    return effective_gradient(self, np.roll(g, 1))


@STEP_MISTAKES.method("effective_gradient")
def gradient_rounded_to_float16(self: Evaluation, g: Any) -> Any:
    """The gradient is converted to float16 and back."""
    return effective_gradient(self, self.arithmetic.array(np.asarray(g).astype(np.float16)))


@STEP_MISTAKES.method("quotient")
def sign_of_the_gradient_lost(self: Evaluation, rate: Any, g: Any) -> Any:
    """|g| in the numerator."""
    return quotient(self, rate, np.abs(g))


@STEP_MISTAKES.method("quotient")
def sign_of_the_gradient_only(self: Evaluation, rate: Any, g: Any) -> Any:
    """The sign of g in the numerator, as in Rprop."""
    return quotient(self, rate, np.sign(g))


@STEP_MISTAKES.method("apply")
def zero_gradients_skipped(self: Evaluation, update: Update) -> None:
    """Coordinates whose gradient is zero are not updated, and their averages do not decay."""
    apply(self, update._replace(touched=np.asarray(update.gradient) != 0))


@STEP_MISTAKES.method("update_averages", scaled)
def scaled_after_the_average(self: Evaluation, g: Any) -> None:
    """The factor on the gradient scales the numerator alone."""
    update_averages(self, g / abs(self.gradient_scale))


@STEP_MISTAKES.method("clipped_to", clips_coordinates)
def clipped_from_above_only(self: Evaluation, z: Any, limit: Any) -> Any:
    """Values below the lower limit are not clipped."""
    return z if limit is None else np.minimum(z, self.arithmetic.array(limit))


@STEP_MISTAKES.evaluation(clips_coordinates)
class clipped_after_the_average(Evaluation):  # noqa: N801
    """The average uses the gradient before clipping."""

    def clipped(self, g: Any) -> Any:
        """Return g unchanged."""
        return g

    def quotient(self, rate: Any, g: Any) -> Any:
        """Divide the clipped gradient."""
        return super().quotient(rate, super().clipped(g))


@STEP_MISTAKES.method("clipped", clips_norm)
def norm_always_scaled(self: Evaluation, g: Any) -> Any:
    """Shorter gradients are scaled up to the limit."""
    return g * (self.arithmetic.array(self.formula.clip_norm) / np.sqrt(np.add.reduce(g * g)))


@STEP_MISTAKES.method("clipped", clips_norm)
def norm_without_the_root(self: Evaluation, g: Any) -> Any:
    """Σg² instead of its root."""
    limit = self.arithmetic.array(self.formula.clip_norm)
    return g * (limit / np.maximum(np.add.reduce(g * g), limit))


# The denominator


@STEP_MISTAKES.method("denominator")
def missing_root(self: Evaluation) -> Any:
    """g / (v + ε)."""
    return self.radicand() if self.formula.epsilon_inside else self.radicand() + self.epsilon


@STEP_MISTAKES.method("denominator")
def epsilon_inside_and_outside(self: Evaluation) -> Any:
    """√(v + ε) + ε."""
    return np.sqrt(self.variance() + self.epsilon) + self.epsilon


@STEP_MISTAKES.method("denominator")
def epsilon_as_a_floor(self: Evaluation) -> Any:
    """max(√v, ε), or max(√v, √ε), instead of the sum."""
    floor = np.sqrt(self.epsilon) if self.formula.epsilon_inside else self.epsilon
    return np.maximum(np.sqrt(self.variance()), floor)


@STEP_MISTAKES.method("quotient")
def epsilon_scaled_by_the_rate(self: Evaluation, rate: Any, g: Any) -> Any:
    """g / (d/η + ε)."""
    given, self.epsilon = self.epsilon, self.epsilon * self.rate()
    u = quotient(self, rate, g)
    self.epsilon = given
    return u


@STEP_MISTAKES.method("bias_correction", bias_corrected)
def correction_of_the_next_step(self: Evaluation) -> Any:
    """1 - γ^(t+1): the step count starts at one, and is increased before it is used."""
    return self.one - self.decay ** self.arithmetic.array(self.t + 1)


@STEP_MISTAKES.method("bias_correction", bias_corrected)
def correction_of_the_step_before(self: Evaluation) -> Any:
    """1 - γ^(t-1): the step count starts at zero, so that the first step divides by zero."""
    return self.one - self.decay ** self.arithmetic.array(self.t - 1)


@STEP_MISTAKES.method("bias_correction", bias_corrected)
def correction_of_the_first_step(self: Evaluation) -> Any:
    """1 - γ: the step count is never increased."""
    return self.one - self.decay


@STEP_MISTAKES.method("variance", bias_corrected)
def correction_of_the_root(self: Evaluation) -> Any:
    """√v / (1 - γ^t)."""
    return self.v / (self.bias_correction() * self.bias_correction())


# The change of the parameters


@STEP_MISTAKES.method("move")
def step_applied_twice(self: Evaluation, u: Any) -> None:
    """The step is subtracted twice."""
    move(self, u)
    move(self, u)


@STEP_MISTAKES.method("move")
def step_added(self: Evaluation, u: Any) -> None:
    """The step is added, which is ascent."""
    move(self, -u)


@STEP_MISTAKES.method("move")
def first_step_skipped(self: Evaluation, u: Any) -> None:
    """The first step updates the state only."""
    if self.t > 1:
        move(self, u)


@STEP_MISTAKES.method("move")
def last_coordinate_skipped(self: Evaluation, u: Any) -> None:
    """A loop ends one coordinate too early."""
    move(self, u)
    self.x = np.where(np.arange(len(u)) < len(u) - 1, self.x, self.before.x)


@STEP_MISTAKES.method("rate")
def rate_over_the_root_of_time(self: Evaluation) -> Any:
    """η/√t although no schedule was requested."""
    return Evaluation.rate(self) / self.arithmetic.array(np.sqrt(self.t))


@STEP_MISTAKES.method("move", clips_weights)
def step_clipped_instead_of_weights(self: Evaluation, u: Any) -> None:
    """The limit on the parameters is applied to the step."""
    given, self.formula = self.formula, replace(self.formula, clip_weights=None)
    move(self, self.clipped_to(u, given.clip_weights))
    self.formula = given


# Weight decay


@STEP_MISTAKES.method("with_l2_decay", coupled)
def weight_decay_of_the_sign(self: Evaluation, g: Any) -> Any:
    """λ sign(x), which is l1 regularization."""
    return g + self.weight_decay * np.sign(self.x)


@STEP_MISTAKES.method("update_averages", coupled)
def weight_decay_after_the_average(self: Evaluation, g: Any) -> None:
    """λx enters the numerator alone."""
    update_averages(self, g - self.weight_decay * self.x)


@STEP_MISTAKES.method("decayed", decoupled)
def weight_decay_without_the_rate(self: Evaluation, x: Any) -> Any:
    """x - λx."""
    return x - self.weight_decay * x


@STEP_MISTAKES.method("move", decoupled)
def weight_decay_after_the_step(self: Evaluation, u: Any) -> None:
    """(x - u)(1 - ηλ): the new parameters decay."""
    given, self.formula = self.formula, replace(self.formula, decoupled=False)
    move(self, u)
    self.x, self.formula = self.decayed(self.x), given


@STEP_MISTAKES.evaluation(decaying)
class weight_decay_of_the_initial_parameters(Evaluation):  # noqa: N801
    """λ times the initial parameters."""

    def with_l2_decay(self, g: Any) -> Any:
        """Return g + λx₀."""
        return g + self.weight_decay * self.given.initial

    def decayed(self, x: Any) -> Any:
        """Return x - ηλx₀."""
        return x - self.rate() * self.weight_decay * self.given.initial
