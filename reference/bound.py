"""Numbers that carry their error: a running error analysis by evaluation (Higham 2002, section 3.3).

A `Bounded` is the oracle's value and a bound on the distance to it of what any evaluation in the tested format can
hold. Arithmetic on them follows the standard model, with a whole ulp an operation in place of half of one, so that
faithful hardware roots and reciprocals are covered, and the orders of evaluation that are in use with them:

    |fl(a ∘ b) - (a ∘ b)| ≤ ε |a ∘ b| + τ,    ε an ulp of 1,    τ the underflow error

What leaves the range of the format is followed as long as every order of evaluation agrees: a value that is infinite,
or not a number, with no error is what each of them holds. The derivation, operation by operation, is docs/method.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from reference.precision import Array, Format


class Arithmetic:
    """The standard model of a format, as an oracle that computes in a wider type may use it.

    Attributes:
        own: an ulp of 1 in the oracle's type.
        epsilon: ε, an ulp of 1 in the format and one of the oracle's own, so that the oracle's rounding is counted too.
        underflow: τ.
        flushed: below this a number may be replaced by zero.
        vanishing: below this a product certainly is zero.
        largest: beyond this there is no number.
        wide: the oracle's type.
    """

    __slots__ = ("epsilon", "flushed", "largest", "own", "underflow", "vanishing", "wide")

    def __init__(self, fmt: Format, wide: Any, subnormals: str = "either") -> None:
        kept = subnormals == "kept" or not fmt.flushes
        self.wide = wide
        self.own = np.finfo(wide).eps
        self.epsilon = wide(fmt.epsilon) + self.own
        self.underflow = wide(fmt.smallest_subnormal if kept else fmt.smallest_normal)
        self.flushed = wide(0 if kept else fmt.smallest_normal)
        least = fmt.smallest_normal if subnormals == "flushed" and not kept else fmt.smallest_subnormal / 2
        self.vanishing = wide(least) * (1 - self.epsilon)
        self.largest = wide(fmt.largest)


class Bounded(NDArrayOperatorsMixin):
    """A value, and how far from it an evaluation may be; both arrays of one wide type.

    NumPy's operators and functions work on it (`+ - * /`, `sqrt`, `minimum`, `maximum`, `negative`): that is all
    that an update is made of.
    """

    __slots__ = ("arithmetic", "error", "unlimited", "value")

    def __init__(self, value: Any, error: Any, arithmetic: Arithmetic, unlimited: Bounded | None = None) -> None:
        self.value = value
        self.error = error
        self.arithmetic = arithmetic
        self.unlimited = unlimited  # the same before it left the range of the format, where it has

    @classmethod
    def given(cls, value: Array, arithmetic: Arithmetic) -> Bounded:
        """An input that the tested format holds exactly, unless it is subnormal and may be flushed."""
        size = np.abs(value)
        small = size < arithmetic.flushed
        if arithmetic.vanishing > arithmetic.underflow / 2:  # flushed for certain
            return cls(np.where(small, 0, value), np.zeros_like(size), arithmetic)
        return cls(value, np.where(small, size, 0), arithmetic)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        rule = _RULES.get(ufunc)
        if rule is None or method != "__call__" or kwargs:
            return NotImplemented
        return rule(*(x if isinstance(x, Bounded) else Bounded(x, 0, self.arithmetic) for x in inputs))

    def size(self) -> Any:
        """A bound on the size of what an evaluation can hold."""
        return np.abs(self.value) + self.error

    def known(self) -> Any:
        """Whether there is a bound."""
        return np.isfinite(self.error)

    def signed(self) -> Any:
        """Whether the sign is certain, or that it is zero."""
        return self.known() & ((np.abs(self.value) > self.error) | (self.error == 0))


def _result(
    value: Any, propagated: Any, local: Any, arithmetic: Arithmetic, certain: Callable[[], Any] = lambda: False
) -> Bounded:
    """A value with the error that came in and the error made here; no bound where it is lost, or may overflow.

    Args:
        value: the oracle's.
        propagated: the error that came in.
        local: the error made here.
        arithmetic: of the format.
        certain: where an infinite value, or NaN, is what every evaluation has. Asked only if there is one.
    """
    error = propagated + local
    size = np.abs(value)
    fits = size + error <= arithmetic.largest
    if np.all(fits):
        return Bounded(value, error, arithmetic)
    overflows = np.isfinite(size) & (size - error > arithmetic.largest)
    sure = overflows | (~np.isfinite(size) & certain())
    found = Bounded(
        np.where(overflows, np.copysign(np.inf, value), value),
        np.where(sure, 0, np.where(fits, error, np.inf)),
        arithmetic,
    )
    if np.any(overflows):
        found.unlimited = Bounded(value, np.where(fits | overflows, error, np.inf), arithmetic)
    return found


def _rounded(value: Any, propagated: Any, arithmetic: Arithmetic, certain: Callable[[], Any]) -> Bounded:
    """The result of one product, quotient or root; an exact zero stays exact."""
    size = np.abs(value) + propagated
    local = arithmetic.epsilon * size + arithmetic.underflow * (size > 0)
    return _result(value, propagated, local, arithmetic, certain)


def _add(a: Bounded, b: Bounded) -> Bounded:
    """A sum is off by no more than an ulp, and by no more than its smaller term: the larger one is a candidate.

    The same holds for the oracle's own sum. It does not underflow, but a subnormal sum may be flushed. What is added to
    NaN is NaN.
    """
    if a.unlimited or b.unlimited:
        return _fused(a, b)
    arithmetic, value = a.arithmetic, a.value + b.value
    propagated = a.error + b.error
    size = np.abs(value) + propagated
    smaller = np.minimum(a.size(), b.size())
    local = np.minimum(arithmetic.epsilon * size, smaller) + np.minimum(arithmetic.own * size, smaller)
    may_be_flushed = np.abs(value) - propagated < arithmetic.flushed
    flushing = np.minimum(size, arithmetic.flushed) * may_be_flushed

    def certain() -> Any:
        return (a.known() & b.known()) | _not_a_number(a) | _not_a_number(b)

    return _result(value, propagated, np.maximum(local, flushing), arithmetic, certain)


def _fused(a: Bounded, b: Bounded) -> Bounded:
    """A sum of what has overflowed, or has not where it is not rounded before: known if both come to the same."""
    total, plain = _add(a.unlimited or a, b.unlimited or b), a.value + b.value
    finite = np.isfinite(a.value) & np.isfinite(b.value)
    same = finite | (total.value == plain) | (np.isnan(total.value) & np.isnan(plain))
    total.error = np.where(same & a.known() & b.known(), total.error, np.inf)
    return total


def _subtract(a: Bounded, b: Bounded) -> Bounded:
    return _add(a, _negative(b))


def _multiply(a: Bounded, b: Bounded) -> Bounded:
    propagated = np.abs(a.value) * b.error + b.size() * a.error
    found = _rounded(a.value * b.value, propagated, a.arithmetic, lambda: a.signed() & b.signed())
    if a.unlimited or b.unlimited:
        beyond = _multiply(a.unlimited or a, b.unlimited or b)
        found.unlimited = beyond.unlimited or beyond
    return found


def _divide(a: Bounded, b: Bounded) -> Bounded:
    """|(a+δ)/(b+δ') - a/b| ≤ (|δ| + |a/b| |δ'|) / (|b| - |δ'|); none where b may be zero, unless it is."""
    value = a.value / b.value
    room = np.abs(b.value) - b.error
    slope = a.error + np.abs(value) * b.error
    propagated = np.where(room > 0, slope / room, np.inf)
    return _rounded(value, propagated, a.arithmetic, lambda: a.signed() & b.signed())


def _sqrt(a: Bounded) -> Bounded:
    """|√(a+δ) - √a| ≤ δ / (√a + √(a-δ)), and never more than √δ."""
    value = np.sqrt(a.value)
    slope = value + np.sqrt(np.maximum(a.value - a.error, 0))
    propagated = np.minimum(np.sqrt(a.error), np.where(slope > 0, a.error / slope, np.inf))
    return _rounded(value, propagated, a.arithmetic, a.signed)


def _not_a_number(a: Bounded) -> Any:
    return np.isnan(a.value) & (a.error == 0)


def _minimum(a: Bounded, b: Bounded) -> Bounded:
    return _chosen(np.minimum, a, b)


def _maximum(a: Bounded, b: Bounded) -> Bounded:
    return _chosen(np.maximum, a, b)


def _chosen(choose: Any, a: Bounded, b: Bounded) -> Bounded:
    """The smaller or the larger one. Both are monotonic: the ends of the intervals bound the result."""
    value = choose(a.value, b.value)
    least, most = choose(a.value - a.error, b.value - b.error), choose(a.value + a.error, b.value + b.error)
    error = np.maximum(most - value, value - least)
    error = error + a.arithmetic.own * (np.abs(value) + error) * (a.error + b.error > 0)
    error = np.where(np.isfinite(value), error, np.maximum(a.error, b.error))
    return Bounded(value, np.where(a.known() & b.known(), error, np.inf), a.arithmetic)  # what is unknown may be NaN


def _negative(a: Bounded) -> Bounded:
    return Bounded(-a.value, a.error, a.arithmetic, a.unlimited and _negative(a.unlimited))


_RULES: dict[Any, Any] = {
    np.add: _add,
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.divide: _divide,
    np.sqrt: _sqrt,
    np.minimum: _minimum,
    np.maximum: _maximum,
    np.negative: _negative,
}


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
        return (infinite & (complement.value != 0)) | _not_a_number(old) | _not_a_number(new)

    found = _result(value, propagated, local, arithmetic, certain)
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
            error = np.where(by_nothing | endless | _not_a_number(d), found.error, error)
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
    total = _result(value, size - value, size * drift / (1 - drift), arithmetic, lambda: np.isnan(value))
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
    return _result(total.value, total.error, np.where(magnitude.size() > 0, local, 0), total.arithmetic)


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
