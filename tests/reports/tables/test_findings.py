"""Findings grouped by cause, metamorphic relations, the summary, and the kill matrix in a report."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

import reports
from reports import read
from reports.render.exports import summary
from reports.tables import report
from reports.tables.agreement import relations_brief
from tests.support import sample_results

NEAREST = {
    "dialect": "d2l",
    "changes": [
        {"axis": "initial_accumulator", "before": 0.0, "after": 1.0, "factor": None},
        {"axis": "epsilon", "before": "inside", "after": "outside", "factor": None},
    ],
    "fits": True,
    "bound_ratio": 0.4,
    "first_step": None,
    "best_change": None,
}


def verdict(case, outcome="agrees", **columns):
    defaults = {
        "framework": "torch", "implementation": "builtin", "version": "2.13.0", "device": "cpu", "dtype": "float32",
        "dialect": "d2l", "case": case, "outcome": outcome, "fits": [], "nearest": None, "error_growth": None,
        "repeat": f"rmsuite agree -i torch/builtin -c {case}", "seconds": 0.1, "sha256": "ab" * 32,
        "expected": outcome in ("agrees", "unsupported"), "expectation": None,
    }  # fmt: skip
    return {**defaults, **columns}


def differing_verdict(case, **columns):
    defaults = {"first_step": 2, "first_quantity": "parameters", "first_index": [4], "ulps": 7.0, "bound_ratio": 3.0}
    return verdict(
        case, "differs", **{"quantity": "parameters", "worst_step": 2, "worst_index": [4], **defaults, **columns}
    )


VIOLATED_RELATION = verdict(
    "law/splitting", "differs", quantity="parameters", first_step=3, worst_step=5, worst_index=[1], ulps=2.0,
    bound_ratio=None, reason="parameters differ at step 3, coordinate 1, by 2 ulps; 9 of 99 values differ",
)  # fmt: skip


@pytest.fixture
def make_folder(tmp_path):
    """Return a function that writes a results folder with these verdicts and JSON files."""

    def make(*rows, **files):
        (tmp_path / "manifest.json").write_text(json.dumps(sample_results.manifest(frameworks={})), encoding="utf-8")
        (tmp_path / "verdicts.jsonl").write_text(sample_results.json_lines(rows), encoding="utf-8")
        for name, content in files.items():
            (tmp_path / f"{name}.json").write_text(content, encoding="utf-8")
        return tmp_path

    return make


def renderings(folder):
    """Return the page, the Markdown and the text on a terminal."""
    reports.write(folder)
    page, document = ((folder / name).read_text("utf-8") for name in ("report.html", "report.md"))
    file = io.StringIO()
    reports.show(reports.load(folder), Console(file=file, width=100), ["agreement"])
    return page, document, file.getvalue()


def test_a_violated_metamorphic_relation_is_described_without_a_bound(make_folder):
    for text in renderings(make_folder(verdict("decades/plain"), VIOLATED_RELATION)):
        assert "torch/builtin violates the metamorphic relation splitting" in text
        assert "differ at step 3, coordinate 1" in " ".join(text.split())
        assert "outside the bound" not in text


def test_metamorphic_relations_are_counted_separately_from_cases(make_folder):
    folder = make_folder(
        verdict("decades/plain", ulps=0.5, bound_ratio=0.2), verdict("law/negation"), VIOLATED_RELATION
    )
    built = report.build(reports.load(folder)).agreement
    (implementation,) = built.implementations
    assert implementation.overall.counts.total == 1
    assert implementation.overall.ulps == 0.5
    assert built.relations == ("negation", "splitting")
    (row,) = relations_brief(built).rows
    assert [cell.text for cell in row] == ["torch/builtin", "1/2", "splitting: 1 differs"]
    page, document, screen = renderings(folder)
    assert 'data-case="law/splitting"' in page
    assert "| torch/builtin | ✓ 1/1 | ✗ 0/1 |" in document
    assert "splitting: 1 differs" in screen


def test_a_run_of_only_metamorphic_relations_has_no_table_of_cases(make_folder):
    page, _, screen = renderings(make_folder(verdict("law/negation")))
    assert "Implementation × metamorphic relation" in page
    assert "Max ulps" not in screen


def test_findings_are_grouped_by_their_cause(make_folder):
    rows = [
        differing_verdict("a/plain", fits=["torch", "mlx"]),
        differing_verdict("b/plain", fits=["mlx"], reason="a complete explanation"),
        differing_verdict("c/plain", fits=["tf1"]),
        differing_verdict("d/plain", nearest=NEAREST),
        differing_verdict("e/plain", nearest=NEAREST),
        differing_verdict("f/plain"),
        differing_verdict("g/plain", expected=True, expectation="differs: known"),
    ]
    found = report.build(reports.load(make_folder(*rows))).agreement.findings
    assert [(one.size, one.fits, one.expected) for one in found] == [
        (2, ("mlx",), False),
        (2, (), False),
        (1, ("tf1",), False),
        (1, (), False),
        (1, (), True),
    ]
    assert found[0].row.case == "b/plain"  # the row that the fewest dialects fit
    assert found[0].explanation == ("a complete explanation",)
    assert found[1].cause == "fits d2l with initial_accumulator 1 in place of 0 and epsilon outside in place of inside"
    assert found[4].title.endswith("1 case, as expected")
    assert found[4].explanation[-1] == "expected: differs: known"


def test_a_list_of_learning_rates_is_shown_by_its_length(make_folder):
    change = {"axis": "hyperparameter lr", "before": [0.1, 0.2, 0.3], "after": 0.5}
    row = differing_verdict("a/plain", nearest={**NEAREST, "changes": [change]})
    (found,) = report.build(reports.load(make_folder(row))).agreement.findings
    assert found.cause == "fits d2l with hyperparameter lr 0.5 in place of a list of 3"


@pytest.mark.parametrize("nearest", [7, "x", {}, {"dialect": "d2l"}, {"fits": True}, {**NEAREST, "changes": [1]}])
def test_a_malformed_nearest_dialect_is_ignored(make_folder, nearest):
    folder = make_folder(differing_verdict("a/plain", nearest=nearest, error_growth="x", first_index="y"))
    for text in renderings(folder):
        assert "torch/builtin" in text


def test_every_rendering_shows_the_command_that_repeats_a_failure(make_folder):
    rows = [differing_verdict("a/plain"), verdict("b/plain", "failed", reason="it crashed"), VIOLATED_RELATION]
    folder = make_folder(*rows)
    texts = [*renderings(folder), (folder / "junit.xml").read_text("utf-8")]
    for text in texts:
        for row in rows:
            assert row["repeat"] in text


def test_the_summary_has_outcomes_unexpected_results_versions_and_data(make_folder):
    rows = [
        verdict("a/plain"),
        verdict("b/plain", "unsupported"),
        differing_verdict("c/plain", reason="off by a factor", nearest=NEAREST),
        differing_verdict("d/plain", expected=True, expectation="differs: known"),
        verdict("e/plain", implementation="other", expected=False, expectation="differs: no longer"),
    ]
    found = summary(reports.load(make_folder(*rows)))
    assert found["outcomes"] == {
        "agreement": {"agrees": 2, "differs": 2, "unsupported": 1},
        "training": {},
        "timing": {},
    }
    assert found["implementations"]["torch/builtin"] == {
        "version": "2.13.0",
        "device": "cpu",
        "agreement": {"agrees": 1, "differs": 2, "unsupported": 1},
    }
    assert [(row["case"], row["outcome"]) for row in found["unexpected"]] == [
        ("c/plain", "differs"),
        ("e/plain", "agrees"),
    ]
    assert found["unexpected"][0]["reason"] == "off by a factor"
    assert found["unexpected"][0]["repeat"] == "rmsuite agree -i torch/builtin -c c/plain"
    assert found["unexpected"][0]["nearest"] == NEAREST
    assert found["exit_status"] == 1
    assert found["data"]["sha256"] == sample_results.manifest()["data"]["sha256"]
    assert found["inputs"] == ["ab" * 32]


def test_the_summary_file_is_json_with_the_exit_status_of_the_run(report_folder, complete_results):
    summary = json.loads((report_folder / "summary.json").read_text("utf-8"))
    assert summary["missing"] == {"megengine": "no wheel for CPython 3.11 <b>here</b>"}
    assert summary["exit_status"] == 1
    assert sum(summary["outcomes"]["agreement"].values()) == len(complete_results.verdicts)
    assert summary["versions"]["torch"]["torch"] == "2.13.0"


def test_a_run_without_unexpected_results_has_exit_status_0(make_folder):
    found = summary(reports.load(make_folder(verdict("a/plain"), differing_verdict("b/plain", expected=True))))
    assert (found["exit_status"], found["unexpected"]) == (0, [])


KILL_MATRIX = {
    "total": 1234,
    "killed": 1200,
    "proven_same": 33,
    "survivors": [{"dialect": "d2l", "kind": "axis", "wrong": "epsilon", "value": "outside", "outcome": "survives"}],
    "dialects": {
        "d2l": {"epsilon": [3, 3], "momentum": [1, 2]},
        "torch": {"clipping": {"killed": 4, "proven_same": 1, "total": 5}},
    },
    "pairs": {"killed": 90, "proven_same": 3, "total": 93},
    "mistakes": {"missing root": {"reason": "v", "killed": 30, "proven_same": 1, "total": 31}},
}


def test_the_kill_matrix_is_in_every_rendering(make_folder):
    page, document, screen = renderings(make_folder(verdict("a/plain"), sharpness=json.dumps(KILL_MATRIX)))
    sentence = "1,200 of 1,234 wrong optimizers, 33 are proven to be the same function; 1 is not caught."
    for text in (page, document, screen):
        assert sentence in " ".join(text.split())
    assert "By dialect and axis" in page
    assert "1/2" in page
    assert "4/4" in page
    assert "A dialect in place of another: 90 of 90." in page
    assert "Mistakes that are no axis: 30 of 30." in page
    assert "Not caught: d2l, epsilon, outside." in page


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"total": "x", "killed": 1}', '{"total": 1, "killed": null}', json.dumps({"killed": 2})],
)
def test_a_malformed_kill_matrix_is_ignored(make_folder, monkeypatch, tmp_path, content):
    monkeypatch.setattr(read, "DOCUMENTS", tmp_path / "missing")
    folder = make_folder(verdict("a/plain"), sharpness=content)
    assert reports.load(folder).kill_matrix is None
    assert "catch wrong optimizers" not in renderings(folder)[0]


def test_malformed_parts_of_a_kill_matrix_are_left_out(make_folder):
    malformed = {**KILL_MATRIX, "survivors": 3, "dialects": {"d2l": {"epsilon": [1], "momentum": [1, 2]}, "x": 7}}
    found = reports.load(make_folder(verdict("a/plain"), sharpness=json.dumps(malformed))).kill_matrix
    assert found.dialects == {"d2l": {"momentum": (1, 2)}}
    assert found.survivors == ()


def test_a_folder_without_a_kill_matrix_shows_the_one_in_the_documentation(make_folder, monkeypatch, tmp_path):
    documents = tmp_path / "docs"
    documents.mkdir()
    (documents / "sharpness.json").write_text(json.dumps(KILL_MATRIX), encoding="utf-8")
    monkeypatch.setattr(read, "DOCUMENTS", documents)
    assert reports.load(make_folder(verdict("a/plain"))).kill_matrix.killed == 1200
