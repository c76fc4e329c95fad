"""The processor: its name, and what of its instructions bears on numbers. From the standard library alone."""

from __future__ import annotations

import platform
import re
from pathlib import Path

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


def name() -> str:
    """As the system has it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
