"""Words for numbers in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from reports.read.schema import Row
from reports.tables.numbers import MISSING, significant

_NUMERALS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def listing(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def counted(count: int, noun: str, nouns: str | None = None) -> str:
    """`one run`, `seven runs`, `13 runs`."""
    word = _NUMERALS[count] if count < len(_NUMERALS) else f"{count:,}"
    return f"{word} {noun if count == 1 else nouns or f'{noun}s'}"


def number(value: float | None, digits: int = 3) -> str:
    """Significant digits, and a power of ten where there would be many zeros."""
    if value is not None and value != 0 and not 1e-4 <= abs(value) < 1e6:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{mantissa}·10{_raised(int(exponent))}"
    return significant(value if value is None else float(f"{value:.{digits - 1}e}"), digits)


def given(value: float | None) -> str:
    """A number that someone chose, in the digits that it has."""
    if value is None:
        return MISSING
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        mantissa, _, exponent = f"{value:e}".partition("e")
        digits = mantissa.rstrip("0").rstrip(".")
        return f"{'' if digits == '1' else f'{digits}·'}10{_raised(int(exponent))}"
    return f"{value:g}"


def capital(sentence: str) -> str:
    """With a capital letter."""
    return sentence[:1].upper() + sentence[1:]


def percent(share: float, digits: int = 2) -> str:
    """A share in percent."""
    return f"{number(100 * share, digits)} %"


def agreeing(rows: Sequence[Row]) -> str:
    """How many of some runs in frameworks agree with the oracle, and what becomes of the others; a clause."""
    agree = [row for row in rows if row["outcome"] == "agrees"]
    if len(agree) == len(rows):
        return f"all {len(rows)} runs agree with the oracle in every gradient and every update"
    others = {str(row["outcome"]) for row in rows if row["outcome"] != "agrees"}
    counts = [f"{sum(row['outcome'] == name for row in rows)} {name}" for name in sorted(others)]
    return f"{len(agree)} of {len(rows)} runs agree with the oracle ({listing(counts)})"


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
