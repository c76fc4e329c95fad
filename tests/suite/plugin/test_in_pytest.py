"""Tests made by `rmsuite.conformance` in a user's run of pytest: their ids, marks, messages and tracebacks."""

from __future__ import annotations

import json

import pytest

from suite.plugin import UserError, conformance
from suite.plugin.claim import all_cases
from suite.plugin.server import case_list
from tests.support.factory import FACTORY_SOURCE

TEST_SOURCE = "test_mine = rmsuite.conformance(make, dialect={dialect!r}, cases=['decades'], dtypes=['float32'])\n"


@pytest.fixture
def run_tests(tmp_path, users_pytest):
    """A function that runs pytest on a test file with the given text, in a folder `tests`."""
    (tmp_path / "tests").mkdir()

    def run(text, *arguments, **variables):
        (tmp_path / "tests" / "test_it.py").write_text(f"import rmsuite\n{FACTORY_SOURCE}\n{text}")
        return users_pytest("tests", *arguments, cwd=tmp_path, **variables)

    return run


def test_the_case_list_matches_the_catalogue():
    assert case_list.FILE.read_text("utf-8") == case_list.text(), (
        "rewrite it with `python -m suite.plugin.server.case_list`"
    )
    assert [case.id for case in all_cases()] == [case.id for case in case_list.testable_cases()]


def test_each_case_and_format_is_a_test_that_is_located_at_the_call(run_tests):
    process = run_tests(TEST_SOURCE.format(dialect="d2l"), "-v", "-k", "plain or large-epsilon")
    assert process.status == 0
    assert "tests/test_it.py::test_mine[decades/plain-float32] PASSED" in process.output
    assert process.counts == {"passed": 2, "deselected": 17}


def test_a_failure_message_has_the_difference_and_a_repeat_command_but_no_traceback(run_tests, user, tmp_path):
    process = run_tests(TEST_SOURCE.format(dialect="torch"), "-k", "large-epsilon")
    section = process.output.partition("test_mine[decades/large-epsilon-float32] __")[2].partition("=== short")[0]
    assert section.splitlines()[1:4] == [
        "tests/test_it.py:make differs from torch in decades/large-epsilon in float32",
        "  the case: the position of ε, here larger than the root of small averages",
        "  parameters leave the bound of torch at step 1, coordinate 4",
    ]
    assert "  d2l is torch with epsilon inside in place of outside" in section
    assert "Traceback" not in section
    assert "hidden" not in section
    (repeat,) = [line for line in section.splitlines() if line.startswith("repeat: ")]
    command = repeat.removeprefix("repeat: rmsuite ").split()
    repeated = user("-m", "rmsuite", *command, cwd=tmp_path)
    assert repeated.status == 1
    assert repeat in repeated.output


def test_the_repeat_command_of_a_nested_factory_runs_pytest(run_tests):
    text = "test_mine = rmsuite.conformance(lambda *a, **h: None, dialect='d2l')\n"
    assert run_tests(text, "--collect-only", "-q").status == 0
    text = """
def outer():
    def inner(params, learning_rate, decay, epsilon):
        return make(params, learning_rate, decay, epsilon)
    return inner
test_mine = rmsuite.conformance(outer(), dialect='torch', cases=['decades/plain'], dtypes=['float32'])
"""
    assert "repeat: pytest 'tests/test_it.py::test_mine[decades/plain-float32]'" in run_tests(text).output


def test_the_traceback_of_an_exception_has_frames_of_the_users_code_only(run_tests):
    text = """
@rmsuite.conformance(dialect="d2l", cases=["decades/plain"], dtypes=["float32"])
def test_mine(params, learning_rate, decay, epsilon):
    def step(gradients):
        raise RuntimeError("invalid step")
    return step
"""
    process = run_tests(text)
    assert process.status == 1
    assert 'raise RuntimeError("invalid step")' in process.output
    assert "rmsuite/" not in process.output.partition("FAILURES")[2]


def test_cases_with_unsupported_hyperparameters_are_skipped_with_a_reason(run_tests):
    process = run_tests(TEST_SOURCE.format(dialect="d2l"), "-rs", "-k", "decades/momentum")
    assert process.counts == {"skipped": 1, "deselected": 18}
    assert "make takes no momentum" in process.output


@pytest.mark.parametrize(
    ("outcome", "counts"), [("differs", {"xfailed": 1}), ("undecided", {"failed": 1}), ("failed", {"failed": 1})]
)
def test_an_expectation_holds_for_its_outcome_only(run_tests, tmp_path, outcome, counts):
    expectations = f"""[[expectation]]
implementation = "numpy/*make"
versions = ">=0"
cases = "decades/plain"
outcome = "{outcome}"
reason = "a known deviation"
"""
    (tmp_path / "tests" / "known.toml").write_text(expectations)
    text = TEST_SOURCE.format(dialect="torch").replace(")\n", ", expectations='known.toml')\n")
    process = run_tests(text, "-q", "-rx", "-k", "decades/plain")
    assert {word: count for word, count in process.counts.items() if word != "deselected"} == counts
    assert f"{outcome}: a known deviation" in process.output


def test_an_agreement_fails_if_a_deviation_is_expected(run_tests, tmp_path):
    expectations = (
        '[[expectation]]\nimplementation = "*"\nversions = ">=0"\ncases = "*"\noutcome = "differs"\nreason = "fixed"\n'
    )
    (tmp_path / "tests" / "known.toml").write_text(expectations)
    text = TEST_SOURCE.format(dialect="d2l").replace(")\n", ", expectations='known.toml')\n")
    process = run_tests(text, "-k", "decades/plain")
    assert process.status == 1
    assert "agrees with d2l in decades/plain in float32, but another outcome is expected" in process.output


def test_the_tests_run_in_several_processes(run_tests):
    process = run_tests(TEST_SOURCE.format(dialect="d2l"), "-q", "-p", "xdist", "-n", "2")
    assert process.status == 0
    assert process.counts == {"passed": 4, "skipped": 15}


def test_the_marker_selects_the_generated_tests(run_tests):
    process = run_tests(
        TEST_SOURCE.format(dialect="d2l") + "\ndef test_other():\n    pass\n", "-q", "-m", "not rmsuite"
    )
    assert process.counts == {"passed": 1, "deselected": 19}


def test_a_class_can_contain_the_generated_tests(run_tests):
    text = "class TestMine:\n    " + TEST_SOURCE.format(dialect="d2l")
    assert run_tests(text, "-q", "-k", "decades/plain").counts == {"passed": 1, "deselected": 18}


def test_the_error_for_an_unknown_dialect_lists_the_known_dialects(run_tests):
    process = run_tests(TEST_SOURCE.format(dialect="pytorch"), "-x")
    assert "no dialect 'pytorch'; there are d2l, torch, keras3" in process.output


def test_user_errors_are_raised_at_collection():
    with pytest.raises(UserError, match="did you mean 'decades'"):
        conformance(lambda params, lr: None, dialect="d2l", cases=["decade"])
    with pytest.raises(UserError, match="no dtype 'float8'"):
        conformance(lambda params, lr: None, dialect="d2l", dtypes=["float8"])
    with pytest.raises(UserError, match="its argument 'model'"):
        conformance(lambda params, model, lr: None, dialect="d2l")


def test_collection_starts_no_server(run_tests):
    text = "import subprocess\nsubprocess.Popen = None\n" + TEST_SOURCE.format(dialect="d2l")
    assert run_tests(text, "--collect-only", "-q").status == 0


def test_the_ids_of_all_cases_are_shorter_than_ten_kilobytes():
    assert len(json.dumps([case.id for case in all_cases()])) < 10_000
