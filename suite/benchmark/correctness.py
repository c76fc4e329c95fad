"""What is timed is judged: the trace of its first steps against the oracle, and at the end how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import dialects, replay
from reference.precision import format_of
from suite.cases.benchmarks import Benchmark
from suite.compare.comparison import ComparisonResult, TraceComparison, TraceError
from suite.compare.oracle import Oracle
from suite.conformance.training import checked
from suite.workers import arrays
from suite.workers.protocol import DataMismatch, Message
from suite.workers.timer import CHECKED_STEPS

Array = NDArray[Any]

SETTLED = 600  # steps after which, under the same gradient, the averages are what they stay: 0.9^600 is 3e-28


class Judge:
    """Of what is timed at one benchmark; keeps the oracle's predictions."""

    def __init__(self, benchmark: Benchmark, dtype: str) -> None:
        self.benchmark, self.dtype = benchmark, dtype
        self._oracles: dict[str, Oracle] = {}

    def verdict(self, reply: Message, output: Path, sha256: str) -> dict[str, Any]:
        """`outcome`, `bound_ratio` and `reason`, from the trace that an answer to `open` speaks of."""
        try:
            if reply["sha256"] != sha256:
                raise DataMismatch(f"the worker read other data than were sent ({reply['sha256']})")
            trace = arrays.read(output)[0]
            of = self._steps if self.benchmark.kind == "step" else self._epoch
            return of(trace, str(reply["dialect"]))
        except (TraceError, DataMismatch, OSError, ValueError, KeyError) as error:
            return {"outcome": "failed", "bound_ratio": None, "reason": str(error)}
        finally:
            output.unlink(missing_ok=True)

    def _steps(self, trace: arrays.Arrays, dialect: str) -> dict[str, Any]:
        """The lowest and the highest of all numbers that ought to be alike."""
        initial, steps = self.benchmark.arrays["initial"], len(trace["lowest"])
        if dialect not in self._oracles:
            gradients = np.repeat(self.benchmark.gradients, steps, axis=0)
            h = self.benchmark.hyperparameters
            self._oracles[dialect] = Oracle(initial, gradients, h, self.dtype, [dialect])
        whole = slice(0, initial.size)
        both = [
            TraceComparison({"parameters": trace[side]}, self._oracles[dialect], dialect).result(whole)
            for side in ("lowest", "highest")
        ]
        return _said(max(both, key=lambda one: one.bound_ratio))

    def _epoch(self, trace: arrays.Arrays, dialect: str) -> dict[str, Any]:
        """Each gradient at the point where it was taken, and each update on the gradient that was used."""
        task = self.benchmark.task
        assert task is not None  # noqa: S101  (an epoch is of a task)
        found = checked(task, trace, dialect, self.dtype)
        return {"outcome": found.outcome, "bound_ratio": found.updates.bound_ratio, "reason": found.reason}


def _said(result: ComparisonResult) -> dict[str, Any]:
    off = f"an update is off by {result.bound_ratio:.3g} bounds"
    reason = off if result.outcome == "differs" else result.reason
    return {"outcome": result.outcome, "bound_ratio": result.bound_ratio, "reason": reason}


def steps_missing(benchmark: Benchmark, dialect: str, start: Mapping[str, Any], end: Mapping[str, Any]) -> float | None:
    """By which share fewer steps (or, negative, more) were made than were asked for, as far as that can be seen.

    Under the same gradient the averages settle, and then each step is as long as the one before: so the way that a
    parameter went tells how many there were. Each time it may be off by a rounding of the parameter and a few of the
    step; what could come from that is no share. None where that hides the way itself, or there is no such way.
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
    way = after(made + count) - after(made)
    went = np.array(end["parameters"], wide) - np.array(start["parameters"], wide)
    furthest = np.maximum(np.abs(after(made + count)), np.abs(after(made)))
    off = count * (fmt.ulp(furthest).astype(wide) + 16 * fmt.epsilon * np.abs(stride))
    told = off < np.abs(way) / 2
    if count == 0 or not told.any():
        return None
    share = (way - went) / way
    beyond = np.maximum(np.abs(share) - off / np.abs(way), 0)
    worst = int(np.argmax(np.where(told, beyond, -1)))
    return float(np.copysign(beyond[worst], share[worst]))
