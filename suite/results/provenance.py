"""Provenance: the machine, commit, data and versions that a result was made with, and the command that repeats a row.

The plugin's server imports this module, and psutil is not installed there.
"""

from __future__ import annotations

import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from suite.cases.datasets import Dataset
from suite.results.rows import SCHEMA
from suite.workers.protocol import Message
from suite.workers.selection import framework_of

_CHECKOUT = Path(__file__).resolve().parents[2]
_ARITHMETIC = re.compile(
    r"sse4_[12]|avx|avx2|fma|fma4|f16c|avx512\w+|avx_vnni|amx_\w+"  # x86, as Linux names them
    r"|asimd\w*|fphp|sve\w*|i8mm|bf16|sme|sme2\w*|sme_\w+"  # Arm
    r"|vsx|altivec|rvv\w*"
)
"""The instruction set extensions that can change the last bits of a result."""


def manifest(data: Dataset, hellos: Mapping[str, Message], missing: Mapping[str, str]) -> dict[str, Any]:
    """Return the entries that the manifests of all runs have: time, command, commit, machine, data, frameworks.

    `hellos` maps frameworks to handshakes, and `missing` those that are not available to the reason.
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
    """Return the processor, its instruction sets, operating system, cores, memory and Python."""
    import psutil

    return {
        **processor(),
        "cores": psutil.cpu_count(logical=True),
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
    }


def processor() -> dict[str, Any]:
    """Return the processor, those of its instruction sets that bear on arithmetic, and the operating system.

    Only Linux lists instruction sets.
    """
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8", "replace").splitlines() if info.is_file() else []
    entries = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}
    flags = entries.get("flags", entries.get("Features", ""))  # on x86, and on Arm
    return {
        "cpu": entries.get("model name") or platform.processor() or platform.machine(),
        "instructions": sorted(flag for flag in flags.split() if _ARITHMETIC.fullmatch(flag)),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def commit() -> str | None:
    """Return the commit of the checkout, with `+` if files were changed since; None if there is no checkout."""
    head = _git("rev-parse", "HEAD")
    return None if head is None else head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


def _git(*arguments: str) -> str | None:
    if not (_CHECKOUT / ".git").exists():
        return None
    try:
        command = ["git", *arguments]  # whichever git the user has
        done = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


@dataclass(frozen=True)
class Conditions:
    """The conditions under which rows were made; a command that repeats a row states those that are not the default.

    `data` is the folder that the user named for the data set, `timeout` the time limit of a reply in seconds, and
    `pythons` has the interpreters that the user named.
    """

    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    timeout: float = 180.0
    data: Path | None = None
    download: bool = True
    pythons: Mapping[str, Path] = field(default_factory=dict)

    def command(self, verb: str, framework: str, implementation: str, *arguments: str) -> str:
        """Return the command `rmsuite VERB` for one implementation under these conditions, quoted for a shell.

        The framework may be a release of one; `arguments` are added.
        """
        bare = framework_of(framework)
        target = [*(["-f", framework] if bare != framework else []), "-i", f"{bare}/{implementation}"]
        return shlex.join(["rmsuite", *verb.split(), *target, *arguments, *self._arguments(framework)])

    def _arguments(self, framework: str) -> Iterator[str]:
        usual = Conditions()
        for name in ("device", "threads", "seed", "timeout"):
            value = getattr(self, name)
            if value != getattr(usual, name):
                yield from (f"--{name}", f"{value:g}" if isinstance(value, float) else str(value))
        if self.data is not None:
            yield from ("--data", str(self.data.absolute()))
        if not self.download:
            yield "--no-download"
        if framework in self.pythons:
            yield from ("--python", f"{framework}={self.pythons[framework].absolute()}")
