"""The mistakes: wrong evaluations that belong to no dialect, each with its likely cause or the formula that results.

A mistake evaluates another formula correctly, or replaces one part of a step. The parts are the methods of
`Evaluation`; in a replacement, `e` is the evaluation, and `Evaluation.quotient(e, …)` the part that was replaced.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TypedDict, Unpack

import numpy as np

from suite.diagnosis.mistakes.arithmetic import PLAIN, Array, FormatName, to_bfloat16
from suite.diagnosis.mistakes.evaluation import Evaluation, EvaluationInput, Formula, Update

Condition = Callable[[Formula], bool]
"""Whether a formula has the part that is wrong: without a momentum buffer, for instance, its decay can't be omitted."""

centered, buffered, nesterov = attrgetter("centered"), attrgetter("buffered"), attrgetter("nesterov")
bias_corrected, coupled, decoupled = attrgetter("bias_corrected"), attrgetter("coupled"), attrgetter("decoupled")


def _always(formula: Formula) -> bool:  # noqa: ARG001
    return True


def _decaying(formula: Formula) -> bool:
    return formula.coupled or formula.decoupled


def _scaled(formula: Formula) -> bool:
    return bool(abs(formula.gradient_scale) != 1)


def _maximizing(formula: Formula) -> bool:
    return bool(formula.gradient_scale < 0)


def _scheduled(formula: Formula) -> bool:
    return len(set(formula.rates)) > 1


def _has(name: str) -> Condition:
    return lambda formula: getattr(formula, name) is not None


_clips_coordinates, _clips_norm, _clips_weights = _has("clip_gradient"), _has("clip_norm"), _has("clip_weights")


@dataclass(frozen=True)
class Mistake:
    """A wrong evaluation: `kind` evaluates the `changed` formula.

    The reason says how it happens, or which formula results.
    """

    name: str
    reason: str
    applies: Condition
    changed: Callable[[Formula], Formula] = lambda formula: formula
    kind: type[Evaluation] = Evaluation

    def evaluation(self, formula: Formula, given: EvaluationInput, fmt: FormatName = "float32") -> Evaluation:
        """Return the wrong evaluation of a formula to which the mistake applies."""
        return self.kind(self.changed(formula), given, PLAIN, fmt)


_Value = Callable[[Evaluation], Array]
_OfGradient = Callable[[Evaluation, Array], Array]
_OfTwo = Callable[[Evaluation, Array, Array], Array]


class Parts(TypedDict, total=False):
    """The parts of a step that a mistake may replace: methods of `Evaluation`, called with the evaluation first."""

    updates: Callable[[Evaluation, int], Iterable[Update]]
    apply: Callable[[Evaluation, Update], None]
    rate: _Value
    effective_gradient: _OfGradient
    with_l2_decay: _OfGradient
    clipped: _OfGradient
    clipped_to: Callable[[Evaluation, Array, np.floating | None], Array]
    averages: Callable[[Evaluation, Array, Array, Array, Array | None], tuple[Array, Array]]
    square_average: Callable[[Evaluation, Array, Array, Array | None], Array]
    mean_gradient: _OfTwo
    bias_correction: _Value
    variance: _OfTwo
    denominator: _Value
    quotient: _OfTwo
    momentum_buffer: _OfTwo
    step: _OfGradient
    moved: _OfTwo
    decayed: _OfGradient


def replaced(name: str, reason: str, applies: Condition = _always, **parts: Unpack[Parts]) -> Mistake:
    """Return the mistake that replaces these parts of a step."""
    return Mistake(name, reason, applies, kind=type(name, (Evaluation,), dict(parts)))


def with_values(e: Evaluation, **values: object) -> Evaluation:
    """Return a copy of an evaluation with other values of some attributes."""
    changed = copy.copy(e)
    vars(changed).update(values)
    return changed


def _limit(e: Evaluation) -> Array:
    return e.arithmetic.array(e.formula.clip_norm or 0.0)  # it applies only where there is one


_ZERO, _ONE = np.longdouble(0), np.longdouble(1)

