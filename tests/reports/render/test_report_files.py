"""The files of a report: CSV that can be read back, and Markdown in which text from the results is escaped."""

import csv
import dataclasses
import io
import json

import pytest
from markdown_it import MarkdownIt

import reports
from reports.render.markdown import code, escape
from tests.support import sample_results

FILES = ["report.html", "report.md", "verdicts.csv", "training.csv", "timings.csv", "junit.xml", "summary.json"]


def test_a_report_writes_its_files_and_no_others(folder):
    before = {path.name for path in folder.iterdir()}
    assert [path.name for path in reports.write(folder)] == FILES
    assert {path.name for path in folder.iterdir()} == before | set(FILES)


def test_writing_a_report_twice_gives_the_same_bytes(folder):
    first = [path.read_bytes() for path in reports.write(folder)]
    assert [path.read_bytes() for path in reports.write(folder)] == first


def test_a_symbolic_link_is_replaced_and_not_followed(folder, tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("keep", encoding="utf-8")
    (folder / "report.md").symlink_to(outside)
    reports.write(folder)
    assert outside.read_text(encoding="utf-8") == "keep"
    assert not (folder / "report.md").is_symlink()


@pytest.mark.parametrize("name", ["verdicts", "training", "timings"])
def test_csv_files_contain_the_rows_that_were_read(report_folder, complete_results, name):
    expected = [dataclasses.asdict(row) for row in getattr(complete_results, name)]
    texts = {key for row in expected for key, value in row.items() if isinstance(value, str)}
    flags = {key for row in expected for key, value in row.items() if isinstance(value, bool)}
    with (report_folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    def read(key, cell):
        if cell == "":
            return None
        return cell if key in texts else json.loads(cell.lower() if key in flags else cell)

    restored = [{key: read(key, cell) for key, cell in row.items()} for row in rows]
    assert restored == json.loads(json.dumps(expected))
    assert list(restored[0]) == list(expected[0])


def test_the_csv_file_of_a_table_that_was_not_run_has_a_header(folder):
    (folder / "timings.jsonl").unlink()
    reports.write(folder)
    (header,) = csv.reader(io.StringIO((folder / "timings.csv").read_text(encoding="utf-8")))
    assert header[:2] == ["framework", "implementation"]


@pytest.mark.parametrize(
    "text",
    [
        sample_results.HOSTILE,
        "a | b",
        "`code` and ``more``",
        "<b>bold</b> &amp; <!-- comment -->",
        "# heading\n\n- item\n1. one",
        "[link](javascript:alert(1)) ![image](http://x/y.png)",
        "https://example.org/ www.example.org someone@example.org",
        "*star* _under_ ~~gone~~ **bold**",
        "back\\slash \\| pipe",
    ],
)
def test_escaped_text_is_shown_literally_in_a_table_cell(text):
    shown = " ".join(text.split())
    tokens = _parse(f"| a | b |\n|:--|:--|\n| {escape(text)} | end |\n")
    cells = [token for token in tokens if token.type == "inline"][2:]
    assert len(cells) == 2
    assert {child.type for child in cells[0].children} <= {"text", "text_special"}
    assert "".join(child.content for child in cells[0].children) == shown


@pytest.mark.parametrize("text", ["plain", "`", "a `` b", "`start and end`", "two\nlines", sample_results.HOSTILE])
def test_a_command_is_shown_literally_in_a_code_span(text):
    (inline,) = [token for token in _parse(code(text)) if token.type == "inline"]
    assert [child.type for child in inline.children] == ["code_inline"]
    assert inline.children[0].content == " ".join(text.split())


def test_the_markdown_has_no_html_and_its_tables_are_well_formed(report_folder):
    document = (report_folder / "report.md").read_text(encoding="utf-8")
    tokens = _parse(document)
    kinds = {token.type for token in tokens} | {child.type for token in tokens for child in token.children or ()}
    assert not kinds & {"html_block", "html_inline", "link_open", "image"}
    assert "alert(1)" in document
    for table in document.split("\n\n"):
        if table.startswith("| "):
            assert len({line.replace("\\|", "").count("|") for line in table.splitlines()}) == 1


def test_the_markdown_explains_the_limits_of_the_published_losses(report_folder):
    document = (report_folder / "report.md").read_text(encoding="utf-8")
    assert "PyTorch's built-in column trains 4 epochs where the others train 2." in document
    assert "x1 -0.010599, x2 0.000000" in document


def _parse(text):
    return MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
