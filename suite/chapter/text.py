"""Rows and their numbers in words: sentences, and tables of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reports.tables.numbers import MISSING, multiple, significant
from reports.tables.table import Cell, Column, Table, columns
from suite.chapter.part import Rows
from suite.results.rows import ChapterRow

_NUMERALS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def run_table(
    title: str, texts: Sequence[str], numbers: Sequence[str], rows: Rows, cells: Callable[[ChapterRow], Sequence[str]]
) -> tuple[Table, ...]:
    """Make a table of runs with the comparison with the oracle in the last columns, or no table without runs.

    `texts` are the headings of the first columns, `numbers` those of the numeric columns after these, and `cells` is a
    function that gives the cells of both.
    """
    ratios = ("Gradients, error / bound", "Updates, error / bound")
    headings = [*columns(*texts, numbers=numbers), Column("Outcome"), *columns(numbers=ratios)]
    lines: list[list[str | Cell]] = []
    for row in rows:
        outcome = Cell(row.outcome or "", outcome=row.outcome)
        lines.append([*cells(row), outcome, multiple(row.gradient_ratio), multiple(row.update_ratio)])
    return (Table.of(headings, lines, title),) if lines else ()


def agreement(rows: Rows) -> str:
    """Count the runs that agree with the oracle; a clause without a full stop."""
    agree = sum(row.outcome == "agrees" for row in rows)
    if agree == len(rows):
        return f"all {len(rows)} runs agree with the oracle in every gradient and every update"
    others = sorted({str(row.outcome) for row in rows} - {"agrees"})
    counts = [f"{sum(row.outcome == name for row in rows)} {name}" for name in others]
    return f"{agree} of {len(rows)} runs agree with the oracle ({listing(counts)})"


def listing(items: Sequence[str], word: str = "and") -> str:
    """Join as in `a`, `a and b`, `a, b and c`."""
    return f" {word} ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A count with a noun: `one run`, `seven runs`, `13 runs`."""
    word = _NUMERALS[count] if count < len(_NUMERALS) else f"{count:,}"
    return f"{word} {noun if count == 1 else plural or f'{noun}s'}"


def number(value: float | None, digits: int = 3) -> str:
    """A computed number with significant digits; a power of ten replaces many zeros."""
    if value is not None and value != 0 and not 1e-4 <= abs(value) < 1e6:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        return f"{mantissa}·10{_superscript(int(exponent))}"
    return significant(value if value is None else float(f"{value:.{digits - 1}e}"), digits)


def exact(value: float | None) -> str:
    """A number that was chosen, with all of its digits."""
    if value is None:
        return MISSING
    mantissa, power, exponent = f"{value:g}".partition("e")
    if not power:
        return mantissa
    return f"{'' if mantissa == '1' else f'{mantissa}·'}10{_superscript(int(exponent))}"


def percent(share: float, digits: int = 2) -> str:
    """A share in percent."""
    return f"{number(100 * share, digits)} %"


def capitalized(sentence: str) -> str:
    """A sentence with a capital first letter."""
    return sentence[:1].upper() + sentence[1:]


def _superscript(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