FORMULAS = (
    Mistake("decay and complement swapped", "(1-γ)v + γg², as where the decay means its complement", _always,
            lambda f: replace(f, decay=f.complement, complement=f.decay)),
    Mistake("complement omitted", "γv + g²", _always, lambda f: replace(f, complement=_ONE)),
    Mistake("decay omitted", "v + (1-γ)g²: old gradients keep their weight", _always, lambda f: replace(f, decay=_ONE)),
    Mistake("sum of squares", "v + g², which is Adagrad", _always, lambda f: replace(f, decay=_ONE, complement=_ONE)),
    Mistake("epsilon underflows", "ε is zero where it is used", _always, lambda f: replace(f, epsilon=_ZERO)),
    Mistake("epsilon squared", "ε² is used, as where ε was moved into the root", _always,
            lambda f: replace(f, epsilon=f.epsilon**2)),
    Mistake("scale ignored", "the gradient is not multiplied by its factor", _scaled,
            lambda f: replace(f, gradient_scale=np.sign(f.gradient_scale))),
    Mistake("scale inverted", "the gradient is divided by its factor", _scaled,
            lambda f: replace(f, gradient_scale=1 / f.gradient_scale)),
    Mistake("maximize ignored", "the objective is minimized", _maximizing,
            lambda f: replace(f, gradient_scale=-f.gradient_scale)),
    Mistake("maximize negates the weight decay", "-(g + λx)", lambda f: _maximizing(f) and f.coupled,
            lambda f: replace(f, weight_decay=-f.weight_decay)),
    Mistake("clipped to half the limit", "the limit is the length of the interval, not half of it", _clips_coordinates,
            lambda f: replace(f, clip_gradient=f.clip_gradient and f.clip_gradient / 2)),
    Mistake("clipping ignored", "the gradient is not clipped", _clips_coordinates,
            lambda f: replace(f, clip_gradient=None)),
    Mistake("coordinates clipped by norm", "the norm is clipped instead of each coordinate", _clips_coordinates,
            lambda f: replace(f, clip_gradient=None, clip_norm=f.clip_gradient)),
    Mistake("norm not clipped", "the norm of the gradient is not clipped", _clips_norm,
            lambda f: replace(f, clip_norm=None)),
    Mistake("norm clipped by coordinates", "each coordinate is clipped instead of the norm", _clips_norm,
            lambda f: replace(f, clip_norm=None, clip_gradient=f.clip_norm)),
    Mistake("weights not clipped", "the parameters leave their interval", _clips_weights,
            lambda f: replace(f, clip_weights=None)),
    Mistake("centering ignored", "v instead of v - m²", centered, lambda f: replace(f, centered=False)),
    Mistake("momentum without decay", "b + u: the buffer never decays", buffered, lambda f: replace(f, momentum=_ONE)),
    Mistake("momentum replaced by the decay", "γ instead of μ", buffered, lambda f: replace(f, momentum=f.decay)),
    Mistake("nesterov although off", "momentum is applied as Nesterov's", lambda f: f.buffered and not f.nesterov,
            lambda f: replace(f, nesterov=True)),
    Mistake("rate of the next step", "the schedule is read after the step count was increased", _scheduled,
            lambda f: replace(f, rates=(*f.rates[1:], f.rates[-1]))),
    Mistake("rate of the first step", "the schedule is read once", _scheduled,
            lambda f: replace(f, rates=(f.rates[0],) * len(f.rates))),
    Mistake("bias correction ignored", "the averages keep their bias", bias_corrected,
            lambda f: replace(f, bias_corrected=False)),
    Mistake("weight decay ignored", "λ is taken as 0", _decaying, lambda f: replace(f, weight_decay=_ZERO)),
    Mistake("weight decay negated", "the parameters grow", _decaying,
            lambda f: replace(f, weight_decay=-f.weight_decay)),
    Mistake("weight decay doubled", "2λx: the derivative of λx² instead of λx²/2", _decaying,
            lambda f: replace(f, weight_decay=2 * f.weight_decay)),
)  # fmt: skip
"""Mistakes that evaluate another formula correctly."""


