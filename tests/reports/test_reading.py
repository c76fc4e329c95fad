"""What the reader promises of a results folder."""

import json

import pytest

import reports
from reports.read import OUTCOMES
from suite.errors import UserError
from suite.results.decoding import clean, decode, parse, real, whole
from suite.results.rows import SCHEMA, VERDICTS
from tests.support import sample_results


def test_a_complete_folder_is_complete_and_has_nothing_to_remark(complete):
    assert complete.complete
    assert complete.notes == ()
    assert len(complete.verdicts) == len(sample_results.verdicts())
    assert {row.outcome for row in complete.verdicts} == set(OUTCOMES)


def test_a_folder_without_a_manifest_is_refused_in_one_line(tmp_path):
    with pytest.raises(UserError, match=r"no manifest\.json") as error:
        reports.load(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"schema": 3}', "{}", '"text"', "[" * 100_000])
def test_a_manifest_that_cannot_be_understood_is_refused(folder, content):
    (folder / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"manifest\.json"):
        reports.load(folder)


def test_results_of_an_earlier_schema_are_refused_with_advice(folder):
    (folder / "manifest.json").write_text('{"schema": 1}', encoding="utf-8")
    with pytest.raises(UserError, match=r"schema 1, written by an earlier release.*repeat the run") as error:
        reports.load(folder)
    assert "\n" not in str(error.value)


def test_a_row_that_does_not_say_whether_it_is_expected_is_if_it_agrees_or_is_unsupported(folder):
    rows = [sample_results.verdicts()[0] | {"case": outcome, "outcome": outcome} for outcome in OUTCOMES]
    (folder / "verdicts.jsonl").write_text(sample_results.json_lines(rows), encoding="utf-8")
    found = {row.outcome: row.expected for row in reports.load(folder).verdicts}
    assert found == {outcome: outcome in ("agrees", "unsupported") for outcome in OUTCOMES}


def test_a_manifest_may_lack_everything_but_its_schema(folder):
    bare = {"schema": SCHEMA, "machine": 3, "frameworks": {"torch": None}}
    (folder / "manifest.json").write_text(json.dumps(bare), encoding="utf-8")
    reports.write(folder)


def test_a_last_line_that_was_cut_off_is_left_out_and_said(folder):
    path = folder / "verdicts.jsonl"
    path.write_bytes(path.read_bytes()[:-25])
    (folder / "footer.json").unlink()
    results = reports.load(folder)
    assert len(results.verdicts) == len(sample_results.verdicts()) - 1
    assert not results.complete
    assert any("no footer" in note for note in results.notes)
    assert any("verdicts.jsonl, the last line is cut off" in note for note in results.notes)
    assert "This run is incomplete" in _page(folder)


@pytest.mark.parametrize("line", ["{broken", "7", '{"framework": "torch"}', '{"a": "\\ud800"', "\x00", "[" * 100_000])
def test_a_broken_line_in_the_middle_costs_only_itself(folder, line):
    good = sample_results.json_lines(sample_results.verdicts()).splitlines()
    (folder / "verdicts.jsonl").write_text("\n".join([good[0], line, *good[1:]]) + "\n", encoding="utf-8")
    results = reports.load(folder)
    assert len(results.verdicts) == len(good)
    assert any("verdicts.jsonl, line 2 can't be read" in note for note in results.notes)


def test_bytes_that_are_no_text_cost_only_their_line(folder):
    with (folder / "timings.jsonl").open("ab") as file:
        file.write(b"\xff\xfe\n")
    assert len(reports.load(folder).timings) == len(sample_results.timings())


def test_a_footer_that_counts_more_rows_than_there_are_makes_the_run_incomplete(folder):
    rows = sample_results.training()[:-2]
    (folder / "training.jsonl").write_text(sample_results.json_lines(rows), encoding="utf-8")
    results = reports.load(folder)
    assert not results.complete
    assert any("rows of training" in note for note in results.notes)


@pytest.mark.parametrize(("content", "note"), [("{", "can't be read"), ('{"status": "interrupted"}', "not completed")])
def test_a_footer_that_is_broken_or_interrupted_makes_the_run_incomplete(folder, content, note):
    (folder / "footer.json").write_text(content, encoding="utf-8")
    results = reports.load(folder)
    assert not results.complete
    assert note in results.notes[0]


@pytest.mark.parametrize("name", ["verdicts", "training", "timings"])
@pytest.mark.parametrize("empty", [True, False])
def test_a_table_that_is_missing_or_empty_was_not_run(folder, name, empty):
    path = folder / f"{name}.jsonl"
    if empty:
        path.write_text("", encoding="utf-8")
    else:
        path.unlink()
    reports.write(folder)
    assert "Not run." in _page(folder)
    assert "Not run." in (folder / "report.md").read_text(encoding="utf-8")


def test_a_later_result_replaces_an_earlier_one_and_that_is_said(folder):
    first = sample_results.verdicts()[0]
    with (folder / "verdicts.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(first | {"outcome": "failed"}) + "\n")
    (folder / "footer.json").write_text('{"status": "complete"}', encoding="utf-8")
    results = reports.load(folder)
    assert results.verdicts[0].outcome == "failed"
    assert results.complete
    assert results.notes == ("In verdicts.jsonl, 1 earlier results were replaced by later ones.",)


def test_an_outcome_that_nobody_knows_is_a_failure_and_never_a_pass(folder):
    row = sample_results.verdicts()[0] | {"outcome": "perfect"}
    (folder / "verdicts.jsonl").write_text(sample_results.json_lines([row]), encoding="utf-8")
    found = reports.load(folder).verdicts[0]
    assert found.outcome == "failed"
    assert "perfect" in found.reason


def test_every_value_of_a_row_may_be_null_or_of_the_wrong_type(folder):
    needed = {"framework": "x", "implementation": "y", "outcome": "differs", "task": "quadratic", "benchmark": "b"}
    for wrong in (None, "text", 10**400, -1.5, True, [None], [[None]], [[1, "a"]], {"a": 1}):
        for name, rows in sample_results.all_tables().items():
            row = {key: needed.get(key, wrong) for key in rows[0]}
            (folder / f"{name}.jsonl").write_text(sample_results.json_lines([row]), encoding="utf-8")
        reports.write(folder)


def test_numbers_that_are_not_finite_are_missing():
    assert parse("[NaN, Infinity, -Infinity]") == [None, None, None]
    assert real(parse("1e999")) is None
    assert real(10**400) is None
    assert real(True) is None
    assert whole(2**63) is None
    assert whole(3.0) == 3
    row = {"framework": "x", "implementation": "y", "outcome": "agrees", "worst_index": [1, None]}
    assert decode(VERDICTS, row).worst_index is None


def test_text_loses_what_steers_a_terminal_or_reorders_a_line():
    assert clean("a\x1b[31mb\x07\u202ec\ud800\r\nd\te\u2028f") == "a\ufffd[31mb\ufffd\ufffdc\ufffd\nd\te\nf"
    assert clean("γ ε η × 日本") == "γ ε η × 日本"


def _page(folder):
    reports.write(folder)
    return (folder / "report.html").read_text(encoding="utf-8")
