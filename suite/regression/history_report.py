"""The history of releases as tables and summary lines, on a terminal and in Markdown, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from suite.cases.catalogue import Case
from suite.regression.history import HistoryEntry, ReleaseChange, Time
from suite.regression.identity import changed_values, differences, new_values
from suite.workers.selection import framework_of

REFERENCE_IMPLEMENTATION = "builtin"
"""The implementation with which the others of a release are compared."""


@dataclass(frozen=True)
class Page:
    """A table with a title.

    Attributes:
        title: the title.
        headings: the headings of the columns, each with whether the column holds numbers.
        rows: the cells, one for each heading.
    """

    title: str
    headings: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[str, ...], ...]

    def to_json(self) -> list[dict[str, str]]:
        """Return an object for each row."""
        names = [name for name, _ in self.headings]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


def pages(entries: Sequence[HistoryEntry], cases: Mapping[str, Case], benchmark: str | None) -> list[Page]:
    """Return the tables of a history.

    Args:
        entries: the history.
        cases: the catalogue, by id.
        benchmark: the id of the benchmark; None if nothing was timed.
    """
    plain = (("release", False), ("dialect", False), ("implementations", False), ("difference from builtin", False))
    computed = Page("What each release computes", plain, tuple(_computed(entries, cases)))
    headings = [("implementation", False), ("release", False), ("dialect", False), ("since the release before", False)]
    if benchmark is not None:
        headings += [(f"{benchmark}, µs", True), ("ratio to the release before", True), ("conclusion", False)]
    rows = tuple(_row(entry, before, benchmark) for before, entry in zip([None, *entries], entries, strict=False))
    return [computed, Page("Changes since the release before", tuple(headings), rows)]


def _computed(entries: Sequence[HistoryEntry], cases: Mapping[str, Case]) -> Iterator[tuple[str, ...]]:
    for release in dict.fromkeys(entry.release for entry in entries):
        own = [
            one for one in entries if one.release == release and one.identity.traced and not one.unit.requested_dialect
        ]
        if not own:
            continue
        reference = next((one for one in own if _short(one) == REFERENCE_IMPLEMENTATION), own[0])
        for name in dict.fromkeys(one.identity.name for one in own):
            alike = [one for one in own if one.identity.name == name]
            axes = differences(reference.identity, alike[0].identity, cases)
            label = _release(alike[0])
            yield label, name, ", ".join(map(_short, alike)), new_values(axes or {})


def _row(entry: HistoryEntry, before: HistoryEntry | None, benchmark: str | None) -> tuple[str, ...]:
    again = before is not None and before.unit == entry.unit
    change = entry.change.value + (f": {entry.words}" if entry.words else "")
    text = "" if entry.change is ReleaseChange.FIRST else change
    cells = ("" if again else entry.unit.name, entry.version, entry.identity.name, text)
    return cells if benchmark is None else (*cells, *_timed(entry.time, entry.untimed))


def _timed(time: Time | None, untimed: str | None) -> tuple[str, str, str]:
    if time is None:
        return "", "", untimed or ""
    ratio = time.ratio
    against = f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio else ""
    return f"{time.seconds * 1e6:,.1f}", against, time.conclusion.value if time.conclusion else ""


def _release(entry: HistoryEntry) -> str:
    return f"{framework_of(entry.release)} {entry.version}"


def _short(entry: HistoryEntry) -> str:
    return entry.unit.name.partition("/")[2]


def summary(entries: Sequence[HistoryEntry]) -> list[str]:
    """Return a line for each release that has an earlier one, with the most severe changes first.

    For example `mxnet 1.9.1 → 2.0.0b1: dialect in builtin, kernel (ε inside the root → outside the root); same bits in
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


def _clauses(entries: Sequence[HistoryEntry]) -> Iterator[str]:
    groups: dict[tuple[ReleaseChange, str], list[HistoryEntry]] = {}
    for entry in entries:
        groups.setdefault((entry.change, changed_values(entry.axes)), []).append(entry)
    severity = [
        ReleaseChange.DIALECT,
        ReleaseChange.CASES,
        ReleaseChange.GONE,
        ReleaseChange.NEW,
        ReleaseChange.ROUNDING,
        ReleaseChange.SAME,
    ]
    for change, how in sorted(groups, key=lambda group: severity.index(group[0])):
        names = ", ".join(map(_short, groups[change, how]))
        yield f"{change.value} in {names}{f' ({how})' if how else ''}"


def show(found: Sequence[Page], lines: Sequence[str], console: Console) -> None:
    """Print the tables and then the summary lines."""
    for page in found:
        columns = (Column(name, justify="right" if number else "left") for name, number in page.headings)
        table = Table(*columns, title=page.title, title_justify="left", box=None, pad_edge=False)
        for row in page.rows:
            table.add_row(*map(escape, row))
        console.print(table)
        console.print()
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def write(
    folder: Path,
    manifest: Mapping[str, Any],
    entries: Sequence[HistoryEntry],
    missing: Mapping[str, str],
    cases: Mapping[str, Case],
    benchmark: str | None,
) -> tuple[list[Page], list[str]]:
    """Write `history.json` and `history.md` into a results folder; return the history as tables and lines.

    Args:
        folder: the results folder.
        manifest: its manifest.
        entries: the history.
        missing: why a release has none, by its name.
        cases: the catalogue, by id.
        benchmark: the id of the benchmark, if steps were timed.
    """
    found = pages(entries, cases, benchmark)
    lines = [*summary(entries), *(f"{name} is left out: {why}" for name, why in missing.items())]
    document = {
        **{part: manifest[part] for part in ("created", "commit", "machine")},
        "releases": {name: one for name, one in manifest["frameworks"].items() if "missing" not in one},
        "missing": dict(missing),
        "benchmark": benchmark,
        "summary": lines,
        "computed": found[0].to_json(),
        "history": to_json(entries),
    }
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    (folder / "history.json").write_text(text, "utf-8")
    (folder / "history.md").write_text(to_markdown(found, lines), "utf-8")
    return found, lines


def to_markdown(found: Sequence[Page], lines: Sequence[str]) -> str:
    """Return the summary lines and the tables in Markdown."""
    parts = ["# RMSProp across releases", "\n".join(f"- {line}" for line in lines)]
    for page in found:
        head = [name for name, _ in page.headings], ["---:" if number else "---" for _, number in page.headings]
        rows = ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (*head, *page.rows))
        parts += [f"## {page.title}", "\n".join(rows)]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_json(entries: Sequence[HistoryEntry]) -> list[dict[str, Any]]:
    """Return an object for each entry."""
    return [
        {
            "implementation": entry.unit.implementation,
            "requested_dialect": entry.unit.requested_dialect or None,
            "release": entry.release,
            "version": entry.version,
            "dialects": list(entry.identity.dialects),
            "fitted": entry.identity.fitted,
            "judged": entry.identity.judged,
            "traced": entry.identity.traced,
            "change": entry.change.value,
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
    ratio, conclusion = time.ratio, time.conclusion
    return {
        "seconds": time.seconds,
        "interval": list(time.interval),
        "ratio": ratio and ratio.value,
        "ratio_interval": ratio and [ratio.low, ratio.high],
        "conclusion": conclusion and conclusion.value,
    }
