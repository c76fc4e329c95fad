"""How numbers look: the same in a terminal, in Markdown and on the page."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

MISSING = "—"
"""Stands for a number that is not finite or was not measured."""

_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def count(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}"


def loss(value: float | None, digits: int = 9) -> str:
    """Significant digits; nine are what a float32 needs to be told from its neighbours."""
    return MISSING if value is None else _tidy(f"{value:#.{digits}g}")


def multiple(value: float | None) -> str:
    """A number of ulps, or of bounds: two decimals while they mean something."""
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    return f"{value:.2f}" if 0.005 <= abs(value) < 9999.5 else _tidy(f"{value:.1e}")


def distance(value: float | None) -> str:
    """A relative distance: two significant digits."""
    return MISSING if value is None else "0" if value == 0 else _tidy(f"{value:.1e}")


def percent(value: float | None) -> str:
    """A share, in percent with one decimal."""
    return MISSING if value is None else f"{100 * value:.1f} %"


def coordinate(value: float | None) -> str:
    """Six decimals, as the book prints them; no negative zero."""
    if value is None:
        return MISSING
    return f"{0.0 if abs(value) < 5e-7 else value:.6f}" if abs(value) < 1e6 else _tidy(f"{value:.6e}")


class Unit(NamedTuple):
    """A unit of time: its sign, and how many seconds it is."""

    sign: str
    seconds: float

    def show(self, seconds: float | None) -> str:
        """A time in this unit, without its sign."""
        return MISSING if seconds is None else significant(seconds / self.seconds)


UNITS = (Unit("s", 1.0), Unit("ms", 1e-3), Unit("µs", 1e-6), Unit("ns", 1e-9))


def unit(times: Iterable[float]) -> Unit:
    """The unit in which the least of some times is at least one; or the next, where the largest would be too long."""
    known = [time for time in times if time > 0] or [1.0]
    place = next((place for place, one in enumerate(UNITS) if min(known) >= 0.9995 * one.seconds), len(UNITS) - 1)
    return UNITS[place - 1 if place and max(known) >= 9999.5 * UNITS[place].seconds else place]


def duration(seconds: float | None) -> str:
    """A time with the unit that suits it: `24.1 µs`."""
    if seconds is None:
        return MISSING
    found = unit([seconds])
    return f"{found.show(seconds)} {found.sign}"


def significant(value: float | None, digits: int = 3) -> str:
    """So many significant digits, or all before the point; thousands are apart, and there is no exponent."""
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    if not 1e-6 <= abs(value) < 1e9:
        return _tidy(f"{value:.{digits - 1}e}")
    rounded = float(f"{value:.{digits - 1}e}")
    return f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(rounded))))}f}"


def share(value: float | None) -> str:
    """A share in percent: two significant digits, or all before the point."""
    return MISSING if value is None else f"{significant(100 * value, 2)} %"


def size(value: int | None) -> str:
    """A number of parameters: `1,000`, and from there on powers of ten as such: `10⁵`."""
    if value is None:
        return MISSING
    power = len(str(abs(value))) - 1
    return f"10{str(power).translate(_RAISED)}" if power > 3 and value == 10**power else count(value)


def fixed(value: float | None, places: int) -> str:
    """A number with so many decimals."""
    return MISSING if value is None else f"{value:.{places}f}"


def _tidy(number: str) -> str:
    mantissa, mark, exponent = number.partition("e")
    return f"{mantissa.rstrip('.')}e{int(exponent)}" if mark else mantissa.rstrip(".")
