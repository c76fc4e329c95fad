"""What a step is made of, and is done wrongly: the gradient, the denominator, the step itself, weight decay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from suite.diagnosis.mistakes.evaluation import Evaluation, Turn
from suite.diagnosis.mistakes.mistake import (
    Collection,
    boxed,
    corrected,
    coupled,
    decaying,
    decoupled,
    kept,
    limited,
    scaled,
)

MISDONE = Collection()
"""Where a part is done wrongly that makes the step."""

turns, effective, remember, take = Evaluation.turns, Evaluation.effective, Evaluation.remember, Evaluation.take
quotient, move = Evaluation.quotient, Evaluation.move

# -- the gradient ----------------------------------------------------------------------------------------------------


@MISDONE.part("turns")
def stale_gradient(self: Evaluation, step: int) -> Iterator[Turn]:
    """That of the step before; none in the first."""
    if step:
        yield from turns(self, step - 1)


@MISDONE.part("quotient")
def stale_numerator(self: Evaluation, rate: Any, g: Any) -> Any:
    """The average has the new gradient, the step that of the step before."""
    before, self.latest = getattr(self, "latest", 0 * g), g  # type: ignore[attr-defined]
    return quotient(self, rate, before)


@MISDONE.part("turns")
def gradients_never_cleared(self: Evaluation, step: int) -> Iterator[Turn]:
    """Each is added to those before it."""
    before = [turn.total for earlier in range(step) for turn in turns(self, earlier)]
    for turn in turns(self, step):
        yield turn._replace(total=sum(before, turn.total))


@MISDONE.part("effective")
def gradient_of_the_neighbour(self: Evaluation, g: Any) -> Any:
    """Gradients meet parameters in another order."""
    return effective(self, np.roll(g, 1))


@MISDONE.part("effective")
def gradient_of_fewer_bits(self: Evaluation, g: Any) -> Any:
    """It was float16 on its way."""
    return effective(self, self.arithmetic.held(np.asarray(g).astype(np.float16)))


@MISDONE.part("quotient")
def sign_lost(self: Evaluation, rate: Any, g: Any) -> Any:
    """|g| in the numerator."""
    return quotient(self, rate, np.abs(g))


@MISDONE.part("quotient")
def sign_alone(self: Evaluation, rate: Any, g: Any) -> Any:
    """The sign of g in the numerator, as in Rprop."""
    return quotient(self, rate, np.sign(g))


@MISDONE.part("take")
def zero_gradients_skipped(self: Evaluation, turn: Turn) -> None:
    """Coordinates without a gradient rest, and their averages don't fade."""
    take(self, turn._replace(touched=np.asarray(turn.total) != 0))


@MISDONE.part("remember", scaled)
def scaled_after_the_average(self: Evaluation, g: Any) -> None:
    """The factor acts on the numerator alone."""
    remember(self, g / abs(self.scale))


@MISDONE.part("boxed", boxed)
def clipped_from_above(self: Evaluation, z: Any, limit: Any) -> Any:
    """What is too small is not clipped."""
    return z if limit is None else np.minimum(z, self.arithmetic.held(limit))


@MISDONE.whole(boxed)
class clipped_after_the_average(Evaluation):  # noqa: N801
    """The average sees the gradient as it was."""

    def limited(self, g: Any) -> Any:
        """Not yet."""
        return g

    def quotient(self, rate: Any, g: Any) -> Any:
        """Only here."""
        return super().quotient(rate, super().limited(g))


@MISDONE.part("limited", limited)
def norm_always_scaled(self: Evaluation, g: Any) -> Any:
    """Small gradients are made that long too."""
    return g * (self.arithmetic.held(self.formula.clip_norm) / np.sqrt(np.add.reduce(g * g)))


@MISDONE.part("limited", limited)
def norm_not_rooted(self: Evaluation, g: Any) -> Any:
    """Σg² in place of its root."""
    limit = self.arithmetic.held(self.formula.clip_norm)
    return g * (limit / np.maximum(np.add.reduce(g * g), limit))


# -- the denominator -------------------------------------------------------------------------------------------------


@MISDONE.part("root")
def missing_root(self: Evaluation) -> Any:
    """g / (v + ε)."""
    return self.radicand() if self.formula.inside else self.radicand() + self.epsilon


@MISDONE.part("root")
def epsilon_inside_and_outside(self: Evaluation) -> Any:
    """√(v + ε) + ε."""
    return np.sqrt(self.spread() + self.epsilon) + self.epsilon


