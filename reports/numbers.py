"""How numbers look: the same in a terminal, in Markdown and on the page."""

from __future__ import annotations

import math

MISSING = "—"
"""Stands for a number that is not finite or was not measured."""


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


def decimals(values: list[float]) -> int:
    """How many decimals give the smallest of these values three significant digits (at most nine)."""
    smallest = min((value for value in values if value > 0), default=1.0)
    return min(9, max(0, 2 - math.floor(math.log10(smallest))))


def fixed(value: float | None, places: int) -> str:
    """A number with so many decimals."""
    return MISSING if value is None else f"{value:.{places}f}"


def _tidy(number: str) -> str:
    mantissa, mark, exponent = number.partition("e")
    return f"{mantissa.rstrip('.')}e{int(exponent)}" if mark else mantissa.rstrip(".")
