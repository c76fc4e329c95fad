"""Interleaved timing: all implementations of one benchmark, one sample each in every round, in random order.

One process works at a time. Each implementation is compared with the oracle first, on the object that is then timed;
its warm-up is recorded apart from the samples. The addresses at which memory is allocated influence the time and stay
the same while a process lives, so that all implementations are restarted several times. Of each framework one
implementation runs twice: the difference of the two copies is the noise floor of the run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from suite.benchmark.checks import CorrectnessCheck, MachineLoad, steps_missing
from suite.cases.benchmarks import Benchmark, Profile
from suite.cases.random import Bits
from suite.conformance.targets import DIALECT, DTYPE, failure
from suite.results.rows import TimingRow
from suite.workers import arrays
from suite.workers.coordinator import Coordinator, WorkerProcess
from suite.workers.protocol import Message, Request, Response
from suite.workers.selection import selection_text

TRAFFIC = "traffic"
"""The implementation that only moves the memory of a step."""

STEADY, TOLERANCE = 3, 0.05  # the last samples of a steady warm-up, and their largest relative difference
LONGEST_WARM_UP, LONGEST_WARM_UP_SECONDS = 12, 3.0  # in samples, and in seconds
MARGIN = 1.2  # calls in a sample, relative to those that its shortest duration needs
RESOLUTIONS = 1000  # the shortest duration of a sample, in resolutions of the clock
ARRAYS = 4  # arrays of the size of the parameters that a process holds: parameters, gradient, average, temporaries


@dataclass(frozen=True)
class TimedTarget:
    """An implementation that is timed."""

    framework: str  # or the oracle
    implementation: str  # or `traffic`
    instance: int  # 1, or 2 for the copy that measures the noise floor
    hello: Message = field(repr=False, compare=False)  # the framework's handshake
    slowdown: float = 0.0  # the share of a call by which it is made slower on purpose
    identified: str | None = None  # the dialect that it was found to compute, whatever it declares

    @property
    def described(self) -> Message:
        """The handshake's entry of the implementation."""
        found: Message = self.hello["implementations"].get(self.implementation, {})
        return found

    @property
    def version(self) -> str:
        """The version of the framework."""
        return str(self.hello["versions"][self.hello["framework"]])

    @property
    def declared(self) -> str | None:
        """The dialect that it was found to compute or that it declares, if that does not depend on hyper-parameters."""
        return self.identified or self.described.get("dialect")

    @property
    def dialect(self) -> str:
        """The dialect that it declares, or that of scratch implementations."""
        return self.declared or DIALECT

    def key(self, benchmark: Benchmark) -> tuple[object, ...]:
        """Return what identifies its row, as in the key of the table of timings."""
        return (
            self.framework, self.implementation, self.instance, self.version, self.hello["device"], benchmark.id
        )  # fmt: skip

    def text(self, benchmark: Benchmark) -> str:
        """Return the text of its row that an expression is matched with."""
        return selection_text(self.framework, self.implementation, benchmark.id, DTYPE, self.dialect)


def timed_targets(
    hellos: Mapping[str, Message], chosen: Mapping[str, Sequence[str]], benchmark: Benchmark
) -> Iterator[TimedTarget]:
    """Yield the targets of a benchmark: the chosen implementations, one of each framework twice, and `traffic`."""
    for framework, hello in hellos.items():
        names = list(chosen[framework])
        for name in names:
            yield TimedTarget(framework, name, 1, hello)
        if names:
            yield TimedTarget(framework, "builtin" if "builtin" in names else names[0], 2, hello)
        if names and benchmark.moves_memory:
            yield TimedTarget(framework, TRAFFIC, 1, hello)


def groups(targets: Sequence[TimedTarget], benchmark: Benchmark) -> list[list[TimedTarget]]:
    """Return the targets that are timed together: all, or those of each framework if the memory is too small."""
    needed = ARRAYS * 4 * benchmark.size * len(targets)
    if needed <= psutil.virtual_memory().available / 2:
        return [list(targets)] if targets else []
    return [
        [target for target in targets if target.framework == framework]
        for framework in dict.fromkeys(target.framework for target in targets)
    ]


