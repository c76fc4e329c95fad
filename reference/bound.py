"""Numbers that carry their error: a running error analysis (Higham 2002, section 3.3).

A `Bounded` holds the oracle's value and a bound on its distance to the value of any evaluation in the tested format.
Arithmetic on bounded numbers follows the standard model of rounding with a whole ulp for each operation instead of half
an ulp, so that it covers faithful hardware roots and reciprocals, and the orders of evaluation in use:

    |fl(a ∘ b) - (a ∘ b)| ≤ ε |a ∘ b| + τ,    ε an ulp of 1,    τ the underflow error

A value outside the range of the format is kept as long as every order of evaluation agrees on it: an infinity or NaN
with error 0 is the value that all of them hold.

The functions below `Bounded` are the formulas of the update that implementations evaluate in more than one order. On
arrays each computes its formula; on bounded numbers it computes a bound that holds for all these orders, where bounding
one operation after another would not. docs/method.md derives the bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .precision import Array, Format


class Arithmetic:
    """The standard model of a format, for an oracle that computes in a wider type."""

    def __init__(self, fmt: Format, wide: Any, subnormals: str = "either") -> None:
        kept = subnormals == "kept" or not fmt.flushes
        self.own = np.finfo(wide).eps  # an ulp of 1 in the oracle's type
        self.epsilon = wide(fmt.epsilon) + self.own  # ε, which includes the oracle's own rounding
        self.underflow = wide(fmt.smallest_subnormal if kept else fmt.smallest_normal)  # τ
        self.flushed = wide(0 if kept else fmt.smallest_normal)  # smaller numbers may be replaced by zero
        self.flushes = subnormals == "flushed" and not kept  # or certainly are
        least = fmt.smallest_normal if self.flushes else fmt.smallest_subnormal / 2
        self.vanishing = wide(least) * (1 - self.epsilon)  # smaller products are certainly zero
        self.largest = wide(fmt.largest)


class Bounded(NDArrayOperatorsMixin):
    """A value and the largest error of an evaluation; both are arrays of one wide type.

    NumPy's operators and functions accept it (`+ - * /`, `sqrt`, `minimum`, `maximum`, `negative`): the operations of
    the update.
    """

    __slots__ = ("arithmetic", "before_overflow", "error", "value")

    def __init__(self, value: Any, error: Any, arithmetic: Arithmetic, before_overflow: Bounded | None = None) -> None:
        self.value = value
        self.error = error
        self.arithmetic = arithmetic
        self.before_overflow = before_overflow  # the value as if the format had no largest number

    @classmethod
    def from_input(cls, value: Array, arithmetic: Arithmetic) -> Bounded:
        """Make a bounded number of an input, which the format holds exactly unless it flushes a subnormal number."""
        size = np.abs(value)
        small = size < arithmetic.flushed
        if arithmetic.flushes:
            return cls(np.where(small, 0, value), np.zeros_like(size), arithmetic)
        return cls(value, np.where(small, size, 0), arithmetic)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        rule = _RULES.get(ufunc)
        if rule is None or method != "__call__" or kwargs:
            return NotImplemented
        return rule(*(x if isinstance(x, Bounded) else Bounded(x, 0, self.arithmetic) for x in inputs))

    def __getitem__(self, index: Any) -> Bounded:
        return Bounded(self.value[index], self.error[index], self.arithmetic)

    def size(self) -> Any:
        """Return a bound on the absolute value of any evaluation."""
        return np.abs(self.value) + self.error

    def has_bound(self) -> Any:
        """Return where the error is finite."""
        return np.isfinite(self.error)

    def has_sign(self) -> Any:
        """Return where the sign is certain, or the value is certainly zero."""
        return self.has_bound() & ((np.abs(self.value) > self.error) | (self.error == 0))

    def is_nan(self) -> Any:
        """Return where every evaluation is NaN."""
        return np.isnan(self.value) & (self.error == 0)


def result(
    value: Any, propagated: Any, local: Any, arithmetic: Arithmetic, certain: Callable[[], Any] = lambda: False
) -> Bounded:
    """Make the result of an operation; its error is infinite where an evaluation may or may not overflow.

    `propagated` is the error that comes from the operands, `local` that of the operation itself. `certain` returns
    where every evaluation gives the infinity or NaN; it is called only if there is one.
    """
    error = propagated + local
    size = np.abs(value)
    fits = size + error <= arithmetic.largest
    if np.all(fits):
        return Bounded(value, error, arithmetic)
    overflows = np.isfinite(size) & (size - error > arithmetic.largest)
    sure = overflows | (~np.isfinite(size) & certain())
    bounded = np.where(sure, 0, np.where(fits, error, np.inf))
    found = Bounded(np.where(overflows, np.copysign(np.inf, value), value), bounded, arithmetic)
    if np.any(overflows):
        found.before_overflow = Bounded(value, np.where(fits | overflows, error, np.inf), arithmetic)
    return found


def _rounded(value: Any, propagated: Any, arithmetic: Arithmetic, certain: Callable[[], Any]) -> Bounded:
    """Make the result of one product, quotient or root; an exact zero stays exact."""
    size = np.abs(value) + propagated
    local = arithmetic.epsilon * size + arithmetic.underflow * (size > 0)
    return result(value, propagated, local, arithmetic, certain)


def _add(a: Bounded, b: Bounded) -> Bounded:
    """Bound a sum: its error is at most an ulp, and at most the smaller term, because the larger term is representable.

    The same holds for the oracle's own sum. A sum does not underflow, but a subnormal sum may be flushed.
    """
    if a.before_overflow or b.before_overflow:
        return _sum_after_overflow(a, b)
    arithmetic, value = a.arithmetic, a.value + b.value
    propagated = a.error + b.error
    size = np.abs(value) + propagated
    smaller = np.minimum(a.size(), b.size())
    local = np.minimum(arithmetic.epsilon * size, smaller) + np.minimum(arithmetic.own * size, smaller)
    may_be_flushed = np.abs(value) - propagated < arithmetic.flushed
    flushing = np.minimum(size, arithmetic.flushed) * may_be_flushed

    def certain() -> Any:
        return (a.has_bound() & b.has_bound()) | a.is_nan() | b.is_nan()

    return result(value, propagated, np.maximum(local, flushing), arithmetic, certain)


def _sum_after_overflow(a: Bounded, b: Bounded) -> Bounded:
    """Bound a sum with an overflowed term, which a fused operation does not round: finite if both results agree."""
    total, plain = _add(a.before_overflow or a, b.before_overflow or b), a.value + b.value
    finite = np.isfinite(a.value) & np.isfinite(b.value)
    same = finite | (total.value == plain) | (np.isnan(total.value) & np.isnan(plain))
    total.error = np.where(same & a.has_bound() & b.has_bound(), total.error, np.inf)
    return total


def _multiply(a: Bounded, b: Bounded) -> Bounded:
    propagated = np.abs(a.value) * b.error + b.size() * a.error
    found = _rounded(a.value * b.value, propagated, a.arithmetic, lambda: a.has_sign() & b.has_sign())
    if a.before_overflow or b.before_overflow:
        beyond = _multiply(a.before_overflow or a, b.before_overflow or b)
        found.before_overflow = beyond.before_overflow or beyond
    return found


def _divide(a: Bounded, b: Bounded) -> Bounded:
    """Bound a quotient: |(a+δ)/(b+δ') - a/b| ≤ (|δ| + |a/b| |δ'|) / (|b| - |δ'|); infinite where b may be zero."""
    value = a.value / b.value
    room = np.abs(b.value) - b.error
    slope = a.error + np.abs(value) * b.error
    propagated = np.where(room > 0, slope / room, np.inf)
    return _rounded(value, propagated, a.arithmetic, lambda: a.has_sign() & b.has_sign())


def _sqrt(a: Bounded) -> Bounded:
    """Bound a root: |√(a+δ) - √a| ≤ δ / (√a + √(a-δ)), and at most √δ."""
    value = np.sqrt(a.value)
    slope = value + np.sqrt(np.maximum(a.value - a.error, 0))
    propagated = np.minimum(np.sqrt(a.error), np.where(slope > 0, a.error / slope, np.inf))
    return _rounded(value, propagated, a.arithmetic, a.has_sign)


def _chosen(choose: Any, a: Bounded, b: Bounded) -> Bounded:
    """Bound a minimum or maximum. Both are monotonic, so that the ends of the intervals bound the result."""
    value = choose(a.value, b.value)
    least, most = choose(a.value - a.error, b.value - b.error), choose(a.value + a.error, b.value + b.error)
    error = np.maximum(most - value, value - least)
    error = error + a.arithmetic.own * (np.abs(value) + error) * (a.error + b.error > 0)
    error = np.where(np.isfinite(value), error, np.maximum(a.error, b.error))
    error = np.where(a.has_bound() & b.has_bound(), error, np.inf)  # an operand without a bound may be NaN
    return Bounded(value, error, a.arithmetic)


def _negative(a: Bounded) -> Bounded:
    return Bounded(-a.value, a.error, a.arithmetic, a.before_overflow and _negative(a.before_overflow))


_RULES: dict[Any, Any] = {
    np.add: _add,
    np.subtract: lambda a, b: _add(a, _negative(b)),
    np.multiply: _multiply,
    np.divide: _divide,
    np.sqrt: _sqrt,
    np.minimum: partial(_chosen, np.minimum),
    np.maximum: partial(_chosen, np.maximum),
    np.negative: _negative,
}


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
        infinite = np.isinf(new.value) & (new.error == 0) & np.isfinite(old.value) & old.has_bound()
        return (infinite & complement.has_sign() & (complement.value != 0)) | old.is_nan() | new.is_nan()

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

    def total_of(z: Any) -> Any:
        return np.sum(z, axis=tuple(range(1, np.ndim(z))), keepdims=True)

    squares = g * g
    if not isinstance(squares, Bounded):
        return np.sqrt(total_of(squares))
    arithmetic, squares = squares.arithmetic, squares.before_overflow or squares
    value, size = total_of(squares.value), total_of(squares.size())
    count = int(np.prod(squares.value.shape[1:])) - 1
    drift = count * arithmetic.epsilon
    total = result(value, size - value, size * drift / (1 - drift), arithmetic, lambda: np.isnan(value))
    if total.before_overflow:  # a norm that scales before it squares does not overflow
        total.error, total.before_overflow = np.where(np.isinf(total.value), np.inf, total.error), None
    return np.sqrt(total)


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