def _shared_by_neighbours(e: Evaluation, v: Array, g: Array, squares: Array | None) -> Array:  # noqa: ARG001
    first = np.arange(len(g)) // 2 * 2
    second = np.minimum(first + 1, len(g) - 1)
    shared = e.average(v[first], g[first], g[first])
    return e.average(shared, g[second], g[second])


def _reset_half_way(e: Evaluation, v: Array, m: Array, g: Array, squares: Array | None) -> tuple[Array, Array]:
    if e.t == len(e.formula.rates) // 2 + 1:
        v, m = np.full_like(v, e.formula.initial_accumulator), np.zeros_like(m)
    return Evaluation.averages(e, v, m, g, squares)


def _epsilon_added_in_place(e: Evaluation, rate: Array, g: Array) -> Array:
    u = Evaluation.quotient(e, rate, g)
    e.v = e.v + e.epsilon
    return u


def _buffer_divided(e: Evaluation, rate: Array, g: Array) -> Array:
    e.b = e.momentum * e.b + g
    return Evaluation.quotient(e, rate, e.b)


STATE = (
    # the average of squares
    replaced("missing square", "|g| instead of g²",
             square_average=lambda e, v, g, squares: Evaluation.square_average(e, v, g, np.abs(g))),
    replaced("largest average", "The average never decreases, as in AMSGrad",
             square_average=lambda e, v, g, squares: np.maximum(v, Evaluation.square_average(e, v, g, squares))),
    replaced("average starts at the first square", "v is g² before the first step",
             square_average=lambda e, v, g, squares: Evaluation.square_average(
                 e, g * g if e.t == 1 else v, g, squares)),
    replaced("average updated twice", "Each step counts twice",
             averages=lambda e, v, m, g, squares: Evaluation.averages(
                 e, *Evaluation.averages(e, v, m, g, squares), g, squares)),
    replaced("average frozen", "The average contains the first step only",
             averages=lambda e, v, m, g, squares: Evaluation.averages(e, v, m, g, squares) if e.t == 1 else (v, m)),
    replaced("average updated after use", "The step divides by the average from before it",
             variance=lambda e, v, m: Evaluation.variance(e, e.before.v, m)),
    replaced("average rounded to bfloat16", "The average is stored in bfloat16",
             square_average=lambda e, v, g, squares: e.arithmetic.array(to_bfloat16(
                 Evaluation.square_average(e, v, g, squares)))),
    replaced("average shared by neighbours",
             "Two coordinates share a state, which is updated with the first and then with the second",
             square_average=_shared_by_neighbours),
    replaced("average over coordinates", "One number for the whole parameter, as in NovoGrad",
             square_average=lambda e, v, g, squares: Evaluation.square_average(
                 e, v, g, e.arithmetic.array(np.full(g.shape, np.mean(g * g))))),
    replaced("averages reset half way", "The averages start again half-way, as after a checkpoint that lacks them",
             averages=_reset_half_way),
    replaced("epsilon stays in the average", "v + ε is formed in place", quotient=_epsilon_added_in_place),
    # the mean gradient
    replaced("mean not squared", "v - |m|", centered, variance=lambda e, v, m: v - np.abs(m)),
    replaced("mean added", "v + m²", centered, variance=lambda e, v, m: v + m * m),
    replaced("mean updated after use", "The new v, and m from before the step", centered,
             variance=lambda e, v, m: v - e.before.m * e.before.m),
    replaced("mean replaced by the gradient", "v - g²", centered, mean_gradient=lambda e, m, g: g),
    replaced("mean of absolute gradients", "m averages |g|", centered,
             mean_gradient=lambda e, m, g: Evaluation.mean_gradient(e, m, np.abs(g))),
    # the momentum buffer
    replaced("momentum ignored", "There is no buffer", buffered,
             momentum_buffer=lambda e, b, u: b, step=lambda e, u: u),
    replaced("momentum dampened", "μb + (1-μ)u, as in Adam", buffered,
             momentum_buffer=lambda e, b, u: Evaluation.momentum_buffer(e, b, (e.one - e.momentum) * u),
             step=lambda e, u: Evaluation.step(e, (e.one - e.momentum) * u)),
    replaced("momentum of gradients", "The buffer holds gradients, and is divided afterwards", buffered,
             quotient=_buffer_divided, momentum_buffer=lambda e, b, u: b, step=lambda e, u: u),
    replaced("rate applied twice", "η enters the buffer and scales it too", buffered,
             step=lambda e, u: e.rate() * Evaluation.step(e, u)),
    replaced("nesterov with the old buffer", "u + μb with the buffer from before the step, which is plain momentum",
             nesterov, step=lambda e, u: u + e.momentum * e.before.b),
    replaced("nesterov without the step", "μb without u", nesterov, step=lambda e, u: e.momentum * e.b),
    replaced("nesterov applied twice", "Nesterov's momentum looks ahead by two steps", nesterov,
             step=lambda e, u: u + e.momentum * Evaluation.step(e, u)),
)  # fmt: skip
"""Mistakes in updating or using the state."""


