"""What an update is made of besides plain arithmetic, on arrays and on numbers that carry their error alike.

Each is a formula that is evaluated in more than one order. On arrays it is the formula; on bounded numbers it is a
bound that holds in all of these orders, where operation by operation would not do. docs/method.md derives them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.bound import Bounded, result


def average(old: Any, new: Any, decay: Any, complement: Any) -> Any:
    """The leaky average γ·old + (1-γ)·new.

    On bounded numbers it covers the two forms in use, γ·old + (1-γ)·new and old + (1-γ)·(new - old). The second names
    `old` twice, so that bounding it operation by operation would count the error of `old` twice and let it grow where
    in truth it fades by γ a step: hence a rule of its own. In ((1-γ)·g)·g the inner product may underflow, and the
    outer one lifts what is lost by |g| = √new; and it may be finite where g² is not. Where 1-γ ≥ ½, the second form may
    begin from `new`, as new - γ·(new - old), which is NaN where g² has overflowed.
    """
    if not isinstance(old, Bounded):
        return decay * old + complement * new
    arithmetic, limited = old.arithmetic, new
    new = limited.unlimited or limited
    value = decay.value * old.value + complement.value * new.value
    propagated = (
        np.abs(decay.value) * old.error
        + np.abs(complement.value) * new.error
        + np.maximum(decay.error, complement.error) * old.size()
        + complement.error * new.size()
    )
    weight = complement.size()
    sum_of_products = decay.size() * old.size() + weight * new.size()
    scaled_difference = 2 * weight * (np.abs(new.value - old.value) + old.error + new.error)
    terms = np.maximum(sum_of_products, scaled_difference)
    size = np.abs(value) + propagated
    lost = (3 + np.sqrt(new.size())) * arithmetic.underflow * (terms > 0)
    local = arithmetic.epsilon * (terms + size) + lost

    def certain() -> Any:
        infinite = np.isinf(new.value) & (new.error == 0) & np.isfinite(old.value) & old.known() & complement.signed()
        return (infinite & (complement.value != 0)) | old.is_nan() | new.is_nan()

    found = result(value, propagated, local, arithmetic, certain)
    found.unlimited = None
    found.error = np.where(np.isinf(limited.value) & np.isinf(found.value) & (weight >= 0.5), np.inf, found.error)
    zero = (old.size() == 0) & (weight * new.size() < arithmetic.vanishing)
    if np.any(zero):  # no form has more than that one product
        found.value, found.error = np.where(zero, 0, found.value), np.where(zero, 0, found.error)
    if new is not limited:  # in one order g² has overflowed, in another there was no g²
        found.error = np.where(np.isinf(limited.value) & np.isfinite(found.value), np.inf, found.error)
    return found


def quotient(rate: Any, g: Any, d: Any) -> Any:
    """η g / d, or g / d where η is None.

    On bounded numbers it covers what can be lost on the way, in whatever order: η/d, 1/d or g/d may vanish before a
    product with what is large; and where 1/d, η/d or g/d may overflow, there is no bound, unless d is zero for certain.
    """
    numerator = g if rate is None else rate * g
    found = numerator / d
    if isinstance(found, Bounded):
        arithmetic, scale = found.arithmetic, 0 if rate is None else rate.size()
        vanished = arithmetic.underflow * (scale + g.size() + scale * g.size()) * (g.size() > 0)
        most = np.maximum(np.maximum(scale, 1), 0 if rate is None else g.size())
        fits = most <= arithmetic.largest * (np.abs(d.value) - d.error)
        if numerator.unlimited:  # what is divided first may not overflow
            fits = fits & np.isfinite(numerator.value)
        error = np.where(fits, found.error + vanished, np.inf)
        if not np.all(np.isfinite(error)):
            lasting = (numerator.size() == 0) | (np.abs(numerator.value) - numerator.error > arithmetic.underflow)
            by_nothing = (d.value == 0) & (d.error == 0) & lasting & (numerator.unlimited is None)
            endless = ~np.isfinite(g.value) & (g.error == 0) & (numerator.unlimited is None)
            error = np.where(by_nothing | endless | d.is_nan(), found.error, error)
        found.error = error
        if found.unlimited:
            found.unlimited.error = np.where(np.isinf(error), np.inf, found.unlimited.error + vanished)
    return found


def norm(g: Any) -> Any:
    """The Euclidean norm over all axes but the first, which is that of the dialects, and is kept.

    On bounded numbers it covers every order of summation: n - 1 sums of squares, none of them negative.
    """
    squares = g * g
    if not isinstance(squares, Bounded):
        return np.sqrt(_total(squares))
    arithmetic, squares = squares.arithmetic, squares.unlimited or squares
    value, size = _total(squares.value), _total(squares.size())
    count = int(np.prod(squares.value.shape[1:])) - 1
    drift = count * arithmetic.epsilon
    total = result(value, size - value, size * drift / (1 - drift), arithmetic, lambda: np.isnan(value))
    if total.unlimited:  # a norm that scales before it squares has not overflowed
        total.error, total.unlimited = np.where(np.isinf(total.value), np.inf, total.error), None
    return np.sqrt(total)


def _total(z: Any) -> Any:
    return np.sum(z, axis=tuple(range(1, np.ndim(z))), keepdims=True)


def variance(v: Any, m: Any, epsilon: Any) -> Any:
    """v - m² + ε, in that order or as (v + ε) - m², whose first sum is off by an ulp of what is larger."""
    found = v - m * m + epsilon
    if isinstance(found, Bounded):
        extra = found.arithmetic.epsilon * (v.size() + epsilon.size())
        found.error = found.error + np.where(np.isfinite(found.value), extra, 0)
    return found


def summed(total: Bounded, magnitude: Bounded, roundings: Any) -> Bounded:
    """A sum of which the terms have this total magnitude, after so many roundings (Higham 2002, section 4.2)."""
    drift = np.maximum(roundings, 0) * total.arithmetic.epsilon
    local = magnitude.size() * drift / (1 - drift) + np.maximum(roundings, 0) * total.arithmetic.underflow
    return result(total.value, total.error, np.where(magnitude.size() > 0, local, 0), total.arithmetic)


def in_parts(u: Any, parts: Any, target: Any, more: Any) -> Any:
    """A step u that is a sum of steps, each added to `target` by itself: so many more roundings of what is there.

    `parts` is the sum of their sizes, with its error: that of each step is in proportion to its size.
    """
    if not isinstance(u, Bounded):
        return u
    on_the_way = u.arithmetic.epsilon * (target.size() + parts.size())
    return Bounded(u.value, np.where(more > 0, parts.error + more * on_the_way, u.error), u.arithmetic)


def select(where: Any, new: Any, old: Any) -> Any:
    """`new` where the condition holds, else `old`."""
    if not isinstance(new, Bounded):
        return np.where(where, new, old)
    value, error = (np.where(where, getattr(new, part), getattr(old, part)) for part in ("value", "error"))
    return Bounded(value, error, new.arithmetic)


def shrink(x: Any, share: Any) -> Any:
    """x (1 - s). Formed as x - s x, it makes NaN of what is infinite: then there is no bound."""
    found = x * (1 - share)
    if isinstance(found, Bounded):
        found.error = np.where(np.isinf(x.value), np.inf, found.error)
    return found


def root(radicand: Any, *, of_a_difference: bool) -> Any:
    """√w. A difference may round to less than zero, if it is no larger than its error: then there is no bound."""
    found = np.sqrt(radicand)
    if isinstance(found, Bounded) and of_a_difference:
        found.error = np.where(radicand.value < radicand.error, np.inf, found.error)
    return found


def complement_of_power(decay: Any, t: int) -> Any:
    """1 - γ^t. The power is taken to be good to an ulp a factor, however it is formed."""
    if not isinstance(decay, Bounded):
        return 1 - decay**t
    power = decay.value**t
    largest = (decay.size() * (1 + decay.arithmetic.epsilon)) ** t
    return 1 - Bounded(power, largest - np.abs(power), decay.arithmetic)
