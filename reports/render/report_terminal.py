"""The three tables on a terminal: calm, aligned, and the same words when piped to a file.

Text is never read as markup. Nothing that matters is cut: a narrow terminal folds names, not numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from reports.read.results import Results
from reports.tables import published, report, timing_grid
from reports.tables.agreement import Agreement
from reports.tables.findings import Finding
from reports.tables.numbers import coordinate, count, distance, fixed, loss, multiple
from reports.tables.outcomes import AGREES, NAMED, Outcome
from reports.tables.timing import Benchmark
from reports.tables.timing_grid import Grid
from reports.tables.timing_warnings import footnotes
from reports.tables.training import Run, Section, Task, Training

FINDINGS = 8
"""How many findings a terminal shows; the page has all of them."""

WIDE = 112
"""The width in columns from which a table has room for versions and wider gaps."""

NAME = {True: 24, False: 16}
"""What a wide and what a narrow terminal leaves for a name; a longer one breaks after its framework."""

FOLDED = 13
"""The least width of a column of words beside the names."""

_STYLES = {
    "agrees": "green",
    "differs": "bold red",
    "undecided": "yellow",
    "unsupported": "dim",
    "failed": "bold magenta",
}
_WORDS = {
    "—": "-",
    "−": "-",
    "·": "-",
    "×": "x",
    "≈": "~",
    "₁": "1",
    "₂": "2",
    "…": "...",
    "–": "-",
    "µ": "u",
    "↓": "v",
    "↑": "^",
    timing_grid.NO_MARK: " ",
    **{raised: f"^{digit}" for digit, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}
_ASCII = str.maketrans({outcome.symbol: outcome.ascii for outcome in NAMED.values()} | _WORDS)


def show(results: Results, console: Console, tables: Sequence[str] = report.NAMES) -> None:
    """Print the summary and the named tables (of agreement, training, timing); ValueError for another name."""
    _Screen(results, console).show(tables)


class _Screen:
    """One report on one console."""

    def __init__(self, results: Results, console: Console) -> None:
        self.results = results
        self.console = console
        self.tables = report.build(results)
        self.wide = console.width >= WIDE
        self.beside = ", " if self.wide else "\n"  # a narrow terminal has x2 below x1

    def show(self, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in report.NAMES]
        if unknown:
            raise ValueError(f"no table {unknown[0]!r}; there are {', '.join(report.NAMES)}")
        for note in self.results.notes:
            self.line(note, "yellow")
        if "agreement" in names:
            self.agreement(self.tables.agreement)
        if "training" in names:
            self.training(self.tables.training)
        if "timing" in names:
            self.timing(self.tables.timing)

    # Lines and cells

    def text(self, words: str, style: str = "") -> Text:
        if self.console.options.ascii_only:
            words = words.translate(_ASCII).encode("ascii", "backslashreplace").decode()
        return Text(words, style)

    def line(self, words: str, style: str = "", indent: int = 0) -> None:
        text = self.text(" ".join(words.split()), style)
        for part in text.wrap(self.console, max(20, self.console.width - indent)):
            part.rstrip()
            self.console.print(Text(" " * indent) + part, highlight=False, soft_wrap=True)

    def heading(self, words: str) -> None:
        self.console.print()
        self.line(words, "bold")

    def name(self, name: str) -> Text:
        name = " ".join(name.split())
        return self.text(name if len(name) <= NAME[self.wide] else name.replace("/", "/\n ", 1))

    def outcome(self, outcome: Outcome, words: str | None = None) -> Text:
        return self.text(f"{outcome.symbol} {words or outcome.name}", _STYLES[outcome.name])

    def table(self, *columns: str | tuple[str, Literal["left", "right"]]) -> Table:
        """A table; a column given as a name alone folds, one with a side keeps its lines whole."""
        padding = (0, 2, 0, 0) if self.wide else (0, 1, 0, 0)
        table = Table(box=box.SIMPLE_HEAD, padding=padding, pad_edge=False, show_edge=False, header_style="dim")
        for column in columns:
            if isinstance(column, str):
                least = FOLDED if table.columns else NAME[self.wide]
                table.add_column(self.text(column), overflow="fold", min_width=least)
            else:
                table.add_column(self.text(column[0]), justify=column[1], no_wrap=True, overflow="fold")
        return table

    def print(self, table: Table) -> None:
        """Print a table, with narrow gaps where it would not fit with wide ones."""
        if Measurement.get(self.console, self.console.options, table).minimum >= self.console.width:
            table.padding = (0, 1, 0, 0)
        self.console.print(table)

    def add(self, table: Table, cells: Iterable[str | Text], style: str = "", end: bool = False) -> None:
        row = [cell if isinstance(cell, Text) else self.text(cell, style) for cell in cells]
        table.add_row(*row, end_section=end)

    # Agreement

    def agreement(self, agreement: Agreement) -> None:
        self.heading(agreement.sentence)
        if not agreement.implementations:
            return
        table = self.table(
            "Implementation", "Dialect", "Verdict", ("Agree", "right"), ("Max ulps", "right"), ("× bound", "right")
        )
        asked = [implementation.whole for implementation in agreement.implementations if implementation.groups]
        for whole in asked:
            counts = whole.counts
            share = f"{count(counts['agrees'])}/{count(counts.total)}"
            name = self.name(f"{whole.name} {whole.version}" if whole.version and self.wide else whole.name)
            agrees = counts.worst is AGREES and counts.others
            verdict = self.outcome(counts.worst, f"agrees; {counts.others}" if agrees else counts.others or None)
            self.add(
                table, [name, _first(whole.dialects), verdict, share, multiple(whole.ulps), multiple(whole.bound_ratio)]
            )
        if asked:
            self.print(table)
        self.laws(agreement)
        if self.results.sharpness:
            self.console.print()
            self.line(self.results.sharpness.sentence, "dim")
        self.findings(agreement.urgent)

    def laws(self, agreement: Agreement) -> None:
        if not agreement.laws:
            return
        self.heading("Laws, which hold to the bit")
        table = self.table("Implementation", ("Kept", "right"), "Not kept")
        for implementation in agreement.implementations:
            if implementation.laws:
                self.add(table, [self.name(implementation.whole.name), implementation.kept, implementation.not_kept])
        self.print(table)

    def findings(self, findings: Sequence[Finding]) -> None:
        if findings:
            self.heading("What does not agree, and why")
        for finding in findings[:FINDINGS]:
            self.line(
                f"{finding.outcome.symbol} {finding.outcome.name}: {finding.title}", _STYLES[finding.outcome.name]
            )
            for words in finding.account:
                self.line(_first(words), indent=2)
            if finding.row["repeat"]:
                command = self.text(f"  repeat: {' '.join(finding.row['repeat'].split())}", "dim")
                self.console.print(command, highlight=False, soft_wrap=True)  # whole, to be copied
        if len(findings) > FINDINGS:
            self.line(f"… and {len(findings) - FINDINGS} more: see report.html.")

    # Training

    def training(self, training: Training) -> None:
        if not training.tasks:
            self.heading("Training was not run.")
        for task in training.tasks:
            self.heading(f"{task.title}, {task.dtype}" if task.dtype else task.title)
            self.line(task.sentence)
            self.task(task)

    def task(self, task: Task) -> None:
        last = f"x1{self.beside}x2" if task.planar else "D2L"
        right: list[tuple[str, Literal["left", "right"]]]
        right = [("Loss", "right"), ("Distance", "right"), ("Grad.", "right"), ("Upd.", "right")]
        table = self.table("Dialect, implementation", *right, (last, "right"), ("Outcome", "left"))
        for section in task.sections:
            self.section(table, section, task)
        self.print(table)
        if task.name == "quadratic":
            x1, x2 = map(coordinate, published.QUADRATIC)
            self.line(f"D2L 11.8 prints x1 {x1}, x2 {x2} after 20 steps of d2l.", "dim")
        elif any(run.published for run in task.runs):
            self.line("D2L: the book's loss, with other shuffles and weights: it can't be compared.", "dim")
        self.line(
            "Distance: of the loss curves. Grad., upd.: largest error of gradients, updates, over its bound.", "dim"
        )

    def section(self, table: Table, section: Section, task: Task) -> None:
        for oracle in section.oracle_losses:
            self.add(table, [_first(f"{section.dialect}: oracle"), oracle, "", "", "", "", ""], "dim")
        for run in section.runs:
            self.add(table, self.run(run, task), end=run is section.runs[-1])

    def run(self, run: Run, task: Task) -> list[str | Text]:
        row = run.row
        if task.planar:
            last = self.beside.join(map(coordinate, run.final)) if run.final else ""
        else:
            last = fixed(run.published.loss, 3) if run.published else ""
        ratios = [multiple(row["gradient_ratio"]), multiple(row["update_ratio"])]
        name = self.name(f"{run.name} {row['dtype']}" if row["dtype"] and not task.dtype else run.name)
        cells = [loss(row["loss"]), distance(row["loss_distance"]), *ratios, last]
        return [name, *cells, self.outcome(run.outcome)]

    # Timing

    def timing(self, benchmarks: Sequence[Benchmark]) -> None:
        if not benchmarks:
            self.heading("Timing was not run.")
        for grid in timing_grid.build(benchmarks):
            self.heading(grid.title)
            self.grid(grid)
        if notes := timing_grid.notes(benchmarks):
            self.heading("How to read these times")
        for note in notes:
            self.line(_first(note), "dim")
        if doubted := footnotes(benchmarks):
            self.heading("What may be wrong with them")
        for footnote in doubted:
            self.line(_first(f"{footnote.code} {footnote.words}"), "dim")

    def grid(self, grid: Grid) -> None:
        table = self.table("Median", *((f"{title}\n{unit}", "right") for title, unit in grid.heads))
        for framework, rows in grid.groups:
            self.add(table, [_first(framework, 40)])
            for name, cells in rows:
                self.add(table, [f"  {_first(name, 40)}", *cells])
        table.add_section()
        for name, cells in grid.feet:
            self.add(table, [name, *cells], "dim")
        self.print(table)


def _first(words: str, limit: int = 400) -> str:
    """The words on one line; the end of what is very long is left to the page."""
    line = " ".join(words.split())
    return line if len(line) <= limit else f"{line[:limit]}…"
