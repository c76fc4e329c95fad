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


class Bounded(NDArrayOperatorsMixin):
    """A value, and how far from it an evaluation in `format` may be; both arrays of one wide type.

    NumPy's operators and functions work on it (`+ - * /`, `sqrt`, `minimum`, `maximum`, `negative`): that is all
    that an update is made of.
    """

    __slots__ = ("error", "format", "value")

    def __init__(self, value: Any, error: Any, format: Format) -> None:  # noqa: A002  (the field's own word)
        self.value = value
        self.error = error
        self.format = format

    @classmethod
    def given(cls, value: Array, format: Format) -> Bounded:  # noqa: A002
        """An input that the tested format holds exactly, unless it is subnormal and may be flushed."""
        size = np.abs(value)
        lost = np.where((size < format.smallest_normal) & format.flushes, size, size.dtype.type(0))
        return cls(value, lost, format)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        rule = _RULES.get(ufunc)
        if rule is None or method != "__call__" or kwargs:
            return NotImplemented
        return rule(*(value if isinstance(value, Bounded) else Bounded(value, 0, self.format) for value in inputs))

    def largest(self) -> Any:
        """A bound on the size of what an evaluation can hold."""
        return np.abs(self.value) + self.error

    def bound(self) -> Any:
        """The error, and infinity where it is lost in an undefined operation."""
        return np.where(np.isnan(self.error), np.inf, self.error)

    def rounded(self, propagated: Any, local: Any) -> Bounded:
        """The value with the error that came in and the error made here; no bound where the format may overflow."""
        error = propagated + local
        overflows = np.isfinite(self.value) & (np.abs(self.value) + error > self.format.largest)
        return Bounded(self.value, np.where(overflows, np.inf, error), self.format)


def relative(fmt: Format, wide: Any) -> Any:
    """ε: an ulp of the tested format and one of the oracle's own, so that the oracle's rounding is counted too."""
    return fmt.epsilon + np.finfo(np.result_type(wide, np.float64)).eps


def _local(size: Any, fmt: Format) -> Any:
    """The error of one product, quotient or root that is at most `size`; an exact zero stays exact."""
    return np.where(size > 0, relative(fmt, size) * size + fmt.underflow, 0)


def _add(a: Bounded, b: Bounded) -> Bounded:
    return _sum(a, b, a.value + b.value)


def _subtract(a: Bounded, b: Bounded) -> Bounded:
    return _sum(a, b, a.value - b.value)


def _sum(a: Bounded, b: Bounded, value: Any) -> Bounded:
    """A sum is off by no more than an ulp, and by no more than its smaller term: the larger one is a candidate."""
    propagated = a.error + b.error
    size = np.abs(value) + propagated
    smaller = np.minimum(a.largest(), b.largest())
    local = np.minimum(relative(a.format, size) * size, smaller)
    flushed = np.where((size < a.format.smallest_normal) & a.format.flushes, size, 0)
    return Bounded(value, 0, a.format).rounded(propagated, np.maximum(local, flushed))


def _multiply(a: Bounded, b: Bounded) -> Bounded:
    value = a.value * b.value
    propagated = np.abs(a.value) * b.error + np.abs(b.value) * a.error + a.error * b.error
    return Bounded(value, 0, a.format).rounded(propagated, _local(np.abs(value) + propagated, a.format))


def _divide(a: Bounded, b: Bounded) -> Bounded:
    """|(a+δ)/(b+δ') - a/b| ≤ (|δ| + |a/b| |δ'|) / (|b| - |δ'|); no bound where the divisor may be zero."""
    value = a.value / b.value
    room = np.abs(b.value) - b.error
    slope = a.error + np.abs(value) * b.error
    propagated = np.where(slope > 0, np.where(room > 0, slope / np.where(room > 0, room, 1), np.inf), 0)
    return Bounded(value, 0, a.format).rounded(propagated, _local(np.abs(value) + propagated, a.format))


def _sqrt(a: Bounded) -> Bounded:
    """|√(a+δ) - √a| ≤ δ / (√a + √(a-δ)), and never more than √δ; no bound where the radicand may be negative."""
    value = np.sqrt(a.value)
    slope = value + np.sqrt(np.maximum(a.value - a.error, 0))
    propagated = np.minimum(np.sqrt(a.error), a.error / np.where(slope > 0, slope, 1))
    propagated = np.where(slope > 0, propagated, np.sqrt(a.error))
    return Bounded(value, 0, a.format).rounded(propagated, _local(value + propagated, a.format))


def _minimum(a: Bounded, b: Bounded) -> Bounded:
    return Bounded(np.minimum(a.value, b.value), np.maximum(a.error, b.error), a.format)


def _maximum(a: Bounded, b: Bounded) -> Bounded:
    return Bounded(np.maximum(a.value, b.value), np.maximum(a.error, b.error), a.format)


def _negative(a: Bounded) -> Bounded:
    return Bounded(-a.value, a.error, a.format)


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
    in truth it fades by γ a step: hence a rule of its own.
    """
    if not isinstance(old, Bounded):
        return decay * old + complement * new
    fmt = old.format
    value = decay.value * old.value + complement.value * new.value
    propagated = (
        np.abs(decay.value) * old.error
        + np.abs(complement.value) * new.error
        + np.maximum(decay.error, complement.error) * old.largest()
        + complement.error * new.largest()
    )
    size = np.abs(value) + propagated
    weight = complement.largest()
    sum_of_products = decay.largest() * old.largest() + weight * new.largest()
    scaled_difference = 2 * weight * (np.abs(new.value - old.value) + old.error + new.error)
    terms = np.maximum(sum_of_products, scaled_difference)
    local = np.where(terms > 0, relative(fmt, terms) * (terms + size) + 3 * fmt.underflow, 0)
    return Bounded(value, 0, fmt).rounded(propagated, local)


def complement_of_power(decay: Any, t: int) -> Any:
    """1 - γ^t. The power is taken to be good to an ulp a factor, however it is formed."""
    if not isinstance(decay, Bounded):
        return 1 - decay**t
    power = decay.value**t
    error = decay.largest() ** t * (1 + relative(decay.format, power)) ** t - np.abs(power)
    return 1 - Bounded(power, np.abs(error), decay.format)
