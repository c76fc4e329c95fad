"""The update of RMSProp, and the algorithm that a dialect and hyper-parameters define.

The update is written once. Applied to arrays, it computes the oracle's values; applied to numbers that carry their
error (`bound.Bounded`), the same lines compute the rounding bound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from .bound import added_in_parts, average, complement_of_power, norm, quotient, root, select, shrink, variance
from .dialect import Dialect
from .hyperparameters import Hyperparameters
from .precision import Format, format_of
from .sparse import Rows

Value = Any  # an array, or a Bounded


class State(NamedTuple):
    """The state of the optimizer between steps; each part has the shape of the parameters."""

    square_average: Any  # v
    mean_gradient: Any  # m
    momentum_buffer: Any  # b


@dataclass(frozen=True)
class Algorithm:
    """A dialect with hyper-parameters, reduced to the choices that have an effect.

    Equal algorithms compute the same function. The booleans and strings are the structure. The numbers are the
    hyper-parameters, rounded as the dialect rounds them, in a wider type; an array instead of a number gives each
    coordinate its own value.
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
    duplicates: str
    subnormals: str
    initial_accumulator: Any
    decay: Any
    complement: Any
    epsilon: Any
    momentum: Any
    weight_decay: Any
    gradient_scale: Any  # None instead of 1 skips the product
    clip_norm: Any
    clip_gradient: Any
    clip_weights: Any

    @classmethod
    def of(cls, dialect: Dialect, h: Hyperparameters, precision: Format | DTypeLike | str) -> Algorithm:
        """Return the algorithm that an implementation in `precision` computes."""
        working, single, wide = format_of(precision), format_of("float32"), np.longdouble
        rounding = dialect.hyperparameter_rounding

        def represented(
            value: float, rounded: bool = rounding.startswith("float32 but") or rounding == "float32"
        ) -> Any:
            return single.round(wide(value)) if rounded else wide(value)

        def limit(value: float | None) -> Any:
            return None if value is None else represented(value, rounding in ("float32", "float32 but learning rate"))

        decay = represented(h.decay)
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
            duplicates=dialect.duplicates,
            subnormals=dialect.subnormals if working.flushes else "kept",
            initial_accumulator=initial,
            decay=decay,
            complement=complement,
            epsilon=epsilon,
            momentum=represented(h.momentum) if buffered else wide(0),
            weight_decay=represented(h.weight_decay, rounded=rounding != "exact"),
            gradient_scale=represented(h.rescale_gradient) * (-1 if h.maximize else 1),
            clip_norm=limit(h.clip_norm),
            clip_gradient=limit(h.clip_gradient),
            clip_weights=limit(h.clip_weights),
        )

    def rate(self, learning_rate: Any) -> Any:
        """Round η of one step (one number, or one for each coordinate) as the dialect does; returns longdouble."""
        rate = np.longdouble(learning_rate)
        return format_of("float32").round(rate) if self.single_rate else rate

    def numbers(self) -> dict[str, Any]:
        """Return the fields that are numbers, by name: those that rounding can affect."""
        return {name: value for name, value in vars(self).items() if not isinstance(value, (bool, str, type(None)))}

    def structure(self) -> Algorithm:
        """Return the algorithm with every number set to 0; algorithms of equal structure can be evaluated together."""
        return self.with_numbers(dict.fromkeys(self.numbers(), 0))

    def with_numbers(self, numbers: dict[str, Any]) -> Algorithm:
        """Return the same structure with other numbers."""
        return replace(self, **numbers)


def update(
    x: Value, state: State, g: Value, t: int, rate: Any, a: Algorithm, rows: Rows | None = None
) -> tuple[Value, State]:
    """Take one step of RMSProp: D2L equation (11.8.1) and every published variation of it.

        v ← γ v + (1-γ) g²             m ← γ m + (1-γ) g
        u = η g / √(v + ε)             or η g / (√v + ε);  v - m² instead of v when centered
        b ← μ b + u                    x ← x - b

    `rate` is η of the step t, which is counted from 1. `rows` are the statistics of a row-sparse gradient; g is the sum
    of its rows. Returns the new parameters and state; the arguments are not changed.
    """
    g = effective_gradient(g, x, a)
    apart = rows if a.duplicates == "apart" else None
    v = average(state.square_average, apart.squares if apart else g * g, a.decay, a.complement)
    m = average(state.mean_gradient, g, a.decay, a.complement) if a.centered else state.mean_gradient
    eta, d = rate if a.rate_in_buffer else None, denominator(v, m, t, a)
    u = quotient(eta, g, d)
    if apart:
        target = a.momentum * state.momentum_buffer if a.buffered else x
        u = added_in_parts(u, quotient(eta, apart.magnitude, d), target, apart.multiplicity - 1)
    b = a.momentum * state.momentum_buffer + u if a.buffered else state.momentum_buffer
    if a.buffered:
        u = u + a.momentum * b if a.nesterov else b
    moved = clipped(decayed(x, rate, a) - (u if a.rate_in_buffer else rate * u), a.clip_weights)
    if rows and a.lazy:
        pairs = zip((moved, v, m, b), (x, *state))
        moved, v, m, b = (select(rows.multiplicity > 0, new, old) for new, old in pairs)
    return moved, State(v, m, b)


def effective_gradient(g: Value, x: Value, a: Algorithm) -> Value:
    """Return the gradient after scaling, clipping and l2 weight decay, in the order of the dialect."""
    g = g if a.gradient_scale is None else a.gradient_scale * g
    if not a.coupled:
        return clipped_gradient(g, a)
    decay = a.weight_decay * x
    return clipped_gradient(g + decay, a) if a.clip_after_decay else clipped_gradient(g, a) + decay


def clipped_gradient(g: Value, a: Algorithm) -> Value:
    """Clip the norm of g, g c / max(‖g‖, c), and then each of its coordinates."""
    if a.clip_norm is not None:
        g = quotient(a.clip_norm, g, np.maximum(norm(g), a.clip_norm))
    return clipped(g, a.clip_gradient)


def denominator(v: Value, m: Value, t: int, a: Algorithm) -> Any:
    """Return √(w + ε) or √w + ε; w is v, or v - m² when centered, both bias-corrected if the algorithm does so."""
    if a.bias_corrected:
        correction = complement_of_power(a.decay, t)
        v, m = v / correction, m / correction
    if a.epsilon_inside:
        w = variance(v, m, a.epsilon) if a.centered else v + a.epsilon
        return root(w, is_difference=a.centered)
    w = v - m * m if a.centered else v
    return root(w, is_difference=a.centered) + a.epsilon


def decayed(x: Value, rate: Any, a: Algorithm) -> Value:
    """Apply decoupled weight decay, x (1 - ηλ)."""
    return shrink(x, rate * a.weight_decay) if a.decoupled else x


def clipped(z: Value, limit: Any) -> Value:
    """Clip each coordinate of z to ±limit; None is no limit."""
    return z if limit is None else np.minimum(np.maximum(z, -limit), limit)
