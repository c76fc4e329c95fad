"""The section in one run: parts one after another, their rows into a results folder, whatever happens."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from suite.cases import datasets, images
from suite.chapter.frameworks import FrameworkRunner
from suite.chapter.part import Context, Part
from suite.results import provenance
from suite.results.store import Row, Store, require_room
from suite.workers.coordinator import Coordinator
from suite.workers.environments import environments
from suite.workers.progress import Progress

TABLES = ("chapter", "parts")
"""The rows of all parts; and a row for each part that came to its end, with those whom it had asked."""

VERSION = "section 11.8, 1"  # of what is asked: other parts, or other numbers in them, are another one


@dataclass(frozen=True)
class Options:
    """What a user may choose; see the command line's help."""

    output: Path
    parts: Sequence[Part]
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


class Chapter:
    """Data, workers and a results folder. A context manager: it always leaves a footer, and no worker outlives it."""

    def __init__(self, options: Options, progress: Progress) -> None:
        """Find the data, shake hands with the frameworks, open the results folder.

        Raises:
            DataError, StoreError: on what can't be used; each says what to do.
        """
        self.options, self.progress, self.begin = options, progress, time.perf_counter()
        require_room(options.output, resume=options.resume)
        where = datasets.named(options.data)
        other = where is not None and images.has_fashion_mnist(where)
        self.data = datasets.resolve(options.data, options.cache, download=options.download, required=not other)
        progress.say(f"data: {self.data.detail}")
        known = environments(options.pythons)
        asked = {name: known[name] for name in options.frameworks}
        self.coordinator = Coordinator(asked, options.device, options.threads, options.timeout)
        self.runner = FrameworkRunner(self.coordinator, options.output, progress)
        try:
            self.runner.greet()
            self.store = Store(options.output, self._manifest(), resume=options.resume, tables=TABLES)
        except BaseException:
            self.coordinator.__exit__(*sys.exc_info())
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.coordinator.__exit__(kind)
        seconds = time.perf_counter() - self.begin
        status = "complete" if kind is None else "interrupted"
        harness = time.process_time() + self.coordinator.overhead_seconds
        inside = {"framework_seconds": self.coordinator.framework_seconds, "harness_seconds": harness}
        self.store.finish({"status": status, "seconds": seconds, **inside})
        self.progress.say(f"{status} after {seconds:.0f} s")

    def run(self) -> None:
        """All parts that were chosen, but those that are done."""
        context = Context(
            self.runner,
            self.data,
            self.options.data,
            self.options.cache,
            self.options.download,
            self.options.seed,
            self.progress,
        )
        done = self._done()
        for part in self.options.parts:
            if part.name in done:
                self.progress.say(f"{part.number} {part.title}: done before")
                continue
            begin = time.perf_counter()
            self.progress.say(f"{part.number} {part.title}")
            for row in part.make(context):
                self.store.append("chapter", {"part": part.name, **row})
            seconds = time.perf_counter() - begin
            self.store.append("parts", {"part": part.name, "seconds": seconds, "frameworks": [*self.runner.hellos]})

    @property
    def status(self) -> int:
        """0 only if every framework answered, and none differs from the oracle or fails."""
        wrong = any(row.get("outcome") in ("differs", "failed") for row in self.store.rows("chapter"))
        return 1 if wrong or self.runner.missing else 0

    def _done(self) -> set[str]:
        """Parts that came to their end, and asked all whom there are now."""
        here = set(self.runner.hellos)
        return {row["part"] for row in self.store.rows("parts") if here <= set(row["frameworks"])}

    def _manifest(self) -> Row:
        options = self.options
        return {
            **provenance.manifest(self.data, self.runner.hellos, self.runner.missing),
            "threads": options.threads,
            "device": options.device,
            "seed": options.seed,
            "catalogue": VERSION,
            "implementations": {},
        }
