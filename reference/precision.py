"""Floating-point formats, as far as a rounding bound needs them (IEEE 754-2019, section 3; Higham 2002, chapter 2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Union

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Number = Union[Array, "np.floating[Any]", float]


@dataclass(frozen=True)
class Format:
    """A binary floating-point format.

    Attributes:
        name: as NumPy spells it; `bfloat16`, which NumPy lacks, too.
        digits: bits of the significand p, the implicit one included.
        least_exponent: exponent of the smallest normal number, which is 2**least_exponent.
        greatest_exponent: exponent of the largest finite number, (2 - 2**(1-p)) * 2**greatest_exponent.
        flushes: whether hardware and libraries in use may replace a subnormal by zero in this format. In
            float16 they don't: it is computed in float32, where its subnormals are normal numbers.
    """

    name: str
    digits: int
    least_exponent: int
    greatest_exponent: int
    flushes: bool = True

    @cached_property
    def epsilon(self) -> float:
        """Distance from 1 to the next number, 2**(1-p): an ulp of 1, twice the unit roundoff."""
        return float(2.0 ** (1 - self.digits))

    @cached_property
    def smallest_normal(self) -> float:
        """Below this a number is subnormal."""
        return float(2.0**self.least_exponent)

    @cached_property
    def smallest_subnormal(self) -> Any:
        """The distance between neighbours around zero."""
        return np.ldexp(np.longdouble(1), self.least_exponent - self.digits + 1)

    @cached_property
    def largest(self) -> Any:
        """The largest finite number; a longdouble, since that of float64 is needed exactly."""
        significand = np.longdouble(2) - np.ldexp(np.longdouble(1), 1 - self.digits)
        return np.ldexp(significand, self.greatest_exponent)

    @cached_property
    def underflow(self) -> float:
        """The largest absolute error that one operation can make near zero."""
        return self.smallest_normal if self.flushes else float(self.smallest_subnormal)

    def ulp(self, x: Number) -> Array:
        """Distance between neighbours of this format at |x|, elementwise; NaN where x is not finite."""
        _, exponent = np.frexp(np.abs(x))
        exponent = np.maximum(exponent - 1, self.least_exponent) - (self.digits - 1)
        exponent = np.where(np.equal(x, 0), self.least_exponent - (self.digits - 1), exponent)
        return np.where(np.isfinite(x), np.ldexp(np.longdouble(1), exponent), np.nan)

    def round(self, x: Number) -> Any:
        """x rounded to the nearest number of this format, ties to even, in the type of x; overflow to infinity."""
        x = np.asarray(x) if isinstance(x, (float, int)) else x
        with np.errstate(invalid="ignore", over="ignore"):
            spacing = self.ulp(x).astype(np.longdouble)
            rounded = np.rint(np.longdouble(1) * x / spacing) * spacing
            rounded = np.where(np.abs(rounded) > self.largest, np.copysign(np.inf, x), rounded)
            return np.where(np.isfinite(x), rounded, x).astype(x.dtype)[()]


_FORMATS = {
    "float16": Format("float16", 11, -14, 15, flushes=False),
    "bfloat16": Format("bfloat16", 8, -126, 127),
    "float32": Format("float32", 24, -126, 127),
    "float64": Format("float64", 53, -1022, 1023),
}


def format_of(dtype: Format | DTypeLike | str) -> Format:
    """The format of a dtype, or of a name such as "float32" or "bfloat16".

    Raises:
        ValueError: if it is none of float16, bfloat16, float32, float64, or what `longdouble` is.
    """
    if isinstance(dtype, Format):
        return dtype
    name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    if name in _FORMATS:
        return _FORMATS[name]
    if name not in ("longdouble", np.dtype(np.longdouble).name):
        raise ValueError(f"no floating-point format {name!r}; choose from {', '.join(_FORMATS)}")
    limits = np.finfo(np.longdouble)
    return Format(name, limits.nmant + 1, int(limits.minexp), int(limits.maxexp) - 1)


def wider(dtype: Format | DTypeLike | str) -> type[np.floating[Any]]:
    """The NumPy type in which the oracle judges a format: float64, and longdouble for float64.

    Where longdouble is no wider than float64 (Windows, 64-bit Arm on macOS), a float64 oracle judges float64: still
    sound, since the bound counts the oracle's own rounding, but twice as wide.
    """
    return np.longdouble if format_of(dtype).digits > _FORMATS["float32"].digits else np.float64
