"""Floating-point formats as an evaluation meets them: each result rounded, or only what is stored; flushed; fused.

Written apart from `reference`, whose bound is held against what is computed here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Name = Literal["float16", "bfloat16", "float32", "float64"]
Rule = Callable[[Array], Array]

FORMATS: tuple[Name, ...] = ("float16", "bfloat16", "float32", "float64")

_HOLDS: dict[str, Any] = {"float16": np.float16, "bfloat16": np.float32, "float32": np.float32, "float64": np.float64}
_SMALLEST_NORMAL = {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022}


def to_bfloat16(x: Array) -> Array:
    """Numbers of float32 rounded to the nearest of bfloat16, ties to even: the upper half of their bits.

    Rounding the result of one operation in float32 again is as good as rounding once, since 24 ≥ 2·8 + 2 (Figueroa
    1995); subnormals may be off by half of their last place, which is far below what a bound counts there.
    """
    bits = np.asarray(x, np.float32).view(np.uint32)
    half = np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    rounded = ((bits + half) & np.uint32(0xFFFF0000)).view(np.float32)
    return np.where(np.isnan(x), np.float32(np.nan), rounded)


@dataclass(frozen=True)
class Arithmetic:
    """How an implementation computes.

    Attributes:
        format: what it stores.
        rounded: whether every result is rounded to the format, or none before it is stored.
        flushed: whether subnormals become zero wherever they turn up: in what is read, and in every result.
        towards: quotients and roots are rounded to nearest (0), or to the neighbour above (1) or below (-1), as units
            may that are faithful but not correctly rounding; `rsqrt` is off by that many ulps.
    """

    format: Name
    rounded: bool = True
    flushed: bool = False
    towards: Literal[-1, 0, 1] = 0

    @cached_property
    def wide(self) -> Any:
        """A type with enough more digits to be taken for exact."""
        return np.longdouble if self.format == "float64" else np.float64

    @cached_property
    def type(self) -> Any:
        """NumPy's type of what is computed."""
        return _HOLDS[self.format] if self.rounded else self.wide

    @cached_property
    def plain(self) -> bool:
        """Whether NumPy's own arithmetic is what is wanted."""
        return not self.rounded or not (self.flushed or self.format == "bfloat16")

    def nearest(self, values: Any) -> Array:
        """Numbers rounded to the format."""
        array = np.asarray(values).astype(_HOLDS[self.format])
        return to_bfloat16(array) if self.format == "bfloat16" else array

    def settle(self, values: Array) -> Array:
        """What is left of a result."""
        array = self.nearest(values)
        if not self.flushed:
            return array
        return np.where(np.abs(array) < _SMALLEST_NORMAL[self.format], np.copysign(array.dtype.type(0), array), array)

    def held(self, values: Any) -> Any:
        """Numbers as the computation holds them."""
        return np.asarray(values).astype(self.type) if self.plain else _Settled.of(self.settle(values), self.settle)

    def stored(self, values: Any) -> Any:
        """Numbers of the format, as they are kept between steps."""
        return values if self.plain and self.rounded else self.held(self.settle(values))

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """a·b + c, rounded once: exact in the wider type, but for an error that is far below what is tested."""
        wide = self.wide
        return self.held(np.asarray(a, wide) * np.asarray(b, wide) + np.asarray(c, wide))

    def quotient(self, a: Any, b: Any) -> Any:
        """a / b."""
        return self._faithful(a / b, lambda: np.asarray(a, self.wide) / np.asarray(b, self.wide))

    def root(self, a: Any) -> Any:
        """√a."""
        return self._faithful(np.sqrt(a), lambda: np.sqrt(np.asarray(a, self.wide)))

    def reciprocal_root(self, a: Any) -> Any:
        """1 / √a, rounded once and then moved."""
        nearest = self.held(1 / np.sqrt(np.asarray(a, self.wide)))
        return self._moved(nearest) if self.towards else nearest

    def _faithful(self, nearest: Any, exact: Callable[[], Array]) -> Any:
        """The neighbour of the exact value on the side of `towards`; itself where it is a number of the format."""
        if not self.towards:
            return nearest
        short = (exact() - np.asarray(nearest, self.wide)) * self.towards > 0
        return self.held(np.where(short, self._moved(nearest), nearest))

    def _moved(self, values: Any) -> Any:
        """The next number of the format on the side of `towards`; zero and infinity stay."""
        array = np.asarray(values)
        if self.format == "bfloat16":
            away = np.where(array < 0, np.int32(-self.towards), np.int32(self.towards))
            following = (array.astype(np.float32).view(np.int32) + away * np.int32(0x10000)).view(np.float32)
        else:
            following = np.nextafter(array, array.dtype.type(self.towards * np.inf))
        return self.held(np.where(np.isfinite(array) & (array != 0), following, array))


class _Settled(np.ndarray[Any, Any]):
    """An array whose arithmetic applies a rule to every result."""

    rule: Rule

    @classmethod
    def of(cls, values: Array, rule: Rule) -> _Settled:
        array = np.asarray(values).view(cls)
        array.rule = rule
        return array

    def __array_finalize__(self, parent: Any) -> None:
        self.rule = getattr(parent, "rule", np.asarray)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        result = getattr(ufunc, method)(*(np.asarray(x) for x in inputs), **kwargs)
        return _Settled.of(self.rule(result), self.rule) if result.dtype.kind == "f" else result
