"""On what a result was made: machine, commit, versions."""

from __future__ import annotations

import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from suite.runner.environments import PROJECT


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def machine() -> dict[str, Any]:
    """The machine: processor, cores, memory, system, Python."""
    return {
        "cpu": _processor(),
        "instructions": instructions(),
        "cores": psutil.cpu_count(logical=True),
        "memory_bytes": psutil.virtual_memory().total,
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


TELLING = re.compile(
    r"sse4_[12]|avx|avx2|fma|fma4|f16c|avx512\w+|avx_vnni|amx_\w+"  # x86, as Linux has it
    r"|asimd\w*|fphp|sve\w*|i8mm|bf16|sme|sme2\w*|sme_\w+"  # Arm
    r"|vsx|altivec|rvv\w*"
)
"""The names of what of an instruction set changes how numbers are computed."""


def instructions() -> list[str]:
    """What of the processor's instruction set bears on arithmetic, sorted; empty where the system does not say."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8", "replace").splitlines():
            name, _, flags = line.partition(":")
            if name.strip() in ("flags", "Features"):
                return sorted(flag for flag in flags.split() if TELLING.fullmatch(flag))
    return []


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


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
