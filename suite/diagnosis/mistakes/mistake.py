"""What a mistake is, and where there is a place for it: who keeps no momentum buffer can't forget to let it decay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from suite.diagnosis.mistakes.arithmetic import Name
from suite.diagnosis.mistakes.evaluation import Evaluation, Input
from suite.diagnosis.mistakes.formula import Formula
from suite.diagnosis.mistakes.operation_orders import PLAIN

Place = Callable[[Formula], bool]


def _unchanged(formula: Formula) -> Formula:
    return formula


@dataclass(frozen=True)
class Mistake:
    """A wrong evaluation.

    Attributes:
        name: what is wrong.
        reason: how it comes about, or what it makes of the formula.
        place: the formulas that have the part that is wrong.
        changed: the formula that is evaluated.
        kind: the evaluation.
    """

    name: str
    reason: str
    place: Place
    changed: Callable[[Formula], Formula] = _unchanged
    kind: type[Evaluation] = Evaluation

    def evaluation(self, formula: Formula, given: Input, fmt: Name = "float32") -> Evaluation:
        """Of a formula that has a place for it."""
        return self.kind(self.changed(formula), given, PLAIN, fmt)


def anywhere(formula: Formula) -> bool:  # noqa: ARG001
    """In all."""
    return True


def centered(formula: Formula) -> bool:
    """With a mean."""
    return formula.centered


def buffered(formula: Formula) -> bool:
    """With a momentum buffer."""
    return formula.buffered


def nesterov(formula: Formula) -> bool:
    """With a look ahead."""
    return formula.nesterov


def corrected(formula: Formula) -> bool:
    """With bias correction."""
    return formula.corrected


def scheduled(formula: Formula) -> bool:
    """With a learning rate that changes."""
    return len(set(formula.rates)) > 1


def scaled(formula: Formula) -> bool:
    """With a factor on the gradient."""
    return bool(abs(formula.scale) != 1)


def climbing(formula: Formula) -> bool:
    """Uphill."""
    return bool(formula.scale < 0)


def coupled(formula: Formula) -> bool:
    """With l2 weight decay."""
    return formula.coupled


def decoupled(formula: Formula) -> bool:
    """With decoupled weight decay."""
    return formula.decoupled


def decaying(formula: Formula) -> bool:
    """With weight decay of either kind."""
    return formula.coupled or formula.decoupled


def boxed(formula: Formula) -> bool:
    """With a bound on each coordinate of the gradient."""
    return formula.clip_gradient is not None


def limited(formula: Formula) -> bool:
    """With a bound on its norm."""
    return formula.clip_norm is not None


def kept(formula: Formula) -> bool:
    """With a bound on each parameter."""
    return formula.clip_weights is not None


class Collection(list[Mistake]):
    """Mistakes in the order in which they are written down."""

    def part(self, name: str, place: Place = anywhere) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A function that stands where the evaluation's method of that name should."""

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            self._add(function, place, type(function.__name__, (Evaluation,), {name: function}))
            return function

        return add

    def whole(self, place: Place = anywhere) -> Callable[[type[Evaluation]], type[Evaluation]]:
        """An evaluation that has more than one part of its own; its name is written as a function's."""

        def add(kind: type[Evaluation]) -> type[Evaluation]:
            self._add(kind, place, kind)
            return kind

        return add

    def _add(self, written: Any, place: Place, kind: type[Evaluation]) -> None:
        assert written.__doc__, written  # noqa: S101
        self.append(Mistake(written.__name__.replace("_", " "), written.__doc__.strip().rstrip("."), place, kind=kind))
