"""The frameworks that answer, and how a part puts its tasks to them: each update is checked, as in the main job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from suite.cases.expression import Selection
from suite.cases.tasks import Task
from suite.conformance import training
from suite.results.repeat_command import Conditions
from suite.results.store import Row
from suite.workers import arrays
from suite.workers.coordinator import Coordinator
from suite.workers.progress import Progress
from suite.workers.protocol import Message, WorkerError

DIALECT = "d2l"
"""What a scratch implementation runs: the section's."""

_KEPT = ("framework", "implementation", "version", "device", "dtype", "dialect", "outcome", "reason", "gradient_ratio",
         "update_ratio", "seconds", "sha256")  # fmt: skip


@dataclass(frozen=True)
class FrameworkRun:
    """What came of one training.

    Attributes:
        task: that was run.
        row: who it was, and what the oracle says of it.
        observed: the recording, as the worker wrote it; nothing where there is none.
    """

    task: Task
    row: Row
    observed: arrays.Arrays = field(repr=False)


class FrameworkRunner:
    """Frameworks and a folder for what is sent to them. Without any framework it asks nobody.

    Attributes:
        hellos: framework -> handshake.
        missing: framework -> why it does not answer.
    """

    def __init__(self, coordinator: Coordinator, folder: Path, progress: Progress) -> None:
        self.coordinator, self.folder, self.progress = coordinator, folder, progress
        self.hellos: dict[str, Message] = {}
        self.missing: dict[str, str] = {}

    def greet(self) -> None:
        """Shake hands with every framework; one that does not answer is left out, and that is said."""
        for name, reply in self.coordinator.hello().items():
            if isinstance(reply, WorkerError):
                self.missing[name] = str(reply)
                self.progress.say(f"{name} is left out: {reply}")
            else:
                self.hellos[name] = reply

    def available(self, implementations: Sequence[str]) -> dict[str, list[str]]:
        """Of each framework those of some implementations that it has."""
        return {
            framework: [name for name in implementations if name in hello["implementations"]]
            for framework, hello in self.hellos.items()
        }

    def train(self, tasks: Mapping[str, Task], implementations: Sequence[str]) -> Iterator[FrameworkRun]:
        """Every task in these implementations of every framework.

        Args:
            tasks: by id.
            implementations: names, in the frameworks that have such.
        """
        questions = training.questions(
            self.hellos,
            tasks,
            chosen=self.available(implementations),
            scratch_dialects=(DIALECT,),
            folder=self.folder,
            done=frozenset(),
            selection=Selection.of(""),
            conditions=Conditions(),
        )
        if not questions:
            return
        trainings = training.Trainings()
        with self.progress.stage("in frameworks", len(questions)) as advance:
            for answer in self.coordinator.ask_all(questions):
                with np.errstate(all="ignore"):  # a run may overflow: that is shown, not warned of
                    found = trainings.row(answer)
                recording = Path(answer.request.message["output"])
                observed, _ = arrays.read(recording) if answer.status == "ok" else ({}, "")
                recording.unlink(missing_ok=True)  # its numbers are in the rows
                yield FrameworkRun(answer.request.context.task, {name: found.get(name) for name in _KEPT}, observed)
                advance(answer.request.framework)
