"""The load of the machine during a timing: other processes, and changes of the processor's speed."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import psutil

ADDITIONS = 200_000  # of small integers in plain Python: a few milliseconds, determined by the processor's speed alone


class MachineLoad:
    """Measures the load between `begin` and `end`, which may be called several times; the facts are about all parts.

    Attributes:
        speed_seconds: the seconds of the same amount of work, at each call of `measure_speed`.
    """

    def __init__(self) -> None:
        self.speed_seconds: list[float] = []
        self._available = self._others = self._stolen = 0.0
        self._clock, self._times, self._ours = 0.0, psutil.cpu_times(), 0.0

    def begin(self, processes: Sequence[int]) -> None:
        """Begin a part; `processes` are the process ids of the workers."""
        self._clock, self._times, self._ours = time.perf_counter(), psutil.cpu_times(), _cpu_seconds(processes)

    def measure_speed(self) -> None:
        """Time a fixed amount of work of the processor."""
        begin, total = time.perf_counter(), 0
        for i in range(ADDITIONS):
            total += i
        self.speed_seconds.append(time.perf_counter() - begin)

    def end(self, processes: Sequence[int]) -> None:
        """End a part."""
        available = (time.perf_counter() - self._clock) * (os.cpu_count() or 1)
        now, before = psutil.cpu_times(), self._times
        idle = sum(getattr(now, kind, 0.0) - getattr(before, kind, 0.0) for kind in ("idle", "iowait"))
        stolen = getattr(now, "steal", 0.0) - getattr(before, "steal", 0.0)
        self._available += available
        self._stolen += stolen
        self._others += available - idle - stolen - (_cpu_seconds(processes) - self._ours)

    @property
    def facts(self) -> dict[str, float | None]:
        """The load in numbers.

        `others` and `stolen` are the shares of the processor time that other processes used and that the host took
        away. `pace` is the relative difference between the slowest third of `speed_seconds` and the fastest. `load`
        is the load average and `frequency` the clock rate in MHz, where the system reports them.
        """
        third, ordered = max(1, len(self.speed_seconds) // 3), np.sort(self.speed_seconds)
        return {
            "others": max(0.0, self._others / self._available),
            "stolen": max(0.0, self._stolen / self._available),
            "pace": float(np.median(ordered[-third:]) / np.median(ordered[:third]) - 1),
            "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            "frequency": _frequency(),
        }


def _cpu_seconds(processes: Sequence[int]) -> float:
    """Return the processor time of these processes and of this one."""
    total = time.process_time()
    for number in processes:
        with suppress(psutil.Error):  # the process has ended
            times = psutil.Process(number).cpu_times()
            total += times.user + times.system
    return total


def _frequency() -> float | None:
    try:
        return float(psutil.cpu_freq().current)
    except (OSError, NotImplementedError, AttributeError):
        return None