def _never_cleared(e: Evaluation, step: int) -> Iterable[Update]:
    before = [update.gradient for earlier in range(step) for update in Evaluation.updates(e, earlier)]
    for update in Evaluation.updates(e, step):
        yield update._replace(gradient=sum(before, update.gradient))


class _StaleNumerator(Evaluation):
    previous: Array | None = None

    def quotient(self, rate: Array, g: Array) -> Array:
        previous, self.previous = 0 * g if self.previous is None else self.previous, g
        return super().quotient(rate, previous)


STEP = (
    # the gradient
    replaced("stale gradient", "The gradient of the step before; none in the first step",
             updates=lambda e, step: Evaluation.updates(e, step - 1) if step else ()),
    Mistake("stale numerator", "The average uses the new gradient, the numerator that of the step before", _always,
            kind=_StaleNumerator),
    replaced("gradients never cleared", "Each gradient is added to those before it", updates=_never_cleared),
    replaced("gradient of the neighbour", "Gradients and parameters are in different orders",
             effective_gradient=lambda e, g: Evaluation.effective_gradient(e, np.roll(g, 1))),
    replaced("gradient rounded to float16", "The gradient is converted to float16 and back",
             effective_gradient=lambda e, g: Evaluation.effective_gradient(
                 e, e.arithmetic.array(np.asarray(g).astype(np.float16)))),
    replaced("sign of the gradient lost", "|g| in the numerator",
             quotient=lambda e, rate, g: Evaluation.quotient(e, rate, np.abs(g))),
    replaced("sign of the gradient only", "The sign of g in the numerator, as in Rprop",
             quotient=lambda e, rate, g: Evaluation.quotient(e, rate, np.sign(g))),
    replaced("zero gradients skipped",
             "Coordinates whose gradient is zero are not updated, and their averages do not decay",
             apply=lambda e, update: Evaluation.apply(e, update._replace(touched=np.asarray(update.gradient) != 0))),
    replaced("scaled after the average", "The factor on the gradient scales the numerator alone", _scaled,
             averages=lambda e, v, m, g, squares: Evaluation.averages(e, v, m, g / abs(e.gradient_scale), squares)),
    replaced("clipped from above only", "Values below the lower limit are not clipped", _clips_coordinates,
             clipped_to=lambda e, z, limit: z if limit is None else np.minimum(z, e.arithmetic.array(limit))),
    replaced("clipped after the average", "The average uses the gradient before clipping", _clips_coordinates,
             clipped=lambda e, g: g,
             quotient=lambda e, rate, g: Evaluation.quotient(e, rate, Evaluation.clipped(e, g))),
    replaced("norm always scaled", "Shorter gradients are scaled up to the limit", _clips_norm,
             clipped=lambda e, g: g * (_limit(e) / np.sqrt(np.add.reduce(g * g)))),
    replaced("norm without the root", "Σg² instead of its root", _clips_norm,
             clipped=lambda e, g: g * (_limit(e) / np.maximum(np.add.reduce(g * g), _limit(e)))),
    # the denominator
    replaced("missing root", "g / (v + ε)",
             denominator=lambda e: e.radicand() if e.formula.epsilon_inside else e.radicand() + e.epsilon),
    replaced("epsilon inside and outside", "√(v + ε) + ε",
             denominator=lambda e: np.sqrt(e.variance(e.v, e.m) + e.epsilon) + e.epsilon),
    replaced("epsilon as a floor", "max(√v, ε), or max(√v, √ε), instead of the sum",
             denominator=lambda e: np.maximum(
                 np.sqrt(e.variance(e.v, e.m)), np.sqrt(e.epsilon) if e.formula.epsilon_inside else e.epsilon)),
    replaced("epsilon scaled by the rate", "g / (d/η + ε)",
             quotient=lambda e, rate, g: Evaluation.quotient(with_values(e, epsilon=e.epsilon * e.rate()), rate, g)),
    replaced("correction of the next step",
             "1 - γ^(t+1): the step count starts at one, and is increased before it is used", bias_corrected,
             bias_correction=lambda e: e.one - e.decay ** e.arithmetic.array(e.t + 1)),
    replaced("correction of the step before",
             "1 - γ^(t-1): the step count starts at zero, so that the first step divides by zero", bias_corrected,
             bias_correction=lambda e: e.one - e.decay ** e.arithmetic.array(e.t - 1)),
    replaced("correction of the first step", "1 - γ: the step count is never increased", bias_corrected,
             bias_correction=lambda e: e.one - e.decay),
    replaced("correction of the root", "√v / (1 - γ^t)", bias_corrected,
             variance=lambda e, v, m: v / (e.bias_correction() * e.bias_correction())),
    # the change of the parameters
    replaced("step applied twice", "The step is subtracted twice",
             moved=lambda e, x, u: Evaluation.moved(e, Evaluation.moved(e, x, u), u)),
    replaced("step added", "The step is added, which is ascent", moved=lambda e, x, u: Evaluation.moved(e, x, -u)),
    replaced("first step skipped", "The first step updates the state only",
             moved=lambda e, x, u: Evaluation.moved(e, x, u) if e.t > 1 else x),
    replaced("last coordinate skipped", "A loop ends one coordinate too early",
             moved=lambda e, x, u: np.where(np.arange(len(u)) < len(u) - 1, Evaluation.moved(e, x, u), x)),
    replaced("rate over the root of time", "η/√t although no schedule was requested",
             rate=lambda e: Evaluation.rate(e) / e.arithmetic.array(np.sqrt(e.t))),
    replaced("step clipped instead of weights", "The limit on the parameters is applied to the step", _clips_weights,
             moved=lambda e, x, u: Evaluation.moved(
                 with_values(e, formula=replace(e.formula, clip_weights=None)), x,
                 e.clipped_to(u, e.formula.clip_weights))),
    # weight decay
    replaced("weight decay of the sign", "λ sign(x), which is l1 regularization", coupled,
             with_l2_decay=lambda e, g: g + e.weight_decay * np.sign(e.x)),
    replaced("weight decay after the average", "λx enters the numerator alone", coupled,
             averages=lambda e, v, m, g, squares: Evaluation.averages(e, v, m, g - e.weight_decay * e.x, squares)),
    replaced("weight decay without the rate", "x - λx", decoupled, decayed=lambda e, x: x - e.weight_decay * x),
    replaced("weight decay after the step", "(x - u)(1 - ηλ): the new parameters decay", decoupled,
             moved=lambda e, x, u: e.decayed(Evaluation.moved(
                 with_values(e, formula=replace(e.formula, decoupled=False)), x, u))),
    replaced("weight decay of the initial parameters", "λ times the initial parameters", _decaying,
             with_l2_decay=lambda e, g: g + e.weight_decay * e.given.initial,
             decayed=lambda e, x: x - e.rate() * e.weight_decay * e.given.initial),
)  # fmt: skip
"""Mistakes in computing or applying the step."""

MISTAKES: tuple[Mistake, ...] = (*FORMULAS, *STATE, *STEP)
