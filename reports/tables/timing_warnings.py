"""What may be wrong with a time: a sentence for each code that a row may have, and which of them a run has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from reports.read.schema import Row
from reports.tables.numbers import count, multiple, share
from reports.tables.timing import Benchmark
from suite.results.wording import WARNING_ADVICE


def _around(name: str) -> Callable[[Row], float | None]:
    return lambda row: (row["surroundings"] or {}).get(name)


def _processors(row: Row) -> float | None:
    return row["cpu_share"] / row["threads"] if row["cpu_share"] and (row["threads"] or 0) > 0 else None


_EXTENT: dict[str, tuple[Callable[[Row], float | None], Callable[[float], str]]] = {
    "spread": (lambda row: row["spread"], share),
    "outliers": (lambda row: len(row["outliers"] or ()), lambda value: count(round(value))),
    "drift": (lambda row: row["drift"], share),
    "unfinished": (lambda row: row["leftover"], share),
    "threads": (_processors, multiple),
    "uncounted": (lambda row: row["missing_steps"], share),
    "busy": (_around("others"), share),
    "stolen": (_around("stolen"), share),
    "throttled": (_around("pace"), share),
}
"""How much of it there is, where a row tells, and how that is shown."""


@dataclass(frozen=True)
class Footnote:
    """One reason to doubt, over all figures of a run.

    Attributes:
        code: as rows have it.
        extent: of how many figures, and the most of it that there is.
        advice: what it says, and what to do about it; of a code that is not known, nothing.
    """

    code: str
    extent: str
    advice: str

    @property
    def words(self) -> str:
        """All but the code."""
        return f"({self.extent}){': ' if self.advice else ''}{self.advice}"


def footnotes(benchmarks: Iterable[Benchmark]) -> list[Footnote]:
    """Each reason once, in the order in which they are explained; what is not known comes last."""
    rows = [timing.row for benchmark in benchmarks for timing in benchmark.timings if timing.median is not None]
    found = {code for row in rows for code in row["doubts"]}
    codes = [*(code for code in WARNING_ADVICE if code in found), *sorted(found - WARNING_ADVICE.keys())]
    return [Footnote(code, _extent(code, rows), WARNING_ADVICE.get(code, "")) for code in codes]


def _extent(code: str, rows: Sequence[Row]) -> str:
    doubted = [row for row in rows if code in row["doubts"]]
    value, show = _EXTENT.get(code, (lambda _: None, share))
    values = [abs(found) for row in doubted if (found := value(row)) is not None]
    most = f", up to {show(max(values))}" if values else ""
    return f"{count(len(doubted))} of {count(len(rows))} figures{most}"
