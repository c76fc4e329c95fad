"""Fixtures of small jobs: a script that starts a worker of the fake NumPy framework, and options that use it."""

from __future__ import annotations

import signal
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
    """Write an executable shell script that runs a command with the script's arguments."""
    path = folder / name
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture(autouse=True, scope="session")
def interruptible_commands():
    """Let commands be interrupted also where a shell has started the tests in the background, which ignores SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def download_cache(tmp_path_factory):
    """An empty download cache, also for commands that run in other processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RMSUITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def numpy_python(tmp_path):
    """A script that stands in for the interpreter of a framework and starts the fake NumPy framework."""
    adapter = Path(__file__).parents[1] / "support" / "numpy_framework" / "adapter.py"
    return script(tmp_path, "numpy-python", f"{sys.executable} {adapter}")


@pytest.fixture
def options(tmp_path, numpy_python):
    """A function that returns the options of a small job, in which the fake NumPy framework replaces torch."""

    def make(**changes):
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
        return Options(**{**defaults, **changes})

    return make


@pytest.fixture
def quiet():
    """Progress without output."""
    return Progress(Console(quiet=True))
