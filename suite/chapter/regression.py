"""Part 3: the section's two programs on the regression, and what moves their loss: each thing by itself.

The published losses come from runs that differ in five things beside the framework. Here one of them moves at a time,
from a run that is the same for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters, dialects, replay
from suite.benchmark import interleaved
from suite.benchmark import rows as timing_rows
from suite.cases import tasks
from suite.cases.benchmarks import PROFILES, epoch
from suite.cases.tasks import EPOCHS, LOSS_EVERY, Task
from suite.chapter.batched_regression import LeastSquares
from suite.chapter.part import Context, Part, path_with_start, row, series
from suite.results.store import Row

PROGRAMS = ("section", "section-concise")
RERUNS = 40
"""Orders, and starts, that are drawn."""

EPSILONS = {
    "1e-6 inside": (1e-6, "d2l"),
    "1e-8 outside": (1e-8, "torch"),
    "1e-7 inside": (1e-7, "keras3"),
    "1e-8 inside": (1e-8, "mxnet1"),
}
"""ε as the section writes it from scratch, and as the built-in columns have it by default: PyTorch, Keras, MXNet."""


def rows(context: Context) -> Iterator[Row]:
    """The programs in the frameworks, judged and timed; what moves the loss in the oracle; the same in frameworks."""
    task = tasks.regression(context.data, context.seed)
    given = {"epochs": EPOCHS, "lowest": LeastSquares.of(task).loss}
    for one in context.runner.train({task.id: task}, PROGRAMS):
        about = {"subject": task.id, "method": "program", "setting": "", "given": given, "detail": context.data.name}
        yield {**one.row, **about, **_told(task, path_with_start(one) if one.observed else None)}
    yield from timed(context, task)
    for method, setting, moved, name in moves(context, task):
        path = replay(
            lambda step, x: moved.objective.gradient(x, step),  # noqa: B023
            moved.initial,
            moved.hyperparameters,
            dialects[name],
            steps=moved.steps,
        ).parameters
        yield row(task.id, method, setting, given=given, found={"loss": moved.objective.loss(path[-1])})
    singles = {moved.id: moved for moved in ones(context, task)}
    for one in context.runner.train(singles, ("scratch",)):
        about = {"subject": task.id, "method": one.task.id, "setting": "in a framework", "given": given}
        yield {**one.row, **about, **_told(one.task, path_with_start(one) if one.observed else None, curve=False)}


def timed(context: Context, task: Task) -> Iterator[Row]:
    """Seconds of an epoch in each program, a sample each in every round, in random order."""
    benchmark, profile = epoch(task), PROFILES["quick"]
    chosen = context.runner.available(PROGRAMS)
    entered = [one for one in interleaved.entries(context.runner.hellos, chosen, benchmark) if one.instance == 1]
    if not entered:
        return
    run = interleaved.InterleavedRun(
        context.runner.coordinator, benchmark, context.runner.folder, profile, profile.rounds, context.seed
    )
    with context.progress.stage("timing", run.turns(entered)) as advance:
        for entrant in run.run(entered):
            advance(entrant.entry.framework)
    for timing in timing_rows.rows(run):
        low, high = timing["interval"] or (None, None)
        who = {name: timing[name] for name in ("framework", "implementation", "version", "device", "dtype", "dialect")}
        seconds = {"median": timing["median"], "low": low, "high": high}
        told = {"subject": task.id, "method": "seconds", "setting": "", "found": seconds}
        yield {**who, **told, "outcome": timing["outcome"], "reason": timing["reason"]}


def moves(context: Context, task: Task) -> Iterator[tuple[str, str, Task, str]]:
    """What is moved, how far, the task then, and the dialect that runs it."""
    yield "nothing", "", task, "d2l"
    for number in range(1, RERUNS + 1):
        other = tasks.regression(context.data, context.seed + number)
        yield "order", str(number), reordered(task, other), "d2l"
        yield "start", str(number), replace(task, initial=other.initial), "d2l"
        yield "both", str(number), other, "d2l"
    for epochs in (1, 2, 3, 4):
        yield "epochs", str(epochs), lengthened(task, epochs), "d2l"
    yield "doubled", "gradients doubled", doubled(task), "d2l"
    for name, (epsilon, dialect) in EPSILONS.items():
        yield "epsilon", name, with_epsilon(task, epsilon), dialect


def ones(context: Context, task: Task) -> Iterator[Task]:
    """One of each kind of move, for the frameworks."""
    other = tasks.regression(context.data, context.seed + 1)
    yield replace(task, id="nothing")
    yield replace(reordered(task, other), id="order")
    yield replace(task, id="start", initial=other.initial)
    yield replace(lengthened(task, 2 * EPOCHS), id="epochs")
    yield replace(doubled(task), id="doubled")
    yield replace(with_epsilon(task, 1e-8), id="epsilon")


def reordered(task: Task, other: Task) -> Task:
    """A task with the batches of another one."""
    batches = other.data["batches"]
    return replace(task, objective=replace(task.objective, batches=batches), data={**task.data, "batches": batches})  # type: ignore[type-var]


def lengthened(task: Task, epochs: int) -> Task:
    """A task of so many epochs; after the last batch comes the first again."""
    steps = epochs * task.steps_per_epoch
    batches = np.resize(task.data["batches"], (steps, task.data["batches"].shape[1]))
    return replace(reordered(task, replace(task, data={**task.data, "batches": batches})), steps=steps,
                   evaluate=tuple(range(0, steps + 1, LOSS_EVERY)))  # fmt: skip


def doubled(task: Task) -> Task:
    """A loss without the ½ has twice the gradient."""
    return replace(task, hyperparameters=replace(task.hyperparameters, rescale_gradient=2.0))


def with_epsilon(task: Task, epsilon: float) -> Task:
    """A task with another ε."""
    h = task.hyperparameters
    return replace(task, hyperparameters=Hyperparameters(learning_rate=h.rate(0), decay=h.decay, epsilon=epsilon))


def _told(task: Task, path: NDArray[np.float64] | None, *, curve: bool = True) -> dict[str, Any]:
    if path is None:
        return {}
    losses = [task.objective.loss(path[step]) for step in task.evaluate]
    told: dict[str, Any] = {"found": {"loss": losses[-1]}}
    return {**told, "series": series(step=task.evaluate, loss=losses)} if curve else told


PART = Part(3, "regression", "From scratch and concise, and why losses can't be compared", rows)
