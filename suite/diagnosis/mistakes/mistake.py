"""The type of a mistake, and the mistakes that evaluate a wrong formula: a wrong number or a wrong switch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from suite.diagnosis.mistakes.arithmetic import PLAIN, FormatName
from suite.diagnosis.mistakes.evaluation import Evaluation, EvaluationInput, Formula

Condition = Callable[[Formula], bool]
"""Whether a formula has the part that is wrong: without a momentum buffer, for instance, its decay can't be omitted."""


def always(formula: Formula) -> bool:  # noqa: ARG001
    """Return True: every formula has the part."""
    return True


def _unchanged(formula: Formula) -> Formula:
    return formula


@dataclass(frozen=True)
class Mistake:
    """A wrong evaluation.

    Attributes:
        name: the name of the mistake.
        reason: how it happens, or the formula that results.
        applies: the formulas to which it applies.
        changed: the formula that is evaluated instead.
        kind: the class that evaluates it.
    """

    name: str
    reason: str
    applies: Condition
    changed: Callable[[Formula], Formula] = _unchanged
    kind: type[Evaluation] = Evaluation

    def evaluation(self, formula: Formula, given: EvaluationInput, fmt: FormatName = "float32") -> Evaluation:
        """Return the wrong evaluation of a formula to which the mistake applies."""
        return self.kind(self.changed(formula), given, PLAIN, fmt)


class MistakeList(list[Mistake]):
    """Mistakes in the order of their definition; decorated functions and classes are appended to it.

    The name of a mistake is that of the function or class, and its reason is the docstring.
    """

    def method(self, name: str, applies: Condition = always) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register a function that replaces the method `name` of `Evaluation`."""

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            self._append(function, applies, type(function.__name__, (Evaluation,), {name: function}))
            return function

        return add

    def evaluation(self, applies: Condition = always) -> Callable[[type[Evaluation]], type[Evaluation]]:
        """Register a subclass of `Evaluation` that replaces more than one method, or keeps state of its own."""

        def add(kind: type[Evaluation]) -> type[Evaluation]:
            self._append(kind, applies, kind)
            return kind

        return add

    def _append(self, defined: Any, applies: Condition, kind: type[Evaluation]) -> None:
        reason = defined.__doc__.strip().rstrip(".")
        self.append(Mistake(defined.__name__.replace("_", " "), reason, applies, kind=kind))


def decaying(formula: Formula) -> bool:
    """Return whether there is weight decay of either kind."""
    return formula.coupled or formula.decoupled


def scaled(formula: Formula) -> bool:
    """Return whether the gradient is multiplied by a factor other than its sign."""
    return bool(abs(formula.gradient_scale) != 1)


def maximizing(formula: Formula) -> bool:
    """Return whether the gradient is negated."""
    return bool(formula.gradient_scale < 0)


def scheduled(formula: Formula) -> bool:
    """Return whether the learning rate changes between steps."""
    return len(set(formula.rates)) > 1


def clips_coordinates(formula: Formula) -> bool:
    """Return whether the coordinates of the gradient are clipped."""
    return formula.clip_gradient is not None


def clips_norm(formula: Formula) -> bool:
    """Return whether the norm of the gradient is clipped."""
    return formula.clip_norm is not None


def clips_weights(formula: Formula) -> bool:
    """Return whether the parameters are clipped."""
    return formula.clip_weights is not None


_ZERO, _ONE = np.longdouble(0), np.longdouble(1)

FORMULA_MISTAKES = (
    Mistake("decay and complement swapped", "(1-γ)v + γg², as where the decay means its complement", always,
            lambda f: replace(f, decay=f.complement, complement=f.decay)),
    Mistake("complement omitted", "γv + g²", always, lambda f: replace(f, complement=_ONE)),
    Mistake("decay omitted", "v + (1-γ)g²: old gradients keep their weight", always, lambda f: replace(f, decay=_ONE)),
    Mistake("sum of squares", "v + g², which is Adagrad", always, lambda f: replace(f, decay=_ONE, complement=_ONE)),
    Mistake("epsilon underflows", "ε is zero where it is used", always, lambda f: replace(f, epsilon=_ZERO)),
    Mistake("epsilon squared", "ε² is used, as where ε was moved into the root", always,
            lambda f: replace(f, epsilon=f.epsilon**2)),
    Mistake("scale ignored", "the gradient is not multiplied by its factor", scaled,
            lambda f: replace(f, gradient_scale=np.sign(f.gradient_scale))),
    Mistake("scale inverted", "the gradient is divided by its factor", scaled,
            lambda f: replace(f, gradient_scale=1 / f.gradient_scale)),
    Mistake("maximize ignored", "the objective is minimized", maximizing,
            lambda f: replace(f, gradient_scale=-f.gradient_scale)),
    Mistake("maximize negates the weight decay", "-(g + λx)", lambda f: maximizing(f) and f.coupled,
            lambda f: replace(f, weight_decay=-f.weight_decay)),
    Mistake("clipped to half the limit", "the limit is the length of the interval, not half of it", clips_coordinates,
            lambda f: replace(f, clip_gradient=f.clip_gradient / 2)),
    Mistake("clipping ignored", "the gradient is not clipped", clips_coordinates,
            lambda f: replace(f, clip_gradient=None)),
    Mistake("coordinates clipped by norm", "the norm is clipped instead of each coordinate", clips_coordinates,
            lambda f: replace(f, clip_gradient=None, clip_norm=f.clip_gradient)),
    Mistake("norm not clipped", "the norm of the gradient is not clipped", clips_norm,
            lambda f: replace(f, clip_norm=None)),
    Mistake("norm clipped by coordinates", "each coordinate is clipped instead of the norm", clips_norm,
            lambda f: replace(f, clip_norm=None, clip_gradient=f.clip_norm)),
    Mistake("weights not clipped", "the parameters leave their interval", clips_weights,
            lambda f: replace(f, clip_weights=None)),
    Mistake("centering ignored", "v instead of v - m²", lambda f: f.centered, lambda f: replace(f, centered=False)),
    Mistake("momentum without decay", "b + u: the buffer never decays", lambda f: f.buffered,
            lambda f: replace(f, momentum=_ONE)),
    Mistake("momentum replaced by the decay", "γ instead of μ", lambda f: f.buffered,
            lambda f: replace(f, momentum=f.decay)),
    Mistake("nesterov although off", "momentum is applied as Nesterov's", lambda f: f.buffered and not f.nesterov,
            lambda f: replace(f, nesterov=True)),
    Mistake("rate of the next step", "the schedule is read after the step count was increased", scheduled,
            lambda f: replace(f, rates=(*f.rates[1:], f.rates[-1]))),
    Mistake("rate of the first step", "the schedule is read once", scheduled,
            lambda f: replace(f, rates=(f.rates[0],) * len(f.rates))),
    Mistake("bias correction ignored", "the averages keep their bias", lambda f: f.bias_corrected,
            lambda f: replace(f, bias_corrected=False)),
    Mistake("weight decay ignored", "λ is taken as 0", decaying, lambda f: replace(f, weight_decay=_ZERO)),
    Mistake("weight decay negated", "the parameters grow", decaying,
            lambda f: replace(f, weight_decay=-f.weight_decay)),
    Mistake("weight decay doubled", "2λx: the derivative of λx² instead of λx²/2", decaying,
            lambda f: replace(f, weight_decay=2 * f.weight_decay)),
)  # fmt: skip
"""Mistakes that evaluate another formula correctly."""
