"""Training checks: each gradient of a closed loop at its own point, and each update on the gradient that was used.

Checking the two halves separately avoids the drift of a closed loop. The loss curve is reported beside that of the
oracle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from reference import Trace
from reference.precision import wider
from suite.cases.expression import Selection
from suite.cases.tasks import Task
from suite.compare.comparison import ComparisonResult, TraceComparison, TraceError
from suite.compare.oracle import Oracle, closed_loop
from suite.conformance.verdicts import FEW_DIALECTS
from suite.results.provenance import Conditions
from suite.results.rows import Outcome, TrainingRow
from suite.workers import arrays
from suite.workers.protocol import DataMismatch, Message, Request, Response
from suite.workers.selection import selection_text

Array = NDArray[Any]

DTYPE = "float32"  # the format of the section


@dataclass(frozen=True)
class TrainingContext:
    """The context of a request.

    Attributes:
        task: the task that is trained.
        implementation: the implementation.
        version: the version of the framework.
        device: the device.
        dtype: the format.
        requested_dialect: the dialect that a scratch implementation runs; None for a built-in one.
        sha256: the SHA-256 of the task's file.
        repeat: the command that repeats the training.
    """

    task: Task
    implementation: str
    version: str
    device: str
    dtype: str
    requested_dialect: str | None
    sha256: str
    repeat: str


def selection_texts(
    implementations: Iterable[tuple[str, str, str | None]], tasks: Iterable[str], scratch_dialects: Sequence[str]
) -> Iterator[str]:
    """Yield the text of every possible training that an expression is matched with.

    Args:
        implementations: framework, name, and the declared dialect or None.
        tasks: the ids of the tasks.
        scratch_dialects: the dialects of scratch implementations.
    """
    for framework, name, declared in implementations:
        for dialect in [declared] if declared else scratch_dialects:
            yield from (selection_text(framework, name, task, DTYPE, dialect) for task in tasks)


def training_requests(
    hellos: Mapping[str, Message],
    tasks: Mapping[str, Task],
    *,
    chosen: Mapping[str, Sequence[str]],
    scratch_dialects: Sequence[str],
    folder: Path,
    done: frozenset[tuple[object, ...]],
    selection: Selection,
    conditions: Conditions,
) -> list[Request]:
    """Return a request for each task, implementation and dialect that is selected and not done."""
    requests = []
    for task in tasks.values():
        path = folder / "tapes" / f"task-{task.id}.safetensors"
        sha256 = arrays.write(path, task.arrays())
        for framework, hello in hellos.items():
            version, device = hello["versions"][hello["framework"]], hello["device"]
            for name in chosen[framework]:
                described = hello["implementations"][name]
                for dialect in requested_dialects(described, scratch_dialects):
                    declared = dialect or described.get("dialect")
                    if (framework, name, version, device, DTYPE, task.id, dialect) in done:
                        continue
                    if not selection.matches(selection_text(framework, name, task.id, DTYPE, declared)):
                        continue
                    output = folder / "traces" / f"task-{task.id}-{framework}-{name}-{dialect or 'own'}.safetensors"
                    message = {
                        "method": "train",
                        "implementation": name,
                        "dialect": dialect,
                        "hyperparameters": task.hyperparameters.to_json(),
                        "dtype": DTYPE,
                        "input": str(path),
                        "output": str(output),
                    }
                    claim = ("--dialect", dialect) if dialect else ()
                    repeat = conditions.command("train", framework, name, "-t", task.id, *claim)
                    context = TrainingContext(task, name, version, device, DTYPE, dialect, sha256, repeat)
                    requests.append(Request(framework, message, context))
    return requests


def requested_dialects(described: Mapping[str, Any], scratch_dialects: Sequence[str]) -> Sequence[str | None]:
    """Return the dialects that an implementation is run in; a lean scratch implementation in the first ones only."""
    if not described["any_dialect"]:
        return [None]
    return scratch_dialects[:FEW_DIALECTS] if described["lean"] else scratch_dialects


class Trainings:
    """Turns responses into rows; keeps the oracle's own runs."""

    def __init__(self) -> None:
        self._own: dict[tuple[str, str, str], Trace] = {}

    def row(self, response: Response) -> TrainingRow:
        """Return the row of one training."""
        context: TrainingContext = response.request.context
        row = TrainingRow(
            framework=response.request.framework,
            implementation=context.implementation,
            version=context.version,
            device=context.device,
            dtype=context.dtype,
            task=context.task.id,
            dialect=response.reply.get("dialect") or context.requested_dialect,
            requested_dialect=context.requested_dialect,
            outcome="unsupported" if response.status == "unsupported" else "failed",
            reason=response.reply.get("reason"),
            sha256=context.sha256,
            seconds=response.reply.get("seconds"),
            repeat=context.repeat,
        )
        if response.status != "ok":
            return row
        try:
            if response.reply.get("sha256") != context.sha256:
                raise DataMismatch(f"the worker read other data than were sent ({response.reply.get('sha256')})")
            observed, _ = arrays.read(Path(response.request.message["output"]))
            return self._checked(row, observed, context)
        except (TraceError, DataMismatch, OSError, ValueError, KeyError) as error:
            return replace(row, reason=str(error))

    def _checked(self, row: TrainingRow, observed: arrays.Arrays, context: TrainingContext) -> TrainingRow:
        task, dialect = context.task, str(row.dialect)
        parameters, found = observed["parameters"], check_training(task, observed, dialect, context.dtype)
        own = self.own_run(task, dialect, context.dtype)
        losses, oracle_losses = loss_curve(task, parameters), loss_curve(task, own.parameters)
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

    def own_run(self, task: Task, dialect: str, dtype: str) -> Trace:
        """Return the oracle's own run of a task."""
        name = (task.id, dialect, dtype)
        if name not in self._own:
            self._own[name] = closed_loop(
                lambda step, x: task.objective.gradient(x, step),
                task.initial,
                task.hyperparameters,
                dialect,
                dtype,
                task.steps,
            )
        return self._own[name]


