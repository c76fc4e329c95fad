"""The report on a terminal."""

import io

import pytest
from rich.console import Console

import reports


def shown(results, width=100, encoding="utf-8", **options):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    reports.show(results, Console(file=file, width=width, **options))
    file.flush()
    text = file.buffer.getvalue().decode(encoding)
    file.close()
    return text


@pytest.mark.parametrize("width", [80, 100, 140])
def test_only_commands_are_wider_than_the_terminal(complete_results, width):
    lines = shown(complete_results, width).splitlines()
    assert max(len(line) for line in lines if "repeat: " not in line) <= width


@pytest.mark.parametrize("width", [80, 100])
def test_numbers_and_outcomes_are_not_truncated_at_any_width(complete_results, width):
    text = shown(complete_results, width)
    assert text.count("✓ agrees") > 60
    assert "✗ differs" in text
    assert "0.240644290" in text
    assert "-0.010599" in text


def test_the_first_line_summarizes_the_verdicts(complete_results):
    assert shown(complete_results).split("\n")[1].startswith("536 of 590 verdicts agree; 3 differ")


def test_a_command_is_on_a_single_line(complete_results):
    command = "rmsuite agree --implementation tensorflow-2.15/v1 --dialect tf1 --case long"
    assert f"  repeat: {command}\n" in shown(complete_results, 60)


def test_text_from_the_results_is_shown_without_markup_and_control_characters(complete_results):
    text = shown(complete_results)
    assert "[bold red]`x`" in text
    assert "\x1b" not in text


def test_outcomes_are_readable_without_colour(complete_results):
    plain = shown(complete_results, color_system=None)
    coloured = shown(complete_results, force_terminal=True, color_system="standard")
    assert "\x1b[" in coloured
    for words in ("✓ agrees", "✗ 2 differ", "? 2 undecided", "! 1 failed"):
        assert words in plain


def test_an_ascii_terminal_shows_ascii_symbols(complete_results):
    text = shown(complete_results, encoding="ascii")
    assert "+ agrees" in text
    assert "x differs" in text


def test_only_the_requested_tables_are_shown(complete_results):
    file = io.StringIO()
    reports.show(complete_results, Console(file=file, width=100), ["timing"])
    assert "An epoch (cpu, float32, 1 thread)" in file.getvalue()
    assert "verdicts agree" not in file.getvalue()


def test_an_unknown_table_is_an_error(complete_results):
    with pytest.raises(ValueError, match="no table 'losses'; there are agreement, training, timing"):
        reports.show(complete_results, Console(file=io.StringIO()), ["losses"])


def test_missing_tables_and_an_interrupted_run_are_reported(folder):
    for name in ("verdicts.jsonl", "training.jsonl", "timings.jsonl", "footer.json"):
        (folder / name).unlink()
    text = shown(reports.load(folder))
    for words in ("cut off", "Agreement was not run.", "Training was not run.", "Timing was not run."):
        assert words in text