@dataclass
class Entrant:
    """The state of one target during a run."""

    target: TimedTarget
    row: TimingRow  # without what follows from the samples
    loops: int = 1  # calls in a sample
    opened: int | None = None  # the id of the opened object in its worker
    worker: WorkerProcess | None = None  # that worker; a restarted one does not know the id
    samples: list[Message] = field(default_factory=list)  # as the worker reports them
    start: Message | None = None  # the parameters and the number of steps before the first sample

    def running(self) -> bool:
        """Return whether nothing has failed so far."""
        return self.row.reason is None

    def fail(self, response: Response) -> None:
        """Record a failure and discard the samples."""
        self.row = replace(self.row, outcome=failure(response), reason=response.reply["reason"])
        self.samples.clear()


class InterleavedRun:
    """A run of one benchmark."""

    def __init__(
        self, coordinator: Coordinator, benchmark: Benchmark, folder: Path, profile: Profile, rounds: int, seed: int
    ) -> None:
        """Write the input of the benchmark into the results folder; the seed is that of the order in the rounds."""
        self.coordinator, self.benchmark, self.profile = coordinator, benchmark, profile
        self.rounds, self.seed, self.folder = rounds, seed, folder
        for name in ("tapes", "traces"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.path = folder / "tapes" / f"{benchmark.id.replace('/', '-')}.safetensors"
        self.sha256 = arrays.write(self.path, dict(benchmark.arrays))
        self.check = CorrectnessCheck(benchmark, DTYPE)
        self.machine_load = MachineLoad()
        self.entrants: list[Entrant] = []

    def run(self, targets: Sequence[TimedTarget]) -> Iterator[Entrant]:
        """Time all targets; yield an entrant after each of its steps, `step_count` times in all."""
        self.entrants = entrants = [self.entrant(target) for target in targets]
        bits = Bits(self.seed)
        for rounds in self._divided_rounds:
            for entrant in entrants:
                self.enter(entrant)
                yield entrant
            self.machine_load.begin(self.coordinator.processes())
            for _ in range(rounds):
                self.machine_load.measure_speed()
                for index in bits.permutation(len(entrants)):
                    self.sample(entrants[index])
                    yield entrants[index]
            self.machine_load.end(self.coordinator.processes())
            for entrant in entrants:
                self.leave(entrant)

    @property
    def _divided_rounds(self) -> list[int]:
        """The number of rounds after each restart."""
        count = min(self.profile.restarts, self.rounds)
        return [len(part) for part in np.array_split(np.arange(self.rounds), count)]

    def step_count(self, targets: Sequence[TimedTarget]) -> int:
        """Return the number of steps of a run: each target is opened after every restart and sampled in every round."""
        return len(targets) * (len(self._divided_rounds) + self.rounds)

    def entrant(self, target: TimedTarget) -> Entrant:
        """Return the initial state of a target."""
        hello, benchmark = target.hello, self.benchmark
        row = TimingRow(
            framework=target.framework,
            implementation=target.implementation,
            instance=target.instance,
            version=target.version,
            device=hello["device"],
            dtype=DTYPE,
            dialect=target.dialect,
            mode=target.described.get("mode"),
            benchmark=benchmark.id,
            size=benchmark.size,
            tensors=benchmark.tensors,
            threads=hello["threads"],
            seed=self.seed,
            profile=self.profile.name,
            restarts=len(self._divided_rounds),
            sha256=self.sha256,
            resolution=hello["resolution"],
            outcome="agrees",
        )
        return Entrant(target, row)

    def enter(self, entrant: Entrant) -> None:
        """Open a target, compare it with the oracle, find the number of calls in a sample, and warm it up."""
        if not entrant.running() or not self._open(entrant):
            return
        resolution = entrant.row.resolution or 0.0
        shortest = max(self.profile.sample, RESOLUTIONS * resolution)
        warm: list[Message] = []
        entrant.loops = 1
        while entrant.running() and (not warm or warm[-1]["seconds"] < shortest):
            if warm:
                seconds = max(warm[-1]["seconds"], resolution)
                entrant.loops = max(entrant.loops + 1, int(entrant.loops * min(100.0, MARGIN * shortest / seconds)))
            self._take(entrant, warm)
        while entrant.running() and not _warmed_up(warm):
            self._take(entrant, warm)
        if entrant.running():
            seconds_per_call = per_call(warm)
            entrant.loops = math.ceil(MARGIN * shortest / min(seconds_per_call))
            entrant.row = replace(
                entrant.row,
                loops=entrant.loops,
                steady=_steady(seconds_per_call) and entrant.row.steady is not False,
                warm_up=entrant.row.warm_up or seconds_per_call,
            )

    def sample(self, entrant: Entrant) -> None:
        """Take a sample, unless the target failed; open it again first if its worker was restarted."""
        if entrant.running() and entrant.worker is not self.coordinator.clients[entrant.target.framework].worker:
            self.enter(entrant)
        if entrant.running():
            self._take(entrant, entrant.samples)

    def _open(self, entrant: Entrant) -> bool:
        """Open a target; return whether it is available and computes the dialect that it declares."""
        target, kind = entrant.target, self.benchmark.kind
        output = self.folder / "traces" / f"{self.path.stem}-{target.framework}-{target.implementation}.safetensors"
        computes = target.implementation != TRAFFIC
        response = self._ask(
            entrant,
            {
                "method": "open",
                "benchmark": kind if computes else TRAFFIC,
                "implementation": target.implementation if computes else None,
                "dialect": DIALECT if computes else None,
                "hyperparameters": self.benchmark.hyperparameters.to_json(),
                "dtype": DTYPE,
                "input": str(self.path),
                "output": str(output) if computes else None,
                **({"slowdown": target.slowdown} if target.slowdown else {}),
            },
        )
        if response.status != "ok":
            return False
        reply = response.reply
        entrant.opened, entrant.worker = reply["id"], self.coordinator.clients[target.framework].worker
        entrant.start = reply["progress"]
        if entrant.row.first_call is None:  # after a restart, compiled code may come from a cache
            entrant.row = replace(entrant.row, first_call=reply["first_call"], **reply["memory"])
        if computes:
            dialect = target.declared or str(reply["dialect"])
            entrant.row = replace(entrant.row, dialect=dialect, **self.check.columns(response, self.sha256, dialect))
        if not entrant.running():
            entrant.samples.clear()  # it agreed after an earlier restart, but not after each one
        return entrant.running()

    def _take(self, entrant: Entrant, into: list[Message]) -> None:
        response = self._ask(entrant, {"method": "sample", "opened": entrant.opened, "loops": entrant.loops})
        if response.status == "ok":
            into.append(response.reply)

    def leave(self, entrant: Entrant) -> None:
        """Close a target, and check that its parameters moved as far as the timed steps move them."""
        if entrant.opened is None or entrant.worker is not self.coordinator.clients[entrant.target.framework].worker:
            return
        response = self._ask(entrant, {"method": "close", "opened": entrant.opened})
        entrant.opened = None
        traffic = entrant.target.implementation == TRAFFIC
        if response.status == "ok" and entrant.running() and entrant.start and not traffic:
            missing = steps_missing(self.benchmark, str(entrant.row.dialect), entrant.start, response.reply)
            known = [share for share in (missing, entrant.row.missing_steps) if share is not None]
            entrant.row = replace(entrant.row, missing_steps=max(known, key=abs, default=None))

    def _ask(self, entrant: Entrant, message: dict[str, Any]) -> Response:
        response = self.coordinator.send(Request(entrant.target.framework, message))
        if response.status != "ok":
            entrant.fail(response)
        return response


def per_call(samples: Sequence[Message]) -> list[float]:
    """Return the seconds of one call in each sample."""
    return [sample["seconds"] / sample["loops"] for sample in samples]


def _warmed_up(samples: Sequence[Message]) -> bool:
    """Return whether a warm-up is complete: it is steady, or it has taken as long as it may."""
    seconds = sum(sample["seconds"] for sample in samples)
    may_continue = len(samples) < STEADY or (len(samples) < LONGEST_WARM_UP and seconds < LONGEST_WARM_UP_SECONDS)
    return _steady(per_call(samples)) or not may_continue


def _steady(seconds: Sequence[float]) -> bool:
    """Return whether the last samples of a warm-up are close together."""
    last = seconds[-STEADY:]
    return len(last) == STEADY and max(last) <= (1 + TOLERANCE) * min(last)
