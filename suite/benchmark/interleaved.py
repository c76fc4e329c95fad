"""A race: all that are timed at one benchmark, side by side, a sample each in every round, in random order.

One process works at a time. Each entrant is judged first, on the object that is then timed; what it does before it
is steady stands apart. Where memory comes to lie is luck, and lasts: so all begin anew several times. Of each framework
one implementation runs twice: how far two that are the same come out apart is what the machine makes of nothing, in
that very race.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from suite.benchmark.correctness import Judge, steps_missing
from suite.benchmark.machine_load import Surroundings
from suite.cases.benchmarks import Benchmark, Profile
from suite.cases.random import Bits
from suite.results.store import Row
from suite.workers import arrays
from suite.workers.coordinator import Coordinator
from suite.workers.process import Worker
from suite.workers.protocol import Message, Request, Response
from suite.workers.selection import selection_text

DIALECT = "d2l"  # of scratch implementations: the section's own
DTYPE = "float32"
TRAFFIC = "traffic"
"""The entrant that does no more than move the memory of a step."""

STEADY, WITHIN = 3, 0.05  # so many samples of the warm-up no further apart than this are steady
WARM_UP, PATIENCE = 12, 3.0  # samples that it may take at most, and seconds
SPARE = 1.2  # of what the shortest sample would need
RESOLUTIONS = 1000  # of the clock, that a sample is at least
ARRAYS = 4  # as large as the parameters, that a entrant holds: these, gradient, average, and what a step needs

UNKNOWN = ("bound_ratio", "first_call", "state_bytes", "held_bytes", "peak_bytes", "loops", "warm_up", "steady",
           "missing_steps")  # fmt: skip
"""What a row says in any case, though there may be nothing to say."""


@dataclass(frozen=True)
class Entry:
    """Who is to be timed.

    Attributes:
        framework: or the oracle.
        implementation: or `traffic`.
        instance: 1, or 2 for the one that runs against itself.
        burden: by which share it is made slower, on purpose.
        hello: the framework's handshake.
    """

    framework: str
    implementation: str
    instance: int
    hello: Message = field(repr=False, compare=False)
    burden: float = 0.0

    @property
    def named(self) -> Row:
        """What names it in a row."""
        return {"framework": self.framework, "implementation": self.implementation, "instance": self.instance}

    @property
    def described(self) -> Message:
        """What the handshake says of the implementation."""
        found: Message = self.hello["implementations"].get(self.implementation, {})
        return found

    def words(self, benchmark: Benchmark) -> str:
        """What an expression selects it by."""
        dialect = self.described.get("dialect") or DIALECT
        return selection_text(self.framework, self.implementation, benchmark.id, DTYPE, dialect)


def entries(
    hellos: Mapping[str, Message], chosen: Mapping[str, Sequence[str]], benchmark: Benchmark
) -> Iterator[Entry]:
    """All that race at a benchmark: what is chosen, one of each framework twice, and who moves memory alone."""
    for framework, hello in hellos.items():
        names = list(chosen[framework])
        for name in names:
            yield Entry(framework, name, 1, hello)
        if names:
            yield Entry(framework, "builtin" if "builtin" in names else names[0], 2, hello)
        if names and benchmark.moves_memory:
            yield Entry(framework, TRAFFIC, 1, hello)


def groups(entered: Sequence[Entry], benchmark: Benchmark) -> list[list[Entry]]:
    """Who races together: all; or, where memory is too small to hold that, those of each framework."""
    needed = ARRAYS * 4 * benchmark.size * len(entered)
    if needed <= psutil.virtual_memory().available / 2:
        return [list(entered)] if entered else []
    return [
        [entry for entry in entered if entry.framework == framework]
        for framework in dict.fromkeys(entry.framework for entry in entered)
    ]


def key(row: Row) -> tuple[Any, ...]:
    """What a row is about: never two of the same in a results folder."""
    return tuple(row[name] for name in ("framework", "implementation", "instance", "device", "benchmark"))


@dataclass
class Entrant:
    """Someone under the clock.

    Attributes:
        entry: who.
        row: what is known so far.
        loops: calls in a sample.
        opened: the id by which its worker knows it.
        worker: which that was; one that was started anew does not know it.
        samples: as the worker told them.
        start: where its parameters were when it was first sampled, and how often it had stepped.
    """

    entry: Entry
    row: Row
    loops: int = 1
    opened: int | None = None
    worker: Worker | None = None
    samples: list[Message] = field(default_factory=list)
    start: Message | None = None

    def running(self) -> bool:
        """Whether nothing has gone wrong."""
        return self.row["reason"] is None

    def fail(self, answer: Response) -> None:
        """Take note of what went wrong; its samples are worth nothing then."""
        self.row["outcome"] = "unsupported" if answer.status == "unsupported" else "failed"
        self.row["reason"] = answer.reply["reason"]
        self.samples.clear()


class InterleavedRun:
    """One benchmark."""

    def __init__(
        self, coordinator: Coordinator, benchmark: Benchmark, folder: Path, profile: Profile, rounds: int, seed: int
    ) -> None:
        self.coordinator, self.benchmark, self.profile = coordinator, benchmark, profile
        self.rounds, self.seed, self.folder = rounds, seed, folder
        for room in ("tapes", "traces"):
            (folder / room).mkdir(parents=True, exist_ok=True)
        name = benchmark.id.replace("/", "-")
        self.path = folder / "tapes" / f"{name}.safetensors"
        self.sha256 = arrays.write(self.path, dict(benchmark.arrays))
        self.judge = Judge(benchmark, DTYPE)
        self.surroundings = Surroundings()

    def run(self, entered: Sequence[Entry]) -> Iterator[Entrant]:
        """Everyone through everything; yields a entrant at each step that it makes: so many as `turns` says."""
        self.contestants = contestants = [self.entrant(entry) for entry in entered]
        bits = Bits(self.seed)
        for rounds in self.divided_rounds:
            for one in contestants:
                self.enter(one)
                yield one
            self.surroundings.begin(self.coordinator.processes())
            for _ in range(rounds):
                self.surroundings.pace()
                for index in bits.permutation(len(contestants)):
                    self.sample(contestants[index])
                    yield contestants[index]
            self.surroundings.end(self.coordinator.processes())
            for one in contestants:
                self.leave(one)

    @property
    def divided_rounds(self) -> list[int]:
        """How many there are after each beginning."""
        count = min(self.profile.beginnings, self.rounds)
        return [len(part) for part in np.array_split(np.arange(self.rounds), count)]

    def turns(self, entered: Sequence[Entry]) -> int:
        """How many steps there are to a race."""
        return len(entered) * (len(self.divided_rounds) + self.rounds)

    def entrant(self, entry: Entry) -> Entrant:
        """Someone who has not begun."""
        hello, benchmark = entry.hello, self.benchmark
        row = {
            **entry.named,
            "version": hello["versions"][hello["framework"]],
            "device": hello["device"],
            "dtype": DTYPE,
            "dialect": entry.described.get("dialect") or DIALECT,
            "mode": entry.described.get("mode"),
            "benchmark": benchmark.id,
            "size": benchmark.size,
            "tensors": benchmark.tensors,
            "threads": hello["threads"],
            "seed": self.seed,
            "profile": self.profile.name,
            "beginnings": len(self.divided_rounds),
            "sha256": self.sha256,
            "resolution": hello["resolution"],
            "reason": None,
            "outcome": "agrees",
            **dict.fromkeys(UNKNOWN),
        }
        return Entrant(entry, row)

    def enter(self, one: Entrant) -> None:
        """Open it, have it judged, find out how often it fits into a sample, and warm it up."""
        if not one.running() or not self._open(one):
            return
        shortest = max(self.profile.sample, RESOLUTIONS * one.row["resolution"])
        warm: list[Message] = []
        one.loops = 1
        while one.running() and (not warm or warm[-1]["seconds"] < shortest):
            if warm:
                lasted = max(warm[-1]["seconds"], one.row["resolution"])
                one.loops = max(one.loops + 1, int(one.loops * min(100.0, SPARE * shortest / lasted)))
            self._take(one, warm)
        while one.running() and not warm_enough(warm):
            self._take(one, warm)
        if one.running():
            took = per_call(warm)
            one.loops = math.ceil(SPARE * shortest / min(took))
            one.row.update(loops=one.loops, steady=steady(took) and one.row["steady"] is not False)
            one.row["warm_up"] = one.row["warm_up"] or took

    def sample(self, one: Entrant) -> None:
        """Take a sample, unless something went wrong before. Where another has lost it its worker, it enters anew."""
        if one.running() and one.worker is not self.coordinator.worker(one.entry.framework):
            self.enter(one)
        if one.running():
            self._take(one, one.samples)

    def _open(self, one: Entrant) -> bool:
        """Whether it can be timed: it is there, and computes what it says."""
        entry, kind = one.entry, self.benchmark.kind
        output = self.folder / "traces" / f"{self.path.stem}-{entry.framework}-{entry.implementation}.safetensors"
        timed = entry.implementation != TRAFFIC
        answer = self._ask(
            one,
            {
                "ask": "open",
                "benchmark": kind if timed else TRAFFIC,
                "implementation": entry.implementation if timed else None,
                "dialect": DIALECT if timed else None,
                "hyperparameters": self.benchmark.hyperparameters.to_json(),
                "dtype": DTYPE,
                "input": str(self.path),
                "output": str(output) if timed else None,
                **({"slowdown": entry.burden} if entry.burden else {}),
            },
        )
        if answer.status != "ok":
            return False
        reply = answer.reply
        one.opened, one.worker = reply["id"], self.coordinator.worker(entry.framework)
        one.start = reply["progress"]
        if one.row["first_call"] is None:  # of those to come, what is compiled is there already
            one.row.update(first_call=reply["first_call"], **reply["memory"])
        if timed:  # it is judged by what is known of it; that may be more than what it declares
            one.row["dialect"] = entry.described.get("dialect") or reply["dialect"]
            one.row.update(self.judge.verdict({**reply, "dialect": one.row["dialect"]}, output, self.sha256))
        if not one.running():
            one.samples.clear()  # it agreed when it began before, but not each time
        return one.running()

    def _take(self, one: Entrant, into: list[Message]) -> None:
        answer = self._ask(one, {"ask": "sample", "opened": one.opened, "loops": one.loops})
        if answer.status == "ok":
            into.append(answer.reply)

    def leave(self, one: Entrant) -> None:
        """Close it; its parameters must have moved as far as the steps that were timed move them."""
        if one.opened is None or one.worker is not self.coordinator.worker(one.entry.framework):
            return
        answer = self._ask(one, {"ask": "close", "opened": one.opened})
        one.opened = None
        if answer.status == "ok" and one.running() and one.start and one.entry.implementation != TRAFFIC:
            missing = steps_missing(self.benchmark, one.row["dialect"], one.start, answer.reply)
            known = [share for share in (missing, one.row["missing_steps"]) if share is not None]
            one.row["missing_steps"] = max(known, key=abs, default=None)

    def _ask(self, one: Entrant, request: Message) -> Response:
        answer = self.coordinator.ask(Request(one.entry.framework, request))
        if answer.status != "ok":
            one.fail(answer)
        return answer


def per_call(samples: Sequence[Message]) -> list[float]:
    """Seconds of one call, in each sample."""
    return [sample["seconds"] / sample["loops"] for sample in samples]


def warm_enough(samples: Sequence[Message]) -> bool:
    """Whether a warm-up has come to its end: it is steady, or patience is."""
    spent = sum(sample["seconds"] for sample in samples)
    patient = len(samples) < STEADY or (len(samples) < WARM_UP and spent < PATIENCE)
    return steady(per_call(samples)) or not patient


def steady(warm: Sequence[float]) -> bool:
    """Whether the last samples of a warm-up lie close together."""
    last = warm[-STEADY:]
    return len(last) == STEADY and max(last) <= (1 + WITHIN) * min(last)
