"""The formulas of the update that implementations evaluate in more than one order.

On arrays each function computes its formula. On bounded numbers it computes a bound that holds for all these orders,
where bounding one operation after another would not. docs/method.md derives the bounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bound import Bounded, result


def average(old: Any, new: Any, decay: Any, complement: Any) -> Any:
    """Return the leaky average γ·old + (1-γ)·new.

    On bounded numbers it covers the two forms in use, γ·old + (1-γ)·new and old + (1-γ)·(new - old). The second form
    contains `old` twice. Bounding it one operation after another would count the error of `old` twice and let it grow,
    while it really decays by γ in each step. In ((1-γ)·g)·g the inner product may underflow, and the outer product
    multiplies the loss by |g| = √new; it may also be finite where g² is not. Where 1-γ ≥ ½, the second form may be
    evaluated as new - γ·(new - old), which is NaN where g² has overflowed.
    """
    if not isinstance(old, Bounded):
        return decay * old + complement * new
    arithmetic, stored = old.arithmetic, new
    new = stored.before_overflow or stored
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
        infinite = (
            np.isinf(new.value) & (new.error == 0) & np.isfinite(old.value) & old.has_bound() & complement.has_sign()
        )
        return (infinite & (complement.value != 0)) | old.is_nan() | new.is_nan()

    found = result(value, propagated, local, arithmetic, certain)
    found.before_overflow = None
    found.error = np.where(np.isinf(stored.value) & np.isinf(found.value) & (weight >= 0.5), np.inf, found.error)
    zero = (old.size() == 0) & (weight * new.size() < arithmetic.vanishing)
    if np.any(zero):  # every form is that one product
        found.value, found.error = np.where(zero, 0, found.value), np.where(zero, 0, found.error)
    if new is not stored:  # g² overflows in one order and is not formed in another
        found.error = np.where(np.isinf(stored.value) & np.isfinite(found.value), np.inf, found.error)
    return found


def quotient(rate: Any, g: Any, d: Any) -> Any:
    """Return η g / d, or g / d if η is None.

    On bounded numbers it covers the losses of every order: η/d, 1/d or g/d may underflow before a product with a large
    factor. Where 1/d, η/d or g/d may overflow there is no bound, unless d is certainly zero.
    """
    numerator = g if rate is None else rate * g
    found = numerator / d
    if isinstance(found, Bounded):
        arithmetic, scale = found.arithmetic, 0 if rate is None else rate.size()
        vanished = arithmetic.underflow * (scale + g.size() + scale * g.size()) * (g.size() > 0)
        most = np.maximum(np.maximum(scale, 1), 0 if rate is None else g.size())
        fits = most <= arithmetic.largest * (np.abs(d.value) - d.error)
        if numerator.before_overflow:  # an order that divides first may not overflow
            fits = fits & np.isfinite(numerator.value)
        error = np.where(fits, found.error + vanished, np.inf)
        if not np.all(np.isfinite(error)):
            lasting = (numerator.size() == 0) | (np.abs(numerator.value) - numerator.error > arithmetic.underflow)
            by_nothing = (d.value == 0) & (d.error == 0) & lasting & (numerator.before_overflow is None)
            endless = ~np.isfinite(g.value) & (g.error == 0) & (numerator.before_overflow is None)
            error = np.where(by_nothing | endless | d.is_nan(), found.error, error)
        found.error = error
        if found.before_overflow:
            found.before_overflow.error = np.where(np.isinf(error), np.inf, found.before_overflow.error + vanished)
    return found


def norm(g: Any) -> Any:
    """Return the Euclidean norm over all axes but the first, the axis of the dialects; dimensions are kept.

    On bounded numbers it covers every order of summation: n - 1 sums of non-negative squares.
    """
    squares = g * g
    if not isinstance(squares, Bounded):
        return np.sqrt(_total(squares))
    arithmetic, squares = squares.arithmetic, squares.before_overflow or squares
    value, size = _total(squares.value), _total(squares.size())
    count = int(np.prod(squares.value.shape[1:])) - 1
    drift = count * arithmetic.epsilon
    total = result(value, size - value, size * drift / (1 - drift), arithmetic, lambda: np.isnan(value))
    if total.before_overflow:  # a norm that scales before it squares does not overflow
        total.error, total.before_overflow = np.where(np.isinf(total.value), np.inf, total.error), None
    return np.sqrt(total)


def _total(z: Any) -> Any:
    return np.sum(z, axis=tuple(range(1, np.ndim(z))), keepdims=True)


def variance(v: Any, m: Any, epsilon: Any) -> Any:
    """Return v - m² + ε, evaluated in that order or as (v + ε) - m², whose first sum has an error of one ulp."""
    found = v - m * m + epsilon
    if isinstance(found, Bounded):
        extra = found.arithmetic.epsilon * (v.size() + epsilon.size())
        found.error = found.error + np.where(np.isfinite(found.value), extra, 0)
    return found


def summed(total: Bounded, magnitude: Bounded, roundings: Any) -> Bounded:
    """Add the error of `roundings` roundings to a sum whose terms have a total magnitude (Higham 2002, section 4.2)."""
    drift = np.maximum(roundings, 0) * total.arithmetic.epsilon
    local = magnitude.size() * drift / (1 - drift) + np.maximum(roundings, 0) * total.arithmetic.underflow
    return result(total.value, total.error, np.where(magnitude.size() > 0, local, 0), total.arithmetic)


def added_in_parts(u: Any, parts: Any, target: Any, more: Any) -> Any:
    """Bound a step u that is a sum of steps, each added to `target` separately, with `more` additional roundings.

    `parts` is the sum of the sizes of the steps, with its error; the error of each step is proportional to its size.
    """
    if not isinstance(u, Bounded):
        return u
    on_the_way = u.arithmetic.epsilon * (target.size() + parts.size())
    return Bounded(u.value, np.where(more > 0, parts.error + more * on_the_way, u.error), u.arithmetic)


def select(where: Any, new: Any, old: Any) -> Any:
    """Return `new` where the condition holds, else `old`."""
    if not isinstance(new, Bounded):
        return np.where(where, new, old)
    value, error = (np.where(where, getattr(new, part), getattr(old, part)) for part in ("value", "error"))
    return Bounded(value, error, new.arithmetic)


def shrink(x: Any, share: Any) -> Any:
    """Return x (1 - s). Evaluated as x - s x it is NaN for an infinite x, which therefore has no bound."""
    found = x * (1 - share)
    if isinstance(found, Bounded):
        found.error = np.where(np.isinf(x.value), np.inf, found.error)
    return found


def root(radicand: Any, *, is_difference: bool) -> Any:
    """Return √w. A difference that is not larger than its error may round to a negative number: it has no bound."""
    found = np.sqrt(radicand)
    if isinstance(found, Bounded) and is_difference:
        found.error = np.where(radicand.value < radicand.error, np.inf, found.error)
    return found


def complement_of_power(decay: Any, t: int) -> Any:
    """Return 1 - γ^t. The power may have an error of one ulp for each factor, whichever way it is computed."""
    if not isinstance(decay, Bounded):
        return 1 - decay**t
    power = decay.value**t
    largest = (decay.size() * (1 + decay.arithmetic.epsilon)) ** t
    return 1 - Bounded(power, largest - np.abs(power), decay.arithmetic)
