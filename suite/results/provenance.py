"""Provenance: the machine, commit, command, data and versions that a result was made with."""

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
from suite.results.rows import SCHEMA
from suite.workers.environments import PROJECT
from suite.workers.protocol import Message


def manifest(data: Dataset, hellos: Mapping[str, Message], missing: Mapping[str, str]) -> dict[str, Any]:
    """Return the entries that the manifests of all runs have: time, command, commit, machine, data, frameworks.

    Args:
        data: the data set of the tasks.
        hellos: framework -> handshake.
        missing: framework -> why it is not available.
    """
    described = {
        name: {"python": hello["python"], "versions": hello["versions"], "threads": hello["threads"]}
        for name, hello in hellos.items()
    }
    return {
        "schema": SCHEMA,
        "created": now(),
        "command": sys.argv,
        "commit": commit(),
        "machine": machine(),
        "data": describe(data),
        "frameworks": {**described, **{name: {"missing": why} for name, why in missing.items()}},
    }


def describe(data: Dataset) -> dict[str, str]:
    """Return the manifest's entry of a data set."""
    return {"name": data.name, "source": data.source, "detail": data.detail, "sha256": data.sha256}


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def machine() -> dict[str, Any]:
    """Return the processor, its instruction sets, cores, memory, operating system and Python."""
    return {
        "cpu": processor.name(),
        "instructions": processor.instruction_sets(),
        "cores": psutil.cpu_count(logical=True),
        "memory_bytes": psutil.virtual_memory().total,
        "os": processor.operating_system(),
        "python": platform.python_version(),
    }


def commit() -> str | None:
    """Return the commit of the checkout, with `+` if files were changed since; None where there is no checkout."""
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
