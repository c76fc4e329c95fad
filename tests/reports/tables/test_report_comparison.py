"""The comparison of two runs."""

import io
import json

import pytest
from rich.console import Console

import reports
from tests.support import sample_results

SLOWER = reports.Time("torch/builtin", "step/10", ("1", "2"), (1e-5, 2e-5), 2.0, (1.9, 2.1), 0.5, 0.02, "slower", None)
SAME = reports.Time("torch/scratch", "step/10", ("1", "2"), (1e-5, 1e-5), 1.0, (0.99, 1.01), 0.5, 0.02, "same", None)


@pytest.fixture
def changed_run(folder):
    """A run of another version in which one verdict, one loss, and the bits of one trace are changed."""
    verdicts = sample_results.verdicts()
    verdicts[0] |= {"outcome": "differs", "reason": sample_results.HOSTILE, "trace_sha256": "f" * 64}
    verdicts = [row | {"version": "2.14.0"} if row["framework"] == "torch" else row for row in verdicts[:-1]]
    training = sample_results.training()
    training[0] |= {"loss": training[0]["loss"] * 1.5}
    (folder / "verdicts.jsonl").write_text(sample_results.json_lines(verdicts), encoding="utf-8")
    (folder / "training.jsonl").write_text(sample_results.json_lines(training), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(sample_results.manifest(seed=7)), encoding="utf-8")
    return reports.load(folder)


@pytest.fixture
def comparison(complete_results, changed_run):
    return reports.compare(complete_results, changed_run, [SAME, SLOWER])


def test_a_run_compared_with_itself_has_no_changes(complete_results):
    comparison = reports.compare(complete_results, complete_results)
    assert comparison.changes == comparison.facts == ()
    assert all(one.changed == one.other_bits == one.gone == one.new == 0 for one in comparison.implementations)
    assert all(loss.same for loss in comparison.losses)


def test_changes_are_found_across_versions(comparison):
    (change,) = comparison.changes
    assert (change.name, [outcome.name for outcome in change.outcomes]) == ("torch/builtin", ["agrees", "differs"])
    one = next(one for one in comparison.implementations if one.name == "torch/builtin")
    assert (one.versions, one.shared, one.changed, one.other_bits) == (("2.13.0", "2.14.0"), 10, 1, 1)
    assert sum(one.gone for one in comparison.implementations) == 1
    (loss,) = (loss for loss in comparison.losses if not loss.same)
    assert loss.distance == pytest.approx(0.5)
    assert [label for label, *_ in comparison.facts] == ["Seed"]


def test_slower_times_come_first(comparison):
    assert [time.conclusion for time in comparison.times] == ["slower", "same"]
    assert comparison.sentences[-1] == "Of 2 times, 1 slower, 1 same."


def test_a_terminal_shows_the_changes_and_ignores_markup(comparison):
    stream = io.StringIO()
    reports.show_comparison(comparison, Console(file=stream, width=160))
    text = stream.getvalue()
    assert "1 of 658 outcomes changed; 1 traces have other bits." in text
    assert "[bold red]" in text
    assert "\x1b" not in text


def test_the_page_and_the_markdown_escape_text_from_the_results(comparison, tmp_path):
    page, document = reports.write_comparison(comparison, tmp_path / "new" / "folder")
    source = page.read_text(encoding="utf-8")
    assert "<img src=x" not in source
    assert "&lt;img src=x" in source
    text = document.read_text(encoding="utf-8")
    assert "<img" not in text
    assert "| torch/builtin | 2.13.0 | 2.14.0 |" in text


def test_the_reason_why_times_are_not_compared_is_shown(complete_results, tmp_path):
    comparison = reports.compare(
        complete_results, complete_results, (), "these runs can't be compared: their data differs, a and b"
    )
    page, document = reports.write_comparison(comparison, tmp_path)
    assert all("their data differs" in path.read_text(encoding="utf-8") for path in (page, document))
