"""The examples of docs/plugin.md work as described, each in an environment that has what it imports."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "plugin.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"```(?:python|toml)\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))


def python_of(framework):
    """The interpreter of a framework's environment; skip if there is none, but in CI, which must have them all."""
    python = ROOT / ".nox" / framework / "bin" / "python"
    if not python.exists():
        assert not os.environ.get("CI"), f"no environment for {framework}"
        pytest.skip(f"no environment for {framework}")
    return python


def write(folder, *names):
    for name in names:
        (folder / name).write_text(BLOCKS[name], "utf-8")


def test_every_example_of_the_page_is_tested():
    assert set(BLOCKS) == {
        "test_numpy.py", "test_torch.py", "test_keras.py", "test_mxnet.py", "test_optax.py", "test_pair.py",
        "test_known.py", "known.toml", "test_baseline.py",
    }  # fmt: skip


def test_the_numpy_example_agrees_in_every_environment(tmp_path, users_pytest):
    write(tmp_path, "test_numpy.py")
    done = users_pytest("test_numpy.py", "-q", cwd=tmp_path)
    assert done.status == 0, done.output
    assert done.counts["passed"] > 50
    assert set(done.counts) == {"passed", "skipped"}


def test_the_page_shows_the_real_failure_message(tmp_path, users_pytest):
    example = BLOCKS["test_numpy.py"].replace('dialect="d2l"', 'dialect="torch"')
    (tmp_path / "test_numpy.py").write_text(example, "utf-8")
    done = users_pytest("test_numpy.py", "-q", "-k", "decades/large-epsilon and float32", cwd=tmp_path)
    shown = re.search(
        r"^    test_numpy.py:make differs from torch.*?^    repeat: [^\n]*", PAGE, re.DOTALL | re.MULTILINE
    )
    assert textwrap.dedent(shown.group()) in done.output


@pytest.mark.parametrize(
    ("name", "framework", "least"),
    [
        ("test_pair.py", None, 5),
        ("test_torch.py", "torch", 5),
        ("test_keras.py", "tensorflow", 5),
        ("test_mxnet.py", "mxnet", 5),
    ],
)
def test_the_example_of_each_framework_agrees(tmp_path, users_pytest, name, framework, least):
    write(tmp_path, name)
    python = python_of(framework) if framework else sys.executable
    few = "(decades or shape/4d or edge/nan/plain) and float32"
    done = users_pytest(name, "-q", "-k", few, cwd=tmp_path, python=python, TF_CPP_MIN_LOG_LEVEL="3")
    assert done.status == 0, done.output
    assert done.counts["passed"] >= least
    assert set(done.counts) <= {"passed", "skipped", "deselected", "warnings"}


@pytest.mark.skipif(importlib.util.find_spec("optax") is None, reason="optax is not installed here")
def test_the_optax_example_agrees(tmp_path, users_pytest):
    write(tmp_path, "test_optax.py")
    done = users_pytest("test_optax.py", "-q", "-k", "decades or shape", cwd=tmp_path, python=sys.executable)
    assert done.status == 0, done.output
    assert done.counts["passed"] > 10


def test_the_example_of_known_deviations_passes(tmp_path, users_pytest):
    write(tmp_path, "test_known.py", "known.toml")
    done = users_pytest("test_known.py", "-q", cwd=tmp_path)
    assert done.status == 0, done.output
    assert done.counts["xfailed"] > 0


def test_the_example_of_a_baseline_fails_only_after_a_change(tmp_path, user, users_pytest):
    source = BLOCKS["test_numpy.py"].rpartition("\n\ntest_my_rmsprop")[0].replace("import rmsuite\n", "")
    write(tmp_path, "test_baseline.py")
    (tmp_path / "mine.py").write_text(source, "utf-8")
    recorded = user(
        "-m", "rmsuite", "check", "mine:make", "--dialect", "d2l", "-c", "decades", "--record", "baseline", cwd=tmp_path
    )
    assert recorded.status == 0, recorded.errors
    few = ("test_baseline.py", "-q", "-rfs", "-k", "plain and (decades or spike) or decades/large-epsilon")
    same = users_pytest(*few, cwd=tmp_path)
    assert same.status == 0, same.output
    assert same.counts["passed"] == 4
    assert "the case is not in the baseline" in same.output
    (tmp_path / "mine.py").write_text(source.replace("np.sqrt(v + epsilon)", "(np.sqrt(v) + epsilon)"), "utf-8")
    moved = users_pytest(*few, cwd=tmp_path)
    assert moved.counts["failed"] == 4
    assert "mine:make: moved beyond in decades/large-epsilon in float64" in moved.output
    assert "  epsilon outside in place of inside\n" in moved.output


def test_the_table_of_argument_names_matches_the_program():
    from suite.plugin.signature import SYNONYMS

    rows = re.findall(r"^\| [^|]+ \| ((?:`\w+`(?:, )?)+) \|$", PAGE, re.MULTILINE)
    assert [tuple(re.findall(r"`(\w+)`", row)) for row in rows] == list(SYNONYMS.values())
