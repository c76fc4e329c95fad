"""What goes on around a race: who else is at work on this machine, and whether its pace holds."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import psutil

PACE = 200_000  # additions of small integers, in plain Python: a few milliseconds that depend on the processor alone


class Surroundings:
    """Watches from `begin` to `end`; `pace` is called now and then.

    Attributes:
        paces: seconds that the same work took, each time.
    """

    def __init__(self) -> None:
        self.paces: list[float] = []
        self._available = self._others = self._stolen = 0.0

    def begin(self, processes: Sequence[int]) -> None:
        """From here on; `processes` are those that work for us, by their numbers."""
        self._clock, self._times, self._ours = time.perf_counter(), psutil.cpu_times(), _spent(processes)

    def pace(self) -> None:
        """Measure the processor's own pace."""
        begin, total = time.perf_counter(), 0
        for i in range(PACE):
            total += i
        self.paces.append(time.perf_counter() - begin)

    def end(self, processes: Sequence[int]) -> None:
        """To here. It may begin again, and what is told is of all parts together."""
        available = (time.perf_counter() - self._clock) * (os.cpu_count() or 1)
        now, before = psutil.cpu_times(), self._times
        idle = sum(getattr(now, kind, 0.0) - getattr(before, kind, 0.0) for kind in ("idle", "iowait"))
        stolen = getattr(now, "steal", 0.0) - getattr(before, "steal", 0.0)
        self._available += available
        self._stolen += stolen
        self._others += available - idle - stolen - (_spent(processes) - self._ours)

    @property
    def facts(self) -> dict[str, Any]:
        """The shares of the processors' time that `others` used, and that was `stolen` by the host; `pace`, by how much
        the slowest third of the paces lies above the fastest; `load` and `frequency` (MHz), where the system tells.
        """  # noqa: D205
        third, ordered = max(1, len(self.paces) // 3), np.sort(self.paces)
        return {
            "others": max(0.0, self._others / self._available),
            "stolen": max(0.0, self._stolen / self._available),
            "pace": float(np.median(ordered[-third:]) / np.median(ordered[:third]) - 1),
            "load": _load(),
            "frequency": _frequency(),
        }


def _spent(processes: Sequence[int]) -> float:
    """Processor seconds of these processes and of this one."""
    total = time.process_time()
    for number in processes:
        with suppress(psutil.Error):  # it has ended
            times = psutil.Process(number).cpu_times()
            total += times.user + times.system
    return total


def _load() -> float | None:
    """The load average of the last minute, where the system has one."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _frequency() -> float | None:
    """MHz, where the system tells."""
    try:
        return float(psutil.cpu_freq().current)
    except (OSError, NotImplementedError, AttributeError):
        return None
