"""The context of a run: its options, the workers of its frameworks, and its results folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from suite.adapters import ORACLE
from suite.results.rows import AnyTable
from suite.results.store import Store
from suite.workers.coordinator import Coordinator
from suite.workers.environments import Environment
from suite.workers.progress import Progress
from suite.workers.protocol import Message, Request, Response, WorkerError


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The options that all runs have, as the help of the command line describes them."""

    output: Path
    frameworks: Sequence[str]
    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    timeout: float = 180.0
    pythons: Mapping[str, Path] = field(default_factory=dict)
    data: Path | None = None
    cache: Path = Path()
    download: bool = True
    resume: bool = False


class RunContext:
    """Workers and a results folder. A context manager: on exit it ends all workers and writes the footer.

    Attributes:
        hellos: framework -> handshake.
        missing: framework -> why it is not available.
    """

    store: Store

    def __init__(
        self,
        environments: Mapping[str, Environment],
        options: RunOptions,
        progress: Progress,
        manifest: Callable[[RunContext], Mapping[str, Any]],
        tables: Sequence[AnyTable],
    ) -> None:
        """Start the workers and open the results folder.

        `manifest` is called after the handshakes, returns the manifest, and may refuse the run.

        Raises:
            UserError: if the folder can't be used, or `manifest` refuses the run.
        """
        self.options, self.progress = options, progress
        self._begin = time.perf_counter()
        self.coordinator = Coordinator(environments, options.device, options.threads, options.timeout)
        self.hellos: dict[str, Message] = {}
        self.missing: dict[str, str] = {}
        try:
            self._greet()
            self.store = Store(options.output, manifest(self), resume=options.resume, tables=tables)
        except BaseException:
            self.coordinator.__exit__(*sys.exc_info())
            raise

    def _greet(self) -> None:
        """Exchange handshakes with all frameworks, and report those that are not available."""
        started = [name for name in self.coordinator.clients if name != ORACLE]
        if started:
            self.progress.say(f"starting {', '.join(started)} on {self.options.device}")
        for name, reply in self.coordinator.hello().items():
            if isinstance(reply, WorkerError):
                self.missing[name] = str(reply)
                self.progress.say(f"{name} is left out: {reply}")
            else:
                self.hellos[name] = reply
                if reply["threads"] != self.options.threads:
                    self.progress.say(f"{name} runs with {reply['threads']} threads, not {self.options.threads}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.coordinator.__exit__(kind)
        inside = self.coordinator.framework_seconds
        harness = time.process_time() + self.coordinator.overhead_seconds
        seconds = time.perf_counter() - self._begin
        status = "complete" if kind is None else "interrupted"
        footer = {"status": status, "seconds": seconds, "framework_seconds": inside, "harness_seconds": harness}
        self.store.finish(footer)
        share = harness / (inside + harness)
        parts = f"{inside:.0f} s in the frameworks, {harness:.0f} s in the harness ({share:.0%} of both)"
        self.progress.say(f"{status} after {seconds:.0f} s: {parts}")

    def send_all(self, stage: str, requests: Sequence[Request]) -> Iterator[Response]:
        """Send requests to all workers at the same time; yield the responses, and show the progress of the stage."""
        if not requests:
            return
        with self.progress.stage(stage, len(requests)) as advance:
            for response in self.coordinator.send_all(requests):
                yield response
                advance(response.request.framework)
