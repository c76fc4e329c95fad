"""The table model and its renderings as plain text, in a terminal and as Markdown."""

import io
import subprocess
import sys

import pytest
from rich.console import Console

from reports.render import markdown, terminal
from reports.tables.table import Cell, Column, Section, Table, number

TABLE = Table.of(
    ["implementation", number("ulps"), "why"],
    [("torch/builtin", "0.5", Cell("✓ agrees", outcome="agrees")), ("mxnet/scratch", "12,345", "a | b [bold]")],
    title="Verdicts",
    notes=["One note."],
)
GROUPED = Table.grouped(
    ["name", number("ms\nmedian")],
    [
        Section.of("torch", [("builtin", "1.5")]),
        Section.of("mxnet", [("scratch", "22.5")]),
        Section.of("", [("noise floor", "1 %")], footer=True),
    ],
    section_heading="Framework",
)


def printed(table, width=80, encoding="utf-8", **options):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    terminal.print_table(Console(file=file, width=width, **options), table)
    file.flush()
    return [line.rstrip() for line in file.buffer.getvalue().decode(encoding).splitlines()]


def test_plain_text_aligns_text_left_and_numbers_right():
    assert TABLE.lines() == [
        "Verdicts",
        "implementation    ulps  why",
        "torch/builtin      0.5  ✓ agrees",
        "mxnet/scratch   12,345  a | b [bold]",
        "One note.",
    ]


def test_sections_have_a_title_and_indented_rows():
    assert GROUPED.lines() == [
        "name         ms median",
        "torch",
        "  builtin          1.5",
        "mxnet",
        "  scratch         22.5",
        "noise floor        1 %",
    ]
    lines = printed(GROUPED)
    assert "torch" in lines
    assert "  builtin       1.5" in lines


def test_markdown_escapes_cells_and_shows_sections_as_a_column():
    assert markdown.table(TABLE).splitlines() == [
        "### Verdicts",
        "",
        "| implementation | ulps | why |",
        "| :-- | --: | :-- |",
        "| torch/builtin | 0.5 | ✓ agrees |",
        r"| mxnet/scratch | 12,345 | a \| b \[bold\] |",
        "",
        "One note.",
    ]
    assert markdown.table(GROUPED).splitlines()[:3] == [
        "| Framework | name | ms median |",
        "| :-- | :-- | --: |",
        "| torch | builtin | 1.5 |",
    ]


def test_a_terminal_shows_markup_as_text_and_outcomes_in_colour():
    assert any("a | b [bold]" in line for line in printed(TABLE))
    assert any("\x1b[32m✓ agrees" in line for line in printed(TABLE, force_terminal=True, color_system="standard"))
    assert any("+ agrees" in line for line in printed(TABLE, encoding="ascii"))


@pytest.mark.parametrize("width", [10, 30, 60])
def test_a_narrow_terminal_shows_every_character(width):
    words = "supercalifragilistic words that have to be wrapped"
    rows = [("framework/with-a-long-name", words, "1,234,567", "9.99e-12"), ("a/b", "", "1", "2")]
    table = Table.of(["name", "reason", number("count"), Column("id", wrap=False)], rows)
    lines = printed(table, width)
    assert any("1,234,567" in line and "9.99e-12" in line for line in lines)
    assert set("".join(lines)) >= set("".join(words.split()))
    assert sum(line.count(character) for line in lines for character in "w") == "".join(rows[0]).count("w")


def test_records_are_mappings_from_heading_to_text():
    assert TABLE.records()[0] == {"implementation": "torch/builtin", "ulps": "0.5", "why": "✓ agrees"}


def test_a_row_with_the_wrong_number_of_cells_is_an_error():
    with pytest.raises(ValueError, match="1 cells in a table of 2 columns"):
        Table.of(["a", "b"], [["only one"]])


def test_the_table_model_imports_only_the_standard_library():
    code = (
        "import sys, reports.tables.table; names = {m.partition('.')[0] for m in sys.modules};"
        "print(*sorted(names - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) <= {"__main__", "reports"}
