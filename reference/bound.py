"""Numbers that carry their error: a running error analysis by evaluation (Higham 2002, section 3.3).

A `Bounded` is the oracle's value and a bound on the distance to it of what any evaluation in the tested format can
hold. Arithmetic on them follows the standard model, with a whole ulp an operation in place of half of one, so that
faithful hardware roots and reciprocals are covered, and the orders of evaluation that are in use with them:

    |fl(a ∘ b) - (a ∘ b)| ≤ ε |a ∘ b| + τ,    ε an ulp of 1,    τ the underflow error

The derivation, operation by operation, is docs/method.md.
"""

from __future__ import annotations

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
        largest: beyond this there is no number.
        wide: the oracle's type.
    """

    __slots__ = ("epsilon", "flushed", "largest", "own", "underflow", "wide")

    def __init__(self, fmt: Format, wide: Any) -> None:
        self.wide = wide
        self.own = np.finfo(wide).eps
        self.epsilon = wide(fmt.epsilon) + self.own
        self.underflow = wide(fmt.underflow)
        self.flushed = wide(fmt.smallest_normal if fmt.flushes else 0)
        self.largest = wide(fmt.largest)


class Bounded(NDArrayOperatorsMixin):
    """A value, and how far from it an evaluation may be; both arrays of one wide type.

    NumPy's operators and functions work on it (`+ - * /`, `sqrt`, `minimum`, `maximum`, `negative`): that is all
    that an update is made of.
    """

    __slots__ = ("arithmetic", "error", "value")

    def __init__(self, value: Any, error: Any, arithmetic: Arithmetic) -> None:
        self.value = value
        self.error = error
        self.arithmetic = arithmetic

    @classmethod
    def given(cls, value: Array, arithmetic: Arithmetic) -> Bounded:
        """An input that the tested format holds exactly, unless it is subnormal and may be flushed."""
        size = np.abs(value)
        return cls(value, np.where(size < arithmetic.flushed, size, 0), arithmetic)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        rule = _RULES.get(ufunc)
        if rule is None or method != "__call__" or kwargs:
            return NotImplemented
        return rule(*(x if isinstance(x, Bounded) else Bounded(x, 0, self.arithmetic) for x in inputs))

    def size(self) -> Any:
        """A bound on the size of what an evaluation can hold."""
        return np.abs(self.value) + self.error


def _result(value: Any, propagated: Any, local: Any, arithmetic: Arithmetic) -> Bounded:
    """A value with the error that came in and the error made here; no bound where it is lost (NaN), or may overflow."""
    error = propagated + local
    fits = np.abs(value) + error <= arithmetic.largest
    if not np.all(fits):
        error = np.where(fits, error, np.inf)
    return Bounded(value, error, arithmetic)


def _rounded(value: Any, propagated: Any, arithmetic: Arithmetic) -> Bounded:
    """The result of one product, quotient or root; an exact zero stays exact."""
    size = np.abs(value) + propagated
    local = arithmetic.epsilon * size + arithmetic.underflow * (size > 0)
    return _result(value, propagated, local, arithmetic)


def _add(a: Bounded, b: Bounded) -> Bounded:
    return _sum(a, b, a.value + b.value)


def _subtract(a: Bounded, b: Bounded) -> Bounded:
    return _sum(a, b, a.value - b.value)


def _sum(a: Bounded, b: Bounded, value: Any) -> Bounded:
    """A sum is off by no more than an ulp, and by no more than its smaller term: the larger one is a candidate.

    The same holds for the oracle's own sum. It does not underflow, but a subnormal sum may be flushed.
    """
    arithmetic = a.arithmetic
    propagated = a.error + b.error
    size = np.abs(value) + propagated
    smaller = np.minimum(a.size(), b.size())
    local = np.minimum(arithmetic.epsilon * size, smaller) + np.minimum(arithmetic.own * size, smaller)
    may_be_flushed = np.abs(value) - propagated < arithmetic.flushed
    flushing = np.minimum(size, arithmetic.flushed) * may_be_flushed
    return _result(value, propagated, np.maximum(local, flushing), arithmetic)


def _multiply(a: Bounded, b: Bounded) -> Bounded:
    propagated = np.abs(a.value) * b.error + b.size() * a.error
    return _rounded(a.value * b.value, propagated, a.arithmetic)


def _divide(a: Bounded, b: Bounded) -> Bounded:
    """|(a+δ)/(b+δ') - a/b| ≤ (|δ| + |a/b| |δ'|) / (|b| - |δ'|); no bound where the divisor may be zero."""
    value = a.value / b.value
    room = np.abs(b.value) - b.error
    slope = a.error + np.abs(value) * b.error
    propagated = np.where(room > 0, slope / room, np.inf)
    return _rounded(value, propagated, a.arithmetic)


def _sqrt(a: Bounded) -> Bounded:
    """|√(a+δ) - √a| ≤ δ / (√a + √(a-δ)), and never more than √δ."""
    value = np.sqrt(a.value)
    slope = value + np.sqrt(np.maximum(a.value - a.error, 0))
    propagated = np.minimum(np.sqrt(a.error), np.where(slope > 0, a.error / slope, np.inf))
    return _rounded(value, propagated, a.arithmetic)


def _minimum(a: Bounded, b: Bounded) -> Bounded:
    return Bounded(np.minimum(a.value, b.value), np.maximum(a.error, b.error), a.arithmetic)


def _maximum(a: Bounded, b: Bounded) -> Bounded:
    return Bounded(np.maximum(a.value, b.value), np.maximum(a.error, b.error), a.arithmetic)


def _negative(a: Bounded) -> Bounded:
    return Bounded(-a.value, a.error, a.arithmetic)


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
    outer one lifts what is lost by |g| = √new.
    """
    if not isinstance(old, Bounded):
        return decay * old + complement * new
    arithmetic = old.arithmetic
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
    return _result(value, propagated, local, arithmetic)


def quotient(rate: Any, g: Any, d: Any) -> Any:
    """η g / d, or g / d where η is None.

    On bounded numbers it covers what can be lost on the way, in whatever order: η/d, 1/d or g/d may vanish before a
    product with what is large; and where 1/d or η/d may overflow, there is no bound.
    """
    numerator = g if rate is None else rate * g
    found = numerator / d
    if isinstance(found, Bounded):
        arithmetic, scale = found.arithmetic, 0 if rate is None else rate.size()
        vanished = arithmetic.underflow * (scale + g.size() + scale * g.size()) * (g.size() > 0)
        fits = np.maximum(scale, 1) <= arithmetic.largest * (np.abs(d.value) - d.error)
        found.error = np.where(fits, found.error + vanished, np.inf)
    return found


def variance(v: Any, m: Any, epsilon: Any) -> Any:
    """v - m² + ε, in that order or as (v + ε) - m², whose first sum is off by an ulp of what is larger."""
    found = v - m * m + epsilon
    if isinstance(found, Bounded):
        found.error = found.error + found.arithmetic.epsilon * (v.size() + epsilon.size())
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
