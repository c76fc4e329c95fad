"""The examples of docs/plugin.md do what it says of them, each in an environment that has what it imports."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
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


def test_every_example_is_tried_here():
    assert set(BLOCKS) == {
        "test_numpy.py", "test_torch.py", "test_keras.py", "test_mxnet.py", "test_optax.py", "test_pair.py",
        "test_known.py", "known.toml",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["test_numpy.py", "test_pair.py"])
def test_numpys_example_conforms_wherever_it_is_asked(tmp_path, users_pytest, name):
    write(tmp_path, name)
    done = users_pytest(name, "-q", cwd=tmp_path)
    assert done.status == 0, done.output
    assert done.counts["passed"] > 50
    assert set(done.counts) == {"passed", "skipped"}


@pytest.mark.parametrize(
    ("name", "framework", "least"),
    [("test_torch.py", "torch", 20), ("test_keras.py", "tensorflow", 10), ("test_mxnet.py", "mxnet", 10)],
)
def test_a_frameworks_example_conforms(tmp_path, users_pytest, name, framework, least):
    write(tmp_path, name)
    few = "decades or shape or edge"
    done = users_pytest(name, "-q", "-k", few, cwd=tmp_path, python=python_of(framework), TF_CPP_MIN_LOG_LEVEL="3")
    assert done.status == 0, done.output
    assert done.counts["passed"] >= least
    assert set(done.counts) <= {"passed", "skipped", "deselected", "warnings"}


@pytest.mark.skipif(importlib.util.find_spec("optax") is None, reason="optax is not installed here")
def test_optaxs_example_conforms(tmp_path, users_pytest):
    write(tmp_path, "test_optax.py")
    done = users_pytest("test_optax.py", "-q", "-k", "decades or shape", cwd=tmp_path, python=sys.executable)
    assert done.status == 0, done.output
    assert done.counts["passed"] > 10


def test_what_is_known_to_deviate_is_expected_to(tmp_path, users_pytest):
    write(tmp_path, "test_known.py", "known.toml")
    done = users_pytest("test_known.py", "-q", cwd=tmp_path)
    assert done.status == 0, done.output
    assert done.counts["xfailed"] > 0


def test_the_table_of_names_is_that_of_the_program():
    from suite.plugin.signature import SYNONYMS

    rows = re.findall(r"^\| [^|]+ \| ((?:`\w+`(?:, )?)+) \|$", PAGE, re.MULTILINE)
    assert [tuple(re.findall(r"`(\w+)`", row)) for row in rows] == list(SYNONYMS.values())