@dataclass(frozen=True)
class TrainingCheck:
    """The result of checking a recorded closed loop.

    Attributes:
        gradient_ratio: the largest error of a gradient over its bound.
        updates: the comparison of the updates on the recorded gradients.
        displaced: whether a gradient was computed at another point than the one that the previous step produced.
    """

    gradient_ratio: float
    updates: ComparisonResult
    displaced: bool

    @property
    def outcome(self) -> Outcome:
        """The outcome of both halves."""
        return "differs" if self.gradient_ratio > 1 or self.displaced else cast(Outcome, self.updates.outcome)

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
        gradient_ratio=largest_gradient_error(task, visited, gradients, dtype),
        updates=TraceComparison(observed, oracle, dialect).result(slice(0, task.initial.size)),
        displaced=not np.array_equal(visited, before, equal_nan=True),
    )


def largest_gradient_error(task: Task, visited: Array, gradients: Array, dtype: str) -> float:
    """Return the largest error of a recorded gradient over its bound, at the point where it was computed."""
    wide, worst = wider(dtype), 0.0
    for step, (x, g) in enumerate(zip(visited.astype(wide), gradients.astype(wide), strict=True)):
        error = np.abs(g - task.objective.gradient(x, step))
        ratio = np.where(error == 0, 0, error / task.objective.gradient_bound(x, step, dtype))
        worst = max(worst, float(np.max(np.where(np.isnan(ratio), np.inf, ratio))))
    return worst


def loss_curve(task: Task, parameters: Array) -> NDArray[np.float64]:
    """Return the loss at the evaluation steps, in float64 for every format, so that curves can be compared."""
    points: Iterator[Array] = iter(np.concatenate([task.initial[None].astype(np.float64), parameters]))
    losses = [task.objective.loss(x.astype(np.float64)) for x in points]
    return np.array([losses[step] for step in task.evaluate])


def _path(task: Task, parameters: Array) -> list[list[float | None]] | None:
    if task.initial.size != 2:
        return None
    return [task.initial.tolist(), *parameters.astype(np.float64).tolist()]
