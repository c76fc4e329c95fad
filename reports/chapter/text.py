"""Rows of the chapter selected for a table, a figure or a sentence, and their numbers as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reports.tables.numbers import MISSING, multiple, significant
from reports.tables.table import Cell, Column, Table
from reports.tables.table import number as number_column
from suite.results.rows import ChapterRow

Rows = Sequence[ChapterRow]

ORACLE = "oracle"
"""The column `framework` of a row that the oracle computed."""

_NUMERALS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def oracle_rows(rows: Rows, **columns: str) -> list[ChapterRow]:
    """Select the oracle's rows with these values in these columns."""
    return [row for row in rows if row.framework == ORACLE and _has(row, columns)]


def framework_rows(rows: Rows, **columns: str) -> list[ChapterRow]:
    """Select the frameworks' rows with these values in these columns, sorted by `run_name`."""
    return sorted((row for row in rows if row.framework != ORACLE and _has(row, columns)), key=run_name)


def _has(row: ChapterRow, columns: dict[str, str]) -> bool:
    return all((getattr(row, name) or "") == value for name, value in columns.items())


def run_name(row: ChapterRow) -> str:
    """The framework and the implementation, such as `torch/builtin`."""
    return f"{row.framework}/{row.implementation}"


def points(row: ChapterRow, x: str, y: str) -> list[tuple[float, float]]:
    """The pairs of two series in which both numbers are present."""
    pairs = zip(row.series.get(x, ()), row.series.get(y, ()), strict=False)
    return [(a, b) for a, b in pairs if a is not None and b is not None]


def values(rows: Rows, result: str) -> list[float]:
    """One of the results of every row that has it."""
    return [value for row in rows if (value := row.results.get(result)) is not None]


def by_setting(rows: Rows, result: str) -> dict[str, float]:
    """One of the results of every row that has it, by the column `setting`."""
    return {row.setting: value for row in rows if (value := row.results.get(result)) is not None}


def run_table(
    title: str,
    texts: Sequence[str],
    numbers: Sequence[str],
    rows: Rows,
    cells: Callable[[ChapterRow], Sequence[str]],
) -> Table:
    """Make a table of runs, with the comparison with the oracle in the last columns.

    Args:
        title: of the table.
        texts: headings of the first columns.
        numbers: headings of the numeric columns after these.
        rows: the runs.
        cells: a function that gives the cells of these columns.
    """
    ratios = ("Gradients, error / bound", "Updates, error / bound")
    columns = [*map(Column, texts), *map(number_column, numbers), Column("Outcome"), *map(number_column, ratios)]

    def row_cells(row: ChapterRow) -> list[str | Cell]:
        outcome = Cell(row.outcome or "", outcome=row.outcome)
        return [*cells(row), outcome, multiple(row.gradient_ratio), multiple(row.update_ratio)]

    return Table.of(columns, map(row_cells, rows), title)


def agreement(rows: Rows) -> str:
    """Count the runs that agree with the oracle; a clause without a full stop."""
    agree = sum(row.outcome == "agrees" for row in rows)
    if agree == len(rows):
        return f"all {len(rows)} runs agree with the oracle in every gradient and every update"
    others = sorted({str(row.outcome) for row in rows} - {"agrees"})
    counts = [f"{sum(row.outcome == name for row in rows)} {name}" for name in others]
    return f"{agree} of {len(rows)} runs agree with the oracle ({listing(counts)})"


def listing(items: Sequence[str]) -> str:
    """Join as in `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


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
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        mantissa, _, exponent = f"{value:e}".partition("e")
        digits = mantissa.rstrip("0").rstrip(".")
        return f"{'' if digits == '1' else f'{digits}·'}10{_superscript(int(exponent))}"
    return f"{value:g}"


def percent(share: float, digits: int = 2) -> str:
    """A share in percent."""
    return f"{number(100 * share, digits)} %"


def capitalized(sentence: str) -> str:
    """A sentence with a capital first letter."""
    return sentence[:1].upper() + sentence[1:]


def _superscript(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
