"""A dialect and hyper-parameters made one: an algorithm in which no choice is left, and the update that it makes.

The update is written once. On arrays it gives the oracle's numbers; on numbers that carry their error
(`reference.bound`) the same lines give the rounding bound.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from reference.dialect import Dialect
from reference.hyperparameters import Hyperparameters
from reference.operations import average, complement_of_power, in_parts, norm, quotient, root, select, shrink, variance
from reference.precision import Format, format_of
from reference.sparse import Rows

Value = Any  # an array, or the same as numbers that carry their error (Bounded)


class State(NamedTuple):
    """What the optimizer remembers between steps; each in the shape of the parameters."""

    square_average: Any  # v
    mean_gradient: Any  # m
    momentum_buffer: Any  # b


@dataclass(frozen=True)
class Algorithm:
    """A dialect with hyper-parameters, reduced to what has an effect: equal algorithms compute the same function.

    The booleans are its structure. The numbers are the hyper-parameters as the dialect rounds them in `precision`,
    in a wider type; an array in place of a number gives each coordinate its own.
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
    single_rate: bool
    lazy: bool
    apart: bool
    in_turn: bool
    subnormals: str
    initial_accumulator: Any
    decay: Any
    complement: Any
    epsilon: Any
    momentum: Any
    weight_decay: Any
    gradient_scale: Any  # None, in place of 1, where no time is to be spent on it
    clip_norm: Any
    clip_gradient: Any
    clip_weights: Any

    @classmethod
    def of(cls, dialect: Dialect, h: Hyperparameters, precision: Format | DTypeLike | str) -> Algorithm:
        """The algorithm of a dialect with hyper-parameters, as an implementation in `precision` would see it.

        Raises:
            ValueError: if `precision` is no floating-point format that is known here.
        """
        working, wide = format_of(precision), np.longdouble
        single = format_of("float32")

        rounding = dialect.hyperparameter_rounding

        def seen(value: float, rounded: bool = rounding.startswith("float32 but") or rounding == "float32") -> Any:
            return single.round(wide(value)) if rounded else wide(value)

        def limit(value: float | None) -> Any:
            return None if value is None else seen(value, rounding in ("float32", "float32 but learning rate"))

        decay = seen(h.decay)
        if dialect.decay_complement == "working":
            decay = working.round(decay)
            complement = working.round(1 - decay)
        else:
            complement = 1 - decay
        epsilon = limit(h.epsilon)
        initial = epsilon if dialect.initial_accumulator == "epsilon" else wide(dialect.initial_accumulator)
        kept = dialect.momentum == "always" or (dialect.momentum == "when centered" and h.centered)
        buffered = h.momentum != 0 and kept
        clipped = h.clip_gradient is not None or h.clip_norm is not None
        coupled = h.weight_decay != 0 and dialect.weight_decay == "l2"
        return cls(
            epsilon_inside=dialect.epsilon == "inside"
            or (dialect.epsilon == "inside with momentum" and h.momentum != 0)
            or (dialect.epsilon == "inside when centered" and h.centered),
            centered=h.centered,
            buffered=buffered,
            rate_in_buffer=dialect.learning_rate == "inside" or not buffered,
            nesterov=h.nesterov and buffered,
            bias_corrected=h.bias_correction,
            coupled=coupled,
            decoupled=h.weight_decay != 0 and not coupled,
            clip_after_decay=clipped and coupled and dialect.clipping == "after decay",
            single_rate=rounding in ("float32", "float32 but epsilon", "float32 rates") and working != single,
            lazy=dialect.sparse == "lazy" or (dialect.sparse == "lazy with momentum" and h.momentum != 0),
            apart=dialect.duplicates == "apart",
            in_turn=dialect.duplicates == "in turn",
            subnormals=dialect.subnormals if working.flushes else "kept",
            initial_accumulator=initial,
            decay=decay,
            complement=complement,
            epsilon=epsilon,
            momentum=seen(h.momentum) if buffered else wide(0),
            weight_decay=seen(h.weight_decay, rounded=rounding != "exact"),
            gradient_scale=seen(h.rescale_gradient) * (-1 if h.maximize else 1),
            clip_norm=limit(h.clip_norm),
            clip_gradient=limit(h.clip_gradient),
            clip_weights=limit(h.clip_weights),
        )

    def rate(self, learning_rate: Any) -> Any:
        """η of one step, a number or one a coordinate, as the dialect rounds it; a longdouble."""
        rate = np.longdouble(learning_rate)
        return format_of("float32").round(rate) if self.single_rate else rate

    def numbers(self) -> dict[str, Any]:
        """The hyper-parameters among the fields: what rounding can touch."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value for name, value in values.items() if value is not None and not isinstance(value, (bool, str))
        }

    def structure(self) -> Algorithm:
        """What is left when every number is the same: two that are alike here can run side by side."""
        return self.with_numbers(dict.fromkeys(self.numbers(), 0))

    def with_numbers(self, numbers: dict[str, Any]) -> Algorithm:
        """The same structure with other numbers."""
        return replace(self, **numbers)


def update(
    x: Value, state: State, g: Value, t: int, rate: Any, a: Algorithm, rows: Rows | None = None
) -> tuple[Value, State]:
    """One step of RMSProp, D2L equation (11.8.1) and every published variation of it.

        v ← γ v + (1-γ) g²             m ← γ m + (1-γ) g
        u = η g / √(v + ε)             or η g / (√v + ε);  v - m² in place of v when centered
        b ← μ b + u                    x ← x - b

    Args:
        x: parameters, any shape.
        state: before the step.
        g: the gradient, in the shape of x.
        t: the step, counted from 1.
        rate: η of this step.
        a: which RMSProp.
        rows: where the gradient has few of them: what there is besides their sum, which is g.

    Returns:
        The new parameters and state; nothing is changed in place.
    """
    g = effective_gradient(g, x, a)
    v = average(state.square_average, rows.squares if rows and a.apart else g * g, a.decay, a.complement)
    m = average(state.mean_gradient, g, a.decay, a.complement) if a.centered else state.mean_gradient
    eta, d = rate if a.rate_in_buffer else None, denominator(v, m, t, a)
    u = quotient(eta, g, d)
    if rows and a.apart:
        target = a.momentum * state.momentum_buffer if a.buffered else x
        u = in_parts(u, quotient(eta, rows.magnitude, d), target, rows.multiplicity - 1)
    b = a.momentum * state.momentum_buffer + u if a.buffered else state.momentum_buffer
    if a.buffered:
        u = u + a.momentum * b if a.nesterov else b
    moved = clipped(shrunk(x, rate, a) - (u if a.rate_in_buffer else rate * u), a.clip_weights)
    if rows and a.lazy:
        pairs = zip((moved, v, m, b), (x, *state))
        moved, v, m, b = (select(rows.touched, new, old) for new, old in pairs)
    return moved, State(v, m, b)


def effective_gradient(g: Value, x: Value, a: Algorithm) -> Value:
    """The gradient after scaling, clipping and l2 weight decay, in the dialect's order."""
    g = g if a.gradient_scale is None else a.gradient_scale * g
    if not a.coupled:
        return limited(g, a)
    decay = a.weight_decay * x
    return limited(g + decay, a) if a.clip_after_decay else limited(g, a) + decay


