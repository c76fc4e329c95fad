"""Floating-point arithmetic of an evaluation: how results are rounded, and in which order operations are carried out.

This is written independently of `reference`, whose bound is tested with what is computed here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating]
FormatName = Literal["float16", "bfloat16", "float32", "float64"]
Direction = Literal[-1, 0, 1]

FORMATS: tuple[FormatName, ...] = ("float16", "bfloat16", "float32", "float64")

_TYPES: Mapping[str, type[np.floating]] = {
    "float16": np.float16, "bfloat16": np.float32, "float32": np.float32, "float64": np.float64
}  # fmt: skip
_SMALLEST_NORMAL = {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022}


def to_bfloat16(x: ArrayLike) -> Array:
    """Round float32 values to bfloat16, ties to even; the result has the type float32.

    Rounding the float32 result of one operation again gives the same as rounding once, since 24 ≥ 2·8 + 2 (Figueroa
    1995). Subnormals may be off by half a unit in the last place, far less than a bound allows there.
    """
    bits = np.asarray(x, np.float32).view(np.uint32)
    half = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    rounded = ((bits + half) & np.uint32(0xFFFF0000)).view(np.float32)
    return np.where(np.isnan(x), np.float32(np.nan), rounded)


@dataclass(frozen=True)
class Arithmetic:
    """The arithmetic of an implementation.

    Attributes:
        format: the format in which values are stored.
        rounded: whether every result is rounded to the format; if not, values are rounded when they are stored.
        flushed: whether subnormal operands and results are replaced by zero.
        towards: 0 if quotients and roots are correctly rounded; 1 or -1 if they are rounded to the neighbour above or
            below, as faithful rounding allows. `reciprocal_root` is off by one ulp in that direction.
    """

    format: FormatName
    rounded: bool = True
    flushed: bool = False
    towards: Direction = 0

    @cached_property
    def wide(self) -> type[np.floating]:
        """A NumPy type with enough additional digits to stand for exact results."""
        return np.longdouble if self.format == "float64" else np.float64

    @cached_property
    def type(self) -> type[np.floating]:
        """The NumPy type of computed values."""
        return _TYPES[self.format] if self.rounded else self.wide

    @cached_property
    def _native(self) -> bool:
        """Whether NumPy's own operations give the wanted results."""
        return not self.rounded or not (self.flushed or self.format == "bfloat16")

    def round(self, values: ArrayLike) -> Array:
        """Round to the format."""
        array = np.asarray(values).astype(_TYPES[self.format])
        return to_bfloat16(array) if self.format == "bfloat16" else array

    def round_and_flush(self, values: ArrayLike) -> Array:
        """Round to the format, and replace subnormals by zero if this arithmetic does."""
        array = self.round(values)
        if not self.flushed:
            return array
        return np.where(np.abs(array) < _SMALLEST_NORMAL[self.format], np.copysign(array.dtype.type(0), array), array)

    def array(self, values: ArrayLike) -> Array:
        """Return an array whose operations follow this arithmetic."""
        if self._native:
            return np.asarray(values).astype(self.type)
        return _RuledArray.of(self.round_and_flush(values), self.round_and_flush)

    def stored(self, values: Array) -> Array:
        """Return values as they are after being stored in the format."""
        return values if self._native and self.rounded else self.array(self.round_and_flush(values))

    def fma(self, a: Array, b: Array, c: Array) -> Array:
        """Return a·b + c rounded once: exact in the wide type, up to an error far below what is tested."""
        wide = self.wide
        return self.array(np.asarray(a, wide) * np.asarray(b, wide) + np.asarray(c, wide))

    def quotient(self, a: Array, b: Array) -> Array:
        """Return a / b."""
        return self._faithful(a / b, lambda: np.asarray(a, self.wide) / np.asarray(b, self.wide))

    def root(self, a: Array) -> Array:
        """Return √a."""
        return self._faithful(np.sqrt(a), lambda: np.sqrt(np.asarray(a, self.wide)))

    def reciprocal_root(self, a: Array) -> Array:
        """Return 1 / √a, rounded and then moved by an ulp if `towards` is not 0."""
        nearest = self.array(1 / np.sqrt(np.asarray(a, self.wide)))
        return self._neighbour(nearest) if self.towards else nearest

    def _faithful(self, nearest: Array, exact: Callable[[], Array]) -> Array:
        """Return the neighbour of the exact value in the direction `towards`; representable values are unchanged."""
        if not self.towards:
            return nearest
        short = (exact() - np.asarray(nearest, self.wide)) * self.towards > 0
        return self.array(np.where(short, self._neighbour(nearest), nearest))

    def _neighbour(self, values: Array) -> Array:
        """Return the next number of the format in the direction `towards`; zero and infinity are unchanged."""
        array = np.asarray(values)
        if self.format == "bfloat16":
            away = np.where(array < 0, np.int32(-self.towards), np.int32(self.towards))
            following = (array.astype(np.float32).view(np.int32) + away * np.int32(0x10000)).view(np.float32)
        else:
            following = np.nextafter(array, array.dtype.type(self.towards * np.inf))
        return self.array(np.where(np.isfinite(array) & (array != 0), following, array))


