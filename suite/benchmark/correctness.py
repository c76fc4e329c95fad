"""Correctness of timed implementations: their first steps and their progress are compared with the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from reference import dialects, replay
from reference.precision import format_of
from suite.cases.benchmarks import Benchmark
from suite.compare.comparison import ComparisonResult, TraceComparison, TraceError
from suite.compare.oracle import Oracle
from suite.conformance.training import check_training
from suite.results.rows import Outcome
from suite.workers import arrays
from suite.workers.protocol import DataMismatch, Message
from suite.workers.timer import CHECKED_STEPS

Array = NDArray[Any]

SETTLED = 600  # steps after which the averages of a constant gradient no longer change: 0.9^600 is 3e-28


@dataclass(frozen=True)
class CheckResult:
    """The outcome of a check, with the largest ratio of error and bound, and the reason if it does not agree."""

    outcome: Outcome
    bound_ratio: float | None
    reason: str | None


class CorrectnessCheck:
    """Compares the first steps of implementations at one benchmark with the oracle; keeps the oracle's predictions."""

    def __init__(self, benchmark: Benchmark, dtype: str) -> None:
        self.benchmark, self.dtype = benchmark, dtype
        self._oracles: dict[str, Oracle] = {}

    def result(self, reply: Message, output: Path, sha256: str, dialect: str) -> CheckResult:
        """Compare a trace with the oracle, and remove its file.

        Args:
            reply: the worker's reply to `open`.
            output: the file of the trace.
            sha256: the SHA-256 of the input that was sent.
            dialect: the dialect to compare with.
        """
        try:
            if reply["sha256"] != sha256:
                raise DataMismatch(f"the worker read other data than were sent ({reply['sha256']})")
            trace = arrays.read(output)[0]
            return self._steps(trace, dialect) if self.benchmark.kind == "step" else self._epoch(trace, dialect)
        except (TraceError, DataMismatch, OSError, ValueError, KeyError) as error:
            return CheckResult("failed", None, str(error))
        finally:
            output.unlink(missing_ok=True)

    def _steps(self, trace: arrays.Arrays, dialect: str) -> CheckResult:
        """Compare the lowest and the highest value at each position of a period; all periods must be equal."""
        initial, steps = self.benchmark.arrays["initial"], len(trace["lowest"])
        if dialect not in self._oracles:
            gradients = np.repeat(self.benchmark.gradients, steps, axis=0)
            h = self.benchmark.hyperparameters
            self._oracles[dialect] = Oracle(initial, gradients, h, self.dtype, [dialect])
        columns = slice(0, initial.size)
        both = [
            TraceComparison({"parameters": trace[side]}, self._oracles[dialect], dialect).result(columns)
            for side in ("lowest", "highest")
        ]
        return _check_result(max(both, key=lambda result: result.bound_ratio))

    def _epoch(self, trace: arrays.Arrays, dialect: str) -> CheckResult:
        """Check each gradient and each update of the first steps of an epoch."""
        task = self.benchmark.task
        assert task is not None  # noqa: S101  (the benchmark of an epoch has a task)
        found = check_training(task, trace, dialect, self.dtype)
        return CheckResult(found.outcome, found.updates.bound_ratio, found.reason)


def _check_result(result: ComparisonResult) -> CheckResult:
    differs = f"the error of an update is {result.bound_ratio:.3g} bounds"
    reason = differs if result.outcome == "differs" else result.reason
    return CheckResult(cast(Outcome, result.outcome), result.bound_ratio, reason)


def steps_missing(benchmark: Benchmark, dialect: str, start: Mapping[str, Any], end: Mapping[str, Any]) -> float | None:
    """Estimate the share of the requested steps that were not made (negative: too many), from the parameters.

    Under a constant gradient the averages settle, and then all steps have the same length, so that the distance that
    a parameter moved gives their number. Each step may be wrong by a rounding of the parameter and a few ulps of the
    step; this uncertainty is subtracted.

    Returns:
        The share of the coordinate with the largest one, or None if no coordinate moved far enough to tell.
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
