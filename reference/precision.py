"""Floating-point formats: the constants and the rounding that the bound uses.

Sources: IEEE 754-2019, section 3; N. J. Higham, Accuracy and Stability of Numerical Algorithms (2002), chapter 2.
"""

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

    Hardware and libraries in use may replace a subnormal number by zero (`flushes`). In float16 they do not, because it
    is computed in float32, where its subnormal numbers are normal.
    """

    name: str  # in NumPy, or `bfloat16`, which NumPy lacks
    digits: int  # bits of the significand p, the implicit one included
    least_exponent: int  # of the smallest normal number, 2**least_exponent
    greatest_exponent: int  # of the largest finite number, (2 - 2**(1-p)) * 2**greatest_exponent
    flushes: bool = True

    @cached_property
    def epsilon(self) -> float:
        """The distance from 1 to the next number, 2**(1-p): an ulp of 1, twice the unit roundoff."""
        return float(2.0 ** (1 - self.digits))

    @cached_property
    def smallest_normal(self) -> float:
        """The smallest positive normal number."""
        return float(2.0**self.least_exponent)

    @cached_property
    def smallest_subnormal(self) -> Any:
        """The smallest positive number, a longdouble."""
        return np.ldexp(np.longdouble(1), self.least_exponent - self.digits + 1)

    @cached_property
    def largest(self) -> Any:
        """The largest finite number, a longdouble."""
        significand = np.longdouble(2) - np.ldexp(np.longdouble(1), 1 - self.digits)
        return np.ldexp(significand, self.greatest_exponent)

    @cached_property
    def underflow(self) -> float:
        """The largest absolute error of one operation near zero."""
        return self.smallest_normal if self.flushes else float(self.smallest_subnormal)

    def ulp(self, x: Number) -> Array:
        """Return the distance between adjacent numbers of this format at |x|; NaN where x is not finite."""
        _, exponent = np.frexp(np.abs(x))
        exponent = np.maximum(exponent - 1, self.least_exponent) - (self.digits - 1)
        exponent = np.where(np.equal(x, 0), self.least_exponent - (self.digits - 1), exponent)
        return np.where(np.isfinite(x), np.ldexp(np.longdouble(1), exponent), np.nan)

    def round(self, x: Number) -> Any:
        """Round x to the nearest number of this format, ties to even, overflow to infinity; keeps the type of x."""
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
    """Return the format of a dtype, or of a name such as "float32" or "bfloat16".

    Raises:
        ValueError: if it is not float16, bfloat16, float32, float64 or longdouble.
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
    """Return the NumPy type in which the oracle computes to check a format: float64, or longdouble for float64.

    Where longdouble is not wider than float64 (Windows, 64-bit Arm on macOS), float64 is checked in float64. The bound
    stays valid, because it includes the oracle's own rounding, but it is twice as wide.
    """
    return np.longdouble if format_of(dtype).digits > _FORMATS["float32"].digits else np.float64