class _RuledArray(np.ndarray[Any, Any]):
    """An array that applies a rounding rule to the result of every operation."""

    rule: Callable[[Array], Array]

    @classmethod
    def of(cls, values: Array, rule: Callable[[Array], Array]) -> _RuledArray:
        array = np.asarray(values).view(cls)
        array.rule = rule
        return array

    def __array_finalize__(self, parent: Any) -> None:
        self.rule = getattr(parent, "rule", np.asarray)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        result = getattr(ufunc, method)(*(np.asarray(x) for x in inputs), **kwargs)
        return _RuledArray.of(self.rule(result), self.rule) if result.dtype.kind == "f" else result


Average = Callable[[Arithmetic, Array, Array, Array, Array, Array], Array]
Quotient = Callable[[Arithmetic, Array, Array, Callable[[], Array], Callable[[], Array]], Array]

AVERAGES: Mapping[str, Average] = {
    "products": lambda a, s, g, h, decay, c: decay * s + c * (g * h),
    "products_fused": lambda a, s, g, h, decay, c: a.fma(c, g * h, decay * s),
    "products_fused_with_the_past": lambda a, s, g, h, decay, c: a.fma(decay, s, c * (g * h)),
    "from_the_left": lambda a, s, g, h, decay, c: (c * g) * h + decay * s,
    "from_the_left_fused": lambda a, s, g, h, decay, c: a.fma(c * g, h, decay * s),
    "difference": lambda a, s, g, h, decay, c: s + c * (g * h - s),
    "difference_fused": lambda a, s, g, h, decay, c: a.fma(c, a.fma(g, h, -s), s),
    "difference_from_the_past": lambda a, s, g, h, decay, c: s - (s - g * h) * c,
    "interpolated": lambda a, s, g, h, decay, c: np.where(  # from the nearer end, as PyTorch's `lerp` does
        c < 0.5, s + c * (g * h - s), g * h - (1 - c) * (g * h - s)
    ),
}
"""Name -> how an average γ s + c g h is formed in an arithmetic `a`; h is g for squares, and 1 for the mean."""

QUOTIENTS: Mapping[str, Quotient] = {
    "scaled_first": lambda a, rate, g, d, inverse: a.quotient(rate * g, d()),
    "divided_first": lambda a, rate, g, d, inverse: rate * a.quotient(g, d()),
    "rate_over_root": lambda a, rate, g, d, inverse: a.quotient(rate, d()) * g,
    "scaled_by_inverse": lambda a, rate, g, d, inverse: (rate * g) * inverse(),
    "rate_by_inverse": lambda a, rate, g, d, inverse: g * (rate * inverse()),
    "divided_by_inverse": lambda a, rate, g, d, inverse: rate * (g * inverse()),
}
"""Name -> how the step η g / d is formed; `d()` returns the denominator, and `inverse()` its reciprocal."""


@dataclass(frozen=True)
class Order:
    """An order of operations, with the arithmetic in which they are carried out.

    Attributes:
        average: how v is formed: a name in `AVERAGES`.
        mean: how m is formed; PyTorch forms v and m differently.
        quotient: how a step is formed: a name in `QUOTIENTS`.
        fused: whether products and the sums that follow them are fused outside the averages too.
        epsilon_first: whether v - m² + ε is formed as (v + ε) - m².
        rounded, flushed, towards: see `Arithmetic`.
    """

    average: str = "products"
    mean: str = "products"
    quotient: str = "scaled_first"
    fused: bool = False
    epsilon_first: bool = False
    rounded: bool = True
    flushed: bool = False
    towards: Direction = 0

    def arithmetic(self, fmt: FormatName) -> Arithmetic:
        """Return the arithmetic in a format. In float16 nothing is flushed, since it is computed in float32."""
        return Arithmetic(fmt, self.rounded, self.flushed and fmt != "float16", self.towards)

    @property
    def name(self) -> str:
        """A description that is unique among `all_orders()`."""
        words = [f"v by {self.average}", f"m by {self.mean}", self.quotient]
        words += ["fused"] * self.fused + ["(v + ε) - m²"] * self.epsilon_first + ["flushed"] * self.flushed
        words += [f"roots and quotients {'above' if self.towards > 0 else 'below'}"] * (self.towards != 0)
        words += ["rounded when stored"] * (not self.rounded)
        return ", ".join(words).replace("_", " ")


PLAIN = Order()


@cache
def all_orders() -> tuple[Order, ...]:
    """Return every order of operations in every arithmetic."""
    return tuple(_orders())


def _orders() -> Iterator[Order]:
    directions: tuple[Direction, ...] = (-1, 0, 1)
    for average, mean, quotient in itertools.product(AVERAGES, AVERAGES, QUOTIENTS):
        for epsilon_first, flushed in itertools.product((False, True), repeat=2):
            order = Order(average, mean, quotient, epsilon_first=epsilon_first, flushed=flushed)
            yield replace(order, rounded=False)  # fusing and faithful rounding have no effect there
            for fused, towards in itertools.product((False, True), directions):
                yield replace(order, fused=fused, towards=towards)