def limited(g: Value, a: Algorithm) -> Value:
    """g with its norm limited, g c / max(‖g‖, c), and then each of its coordinates."""
    if a.clip_norm is not None:
        g = quotient(a.clip_norm, g, np.maximum(norm(g), a.clip_norm))
    return clipped(g, a.clip_gradient)


def denominator(v: Value, m: Value, t: int, a: Algorithm) -> Any:
    """√(w + ε) or √w + ε, where w is v, or v - m² when centered, with the bias of the averages taken out on request."""
    if a.bias_corrected:
        correction = complement_of_power(a.decay, t)
        v, m = v / correction, m / correction
    if a.epsilon_inside:
        w = variance(v, m, a.epsilon) if a.centered else v + a.epsilon
        return root(w, of_a_difference=a.centered)
    w = v - m * m if a.centered else v
    return root(w, of_a_difference=a.centered) + a.epsilon


def shrunk(x: Value, rate: Any, a: Algorithm) -> Value:
    """x after decoupled weight decay, x (1 - ηλ)."""
    return shrink(x, rate * a.weight_decay) if a.decoupled else x


def clipped(z: Value, limit: Any) -> Value:
    """Each coordinate of z kept within ±limit; no limit where that is None."""
    return z if limit is None else np.minimum(np.maximum(z, -limit), limit)
