"""Reports, comparisons and tables on a terminal, through rich, or as plain text when piped into a file.

Text is never read as markup. No table is cut: where one is too wide, words continue on the next line and numbers
stay whole. On a terminal that shows ASCII only, symbols are replaced by ASCII ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from reports.read import Results
from reports.tables import agreement as agreement_tables
from reports.tables import report, timing_tables, training
from reports.tables.agreement import Agreement
from reports.tables.comparison import RunComparison, brief_tables
from reports.tables.findings import Finding
from reports.tables.outcomes import NAMED
from reports.tables.table import Cell, Column, Section, Table, one_line, shortened
from reports.tables.timing import Benchmark
from reports.tables.training import Task

FINDINGS = 8  # that a terminal shows; the page has all of them
COMPARED = 20  # rows of a table of a comparison at most; the page has all of them

WIDE = 112  # the width in characters from which a table has wide gaps between its columns
MINIMUM = 13  # characters that a column of words keeps at least, if it has as many
MINIMUM_FIRST = {True: 24, False: 16}  # likewise for the names in the first column, on a wide and a narrow terminal

STYLES = {  # the rich style of each outcome
    "agrees": "green",
    "differs": "bold red",
    "undecided": "yellow",
    "unsupported": "dim",
    "failed": "bold magenta",
}

_ASCII = str.maketrans(
    {
        **{outcome.symbol: outcome.ascii for outcome in NAMED.values()},
        **dict(zip("—−·–×≈₁₂µ↓↑\N{FIGURE SPACE}", "----x~12uv^ ", strict=True)),
        **{raised: f"^{digit}" for digit, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
        "…": "...",
    }
)

# The report


def show(results: Results, console: Console, tables: Sequence[str] = report.NAMES) -> None:
    """Print the named tables; raises ValueError for a name other than agreement, training and timing."""
    unknown = [name for name in tables if name not in report.NAMES]
    if unknown:
        raise ValueError(f"no table {unknown[0]!r}; there are {', '.join(report.NAMES)}")
    built = report.build(results)
    for note in results.notes:
        print_line(console, note, "yellow")
    if "agreement" in tables:
        matrix = results.kill_matrix.sentence if results.kill_matrix else None
        _agreement(console, built.agreement, matrix)
    if "training" in tables:
        _training(console, built.training)
    if "timing" in tables:
        _timing(console, built.timing)


def _heading(console: Console, words: str) -> None:
    console.print()
    print_line(console, words, "bold")


def _agreement(console: Console, agreement: Agreement, kill_matrix: str | None) -> None:
    _heading(console, agreement.sentence)
    if not agreement.implementations:
        return
    table = agreement_tables.brief(agreement, versions=console.width >= WIDE)
    if table.rows:
        print_table(console, table)
    if agreement.relations:
        _heading(console, "Metamorphic relations, which hold to the last bit")
        print_table(console, agreement_tables.relations_brief(agreement))
    if kill_matrix:
        console.print()
        print_line(console, kill_matrix, "dim")
    _findings(console, agreement.urgent)


def _findings(console: Console, findings: Sequence[Finding]) -> None:
    if findings:
        _heading(console, "What does not agree, and why")
    for finding in findings[:FINDINGS]:
        print_line(console, f"{finding.outcome.label}: {finding.title}", STYLES[finding.outcome.name])
        for words in finding.explanation:
            print_line(console, shortened(words, 400), indent=2)
        if finding.row.repeat:  # on one line, so that it can be copied
            command = _text(console, f"  repeat: {one_line(finding.row.repeat)}", "dim")
            console.print(command, highlight=False, soft_wrap=True)
    if len(findings) > FINDINGS:
        print_line(console, f"… and {len(findings) - FINDINGS} more: see report.html.")


def _training(console: Console, tasks: Sequence[Task]) -> None:
    if not tasks:
        _heading(console, "Training was not run.")
    for task in tasks:
        _heading(console, f"{task.title}, {task.dtype}" if task.dtype else task.title)
        print_line(console, task.sentence)
        print_table(console, training.brief(task, wide=console.width >= WIDE))


def _timing(console: Console, benchmarks: Sequence[Benchmark]) -> None:
    if not benchmarks:
        _heading(console, "Timing was not run.")
    for grid in timing_tables.grids(benchmarks):
        console.print()
        print_table(console, grid)
    _sentences(console, "How to read these times", timing_tables.notes(benchmarks))
    warnings = timing_tables.warnings(benchmarks)
    _sentences(console, "Measurement warnings", [f"{one.code} {one.sentence}" for one in warnings])


def _sentences(console: Console, heading: str, sentences: Sequence[str]) -> None:
    if sentences:
        _heading(console, heading)
    for sentence in sentences:
        print_line(console, shortened(sentence, 400), "dim")


# The comparison of two runs


def show_comparison(comparison: RunComparison, console: Console) -> None:
    """Print the tables, each up to `COMPARED` rows, and the results last."""
    for table in brief_tables(comparison):
        if table.rows:
            print_table(console, _cut(table))
            console.print()
    if comparison.times_not_compared:
        print_line(console, f"Times: {comparison.times_not_compared}.")
    for sentence in comparison.sentences:
        print_line(console, sentence)


def _cut(table: Table) -> Table:
    """The first rows of a table, and a note on how many more there are."""
    more = len(table.rows) - COMPARED
    if more <= 0:
        return table
    return replace(table, sections=(Section("", tuple(table.rows[:COMPARED])),), notes=(f"… and {more:,} more",))


# Lines and tables


def _text(console: Console, words: str, style: str = "") -> Text:
    """Text that the console can show, without markup."""
    if console.options.ascii_only:
        words = words.translate(_ASCII).encode("ascii", "backslashreplace").decode()
    return Text(words, style)


def print_line(console: Console, words: str, style: str = "", indent: int = 0) -> None:
    """Print text, wrapped between words, each line indented."""
    for part in _text(console, one_line(words), style).wrap(console, max(20, console.width - indent)):
        part.rstrip()
        console.print(Text(" " * indent) + part, highlight=False, soft_wrap=True)


def print_table(console: Console, table: Table) -> None:
    """Print a table with its title and notes.

    A table that is wider than the terminal even with every word wrapped is printed at its own width.
    """
    if table.title:
        print_line(console, table.title, "bold")
    gap = 2 if console.width >= WIDE else 1
    drawn = _drawn(console, table, gap, breaks=False)
    if _width(console, drawn).maximum > console.width:
        drawn = _drawn(console, table, gap, breaks=True)
    if _width(console, drawn).minimum > console.width:
        drawn = _drawn(console, table, gap=1, breaks=True)
    least = _width(console, drawn).minimum
    if least > console.width:
        drawn.width = least
    console.print(drawn, crop=False)
    for note in table.notes:
        print_line(console, note, "dim")


def _width(console: Console, drawn: RichTable) -> Measurement:
    """The least and the largest width of a table, whatever the width of the terminal."""
    return Measurement.get(console, console.options.update(width=10_000), drawn)


def _drawn(console: Console, table: Table, gap: int, breaks: bool) -> RichTable:
    """Make the rich table; with `breaks`, a long name in the first column continues on a new line after its slash."""
    drawn = RichTable(
        box=box.SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False, show_edge=False, header_style="dim",
        show_header=any(column.heading for column in table.columns),
    )  # fmt: skip
    longest = MINIMUM_FIRST[console.width >= WIDE]
    cells = [
        [_cell(console, cell, section.footer) for cell in row] for section in table.sections for row in section.rows
    ]
    for row in cells if breaks and table.columns[0].wrap else []:
        if row[0].cell_len > longest:
            row[0] = Text(row[0].plain.replace("/", "/\n ", 1), row[0].style)
    for place, column in enumerate(table.columns):
        _add_column(console, drawn, column, (row[place] for row in cells), MINIMUM if place else longest)
    rows = iter(cells)
    for section in table.sections:
        if section.footer:
            drawn.add_section()
        if section.title:
            drawn.add_row(_text(console, one_line(section.title)))
        for _ in section.rows:
            first, *others = next(rows)
            drawn.add_row(Text("  ") + first if section.title else first, *others)
    return drawn


def _add_column(console: Console, drawn: RichTable, column: Column, cells: Iterable[Text], least: int) -> None:
    heading = _text(console, column.heading)
    if column.numeric or not column.wrap:
        drawn.add_column(heading, justify="right" if column.numeric else "left", no_wrap=True, overflow="fold")
    else:
        longest = max((len(line) for cell in [heading, *cells] for line in cell.plain.split("\n")), default=0)
        drawn.add_column(heading, overflow="fold", min_width=min(least, longest))


def _cell(console: Console, cell: Cell, footer: bool) -> Text:
    style = STYLES.get(cell.outcome or "", "dim" if cell.muted or footer else "")
    return _text(console, cell.text, style)