@MISDONE.part("root")
def epsilon_as_a_floor(self: Evaluation) -> Any:
    """The larger of the two in place of their sum."""
    floor = np.sqrt(self.epsilon) if self.formula.inside else self.epsilon
    return np.maximum(np.sqrt(self.spread()), floor)


@MISDONE.part("quotient")
def epsilon_scaled_by_the_rate(self: Evaluation, rate: Any, g: Any) -> Any:
    """g / (d/η + ε)."""
    given, self.epsilon = self.epsilon, self.epsilon * self.rate()
    u = quotient(self, rate, g)
    self.epsilon = given
    return u


@MISDONE.part("correction", corrected)
def correction_of_the_next_step(self: Evaluation) -> Any:
    """1 - γ^(t+1): the count starts at one, and moves on before it is used."""
    return self.one - self.decay ** self.arithmetic.held(self.t + 1)


@MISDONE.part("correction", corrected)
def correction_of_the_step_before(self: Evaluation) -> Any:
    """1 - γ^(t-1): the count starts at zero, and the first step divides by it."""
    return self.one - self.decay ** self.arithmetic.held(self.t - 1)


@MISDONE.part("correction", corrected)
def correction_of_the_first_step(self: Evaluation) -> Any:
    """1 - γ: the count never moves."""
    return self.one - self.decay


@MISDONE.part("spread", corrected)
def correction_of_the_root(self: Evaluation) -> Any:
    """√v / (1 - γ^t)."""
    return self.v / (self.correction() * self.correction())


# -- the step --------------------------------------------------------------------------------------------------------


@MISDONE.part("move")
def update_twice(self: Evaluation, u: Any) -> None:
    """The step is taken again."""
    move(self, u)
    move(self, u)


@MISDONE.part("move")
def ascent(self: Evaluation, u: Any) -> None:
    """The step is added."""
    move(self, -u)


@MISDONE.part("move")
def first_step_skipped(self: Evaluation, u: Any) -> None:
    """It makes the state, and moves nothing."""
    if self.t > 1:
        move(self, u)


@MISDONE.part("move")
def last_coordinate_left(self: Evaluation, u: Any) -> None:
    """A loop ends one too early."""
    move(self, u)
    self.x = np.where(np.arange(len(u)) < len(u) - 1, self.x, self.before.x)


@MISDONE.part("rate")
def rate_over_the_root_of_time(self: Evaluation) -> Any:
    """η/√t, unasked."""
    return Evaluation.rate(self) / self.arithmetic.held(np.sqrt(self.t))


@MISDONE.part("move", kept)
def step_kept_in_place_of_weights(self: Evaluation, u: Any) -> None:
    """The step is clipped, and the parameters are not."""
    given, self.formula = self.formula, replace(self.formula, clip_weights=None)
    move(self, self.boxed(u, given.clip_weights))
    self.formula = given


# -- weight decay ----------------------------------------------------------------------------------------------------


@MISDONE.part("decayed", coupled)
def weight_decay_of_the_sign(self: Evaluation, g: Any) -> Any:
    """λ sign(x): l1."""
    return g + self.weight_decay * np.sign(self.x)


@MISDONE.part("remember", coupled)
def weight_decay_after_the_average(self: Evaluation, g: Any) -> None:
    """λx enters the numerator alone."""
    remember(self, g - self.weight_decay * self.x)


@MISDONE.part("shrunk", decoupled)
def weight_decay_without_the_rate(self: Evaluation, x: Any) -> Any:
    """x - λx."""
    return x - self.weight_decay * x


@MISDONE.part("move", decoupled)
def weight_decay_after_the_step(self: Evaluation, u: Any) -> None:
    """(x - u)(1 - ηλ): what is new shrinks too."""
    given, self.formula = self.formula, replace(self.formula, decoupled=False)
    move(self, u)
    self.x, self.formula = self.shrunk(self.x), given


@MISDONE.whole(decaying)
class weight_decay_of_the_start(Evaluation):  # noqa: N801
    """λ times the parameters as they were at first."""

    def decayed(self, g: Any) -> Any:
        """l2."""
        return g + self.weight_decay * self.given.initial

    def shrunk(self, x: Any) -> Any:
        """Decoupled."""
        return x - self.rate() * self.weight_decay * self.given.initial
