"""Closed-loop runs, checked in two halves and so without drift: each gradient at the point where it was taken, and
each update on the gradient that was used. The loss curve stands beside the oracle's own.
"""  # noqa: D205

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Trace
from reference.precision import wider
from suite.cases.expression import Selection
from suite.cases.tasks import Task
from suite.compare.comparison import ComparisonResult, TraceComparison, TraceError
from suite.compare.oracle import Oracle, closed_loop
from suite.conformance.verdicts import FEW_DIALECTS
from suite.results.repeat_command import Conditions
from suite.results.store import Row
from suite.workers import arrays
from suite.workers.protocol import DataMismatch, Message, Request, Response
from suite.workers.selection import selection_text

Array = NDArray[Any]

DTYPE = "float32"  # in which the section trains


@dataclass(frozen=True)
class Asked:
    """What is kept beside a question.

    Attributes:
        task: what was trained.
        implementation: who was asked.
        version: of the framework.
        device: likewise.
        dtype: likewise.
        asked: the dialect that a scratch implementation was to run; None for a built-in one.
        sha256: of the task's file.
        repeat: the command that asks again.
    """

    task: Task
    implementation: str
    version: str
    device: str
    dtype: str
    asked: str | None
    sha256: str
    repeat: str


def key(row: Row) -> tuple[Any, ...]:
    """What a row is about: never two of the same in a results folder."""
    return tuple(row[name] for name in ("framework", "implementation", "device", "dtype", "task", "asked"))


def every(
    implementations: Iterable[tuple[str, str, str | None]], tasks: Iterable[str], scratch_dialects: Sequence[str]
) -> Iterator[str]:
    """The words of every training that there could be.

    Args:
        implementations: framework, name, and the dialect that it declares, if it does.
        tasks: ids.
        scratch_dialects: what runs that declares none.
    """
    for framework, name, declared in implementations:
        for dialect in [declared] if declared else scratch_dialects:
            yield from (selection_text(framework, name, task, DTYPE, dialect) for task in tasks)


def questions(
    hellos: Mapping[str, Message],
    tasks: Mapping[str, Task],
    *,
    chosen: Mapping[str, Sequence[str]],
    scratch_dialects: Sequence[str],
    folder: Path,
    done: frozenset[tuple[Any, ...]],
    selection: Selection,
    conditions: Conditions,
) -> list[Request]:
    """One training for each task, implementation, and dialect that a scratch implementation runs."""
    found = []
    for task in tasks.values():
        path = folder / "tapes" / f"task-{task.id}.safetensors"
        sha256 = arrays.write(path, task.arrays())
        for framework, hello in hellos.items():
            for name in chosen[framework]:
                described = hello["implementations"][name]
                for dialect in asked_dialects(described, scratch_dialects):
                    declared = dialect or described.get("dialect")
                    if (framework, name, hello["device"], DTYPE, task.id, dialect) in done:
                        continue
                    if not selection.matches(selection_text(framework, name, task.id, DTYPE, declared)):
                        continue
                    output = folder / "traces" / f"task-{task.id}-{framework}-{name}-{dialect or 'own'}.safetensors"
                    request = {
                        "ask": "train",
                        "implementation": name,
                        "dialect": dialect,
                        "hyperparameters": task.hyperparameters.to_json(),
                        "dtype": DTYPE,
                        "input": str(path),
                        "output": str(output),
                    }
                    version = hello["versions"][hello["framework"]]
                    claim = ("--dialect", dialect) if dialect else ()
                    repeat = conditions.command("train", framework, name, "-t", task.id, *claim)
                    about = Asked(task, name, version, hello["device"], DTYPE, dialect, sha256, repeat)
                    found.append(Request(framework, request, about))
    return found


def asked_dialects(described: Mapping[str, Any], scratch_dialects: Sequence[str]) -> Sequence[str | None]:
    """The dialects that an implementation is asked for: of one that is lean, the first that there are."""
    if not described["any_dialect"]:
        return [None]
    return scratch_dialects[:FEW_DIALECTS] if described["lean"] else scratch_dialects


