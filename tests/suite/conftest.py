"""Interpreters that are none: scripts that answer as a worker would, or would not."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from rich.console import Console

from suite.run import Options
from suite.workers.progress import Progress

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"


def script(folder: Path, name: str, command: str) -> Path:
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture(autouse=True, scope="session")
def download_cache(tmp_path_factory):
    """An empty cache of downloads, for commands too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RMSUITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def numpy_python(tmp_path):
    """An "interpreter" of a framework that is made of NumPy."""
    adapter = Path(__file__).parents[1] / "support" / "numpy_framework" / "adapter.py"
    return script(tmp_path, "numpy-python", f"{sys.executable} {adapter}")


@pytest.fixture
def options(tmp_path, numpy_python):
    """Options of a small job that asks the NumPy framework in the name of torch; more are given by name."""

    def make(**given):
        defaults = {
            "output": tmp_path / "results",
            "frameworks": ["torch"],
            "implementations": ["scratch", "builtin"],
            "dialects": ["d2l", "torch"],
            "dtypes": ["float32"],
            "pythons": {"torch": numpy_python},
            "cache": tmp_path / "cache",
            "download": False,
            "rounds": 2,
            "timeout": 20.0,
        }
        return Options(**{**defaults, **given})

    return make


@pytest.fixture
def quiet():
    """Progress that nobody sees."""
    return Progress(Console(quiet=True))
