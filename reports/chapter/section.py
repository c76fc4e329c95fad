"""What a part becomes: figures with sentences beside them, tables, and published numbers beside ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from reports.figures.chart_style import Figure
from reports.read.schema import Row
from reports.tables.numbers import multiple


@dataclass(frozen=True)
class Number:
    """A number of the section, and ours.

    Attributes:
        what: it is.
        published: as printed.
        ours: in as many digits.
        holds: whether the two are the same within the printed digits; None where they can't be.
        remark: why not, or what makes them so.
    """

    what: str
    published: str
    ours: str
    holds: bool | None
    remark: str = ""


@dataclass(frozen=True)
class Exhibit:
    """A figure and what it shows, in sentences; the first of them is the main one."""

    figure: Figure
    findings: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """A table; a column of which the name begins with `>` has numbers."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A part of the section.

    Attributes:
        number: in the order of the section.
        name: of the part.
        title: for people.
        asks: what the book says or asks there.
        exhibits: what was found.
        sheets: the numbers of it.
        numbers: published ones beside ours.
    """

    number: int
    name: str
    title: str
    asks: str
    exhibits: tuple[Exhibit, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    numbers: tuple[Number, ...] = ()

    @property
    def findings(self) -> tuple[str, ...]:
        """All sentences."""
        return tuple(chain.from_iterable(exhibit.findings for exhibit in self.exhibits))

    @property
    def headline(self) -> str | None:
        """The first of them."""
        return next(iter(self.findings), None)


def oracle(rows: Sequence[Row], **wanted: str) -> list[Row]:
    """Rows of the oracle, with these words in these columns."""
    return [row for row in rows if row["framework"] == "oracle" and matches(row, wanted)]


def frameworks(rows: Sequence[Row], **wanted: str) -> list[Row]:
    """Rows of frameworks, likewise, by name."""
    found = [row for row in rows if row["framework"] != "oracle" and matches(row, wanted)]
    return sorted(found, key=who)


def matches(row: Row, wanted: dict[str, str]) -> bool:
    """Whether a row has these words in these columns."""
    return all((row[name] or "") == word for name, word in wanted.items())


def who(row: Row) -> str:
    """As in `torch/builtin`."""
    return f"{row['framework']}/{row['implementation']}"


JUDGED = ("Outcome", ">Gradients, × bound", ">Updates, × bound")
"""Columns of a table in which frameworks are held against the oracle."""


def judged(row: Row) -> tuple[str, str, str]:
    """What is in these columns."""
    return row["outcome"] or "", multiple(row["gradient_ratio"]), multiple(row["update_ratio"])


def found(row: Row, name: str) -> float | None:
    """A number that came out, if it did."""
    value: float | None = row["found"].get(name)
    return value


def in_turn(rows: Sequence[Row], x: str, y: str, stride: int = 1) -> Iterator[tuple[Row, float, float]]:
    """Points of runs that lie on one another: of each framework others, so that all can be seen.

    Args:
        rows: runs.
        x: a series.
        y: another one.
        stride: one point in so many is shown at all.
    """
    names = sorted({row["framework"] for row in rows})
    for row in rows:
        shown = points(row, x, y)[names.index(row["framework"]) * stride :: len(names) * stride]
        yield from ((row, a, b) for a, b in shown)


def points(row: Row, x: str, y: str) -> list[tuple[float, float]]:
    """Pairs of two series, those of which both are numbers."""
    pairs = zip(row["series"].get(x, ()), row["series"].get(y, ()), strict=False)
    return [(a, b) for a, b in pairs if a is not None and b is not None]
