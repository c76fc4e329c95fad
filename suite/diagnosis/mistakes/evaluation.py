"""Evaluates RMSProp in a format and an order of operations; a mistake replaces single parts of a step.

Dialects are read from the names of their axes, independently of `reference.algorithm`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reference import Dialect, Hyperparameters, SparseGradients
from suite.diagnosis.mistakes.arithmetic import AVERAGES, PLAIN, QUOTIENTS, Arithmetic, Array, FormatName, Order

_SINGLE = {
    "exact": (False, False, False),
    "float32": (True, True, True),
    "float32 but learning rate": (False, True, True),
    "float32 but epsilon": (True, False, True),
    "float32 rates": (True, False, False),
}
"""Hyper-parameter rounding -> whether float32 holds learning rates; ε and clipping bounds; the other numbers."""


@dataclass(frozen=True)
class Formula:
    """The update that a dialect computes with given hyper-parameters. Equal formulas evaluate to equal bits.

    Numbers are those that the dialect hands to the computation, in a wide type; `rates` has one for each step.
    """

    epsilon_inside: bool
    centered: bool
    buffered: bool
    rate_in_buffer: bool
    nesterov: bool
    bias_corrected: bool
    coupled: bool
    decoupled: bool
    clip_after_decay: bool
    lazy: bool
    duplicates: str
    flushed: bool
    initial_accumulator: np.floating
    decay: np.floating
    complement: np.floating
    epsilon: np.floating
    momentum: np.floating
    weight_decay: np.floating
    gradient_scale: np.floating
    clip_norm: np.floating | None
    clip_gradient: np.floating | None
    clip_weights: np.floating | None
    rates: tuple[np.floating, ...]

    @classmethod
    def of(cls, d: Dialect, h: Hyperparameters, steps: int, arithmetic: Arithmetic) -> Formula:
        """Return the formula; `arithmetic` matters if the dialect forms 1-γ in the working precision."""
        rates, bounds, others = _SINGLE[d.hyperparameter_rounding]

        def number(value: float, single: bool = others) -> np.floating:
            return np.longdouble(np.float32(value) if single else value)

        def limit(value: float | None) -> np.floating | None:
            return None if value is None else number(value, bounds)

        decay, epsilon = number(h.decay), number(h.epsilon, bounds)
        complement: np.floating = 1 - decay
        if d.decay_complement == "working":
            decay = np.longdouble(arithmetic.round(decay))
            complement = np.longdouble(arithmetic.round(1 - decay))
        has_momentum = h.momentum != 0
        buffered = has_momentum and (d.momentum == "always" or (d.momentum == "when centered" and h.centered))
        coupled = h.weight_decay != 0 and d.weight_decay == "l2"
        clipped = h.clip_gradient is not None or h.clip_norm is not None
        inside = {"inside with momentum": has_momentum, "inside when centered": h.centered}
        lazy = {"lazy": True, "lazy with momentum": has_momentum}
        return cls(
            epsilon_inside=inside.get(d.epsilon, d.epsilon == "inside"),
            centered=h.centered,
            buffered=buffered,
            rate_in_buffer=d.learning_rate == "inside" or not buffered,
            nesterov=h.nesterov and buffered,
            bias_corrected=h.bias_correction,
            coupled=coupled,
            decoupled=h.weight_decay != 0 and not coupled,
            clip_after_decay=coupled and clipped and d.clipping == "after decay",
            lazy=lazy.get(d.sparse, False),
            duplicates=d.duplicates,
            flushed=d.subnormals == "flushed",
            initial_accumulator=epsilon if d.initial_accumulator == "epsilon" else np.longdouble(d.initial_accumulator),
            decay=decay,
            complement=complement,
            epsilon=epsilon,
            momentum=number(h.momentum) if buffered else np.longdouble(0),
            weight_decay=number(h.weight_decay, d.hyperparameter_rounding != "exact"),
            gradient_scale=number(-h.rescale_gradient if h.maximize else h.rescale_gradient),
            clip_norm=limit(h.clip_norm),
            clip_gradient=limit(h.clip_gradient),
            clip_weights=limit(h.clip_weights),
            rates=tuple(number(h.rate(step), rates) for step in range(steps)),
        )


@dataclass(frozen=True, eq=False)
class EvaluationInput:
    """The input of an evaluation."""

    initial: Array  # the initial parameters, shape (n,)
    gradients: Array | SparseGradients  # shape (steps, n), or the rows of a sparse gradient
    rate_scale: ArrayLike = 1.0  # factor on the learning rate of each coordinate


class Update(NamedTuple):
    """The gradient of one update. A step has one update, or several where duplicate rows are applied in turn."""

    gradient: Array  # the gradient, shape (n,)
    squares: Array | None  # what is averaged instead of its square; None for the square
    touched: np.ndarray | Literal[True]  # the coordinates that the update may change, or True for all


class State(NamedTuple):
    """Parameters and state between two updates."""

    x: Array
    v: Array
    m: Array
    b: Array


class Evaluation:
    """One evaluation of a formula.

    Variables have the names of the literature: parameters x, average of squares v, mean gradient m, momentum buffer b,
    gradient g, quotient u; steps t are counted from 1.
    """

    def __init__(self, formula: Formula, given: EvaluationInput, order: Order, fmt: FormatName) -> None:
        self.formula, self.order, self.given = formula, order, given
        self.arithmetic = order.arithmetic(fmt)
        array = self.arithmetic.array
        self.decay, self.complement = array(formula.decay), array(formula.complement)
        self.epsilon, self.momentum = array(formula.epsilon), array(formula.momentum)
        self.weight_decay, self.gradient_scale = array(formula.weight_decay), array(formula.gradient_scale)
        self.one = array(1.0)
        self.x = array(self.arithmetic.round_and_flush(given.initial))
        self.v = array(np.full(given.initial.shape, formula.initial_accumulator))
        self.m = self.b = array(np.zeros(given.initial.shape))
        self.before = State(self.x, self.v, self.m, self.b)
        self.t = 0

    def trace(self) -> dict[str, Array]:
        """Return parameters and state after every step, under the names of `QUANTITIES`: each of shape (steps, n)."""
        names = {"parameters": "x", "square_average": "v", "mean_gradient": "m", "momentum_buffer": "b"}
        steps = len(self.formula.rates)
        series = {name: np.empty((steps, *self.given.initial.shape), self.arithmetic.type) for name in names}
        with np.errstate(all="ignore"):
            for step in range(steps):
                self.t = step + 1
                for update in self.updates(step):
                    self.apply(update)
                for name, symbol in names.items():
                    series[name][step] = getattr(self, symbol)
        return series

    def updates(self, step: int) -> Iterable[Update]:
        """Yield the updates of a step, counted from 0."""
        array, gradients = self.arithmetic.array, self.given.gradients
        if not isinstance(gradients, SparseGradients):
            yield Update(array(self.arithmetic.round_and_flush(gradients[step])), None, True)
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
            apart = array(squares.reshape(shape)) if self.formula.duplicates == "apart" else None
            yield Update(array(total.reshape(shape)), apart, touched.reshape(shape) if self.formula.lazy else True)

    def apply(self, update: Update) -> None:
        """Apply one update to parameters and state."""
        self.before = State(self.x, self.v, self.m, self.b)
        g = self.effective_gradient(update.gradient)
        self.v, self.m = self.averages(self.v, self.m, g, update.squares)
        u = self.quotient(self.rate() if self.formula.rate_in_buffer else self.one, g)
        if self.formula.buffered:
            self.b = self.momentum_buffer(self.b, u)
            u = self.step(u)
        self.x = self.moved(self.x, u)
        if update.touched is not True:
            pairs = zip((self.x, self.v, self.m, self.b), self.before, strict=True)
            self.x, self.v, self.m, self.b = (self.arithmetic.array(np.where(update.touched, *pair)) for pair in pairs)

    def rate(self) -> Array:
        """Return η of the current step."""
        return self.arithmetic.array(self.formula.rates[self.t - 1] * np.asarray(self.given.rate_scale))

    def effective_gradient(self, g: Array) -> Array:
        """Return the gradient after scaling, clipping and l2 weight decay."""
        g = self.gradient_scale * g
        if not self.formula.coupled:
            return self.clipped(g)
        if self.formula.clip_after_decay:
            return self.clipped(self.with_l2_decay(g))
        return self.with_l2_decay(self.clipped(g))

    def with_l2_decay(self, g: Array) -> Array:
        """Return g + λx."""
        return self.product_and_sum(self.weight_decay, self.x, g)

    def clipped(self, g: Array) -> Array:
        """Return g with its norm clipped, and then its coordinates."""
        if self.formula.clip_norm is not None:
            limit = self.arithmetic.array(self.formula.clip_norm)
            g = g * (limit / np.maximum(np.sqrt(np.add.reduce(g * g)), limit))
        return self.clipped_to(g, self.formula.clip_gradient)

    def clipped_to(self, z: Array, limit: np.floating | None) -> Array:
        """Clip each coordinate to ±limit; None is no limit."""
        if limit is None:
            return z
        bound = self.arithmetic.array(limit)
        result: Array = np.minimum(np.maximum(z, -bound), bound)
        return result

    def averages(self, v: Array, m: Array, g: Array, squares: Array | None) -> tuple[Array, Array]:
        """Return the new v and m."""
        return self.square_average(v, g, squares), self.mean_gradient(m, g) if self.formula.centered else m

    def square_average(self, v: Array, g: Array, squares: Array | None) -> Array:
        """Return γv + (1-γ)g², or γv + (1-γ)·squares."""
        return self.average(v, g, g) if squares is None else self.average(v, squares, self.one)

    def mean_gradient(self, m: Array, g: Array) -> Array:
        """Return γm + (1-γ)g."""
        return self.average(m, g, self.one, mean=True)

    def average(self, old: Array, g: Array, h: Array, mean: bool = False) -> Array:
        """Return γ·old + (1-γ)·g·h."""
        form = AVERAGES[self.order.mean if mean else self.order.average]
        return self.arithmetic.stored(form(self.arithmetic, old, g, h, self.decay, self.complement))

    def bias_correction(self) -> Array:
        """Return 1 - γ^t."""
        return self.one - self.decay ** self.arithmetic.array(self.t)

    def variance(self, v: Array, m: Array) -> Array:
        """Return v, or v - m² when centered; ε is included if the order of operations adds it before m²."""
        if self.formula.bias_corrected:
            v, m = v / self.bias_correction(), m / self.bias_correction()
        if self.formula.epsilon_inside and self.order.epsilon_first:
            v = v + self.epsilon
        return self.product_and_sum(-m, m, v) if self.formula.centered else v

    def radicand(self) -> Array:
        """Return the operand of the root."""
        variance = self.variance(self.v, self.m)
        complete = self.order.epsilon_first or not self.formula.epsilon_inside
        return variance if complete else variance + self.epsilon

    def denominator(self) -> Array:
        """Return the root, with ε added if it stands outside."""
        root = self.arithmetic.root(self.radicand())
        return root if self.formula.epsilon_inside else root + self.epsilon

    def inverse(self) -> Array:
        """Return the reciprocal of the denominator."""
        if self.formula.epsilon_inside:
            return self.arithmetic.reciprocal_root(self.radicand())
        return self.arithmetic.quotient(self.one, self.denominator())

    def quotient(self, rate: Array, g: Array) -> Array:
        """Return η g / d."""
        return QUOTIENTS[self.order.quotient](self.arithmetic, rate, g, self.denominator, self.inverse)

    def momentum_buffer(self, b: Array, u: Array) -> Array:
        """Return the new momentum buffer, μb + u."""
        return self.arithmetic.stored(self.product_and_sum(self.momentum, b, u))

    def step(self, u: Array) -> Array:
        """Return the step: the momentum buffer, or Nesterov's μb + u."""
        return self.product_and_sum(self.momentum, self.b, u) if self.formula.nesterov else self.b

    def moved(self, x: Array, u: Array) -> Array:
        """Return the parameters after decay, the step u and clipping."""
        x = self.decayed(x) if self.formula.decoupled else x
        x = x - u if self.formula.rate_in_buffer else self.product_and_sum(-self.rate(), u, x)
        return self.arithmetic.stored(self.clipped_to(x, self.formula.clip_weights))

    def decayed(self, x: Array) -> Array:
        """Return x - ηλx."""
        return self.product_and_sum(-(self.rate() * self.weight_decay), x, x)

    def product_and_sum(self, a: Array, b: Array, c: Array) -> Array:
        """Return a·b + c, fused if the order of operations says so."""
        return self.arithmetic.fma(a, b, c) if self.order.fused else a * b + c


def _parts(rows: list[int], in_turn: bool) -> Iterator[list[int]]:
    """Group row indices into updates: all in one, or the n-th occurrences of every row in the n-th."""
    occurrence = [rows[:i].count(row) if in_turn else 0 for i, row in enumerate(rows)]
    for wanted in range(max(occurrence, default=0) + 1):
        yield [i for i, n in enumerate(occurrence) if n == wanted]


def evaluate(
    d: Dialect, h: Hyperparameters, given: EvaluationInput, order: Order = PLAIN, fmt: FormatName = "float32"
) -> dict[str, Array]:
    """Return the trace of a dialect in an order of operations and a format: name -> shape (steps, n)."""
    formula = Formula.of(d, h, len(given.gradients), order.arithmetic(fmt))
    return Evaluation(formula, given, order, fmt).trace()
