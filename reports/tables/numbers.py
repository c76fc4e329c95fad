"""Numbers as text: the same in a terminal, in Markdown and on the page."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

MISSING = "—"  # shown for a number that is not finite or was not measured

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def count(value: int) -> str:
    """An integer with separators between thousands."""
    return f"{value:,}"


def loss(value: float | None, digits: int = 9) -> str:
    """A loss; nine significant digits distinguish neighbouring float32 values."""
    return MISSING if value is None else _tidy(f"{value:#.{digits}g}")


def multiple(value: float | None) -> str:
    """A number of ulps, or an error over its bound: two decimals, or an exponent for very small and large numbers."""
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    return f"{value:.2f}" if 0.005 <= abs(value) < 9999.5 else _tidy(f"{value:.1e}")


def distance(value: float | None) -> str:
    """A relative distance with two significant digits."""
    return MISSING if value is None else "0" if value == 0 else _tidy(f"{value:.1e}")


def percent(value: float | None) -> str:
    """A share in percent with one decimal."""
    return MISSING if value is None else f"{100 * value:.1f} %"


def coordinate(value: float | None) -> str:
    """A coordinate with six decimals, as the book prints it, without a negative zero."""
    if value is None:
        return MISSING
    return f"{0.0 if abs(value) < 5e-7 else value:.6f}" if abs(value) < 1e6 else _tidy(f"{value:.6e}")


class Unit(NamedTuple):
    """A unit of time: its symbol, and its length in seconds."""

    sign: str
    seconds: float

    def show(self, seconds: float | None) -> str:
        """A time in this unit, without the symbol."""
        return MISSING if seconds is None else significant(seconds / self.seconds)


UNITS = (Unit("s", 1.0), Unit("ms", 1e-3), Unit("µs", 1e-6), Unit("ns", 1e-9))


def unit(times: Iterable[float]) -> Unit:
    """The unit in which the smallest time is at least 1, or the next larger unit if the largest would get too long."""
    known = [time for time in times if time > 0] or [1.0]
    place = next((place for place, one in enumerate(UNITS) if min(known) >= 0.9995 * one.seconds), len(UNITS) - 1)
    return UNITS[place - 1 if place and max(known) >= 9999.5 * UNITS[place].seconds else place]


def duration(seconds: float | None) -> str:
    """A time in a suitable unit: `24.1 µs`."""
    if seconds is None:
        return MISSING
    found = unit([seconds])
    return f"{found.show(seconds)} {found.sign}"


def significant(value: float | None, digits: int = 3) -> str:
    """A number with this many significant digits but no fewer than before the point; mostly without an exponent."""
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    if not 1e-6 <= abs(value) < 1e9:
        return _tidy(f"{value:.{digits - 1}e}")
    rounded = float(f"{value:.{digits - 1}e}")
    return f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(rounded))))}f}"


def share(value: float | None) -> str:
    """A share in percent with two significant digits, or all digits before the point."""
    return MISSING if value is None else f"{significant(100 * value, 2)} %"


def size(value: int | None) -> str:
    """A number of parameters: `1,000`; larger powers of ten as `10⁵`."""
    if value is None:
        return MISSING
    power = len(str(abs(value))) - 1
    return f"10{str(power).translate(_RAISED)}" if power > 3 and value == 10**power else count(value)


def fixed(value: float | None, places: int) -> str:
    """A number with this many decimals."""
    return MISSING if value is None else f"{value:.{places}f}"


def _tidy(number: str) -> str:
    mantissa, mark, exponent = number.partition("e")
    return f"{mantissa.rstrip('.')}e{int(exponent)}" if mark else mantissa.rstrip(".")
