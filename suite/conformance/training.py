"""Training checks: each gradient of a closed loop at its own point, and each update on the gradient that was used.

Checking the two halves separately avoids the drift of a closed loop. The loss curve is reported beside that of the
oracle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Trace
from reference.precision import wider
from suite.cases.tasks import Task
from suite.compare.comparison import ComparisonResult, TraceComparison, TraceError
from suite.compare.oracle import Oracle
from suite.conformance.targets import DTYPE, FEW_DIALECTS, Target, failure, read_trace, targets
from suite.results.provenance import Conditions
from suite.results.rows import Outcome, TrainingRow
from suite.workers import arrays
from suite.workers.protocol import DataMismatch, Message, Request, Response

Array = NDArray[Any]


@dataclass(frozen=True)
class TrainingContext:
    """The context of a request: the task, the target, and the SHA-256 of the task's file."""

    task: Task
    target: Target
    sha256: str


def training_targets(
    hellos: Mapping[str, Message],
    chosen: Mapping[str, Sequence[str]],
    scratch_dialects: Sequence[str],
    conditions: Conditions,
) -> Iterator[Target]:
    """Yield the targets of training, as `targets`; a lean scratch implementation has the first dialects only."""
    first = (None, *scratch_dialects[:FEW_DIALECTS])
    for target in targets(hellos, chosen, scratch_dialects, conditions, dtypes=(DTYPE,)):
        if not target.lean or target.dialect in first:
            yield target


def training_requests(
    every: Sequence[Target],
    tasks: Mapping[str, Task],
    *,
    folder: Path,
    selected: Callable[[Target, str], bool] = lambda target, task: True,  # noqa: ARG005
    done: frozenset[tuple[object, ...]] = frozenset(),
) -> list[Request]:
    """Return a request for each task and target that is selected and not done; tasks are written to the folder."""
    requests = []
    for task in tasks.values():
        path = folder / "tapes" / f"task-{task.id}.safetensors"
        sha256 = arrays.write(path, task.arrays())
        for target in every:
            if target.key(task.id) in done or not selected(target, task.id):
                continue
            run = f"{target.framework}-{target.implementation}-{target.dialect or 'own'}"
            message = {
                "method": "train",
                "implementation": target.implementation,
                "dialect": target.dialect,
                "hyperparameters": task.hyperparameters.to_json(),
                "dtype": target.dtype,
                "input": str(path),
                "output": str(folder / "traces" / f"task-{task.id}-{run}.safetensors"),
            }
            requests.append(Request(target.framework, message, TrainingContext(task, target, sha256)))
    return requests


class Trainings:
    """Turns responses into rows; keeps the oracle's own runs."""

    def __init__(self) -> None:
        self._own: dict[tuple[str, str, str], Trace] = {}

    def row(self, response: Response) -> TrainingRow:
        """Return the row of one training."""
        context: TrainingContext = response.request.context
        target, task = context.target, context.task
        row = TrainingRow(
            framework=target.framework,
            implementation=target.implementation,
            version=target.version,
            device=target.device,
            dtype=target.dtype,
            task=task.id,
            dialect=response.reply.get("dialect") or target.dialect,
            requested_dialect=target.dialect,
            outcome=failure(response),
            reason=response.reply.get("reason"),
            sha256=context.sha256,
            seconds=response.reply.get("seconds"),
            repeat=target.repeat("train", "-t", task.id),
        )
        if response.status != "ok":
            return row
        try:
            return self._checked(row, read_trace(response, context.sha256), task)
        except (TraceError, DataMismatch, OSError, ValueError, KeyError) as error:
            return replace(row, reason=str(error))

    def _checked(self, row: TrainingRow, observed: arrays.Arrays, task: Task) -> TrainingRow:
        dialect, parameters = str(row.dialect), observed["parameters"]
        found, own = check_training(task, observed, dialect, row.dtype), self._own_run(task, dialect, row.dtype)
        losses, oracle_losses = _loss_curve(task, parameters), _loss_curve(task, own.parameters)
        return replace(
            row,
            outcome=found.outcome,
            gradient_ratio=found.gradient_ratio,
            update_ratio=found.updates.bound_ratio,
            loss=float(losses[-1]),
            oracle_loss=float(oracle_losses[-1]),
            loss_distance=float(np.max(np.abs(losses - oracle_losses) / oracle_losses)),
            steps=list(task.evaluate),
            losses=losses.tolist(),
            oracle_losses=oracle_losses.tolist(),
            final=parameters[-1].tolist(),
            oracle_final=own.parameters[-1].astype(np.float64).tolist(),
            path=_path(task, parameters),
            oracle_path=_path(task, own.parameters),
            reason=found.reason,
        )

    def _own_run(self, task: Task, dialect: str, dtype: str) -> Trace:
        """Return the oracle's own run of a task."""
        name = (task.id, dialect, dtype)
        if name not in self._own:
            self._own[name] = task.replay(dialect, dtype)
        return self._own[name]


