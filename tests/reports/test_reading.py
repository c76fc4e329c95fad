"""Reading of results folders, also of incomplete, malformed and outdated ones."""

import json

import pytest

import reports
from reports.read import OUTCOMES
from suite.errors import UserError
from suite.results.decoding import clean, decode, integer, parse, real
from suite.results.rows import SCHEMA, VERDICTS
from tests.support import sample_results


def test_a_complete_folder_is_complete_and_has_no_notes(complete_results):
    assert complete_results.complete
    assert complete_results.notes == ()
    assert len(complete_results.verdicts) == len(sample_results.verdicts())
    assert {row.outcome for row in complete_results.verdicts} == set(OUTCOMES)


def test_a_missing_manifest_is_a_one_line_error(tmp_path):
    with pytest.raises(UserError, match=r"no manifest\.json") as error:
        reports.load(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"schema": 3}', "{}", '"text"', "[" * 100_000])
def test_a_malformed_manifest_is_an_error(folder, content):
    (folder / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"manifest\.json"):
        reports.load(folder)


def test_results_of_an_earlier_schema_are_an_error_with_advice(folder):
    (folder / "manifest.json").write_text('{"schema": 1}', encoding="utf-8")
    with pytest.raises(UserError, match=r"schema 1, written by an earlier release.*repeat the run") as error:
        reports.load(folder)
    assert "\n" not in str(error.value)


def test_without_an_expected_column_only_agrees_and_unsupported_are_expected(folder):
    rows = [sample_results.verdicts()[0] | {"case": outcome, "outcome": outcome} for outcome in OUTCOMES]
    (folder / "verdicts.jsonl").write_text(sample_results.json_lines(rows), encoding="utf-8")
    found = {row.outcome: row.expected for row in reports.load(folder).verdicts}
    assert found == {outcome: outcome in ("agrees", "unsupported") for outcome in OUTCOMES}


def test_a_manifest_needs_only_its_schema(folder):
    minimal = {"schema": SCHEMA, "machine": 3, "frameworks": {"torch": None}}
    (folder / "manifest.json").write_text(json.dumps(minimal), encoding="utf-8")
    reports.write(folder)


def test_a_truncated_last_line_is_skipped_with_a_note(folder):
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
def test_a_malformed_line_is_skipped_and_the_other_lines_are_kept(folder, line):
    good = sample_results.json_lines(sample_results.verdicts()).splitlines()
    (folder / "verdicts.jsonl").write_text("\n".join([good[0], line, *good[1:]]) + "\n", encoding="utf-8")
    results = reports.load(folder)
    assert len(results.verdicts) == len(good)
    assert any("verdicts.jsonl, line 2 can't be read" in note for note in results.notes)


def test_a_line_that_is_not_utf_8_is_skipped_and_the_other_lines_are_kept(folder):
    with (folder / "timings.jsonl").open("ab") as file:
        file.write(b"\xff\xfe\n")
    assert len(reports.load(folder).timings) == len(sample_results.timings())


def test_a_run_with_fewer_rows_than_its_footer_counts_is_incomplete(folder):
    rows = sample_results.training()[:-2]
    (folder / "training.jsonl").write_text(sample_results.json_lines(rows), encoding="utf-8")
    results = reports.load(folder)
    assert not results.complete
    assert any("rows of training" in note for note in results.notes)


@pytest.mark.parametrize(("content", "note"), [("{", "can't be read"), ('{"status": "interrupted"}', "not completed")])
def test_a_run_with_a_malformed_or_interrupted_footer_is_incomplete(folder, content, note):
    (folder / "footer.json").write_text(content, encoding="utf-8")
    results = reports.load(folder)
    assert not results.complete
    assert note in results.notes[0]


@pytest.mark.parametrize("name", ["verdicts", "training", "timings"])
@pytest.mark.parametrize("empty", [True, False])
def test_a_missing_or_empty_table_is_reported_as_not_run(folder, name, empty):
    path = folder / f"{name}.jsonl"
    if empty:
        path.write_text("", encoding="utf-8")
    else:
        path.unlink()
    reports.write(folder)
    assert "Not run." in _page(folder)
    assert "Not run." in (folder / "report.md").read_text(encoding="utf-8")


def test_a_later_row_replaces_an_earlier_one_with_a_note(folder):
    first = sample_results.verdicts()[0]
    with (folder / "verdicts.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(first | {"outcome": "failed"}) + "\n")
    (folder / "footer.json").write_text('{"status": "complete"}', encoding="utf-8")
    results = reports.load(folder)
    assert results.verdicts[0].outcome == "failed"
    assert results.complete
    assert results.notes == ("In verdicts.jsonl, 1 earlier results were replaced by later ones.",)


def test_an_unknown_outcome_is_read_as_failed(folder):
    row = sample_results.verdicts()[0] | {"outcome": "perfect"}
    (folder / "verdicts.jsonl").write_text(sample_results.json_lines([row]), encoding="utf-8")
    found = reports.load(folder).verdicts[0]
    assert found.outcome == "failed"
    assert "perfect" in found.reason


def test_a_report_is_written_for_rows_with_null_or_wrongly_typed_values(folder):
    required = {"framework": "x", "implementation": "y", "outcome": "differs", "task": "quadratic", "benchmark": "b"}
    for wrong in (None, "text", 10**400, -1.5, True, [None], [[None]], [[1, "a"]], {"a": 1}):
        for name, rows in sample_results.all_tables().items():
            row = {key: required.get(key, wrong) for key in rows[0]}
            (folder / f"{name}.jsonl").write_text(sample_results.json_lines([row]), encoding="utf-8")
        reports.write(folder)


def test_non_finite_and_out_of_range_numbers_are_read_as_missing():
    assert parse("[NaN, Infinity, -Infinity]") == [None, None, None]
    assert real(parse("1e999")) is None
    assert real(10**400) is None
    assert real(True) is None
    assert integer(2**63) is None
    assert integer(3.0) == 3
    row = {"framework": "x", "implementation": "y", "outcome": "agrees", "worst_index": [1, None]}
    assert decode(VERDICTS, row).worst_index is None


def test_terminal_and_bidirectional_control_characters_are_replaced():
    assert clean("a\x1b[31mb\x07\u202ec\ud800\r\nd\te\u2028f") == "a\ufffd[31mb\ufffd\ufffdc\ufffd\nd\te\nf"
    assert clean("γ ε η × 日本") == "γ ε η × 日本"


def _page(folder):
    reports.write(folder)
    return (folder / "report.html").read_text(encoding="utf-8")
