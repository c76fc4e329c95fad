"""Checks of a timing: whether implementations compute what they declare in every step, and the load of the machine."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from reference import dialects, replay
from reference.precision import format_of
from suite.cases.benchmarks import Benchmark
from suite.compare.comparison import TraceComparison
from suite.compare.oracle import Oracle
from suite.conformance.targets import read_trace
from suite.conformance.training import check_training
from suite.workers import arrays
from suite.workers.protocol import DataMismatch, Response
from suite.workers.timer import CHECKED_STEPS

Array = NDArray[Any]

SETTLED = 600  # steps after which the averages of a constant gradient no longer change: 0.9^600 is 3e-28
ADDITIONS = 200_000  # of small integers in plain Python: a few milliseconds, determined by the processor's speed alone


class CorrectnessCheck:
    """Compares the first steps of implementations at one benchmark with the oracle; keeps the oracle's predictions."""

    def __init__(self, benchmark: Benchmark, dtype: str) -> None:
        self.benchmark, self.dtype = benchmark, dtype
        self._oracles: dict[str, Oracle] = {}

    def columns(self, opened: Response, sha256: str, dialect: str) -> dict[str, Any]:
        """Compare the trace of an opened implementation with a dialect, and remove its file.

        Returns:
            The columns outcome, bound_ratio and reason of a timing row. `sha256` is that of the input that was sent.
        """
        try:
            trace = read_trace(opened, sha256)
            if self.benchmark.task:
                found = check_training(self.benchmark.task, trace, dialect, self.dtype)
                return {"outcome": found.outcome, "bound_ratio": found.updates.bound_ratio, "reason": found.reason}
            return self._steps(trace, dialect)
        except (DataMismatch, OSError, ValueError, KeyError) as error:
            return {"outcome": "failed", "bound_ratio": None, "reason": str(error)}
        finally:
            Path(opened.request.message["output"]).unlink(missing_ok=True)

    def _steps(self, trace: arrays.Arrays, dialect: str) -> dict[str, Any]:
        """Compare the lowest and the highest value at each position of a period; all periods must be equal."""
        initial, steps = self.benchmark.arrays["initial"], len(trace["lowest"])
        if dialect not in self._oracles:
            gradients = np.repeat(self.benchmark.gradients, steps, axis=0)
            h = self.benchmark.hyperparameters
            self._oracles[dialect] = Oracle(initial, gradients, h, self.dtype, [dialect])
        both = [
            TraceComparison({"parameters": trace[side]}, self._oracles[dialect], dialect).result(slice(0, initial.size))
            for side in ("lowest", "highest")
        ]
        worst = max(both, key=lambda result: result.bound_ratio)
        differs = f"the error of an update is {worst.bound_ratio:.3g} bounds"
        reason = differs if worst.outcome == "differs" else worst.reason
        return {"outcome": worst.outcome, "bound_ratio": worst.bound_ratio, "reason": reason}


def steps_missing(benchmark: Benchmark, dialect: str, start: Mapping[str, Any], end: Mapping[str, Any]) -> float | None:
    """Estimate the share of the requested steps that were not made (negative: too many), from the parameters.

    Under a constant gradient the averages settle, and then all steps have the same length, so that the distance that
    a parameter moved gives their number. Each step may be wrong by a rounding of the parameter and a few ulps of the
    step; this uncertainty is subtracted.

    Returns:
        The share of the coordinate with the largest one, or None if no coordinate moved far enough for an estimate.
    """
    if benchmark.kind != "step" or None in (*start["parameters"], *end["parameters"]):
        return None
    count, shown = end["calls"] - start["calls"], len(end["parameters"])
    fmt, wide = format_of("float32"), np.float64
    initial = benchmark.arrays["initial"][:shown].astype(wide)
    gradients = np.repeat(benchmark.gradients[:, :shown].astype(wide), SETTLED, axis=0)
    path = replay(gradients, initial, benchmark.hyperparameters, dialects[dialect], precision="float32").parameters
    path = np.concatenate([initial[None], path])
    stride = path[-1] - path[-2]

    def after(steps: int) -> Array:
        return np.asarray(path[min(steps, SETTLED)] + max(0, steps - SETTLED) * stride)

    made = CHECKED_STEPS + start["calls"]
    expected = after(made + count) - after(made)
    observed = np.array(end["parameters"], wide) - np.array(start["parameters"], wide)
    largest = np.maximum(np.abs(after(made + count)), np.abs(after(made)))
    uncertainty = count * (fmt.ulp(largest).astype(wide) + 16 * fmt.epsilon * np.abs(stride))
    measurable = uncertainty < np.abs(expected) / 2
    if count == 0 or not measurable.any():
        return None
    share = (expected - observed) / expected
    beyond = np.maximum(np.abs(share) - uncertainty / np.abs(expected), 0)
    worst = int(np.argmax(np.where(measurable, beyond, -1)))
    return float(np.copysign(beyond[worst], share[worst]))


class MachineLoad:
    """The load of the machine between `begin` and `end`, which may be called several times: facts about all parts."""

    def __init__(self) -> None:
        self.speed_seconds: list[float] = []  # of the same amount of work
        self._begin = self._seconds = np.zeros(4)

    def begin(self, processes: Sequence[int]) -> None:
        """Begin a part; `processes` are the process ids of the workers."""
        self._begin = _processor_seconds(processes)

    def measure_speed(self) -> None:
        """Time a fixed amount of work of the processor."""
        begin, total = time.perf_counter(), 0
        for i in range(ADDITIONS):
            total += i
        self.speed_seconds.append(time.perf_counter() - begin)

    def end(self, processes: Sequence[int]) -> None:
        """End a part."""
        self._seconds = self._seconds + _processor_seconds(processes) - self._begin

    @property
    def facts(self) -> dict[str, float | None]:
        """The load in numbers.

        `others` and `stolen` are the shares of the processor time that other processes used and that the host took
        away. `pace` is the relative difference between the slowest third of `speed_seconds` and the fastest. `load`
        is the load average and `frequency` the clock rate in MHz, where the system reports them.
        """
        third, ordered = max(1, len(self.speed_seconds) // 3), np.sort(self.speed_seconds)
        available, idle, stolen, ours = self._seconds.tolist()
        return {
            "others": max(0.0, (available - idle - stolen - ours) / available),
            "stolen": max(0.0, stolen / available),
            "pace": float(np.median(ordered[-third:]) / np.median(ordered[:third]) - 1),
            "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            "frequency": _frequency(),
        }


def _processor_seconds(processes: Sequence[int]) -> NDArray[np.float64]:
    """Return clock readings of processor time: all, idle, taken by the host, used by these processes and this one."""
    available, times, ours = time.perf_counter() * (os.cpu_count() or 1), psutil.cpu_times(), time.process_time()
    for number in processes:
        with suppress(psutil.Error):  # the process has ended
            used = psutil.Process(number).cpu_times()
            ours += used.user + used.system
    idle = times.idle + getattr(times, "iowait", 0.0)
    return np.array([available, idle, getattr(times, "steal", 0.0), ours])


def _frequency() -> float | None:
    try:
        return float(psutil.cpu_freq().current)
    except (OSError, NotImplementedError, AttributeError):
        return None