@dataclass(frozen=True)
class TrainingCheck:
    """The result of checking a recorded closed loop."""

    gradient_ratio: float  # the largest error of a gradient over its bound
    updates: ComparisonResult  # on the recorded gradients
    displaced: bool  # whether a gradient was computed at another point than the previous step had produced

    @property
    def outcome(self) -> Outcome:
        """The outcome of both halves."""
        return "differs" if self.gradient_ratio > 1 or self.displaced else self.updates.outcome

    @property
    def reason(self) -> str | None:
        """Why it does not agree, in words."""
        gradient, update = self.gradient_ratio, self.updates.bound_ratio
        reasons = [
            f"the error of a gradient is {gradient:.3g} bounds" if gradient > 1 else None,
            f"the error of an update is {update:.3g} bounds" if update > 1 else self.updates.reason,
            "gradients were not computed at the parameters of the previous step" if self.displaced else None,
        ]
        return "; ".join(reason for reason in reasons if reason) or None


def check_training(task: Task, observed: arrays.Arrays, dialect: str, dtype: str) -> TrainingCheck:
    """Compare a recorded closed loop with the oracle.

    Raises:
        KeyError, TraceError, ValueError: if the recording lacks an array, or has one of another shape.
    """
    visited, gradients, parameters = (observed[name] for name in ("visited", "gradients", "parameters"))
    oracle = Oracle(task.initial, gradients, task.hyperparameters, dtype, [dialect])
    before = np.concatenate([task.initial[None], parameters[:-1]])
    return TrainingCheck(
        gradient_ratio=_largest_gradient_error(task, visited, gradients, dtype),
        updates=TraceComparison(observed, oracle, dialect).result(slice(0, task.initial.size)),
        displaced=not np.array_equal(visited, before, equal_nan=True),
    )


def _largest_gradient_error(task: Task, visited: Array, gradients: Array, dtype: str) -> float:
    """Return the largest error of a recorded gradient over its bound, at the point where it was computed."""
    wide, worst = wider(dtype), 0.0
    for step, (x, g) in enumerate(zip(visited.astype(wide), gradients.astype(wide), strict=True)):
        error = np.abs(g - task.objective.gradient(x, step))
        ratio = np.where(error == 0, 0, error / task.objective.gradient_bound(x, step, dtype))
        worst = max(worst, float(np.max(np.where(np.isnan(ratio), np.inf, ratio))))
    return worst


def _loss_curve(task: Task, parameters: Array) -> NDArray[np.float64]:
    """Return the loss at the evaluation steps, in float64 for every format, so that curves can be compared."""
    points = np.concatenate([task.initial[None], parameters]).astype(np.float64)
    return np.array([task.objective.loss(points[step]) for step in task.evaluate])


def _path(task: Task, parameters: Array) -> list[list[float | None]] | None:
    if task.initial.size != 2:
        return None
    return [task.initial.tolist(), *parameters.astype(np.float64).tolist()]