class Trainings:
    """Where answers become rows; keeps the oracle's own runs."""

    def __init__(self) -> None:
        self._own: dict[tuple[str, str, str], Trace] = {}

    def row(self, answer: Response) -> Row:
        """What came of one training."""
        asked: Asked = answer.request.context
        dialect = answer.reply.get("dialect") or asked.asked
        row: Row = {
            "framework": answer.request.framework,
            "implementation": asked.implementation,
            "version": asked.version,
            "device": asked.device,
            "dtype": asked.dtype,
            "task": asked.task.id,
            "dialect": dialect,
            "asked": asked.asked,
            "seconds": answer.reply.get("seconds"),
            "sha256": asked.sha256,
            "repeat": asked.repeat,
            "reason": answer.reply.get("reason"),
        }
        if answer.status != "ok":
            return {**row, "outcome": "unsupported" if answer.status == "unsupported" else "failed"}
        try:
            if answer.reply.get("sha256") != asked.sha256:
                raise DataMismatch(f"the worker read other data than were sent ({answer.reply.get('sha256')})")
            observed, _ = arrays.read(Path(answer.request.message["output"]))
            return {**row, **self._checked(observed, asked, str(dialect))}
        except (TraceError, DataMismatch, OSError, ValueError, KeyError) as error:
            return {**row, "outcome": "failed", "reason": str(error)}

    def _checked(self, observed: arrays.Arrays, asked: Asked, dialect: str) -> Row:
        task, found = asked.task, checked(asked.task, observed, dialect, asked.dtype)
        parameters, updates = observed["parameters"], found.updates
        own = self.own_run(task, dialect, asked.dtype)
        losses, oracle_losses = curve(task, parameters), curve(task, own.parameters)
        return {
            "outcome": found.outcome,
            "gradient_ratio": found.gradient_ratio,
            "update_ratio": updates.bound_ratio,
            "loss": losses[-1],
            "oracle_loss": oracle_losses[-1],
            "loss_distance": float(np.max(np.abs(losses - oracle_losses) / oracle_losses)),
            "steps": list(task.evaluate),
            "losses": losses.tolist(),
            "oracle_losses": oracle_losses.tolist(),
            "final": parameters[-1].tolist(),
            "oracle_final": own.parameters[-1].tolist(),
            "path": _path(task, parameters),
            "oracle_path": _path(task, own.parameters),
            "reason": found.reason,
        }

    def own_run(self, task: Task, dialect: str, dtype: str) -> Trace:
        """The oracle's own run of a task."""
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
class Checked:
    """What the oracle says of a recorded closed loop.

    Attributes:
        gradient_ratio: the largest error of a gradient at the point where it was taken, in multiples of its bound.
        updates: each update on the gradient that was used.
        strayed: whether a gradient was taken elsewhere than where the step before had ended.
    """

    gradient_ratio: float
    updates: ComparisonResult
    strayed: bool

    @property
    def outcome(self) -> str:
        """Of both halves."""
        return "differs" if self.gradient_ratio > 1 or self.strayed else self.updates.outcome

    @property
    def reason(self) -> str | None:
        """For people, unless it agrees."""
        off, ratio = self.gradient_ratio, self.updates.bound_ratio
        reasons = [
            f"a gradient is off by {off:.3g} bounds" if off > 1 else None,
            f"an update is off by {ratio:.3g} bounds" if ratio > 1 else self.updates.reason,
            "gradients were not taken at the parameters that the step before left" if self.strayed else None,
        ]
        return "; ".join(reason for reason in reasons if reason) or None


def checked(task: Task, observed: arrays.Arrays, dialect: str, dtype: str) -> Checked:
    """Hold a recorded closed loop against the oracle.

    Raises:
        KeyError, TraceError, ValueError: if something is missing in the recording, or has the wrong shape.
    """
    visited, gradients, parameters = (observed[name] for name in ("visited", "gradients", "parameters"))
    oracle = Oracle(task.initial, gradients, task.hyperparameters, dtype, [dialect])
    before = np.concatenate([task.initial[None], parameters[:-1]])
    return Checked(
        gradient_ratio=worst_gradient(task, visited, gradients, dtype),
        updates=TraceComparison(observed, oracle, dialect).result(slice(0, task.initial.size)),
        strayed=not np.array_equal(visited, before, equal_nan=True),
    )


def worst_gradient(task: Task, visited: Array, gradients: Array, dtype: str) -> float:
    """The largest error of a recorded gradient at the point where it was taken, in multiples of its bound."""
    wide, worst = wider(dtype), 0.0
    for step, (x, g) in enumerate(zip(visited.astype(wide), gradients.astype(wide), strict=True)):
        error = np.abs(g - task.objective.gradient(x, step))
        ratio = np.where(error == 0, 0, error / task.objective.gradient_bound(x, step, dtype))
        worst = max(worst, float(np.max(np.where(np.isnan(ratio), np.inf, ratio))))
    return worst


def curve(task: Task, parameters: Array) -> NDArray[np.float64]:
    """The loss at the task's evaluation steps, in float64 whatever the run was in: so that curves can be compared."""
    points: Iterator[Array] = iter(np.concatenate([task.initial[None].astype(np.float64), parameters]))
    losses = [task.objective.loss(x.astype(np.float64)) for x in points]
    return np.array([losses[step] for step in task.evaluate])


def _path(task: Task, parameters: Array) -> list[list[float]] | None:
    if task.initial.size != 2:
        return None
    return [task.initial.tolist(), *parameters.astype(np.float64).tolist()]
