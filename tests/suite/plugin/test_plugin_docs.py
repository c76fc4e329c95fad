"""The examples of docs/plugin.md work as described, each in an environment with the framework that it imports."""

from __future__ import annotations

import importlib.util
import re
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.replays import require_environment

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "plugin.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"```(?:python|toml)\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))


def write_examples(folder, *names):
    """Write examples of the page to files of a folder."""
    for name in names:
        (folder / name).write_text(BLOCKS[name], "utf-8")


def test_each_example_of_the_page_has_a_test_here():
    assert set(BLOCKS) == {
        "test_numpy.py", "test_torch.py", "test_keras.py", "test_mxnet.py", "test_optax.py", "test_pair.py",
        "test_known.py", "known.toml", "test_baseline.py",
    }  # fmt: skip


def test_the_numpy_example_agrees(tmp_path, users_pytest):
    write_examples(tmp_path, "test_numpy.py")
    process = users_pytest("test_numpy.py", "-q", cwd=tmp_path)
    assert process.status == 0, process.output
    assert process.counts["passed"] > 50
    assert set(process.counts) == {"passed", "skipped"}


def test_the_failure_message_on_the_page_is_the_actual_one(tmp_path, users_pytest):
    example = BLOCKS["test_numpy.py"].replace('dialect="d2l"', 'dialect="torch"')
    (tmp_path / "test_numpy.py").write_text(example, "utf-8")
    process = users_pytest("test_numpy.py", "-q", "-k", "decades/large-epsilon and float32", cwd=tmp_path)
    documented = re.search(
        r"^    test_numpy.py:make differs from torch.*?^    repeat: [^\n]*", PAGE, re.DOTALL | re.MULTILINE
    )
    assert textwrap.dedent(documented.group()) in process.output


@pytest.mark.parametrize(
    ("name", "framework", "minimum"),
    [
        ("test_pair.py", None, 5),
        ("test_torch.py", "torch", 5),
        ("test_keras.py", "tensorflow", 5),
        ("test_mxnet.py", "mxnet", 5),
    ],
)
def test_the_examples_of_the_frameworks_agree(tmp_path, users_pytest, name, framework, minimum):
    write_examples(tmp_path, name)
    python = require_environment(framework).python if framework else sys.executable
    selection = "(decades or shape/4d or edge/nan/plain) and float32"
    process = users_pytest(name, "-q", "-k", selection, cwd=tmp_path, python=python, TF_CPP_MIN_LOG_LEVEL="3")
    assert process.status == 0, process.output
    assert process.counts["passed"] >= minimum
    assert set(process.counts) <= {"passed", "skipped", "deselected", "warnings"}


@pytest.mark.skipif(importlib.util.find_spec("optax") is None, reason="optax is not installed here")
def test_the_optax_example_agrees(tmp_path, users_pytest):
    write_examples(tmp_path, "test_optax.py")
    process = users_pytest("test_optax.py", "-q", "-k", "decades or shape", cwd=tmp_path, python=sys.executable)
    assert process.status == 0, process.output
    assert process.counts["passed"] > 10


def test_the_example_of_known_deviations_passes(tmp_path, users_pytest):
    write_examples(tmp_path, "test_known.py", "known.toml")
    process = users_pytest("test_known.py", "-q", cwd=tmp_path)
    assert process.status == 0, process.output
    assert process.counts["xfailed"] > 0


def test_the_example_of_a_baseline_passes_until_the_optimizer_changes(tmp_path, user, users_pytest):
    source = BLOCKS["test_numpy.py"].rpartition("\n\ntest_my_rmsprop")[0].replace("import rmsuite\n", "")
    write_examples(tmp_path, "test_baseline.py")
    (tmp_path / "mine.py").write_text(source, "utf-8")
    recorded = user(
        "-m",
        "rmsuite",
        "check",
        "mine:make",
        "--dialect",
        "d2l",
        "-c",
        "decades",
        "--record",
        "baseline",
        cwd=tmp_path,
    )
    assert recorded.status == 0, recorded.errors
    arguments = ("test_baseline.py", "-q", "-rfs", "-k", "plain and (decades or spike) or decades/large-epsilon")
    unchanged = users_pytest(*arguments, cwd=tmp_path)
    assert unchanged.status == 0, unchanged.output
    assert unchanged.counts["passed"] == 4
    assert "the case is not in the baseline" in unchanged.output
    (tmp_path / "mine.py").write_text(source.replace("np.sqrt(v + epsilon)", "(np.sqrt(v) + epsilon)"), "utf-8")
    changed = users_pytest(*arguments, cwd=tmp_path)
    assert changed.counts["failed"] == 4
    assert "mine:make: moved beyond in decades/large-epsilon in float64" in changed.output
    assert "  epsilon outside in place of inside\n" in changed.output


def test_the_table_of_argument_names_matches_the_signatures():
    from suite.plugin.signature import SYNONYMS

    rows = re.findall(r"^\| [^|]+ \| ((?:`\w+`(?:, )?)+) \|$", PAGE, re.MULTILINE)
    assert [tuple(re.findall(r"`(\w+)`", row)) for row in rows] == list(SYNONYMS.values())
