"""Numbers that carry their error: a running error analysis (Higham 2002, section 3.3).

A `Bounded` holds the oracle's value and a bound on its distance to the value of any evaluation in the tested format.
Arithmetic on bounded numbers follows the standard model of rounding with a whole ulp for each operation instead of half
an ulp, so that it covers faithful hardware roots and reciprocals, and the orders of evaluation in use:

    |fl(a ∘ b) - (a ∘ b)| ≤ ε |a ∘ b| + τ,    ε an ulp of 1,    τ the underflow error

A value outside the range of the format is kept as long as every order of evaluation agrees on it: an infinity or NaN
with error 0 is the value that all of them hold. docs/method.md derives each operation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .precision import Array, Format


class Arithmetic:
    """The standard model of a format, for an oracle that computes in a wider type.

    Attributes:
        own: an ulp of 1 in the oracle's type.
        epsilon: ε, an ulp of 1 in the format plus one in the oracle's type, which accounts for the oracle's rounding.
        underflow: τ.
        flushed: the size below which a number may be replaced by zero.
        flushes: whether such a number is certainly replaced.
        vanishing: the size below which a product is certainly zero.
        largest: the largest finite number.
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

    Args:
        value: the oracle's value.
        propagated: the error that comes from the operands.
        local: the error of the operation itself.
        arithmetic: the model of the format.
        certain: returns where every evaluation gives the infinity or NaN; called only if there is one.
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


def _subtract(a: Bounded, b: Bounded) -> Bounded:
    return _add(a, _negative(b))


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


def _minimum(a: Bounded, b: Bounded) -> Bounded:
    return _chosen(np.minimum, a, b)


def _maximum(a: Bounded, b: Bounded) -> Bounded:
    return _chosen(np.maximum, a, b)


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
    np.subtract: _subtract,
    np.multiply: _multiply,
    np.divide: _divide,
    np.sqrt: _sqrt,
    np.minimum: _minimum,
    np.maximum: _maximum,
    np.negative: _negative,
}
