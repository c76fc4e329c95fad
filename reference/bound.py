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
        flushes: whether it certainly is.
        vanishing: below this a product certainly is zero.
        largest: beyond this there is no number.
        wide: the oracle's type.
    """

    __slots__ = ("epsilon", "flushed", "flushes", "largest", "own", "underflow", "vanishing", "wide")

    def __init__(self, fmt: Format, wide: Any, subnormals: str = "either") -> None:
        kept = subnormals == "kept" or not fmt.flushes
        self.wide = wide
        self.own = np.finfo(wide).eps
        self.epsilon = wide(fmt.epsilon) + self.own
        self.underflow = wide(fmt.smallest_subnormal if kept else fmt.smallest_normal)
        self.flushed = wide(0 if kept else fmt.smallest_normal)
        self.flushes = subnormals == "flushed" and not kept
        self.vanishing = wide(fmt.smallest_normal if self.flushes else fmt.smallest_subnormal / 2) * (1 - self.epsilon)
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
        if arithmetic.flushes:
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

    def is_nan(self) -> Any:
        """Whether it is NaN in every evaluation."""
        return np.isnan(self.value) & (self.error == 0)


def result(
    value: Any, propagated: Any, local: Any, arithmetic: Arithmetic, certain: Callable[[], Any] = lambda: False
) -> Bounded:
    """A value with the error that came in and the error made here; no bound where that is lost, or it may overflow.

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
    return result(value, propagated, local, arithmetic, certain)


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
        return (a.known() & b.known()) | a.is_nan() | b.is_nan()

    return result(value, propagated, np.maximum(local, flushing), arithmetic, certain)


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
