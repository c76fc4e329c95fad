"""On what a result was made: machine, commit, versions."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psutil

from suite.cases.datasets import Dataset
from suite.results import processor
from suite.workers.environments import PROJECT
from suite.workers.protocol import Message


def manifest(data: Dataset, hellos: Mapping[str, Message], missing: Mapping[str, str]) -> dict[str, Any]:
    """What every run has to say of itself: when and by which command, on what, on which data, and of whom.

    Args:
        data: on which tasks are trained.
        hellos: framework -> handshake.
        missing: framework -> why it was not asked.
    """
    described = {
        name: {"python": hello["python"], "versions": hello["versions"], "threads": hello["threads"]}
        for name, hello in hellos.items()
    }
    return {
        "schema": 1,
        "created": now(),
        "command": sys.argv,
        "commit": commit(),
        "machine": machine(),
        "data": {"name": data.name, "source": data.source, "detail": data.detail, "sha256": data.sha256},
        "frameworks": {**described, **{name: {"missing": why} for name, why in missing.items()}},
    }


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def machine() -> dict[str, Any]:
    """The machine: processor, cores, memory, system, Python."""
    return {
        "cpu": processor.name(),
        "instructions": processor.instructions(),
        "cores": psutil.cpu_count(logical=True),
        "memory_bytes": psutil.virtual_memory().total,
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def commit() -> str | None:
    """The commit of the checkout that runs, with `+` if files were changed since; None where there is no checkout."""
    head = _git("rev-parse", "HEAD")
    return None if head is None else head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*arguments: str) -> str | None:
    if not (PROJECT / ".git").exists():
        return None
    try:
        command = ["git", *arguments]  # whichever git the user has
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
