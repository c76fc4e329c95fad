"""RMSProp in an order of operations: each part of a step is a method, so that a mistake is a part done wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from reference import Dialect, Hyperparameters, SparseGradients
from suite.diagnosis.mistakes.arithmetic import Array, Name
from suite.diagnosis.mistakes.formula import Formula
from suite.diagnosis.mistakes.operation_orders import PLAIN, Order


@dataclass(frozen=True, eq=False)
class Input:
    """What drives an evaluation.

    Attributes:
        initial: the parameters, shape (n,).
        gradients: shape (steps, n), or of few rows.
        shares: what each coordinate has of the learning rate.
    """

    initial: Array
    gradients: Array | SparseGradients
    shares: Any = 1.0


class Turn(NamedTuple):
    """The gradient of a step, or of a part of one where duplicates come in turn.

    Attributes:
        total: the gradient.
        squares: what is averaged in place of its square, or None for that.
        touched: where there is one; all of it, unless it comes in rows.
    """

    total: Any
    squares: Any
    touched: Any


class State(NamedTuple):
    """Parameters and what is remembered, between two steps."""

    x: Any
    v: Any
    m: Any
    b: Any


class Evaluation:
    """One run. The names are the literature's: x, v, m and b, and t is counted from 1."""

    def __init__(self, formula: Formula, given: Input, order: Order, fmt: Name) -> None:
        self.formula, self.order, self.given, self.fmt = formula, order, given, fmt
        self.arithmetic = order.arithmetic(fmt)
        held = self.arithmetic.held
        self.decay, self.complement = held(formula.decay), held(formula.complement)
        self.epsilon, self.momentum = held(formula.epsilon), held(formula.momentum)
        self.weight_decay, self.scale = held(formula.weight_decay), held(formula.scale)
        self.one = held(1.0)
        self.x = held(self.arithmetic.settle(given.initial))
        self.v = held(np.full(given.initial.shape, formula.start))
        self.m = self.b = held(np.zeros(given.initial.shape))
        self.squares: Any = None
        self.t = 0

    def trace(self) -> dict[str, Array]:
        """Parameters and state after every step, under the names that the judge knows: each of shape (steps, n)."""
        names = {"parameters": "x", "square_average": "v", "mean_gradient": "m", "momentum_buffer": "b"}
        steps = len(self.formula.rates)
        series = {name: np.empty((steps, *self.given.initial.shape), self.arithmetic.type) for name in names}
        with np.errstate(all="ignore"):
            for step in range(steps):
                self.t = step + 1
                for turn in self.turns(step):
                    self.take(turn)
                for name, symbol in names.items():
                    series[name][step] = getattr(self, symbol)
        return series

    def turns(self, step: int) -> Iterator[Turn]:
        """The gradient of a step, counted from 0."""
        held, gradients = self.arithmetic.held, self.given.gradients
        if not isinstance(gradients, SparseGradients):
            yield Turn(held(self.arithmetic.settle(gradients[step])), None, True)
            return
        shape, width = self.given.initial.shape, gradients.values.shape[2]
        named = zip(gradients.rows[step], gradients.values[step], strict=True)
        entries = [(row, values) for row, values in named if row >= 0]
        for part in _parts([row for row, _ in entries], in_turn=self.formula.duplicates == "in turn"):
            total, squares = (np.zeros((gradients.height, width), self.arithmetic.type) for _ in range(2))
            touched = np.zeros((gradients.height, width), bool)
            for row, values in (entries[i] for i in part):
                total[row] += values
                squares[row] += np.square(values)
                touched[row] = True
            apart = held(squares.reshape(shape)) if self.formula.duplicates == "apart" else None
            yield Turn(held(total.reshape(shape)), apart, touched.reshape(shape) if self.formula.lazy else True)

    def take(self, turn: Turn) -> None:
        """One step, all of it."""
        self.before = State(self.x, self.v, self.m, self.b)
        g = self.effective(turn.total)
        self.squares = turn.squares
        self.remember(g)
        u = self.quotient(self.rate() if self.formula.rate_in_buffer else self.one, g)
        self.move(self.heavy(u) if self.formula.buffered else u)
        if turn.touched is not True:
            after = self.x, self.v, self.m, self.b
            pairs = zip(after, self.before, strict=True)
            self.x, self.v, self.m, self.b = (self.arithmetic.held(np.where(turn.touched, *pair)) for pair in pairs)

    def rate(self) -> Any:
        """η."""
        return self.arithmetic.held(self.formula.rates[self.t - 1] * np.asarray(self.given.shares))

    def effective(self, g: Any) -> Any:
        """The gradient after scaling, clipping and l2 weight decay."""
        g = self.scale * g
        if not self.formula.coupled:
            return self.limited(g)
        if self.formula.clip_after_decay:
            return self.limited(self.decayed(g))
        return self.decayed(self.limited(g))

    def decayed(self, g: Any) -> Any:
        """g + λx."""
        return self.product_and_sum(self.weight_decay, self.x, g)

    def limited(self, g: Any) -> Any:
        """g with a limited norm and limited coordinates."""
        if self.formula.clip_norm is not None:
            limit = self.arithmetic.held(self.formula.clip_norm)
            norm = np.sqrt(np.add.reduce(g * g))
            g = g * (limit / np.maximum(norm, limit))
        return self.boxed(g, self.formula.clip_gradient)

    def boxed(self, z: Any, limit: Any) -> Any:
        """Each coordinate kept within ±limit."""
        if limit is None:
            return z
        limit = self.arithmetic.held(limit)
        return np.minimum(np.maximum(z, -limit), limit)

    def remember(self, g: Any) -> None:
        """v and m."""
        if self.squares is None:
            self.v = self.average(self.v, g, g)
        else:
            self.v = self.average(self.v, self.squares, self.one)
        if self.formula.centered:
            self.m = self.average(self.m, g, self.one, mean=True)

    def average(self, old: Any, g: Any, h: Any, mean: bool = False) -> Any:
        """γ·old + (1-γ)·g·h."""
        form = self.order.mean if mean else self.order.average
        return self.arithmetic.stored(form(self.arithmetic, old, g, h, self.decay, self.complement))

    def correction(self) -> Any:
        """1 - γ^t."""
        return self.one - self.decay ** self.arithmetic.held(self.t)

    def spread(self) -> Any:
        """v, or v - m² when centered, unless ε comes in between: then with it."""
        v, m = self.v, self.m
        if self.formula.corrected:
            v, m = v / self.correction(), m / self.correction()
        if self.formula.inside and self.order.epsilon_first:
            v = v + self.epsilon
        if self.formula.centered:
            v = self.product_and_sum(-m, m, v)
        return v

    def radicand(self) -> Any:
        """What the root is taken of."""
        first = self.order.epsilon_first or not self.formula.inside
        return self.spread() if first else self.spread() + self.epsilon

    def root(self) -> Any:
        """The denominator."""
        root = self.arithmetic.root(self.radicand())
        return root if self.formula.inside else root + self.epsilon

    def inverse(self) -> Any:
        """Its reciprocal."""
        if self.formula.inside:
            return self.arithmetic.reciprocal_root(self.radicand())
        return self.arithmetic.quotient(self.one, self.root())

    def quotient(self, rate: Any, g: Any) -> Any:
        """u = η g / d."""
        return self.order.quotient(self.arithmetic, rate, g, self.root, self.inverse)

    def heavy(self, u: Any) -> Any:
        """The step that the momentum buffer makes of u."""
        self.b = self.arithmetic.stored(self.product_and_sum(self.momentum, self.b, u))
        return self.product_and_sum(self.momentum, self.b, u) if self.formula.nesterov else self.b

    def move(self, u: Any) -> None:
        """The parameters shrink, and take the step."""
        x = self.shrunk(self.x) if self.formula.decoupled else self.x
        x = x - u if self.formula.rate_in_buffer else self.product_and_sum(-self.rate(), u, x)
        self.x = self.arithmetic.stored(self.boxed(x, self.formula.clip_weights))

    def shrunk(self, x: Any) -> Any:
        """x - ηλx."""
        return self.product_and_sum(-(self.rate() * self.weight_decay), x, x)

    def product_and_sum(self, a: Any, b: Any, c: Any) -> Any:
        """a·b + c, fused if the order says so."""
        return self.arithmetic.fma(a, b, c) if self.order.fused else a * b + c


def _parts(rows: list[int], in_turn: bool) -> list[list[int]]:
    """Which of the rows come together: all; or first those that come first, then those that come again, and so on."""
    if not in_turn:
        return [list(range(len(rows)))]
    before = [rows[:i].count(row) for i, row in enumerate(rows)]
    return [[i for i, turn in enumerate(before) if turn == wanted] for wanted in range(max(before, default=0) + 1)]


def evaluate(
    d: Dialect, h: Hyperparameters, given: Input, order: Order = PLAIN, fmt: Name = "float32"
) -> dict[str, Array]:
    """The trace of a dialect in an order of operations and a format: name -> shape (steps, n)."""
    formula = Formula.of(d, h, len(given.gradients), order.arithmetic(fmt))
    return Evaluation(formula, given, order, fmt).trace()
