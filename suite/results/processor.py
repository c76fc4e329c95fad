"""The processor and the operating system, from the standard library alone, so that the plugin's server has them too."""

from __future__ import annotations

import platform
import re
from pathlib import Path

_ARITHMETIC = re.compile(
    r"sse4_[12]|avx|avx2|fma|fma4|f16c|avx512\w+|avx_vnni|amx_\w+"  # x86, as Linux names them
    r"|asimd\w*|fphp|sve\w*|i8mm|bf16|sme|sme2\w*|sme_\w+"  # Arm
    r"|vsx|altivec|rvv\w*"
)
"""The instruction set extensions that can change the last bits of a result."""


def name() -> str:
    """Return the name of the processor."""
    for line in _processor_lines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def instruction_sets() -> list[str]:
    """Return the instruction set extensions that bear on arithmetic, sorted; none where Linux does not list them."""
    for line in _processor_lines():
        name, _, flags = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return sorted(flag for flag in flags.split() if _ARITHMETIC.fullmatch(flag))
    return []


def operating_system() -> str:
    """Return the name and release of the operating system, and the machine type."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def _processor_lines() -> list[str]:
    info = Path("/proc/cpuinfo")
    return info.read_text("utf-8", "replace").splitlines() if info.is_file() else []
