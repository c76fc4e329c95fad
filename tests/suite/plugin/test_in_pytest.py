"""What a user sees in pytest: ids, marks, words, and none of what goes on inside."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from suite.plugin import UserError, conformance
from suite.plugin.claim import all_cases
from suite.plugin.server import case_list
from tests.support.factory import FACTORY_SOURCE

TEST = "test_mine = rmsuite.conformance(make, dialect={dialect!r}, cases=['decades'], dtypes=['float32'])\n"


@pytest.fixture
def tests(tmp_path, users_pytest):
    """Runs a test file of a user's, which lies in `tests`."""
    (tmp_path / "tests").mkdir()

    def run(text, *arguments, **more):
        (tmp_path / "tests" / "test_it.py").write_text(f"import rmsuite\n{FACTORY_SOURCE}\n{text}")
        return users_pytest("tests", *arguments, cwd=tmp_path, **more)

    return run


def test_the_file_of_cases_matches_the_catalogue():
    assert case_list.FILE.read_text("utf-8") == case_list.text(), (
        "write it again with `python -m suite.plugin.server.case_list`"
    )
    assert [case.id for case in all_cases()] == [case.id for case in case_list.testable_cases()]


def test_each_case_and_format_is_a_test_at_the_place_of_the_call(tests):
    done = tests(TEST.format(dialect="d2l"), "-v", "-k", "plain or large-epsilon")
    assert done.status == 0
    assert "tests/test_it.py::test_mine[decades/plain-float32] PASSED" in done.output
    assert done.counts == {"passed": 2, "deselected": 17}


def test_a_failure_shows_place_fitting_dialects_and_repeat_command_without_code(tests, user, tmp_path):
    done = tests(TEST.format(dialect="torch"), "-k", "large-epsilon")
    section = done.output.partition("test_mine[decades/large-epsilon-float32] __")[2].partition("=== short")[0]
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
    again = user("-m", "rmsuite", *command, cwd=tmp_path)
    assert again.status == 1
    assert repeat in again.output


def test_a_factory_without_a_name_is_repeated_by_pytest(tests):
    text = "test_mine = rmsuite.conformance(lambda *a, **h: None, dialect='d2l')\n"
    assert "there is nothing" not in tests(text, "--collect-only", "-q").errors
    text = """
def outer():
    def inner(params, learning_rate, decay, epsilon):
        return make(params, learning_rate, decay, epsilon)
    return inner
test_mine = rmsuite.conformance(outer(), dialect='torch', cases=['decades/plain'], dtypes=['float32'])
"""
    assert "repeat: pytest 'tests/test_it.py::test_mine[decades/plain-float32]'" in tests(text).output


def test_an_exception_of_the_optimizer_shows_its_own_traceback_only(tests):
    text = """
@rmsuite.conformance(dialect="d2l", cases=["decades/plain"], dtypes=["float32"])
def test_mine(params, learning_rate, decay, epsilon):
    def step(gradients):
        raise RuntimeError("out of luck")
    return step
"""
    done = tests(text)
    assert done.status == 1
    assert 'raise RuntimeError("out of luck")' in done.output
    assert "rmsuite/" not in done.output.partition("FAILURES")[2]


def test_cases_with_unsupported_hyperparameters_are_skipped_with_the_reason(tests):
    done = tests(TEST.format(dialect="d2l"), "-rs", "-k", "decades/momentum")
    assert done.counts == {"skipped": 1, "deselected": 18}
    assert "make takes no momentum" in done.output


@pytest.mark.parametrize(
    ("outcome", "counts"), [("differs", {"xfailed": 1}), ("undecided", {"failed": 1}), ("failed", {"failed": 1})]
)
def test_expectations_are_strict_about_the_outcome(tests, tmp_path, outcome, counts):
    known = f"""[[expectation]]
implementation = "numpy/*make"
versions = ">=0"
cases = "decades/plain"
outcome = "{outcome}"
reason = "so it is"
"""
    (tmp_path / "tests" / "known.toml").write_text(known)
    text = TEST.format(dialect="torch").replace(")\n", ", expectations='known.toml')\n")
    done = tests(text, "-q", "-rx", "-k", "decades/plain")
    assert {word: count for word, count in done.counts.items() if word != "deselected"} == counts
    assert f"{outcome}: so it is" in done.output


def test_an_unexpected_agreement_fails(tests, tmp_path):
    known = (
        '[[expectation]]\nimplementation = "*"\nversions = ">=0"\ncases = "*"\noutcome = "differs"\nreason = "once"\n'
    )
    (tmp_path / "tests" / "known.toml").write_text(known)
    text = TEST.format(dialect="d2l").replace(")\n", ", expectations='known.toml')\n")
    done = tests(text, "-k", "decades/plain")
    assert done.status == 1
    assert "agrees with d2l in decades/plain in float32, but another outcome is expected" in done.output


def test_it_runs_in_several_processes(tests):
    path = [Path(place) for place in sys.path if place.endswith("site-packages")]
    done = tests(TEST.format(dialect="d2l"), "-q", "-p", "xdist", "-n", "2", RMSUITE_TEST=str(path))
    assert done.status == 0
    assert done.counts == {"passed": 4, "skipped": 15}


def test_a_marker_selects_these_tests(tests):
    done = tests(TEST.format(dialect="d2l") + "\ndef test_other():\n    pass\n", "-q", "-m", "not rmsuite")
    assert done.counts == {"passed": 1, "deselected": 19}


def test_it_works_in_a_class(tests):
    text = "class TestMine:\n    " + TEST.format(dialect="d2l")
    assert tests(text, "-q", "-k", "decades/plain").counts == {"passed": 1, "deselected": 18}


def test_an_unknown_dialect_lists_the_known_ones(tests):
    done = tests(TEST.format(dialect="pytorch"), "-x")
    assert "no dialect 'pytorch'; there are d2l, torch, keras3" in done.output


def test_user_errors_are_raised_at_collection():
    with pytest.raises(UserError, match="did you mean 'decades'"):
        conformance(lambda params, lr: None, dialect="d2l", cases=["decade"])
    with pytest.raises(UserError, match="no dtype 'float8'"):
        conformance(lambda params, lr: None, dialect="d2l", dtypes=["float8"])
    with pytest.raises(UserError, match="its argument 'model'"):
        conformance(lambda params, model, lr: None, dialect="d2l")


def test_collecting_starts_no_process(tests):
    text = "import subprocess\nsubprocess.Popen = None\n" + TEST.format(dialect="d2l")
    assert tests(text, "--collect-only", "-q").status == 0


def test_the_list_is_small():
    assert len(json.dumps([case.id for case in all_cases()])) < 10_000
