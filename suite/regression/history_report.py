"""A history for people and machines: tables and a few lines, on a terminal and as Markdown; and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from suite.benchmark.statistics import Call
from suite.cases.catalogue import Case
from suite.regression.history import Entry, Time, Turn
from suite.regression.identity import apart, differences, moved
from suite.workers.selection import framework_of

YARDSTICK = "builtin"
"""The implementation beside which the others of a release are described."""


@dataclass(frozen=True)
class Page:
    """A table, with what stands above it.

    Attributes:
        title: of it.
        headings: of its columns, each with whether it holds numbers.
        rows: cells, as many as there are headings.
    """

    title: str
    headings: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[str, ...], ...]

    def to_json(self) -> list[dict[str, str]]:
        """An object a row."""
        names = [name for name, _ in self.headings]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


def pages(entries: Sequence[Entry], cases: Mapping[str, Case], benchmark: str | None) -> list[Page]:
    """The tables of a history.

    Args:
        entries: of it.
        cases: the catalogue, by id.
        benchmark: what was timed; None if nothing was.
    """
    plain = (("release", False), ("dialect", False), ("implementations", False), ("apart from builtin", False))
    computed = Page("What each release computes", plain, tuple(_computed(entries, cases)))
    headings = [("implementation", False), ("release", False), ("dialect", False), ("since the release before", False)]
    if benchmark is not None:
        headings += [(f"{benchmark}, µs", True), ("times that before", True), ("so it is", False)]
    rows = tuple(_row(entry, before, benchmark) for before, entry in zip([None, *entries], entries, strict=False))
    return [computed, Page("What became of it", tuple(headings), rows)]


def _computed(entries: Sequence[Entry], cases: Mapping[str, Case]) -> Iterator[tuple[str, ...]]:
    for release in dict.fromkeys(entry.release for entry in entries):
        own = [one for one in entries if one.release == release and one.identity.answered and not one.unit.asked]
        if not own:
            continue
        yardstick = next((one for one in own if _short(one) == YARDSTICK), own[0])
        for name in dict.fromkeys(one.identity.name for one in own):
            alike = [one for one in own if one.identity.name == name]
            axes = differences(yardstick.identity, alike[0].identity, cases)
            label = _release(alike[0])
            yield label, name, ", ".join(map(_short, alike)), apart(axes or {})


def _row(entry: Entry, before: Entry | None, benchmark: str | None) -> tuple[str, ...]:
    again = before is not None and before.unit == entry.unit
    said = "" if entry.turn is Turn.FIRST else f"{entry.turn.value}{': ' if entry.words else ''}{entry.words}"
    cells = ("" if again else entry.unit.name, entry.version, entry.identity.name, said)
    return cells if benchmark is None else (*cells, *_timed(entry.time, entry.untimed))


def _timed(time: Time | None, untimed: str | None) -> tuple[str, str, str]:
    if time is None:
        return "", "", untimed or ""
    ratio = time.ratio
    against = f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio else ""
    return f"{time.seconds * 1e6:,.1f}", against, time.call.value if time.call else ""


def _release(entry: Entry) -> str:
    return f"{framework_of(entry.release)} {entry.version}"


def _short(entry: Entry) -> str:
    return entry.unit.name.partition("/")[2]


def summary(entries: Sequence[Entry]) -> list[str]:
    """A line for each release after another: what became of whom, the gravest first.

    As in `mxnet 1.9.1 → 2.0.0b1: dialect in builtin, kernel (ε inside the root → outside the root); same bits in
    scratch`.
    """
    lines, versions = [], dict[str, str]()
    for release in dict.fromkeys(entry.release for entry in entries):
        own = [entry for entry in entries if entry.release == release]
        framework, version = framework_of(release), own[0].version
        before = versions.get(framework)
        versions[framework] = version
        if before is not None:
            lines.append(f"{framework} {before} → {version}: {'; '.join(_clauses(own))}")
    alone = Counter(framework_of(release) for release in dict.fromkeys(entry.release for entry in entries))
    return lines + [
        f"{one} {versions[one]}: no other release to compare it with" for one, count in alone.items() if count == 1
    ]


def _clauses(entries: Sequence[Entry]) -> Iterator[str]:
    groups: dict[tuple[Turn, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.turn, moved(entry.axes)), []).append(entry)
    gravest = [Turn.DIALECT, Turn.CASES, Turn.GONE, Turn.NEW, Turn.ROUNDING, Turn.SAME]
    for turn, how in sorted(groups, key=lambda group: gravest.index(group[0])):
        names = ", ".join(map(_short, groups[turn, how]))
        yield f"{turn.value} in {names}{f' ({how})' if how else ''}"


def show(found: Sequence[Page], lines: Sequence[str], console: Console) -> None:
    """Print it; the lines last, where they are seen."""
    for page in found:
        columns = (Column(name, justify="right" if number else "left") for name, number in page.headings)
        table = Table(*columns, title=page.title, title_justify="left", box=None, pad_edge=False)
        for row in page.rows:
            table.add_row(*map(escape, row))
        console.print(table)
        console.print()
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def to_markdown(found: Sequence[Page], lines: Sequence[str]) -> str:
    """The same as Markdown; the lines first."""
    parts = ["# RMSProp across releases", "\n".join(f"- {line}" for line in lines)]
    for page in found:
        head = [name for name, _ in page.headings], ["---:" if number else "---" for _, number in page.headings]
        rows = ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (*head, *page.rows))
        parts += [f"## {page.title}", "\n".join(rows)]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_json(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """An object an entry."""
    return [
        {
            "implementation": entry.unit.implementation,
            "asked": entry.unit.asked or None,
            "release": entry.release,
            "version": entry.version,
            "dialects": list(entry.identity.dialects),
            "fitted": entry.identity.fitted,
            "judged": entry.identity.judged,
            "answered": entry.identity.answered,
            "turn": entry.turn.value,
            "words": entry.words,
            "axes": {axis: list(pair) for axis, pair in entry.axes.items()},
            "counts": {kind.value: count for kind, count in entry.counts.items()},
            "cases": [
                {"case": one.key.case, "dtype": one.key.dtype, "kind": one.kind.value, "words": one.words}
                for one in entry.changes
                if one.words
            ],
            "time": _time(entry.time),
            "untimed": entry.untimed,
        }
        for entry in entries
    ]


def _time(time: Time | None) -> dict[str, Any] | None:
    if time is None:
        return None
    ratio, call = time.ratio, time.call
    return {
        "seconds": time.seconds,
        "interval": list(time.interval),
        "ratio": ratio and ratio.value,
        "ratio_interval": ratio and [ratio.low, ratio.high],
        "call": call and Call(call).value,
    }
