"""Seconds per epoch of the section's regression: every implementation in turn, in random order, round after round.

One process runs at a time. The first epoch, in which frameworks compile, stands apart; so does the second, a warm-up.
Rows are made when all rounds are done: of a race that is cut short nothing is kept, since its conditions were uneven.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from reference import dialects, replay
from suite.cases.random import Bits
from suite.cases.tasks import Task
from suite.runner import arrays
from suite.runner.coordinator import Answer, Coordinator, Question
from suite.runner.process import Worker
from suite.runner.protocol import Message
from suite.runner.store import Row

BENCHMARK = "epoch/regression"
DIALECT = "d2l"  # of scratch implementations: the section's own


@dataclass
class Contestant:
    """One implementation under the clock.

    Attributes:
        framework: or `oracle`.
        implementation: its name.
        row: what is known of it so far.
        opened: the id by which its worker knows it; None for the oracle, and for what could not be prepared.
        worker: which that was: a worker that was started anew must be told again.
        samples: seconds, in the order in which they were taken.
    """

    framework: str
    implementation: str
    row: Row
    opened: int | None = None
    worker: Worker | None = None
    samples: list[float] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether nothing has gone wrong."""
        return self.row.get("reason") is None


def key(row: Row) -> tuple[Any, ...]:
    """What a row is about: never two of the same in a results folder."""
    return tuple(row[name] for name in ("framework", "implementation", "device", "benchmark"))


def words(framework: str, implementation: str, dialect: str | None) -> str:
    """What an expression selects a timing by."""
    return f"{framework}/{implementation} {BENCHMARK} float32 {dialect or DIALECT}"


class Race:
    """The timing of one task."""

    def __init__(self, coordinator: Coordinator, task: Task, folder: Path, device: str, threads: int) -> None:
        self.coordinator, self.task, self.device = coordinator, task, device
        self.path = folder / "tapes" / f"task-{task.id}.safetensors"
        self.sha256 = arrays.write(self.path, task.file())
        self.threads = threads

    def run(
        self,
        hellos: Mapping[str, Message],
        chosen: Mapping[str, Sequence[str]],
        *,
        rounds: int,
        seed: int,
        done: frozenset[tuple[Any, ...]],
    ) -> Iterator[Row | None]:
        """Time everything; yields None at each step forward, and at the end a row for each contestant."""
        entered = [("oracle", "numpy"), *((name, each) for name in hellos for each in chosen[name])]
        contestants = []
        for framework, implementation in entered:
            if (framework, implementation, self.device, BENCHMARK) in done:
                continue
            contestants.append(self._enter(framework, implementation, hellos.get(framework)))
            yield None
        bits = Bits(seed)
        for _ in range(rounds):
            for index in bits.permutation(len(contestants)):
                self._sample(contestants[index])
                yield None
        for contestant in contestants:
            yield {**contestant.row, **summary(contestant.samples, seed)}

    def _enter(self, framework: str, implementation: str, hello: Message | None) -> Contestant:
        row: Row = {
            "framework": framework,
            "implementation": implementation,
            "version": hello["versions"][framework] if hello else np.__version__,
            "device": self.device,
            "dialect": DIALECT,
            "mode": implementation,
            "benchmark": BENCHMARK,
            "unit": "s",
            "size": int(self.task.initial.size),
            "threads": hello["threads"] if hello else 1,
            "sha256": self.sha256,
            "reason": None,
            "outcome": "agrees",
        }
        contestant = Contestant(framework, implementation, row)
        for name in ("first_call", "warm_up"):
            self._sample(contestant)
            row[name] = contestant.samples.pop() if contestant.samples else None
        return contestant

    def _sample(self, contestant: Contestant) -> None:
        """Take one sample, unless something went wrong before."""
        if not contestant.running:
            return
        if contestant.framework == "oracle":
            contestant.samples.append(self._oracle_epoch())
            return
        if contestant.worker is None or contestant.worker is not self.coordinator.worker(contestant.framework):
            self._open(contestant)
        if contestant.running:
            request = {"ask": "epoch", "opened": contestant.opened}
            answer = self.coordinator.ask(Question(contestant.framework, request))
            if answer.status == "ok":
                contestant.samples.append(answer.reply["seconds"])
            else:
                self._note(contestant, answer)

    @staticmethod
    def _note(contestant: Contestant, answer: Answer) -> None:
        """What came of a question: nothing to note if it was answered."""
        if answer.status != "ok":
            contestant.row["reason"] = answer.reply["reason"]
            contestant.row["outcome"] = "unsupported" if answer.status == "unsupported" else "failed"

    def _open(self, contestant: Contestant) -> None:
        request = {
            "ask": "open",
            "implementation": contestant.implementation,
            "dialect": DIALECT,
            "hyperparameters": self.task.hyperparameters.to_json(),
            "dtype": "float32",
            "input": str(self.path),
            "output": None,
        }
        answer = self.coordinator.ask(Question(contestant.framework, request))
        self._note(contestant, answer)
        contestant.row["dialect"] = answer.reply.get("dialect")
        contestant.opened = answer.reply.get("id")
        contestant.worker = self.coordinator.worker(contestant.framework)

    def _oracle_epoch(self) -> float:
        task = self.task
        begin = time.perf_counter()
        replay(
            lambda step, x: task.objective.gradient(x, step),
            task.initial,
            task.hyperparameters,
            dialects[DIALECT],
            dtype=np.float32,
            steps=task.steps_per_epoch,
        )
        return time.perf_counter() - begin


def summary(samples: Sequence[float], seed: int) -> Row:
    """Median with its 95 % bootstrap interval (percentile, 2000 resamples); nulls where there are no samples."""
    if not samples:
        return {"samples": [], "median": None, "interval": [None, None]}
    median = float(np.median(samples))
    if len(set(samples)) == 1:
        return {"samples": list(samples), "median": median, "interval": [median, median]}
    data: tuple[NDArray[np.float64]] = (np.asarray(samples),)
    found = stats.bootstrap(
        data, np.median, n_resamples=2000, confidence_level=0.95, method="percentile", rng=np.random.default_rng(seed)
    )
    low, high = found.confidence_interval
    return {"samples": list(samples), "median": median, "interval": [float(low), float(high)]}
