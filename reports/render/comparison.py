"""A comparison of two runs on a terminal, as Markdown, and as a page of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.figures import time_ratios
from reports.render import html
from reports.render.files import replace
from reports.render.markdown import escape
from reports.render.report_markdown import table
from reports.tables.comparison import Comparison, Line, Loss, Time
from reports.tables.numbers import MISSING, count, distance, duration, loss, share, significant

SHOWN = 20
"""Changes, and other long lists, that a terminal has room for; the page has all of them."""


def write(comparison: Comparison, folder: Path) -> list[Path]:
    """Write `comparison.html` and `comparison.md` into a folder; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"comparison.html": page(comparison), "comparison.md": markdown(comparison)}
    return [replace(folder / name, content) for name, content in contents.items()]


def page(comparison: Comparison) -> str:
    """The whole page: it opens from a file, and fetches nothing."""
    drawn = time_ratios.build(comparison.times)
    return html.render("comparison.html.jinja", drawn, comparison=comparison, figures=drawn)


def markdown(comparison: Comparison) -> str:
    """The whole document."""
    one, other = map(escape, comparison.names)
    blocks = [f"# {one} and {other}", "\n".join(f"- {escape(sentence)}" for sentence in comparison.sentences)]
    for title, header, rows in _tables(comparison):
        blocks.append(f"## {title}")
        listed = list(rows)
        blocks.append(table(header, (list(map(escape, row)) for row in listed)) if listed else "None.")
    if comparison.unlike:
        blocks.append(escape(f"Times: {comparison.unlike}."))
    blocks.append(escape(f"Alike: {', '.join(comparison.alike) or 'nothing'}."))
    return "\n\n".join(blocks) + "\n"


def show(comparison: Comparison, console: Console) -> None:
    """Print the tables, each as far as a terminal has room for it."""
    for title, header, rows in _tables(comparison):
        listed = list(rows)
        if not listed:
            continue
        drawn = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for name in header:
            drawn.add_column(Text(name.lstrip(">")), justify="right" if name.startswith(">") else "left")
        for row in listed[:SHOWN]:
            drawn.add_row(*map(Text, row))
        console.print(drawn)
        if len(listed) > SHOWN:
            console.print(f"… and {len(listed) - SHOWN:,} more", markup=False, highlight=False)
        console.print()
    if comparison.unlike:
        console.print(Text(f"times: {comparison.unlike}"))
    for sentence in comparison.sentences:
        console.print(Text(sentence))


def _tables(comparison: Comparison) -> Iterator[tuple[str, Sequence[str], Iterable[Sequence[str]]]]:
    """Title, header (`>` for a column of numbers) and rows of each table."""
    one, other = comparison.names
    yield "On what", ["", one, other], comparison.facts
    changes = (
        (change.name, change.about, *(f"{outcome.symbol} {outcome.name}" for outcome in change.outcomes),
         _brief(change.row["reason"]))
        for change in comparison.changes
    )  # fmt: skip
    yield "Outcomes that changed", ["implementation", "case", one, other, "why"], changes
    header = ["implementation", "first version", "second", ">verdicts", ">changed", ">other bits", ">gone", ">new"]
    yield "Implementations", header, map(_line, comparison.lines)
    moved = [loss for loss in comparison.losses if not loss.same]
    yield (
        "Losses that are not the same",
        ["implementation", "task", f">{one}", f">{other}", ">apart"],
        map(_loss, moved),
    )
    header = ["benchmark", "implementation", "now", f">{one}", f">{other}", ">ratio", ">interval", ">floor"]
    yield "Times", header, map(_time, comparison.times)


def _line(line: Line) -> Sequence[str]:
    bits = MISSING if line.bits is None else count(line.bits)
    return (line.name, *line.versions, count(line.shared), count(line.changed), bits, count(line.gone), count(line.new))


def _loss(one: Loss) -> Sequence[str]:
    return one.name, one.about, loss(one.losses[0]), loss(one.losses[1]), distance(one.distance)


def _time(time: Time) -> Sequence[str]:
    medians = tuple(map(duration, time.medians))
    if time.call is None or time.interval is None:
        return time.benchmark, time.name, f"not compared: {time.reason or 'no samples'}", *medians, "", "", ""
    interval = " to ".join(map(significant, time.interval))
    return time.benchmark, time.name, time.call, *medians, significant(time.ratio), interval, share(time.floor)


def _brief(reason: str | None, limit: int = 160) -> str:
    line = " ".join((reason or "").split())
    return line if len(line) <= limit else f"{line[:limit]}…"
