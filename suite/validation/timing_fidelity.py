"""Fidelity of the timing: two experiments that compare the suite's times with known ones.

Overhead: a minimal loop (`suite/adapters/*/minimal_loop.py`) and the suite's worker time the same step alternately.
Both are restarted several times, because the addresses of memory, which influence the time, change between processes.

Conclusions: an implementation is timed with equal copies of itself and with a copy that is slowed down by a known
share.
"""

from __future__ import annotations

import itertools
import math
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from reports.tables.table import Table, columns
from suite import adapters
from suite.benchmark.interleaved import InterleavedRun, TimedTarget, per_call
from suite.benchmark.statistics import paired, timing_rows
from suite.cases.benchmarks import PROFILES, step
from suite.cases.random import Bits
from suite.errors import UserError
from suite.results import provenance
from suite.results.rows import TimingRow
from suite.workers.coordinator import Coordinator
from suite.workers.environments import Environment
from suite.workers.progress import Progress
from suite.workers.protocol import Message, WorkerError
from suite.workers.timer import WARM_UP_DIVISOR, process_memory

IMPLEMENTATION = "builtin"
SIZES = {10: 5, 100_000: 15, 1_000_000: 15, 10_000_000: 5}
"""Number of parameters -> number of restarts, larger where the working set just fills the cache."""
ROUNDS = 50  # samples of each after a restart
COPIES_SIZE, SLOWDOWN = 1_000_000, 0.05  # number of parameters of the copies, and slowdown of the slower copy
NO_SLOWDOWN = 1e-9  # negligible, but every copy then waits for the end of each step, as the slower one does
COPIES_RUNS, COPIES_PROFILE = 20, PROFILES["rigorous"]


@dataclass(frozen=True, kw_only=True)
class LoopRow:
    """One restart: seconds of a call in the worker and the minimal loop, alternately; peak memory of both in bytes."""

    framework: str
    size: int
    reason: str | None = None
    worker_seconds: Sequence[float]
    loop_seconds: Sequence[float]
    worker_peak: int | None = None
    loop_peak: int | None = None


@dataclass(frozen=True)
class CopyComparison:
    """A copy compared with the implementation: columns of its timing row."""

    ratio: float | None
    ratio_interval: Sequence[float] | None
    p_value: float | None
    conclusion: str | None

    @classmethod
    def of(cls, row: TimingRow) -> CopyComparison:
        """Return the comparison with the baseline that a row has."""
        return cls(row.ratio, row.ratio_interval, row.p_value, row.conclusion)


@dataclass(frozen=True, kw_only=True)
class CopiesRow:
    """One run of an implementation with an equal and a slower copy of it; `reason` says why it failed."""

    experiment: str = "calls"
    framework: str
    reason: str | None = None
    noise_floor: float | None
    equal: CopyComparison
    slower: CopyComparison


@dataclass(frozen=True)
class LoopSummary:
    """The worker compared with the minimal loop at one size."""

    framework: str
    size: int
    seconds: float  # the median of the minimal loop
    ratio: float  # the median of the ratios of all restarts, worker over minimal loop
    low: float  # the smallest ratio of a restart
    high: float  # the largest
    copies: float  # the difference of the peak memory of worker and minimal loop, in copies of the parameters

    @classmethod
    def of(cls, rows: Sequence[LoopRow]) -> LoopSummary:
        """Summarize the restarts of one framework at one size."""
        framework, size = rows[0].framework, rows[0].size
        ratios = [paired(row.worker_seconds, row.loop_seconds).value for row in rows]
        copies = [(row.worker_peak - row.loop_peak) / (4 * size) for row in rows if row.worker_peak and row.loop_peak]
        seconds = float(np.median([np.median(row.loop_seconds) for row in rows]))
        extra = float(np.median(copies)) if copies else math.nan
        return cls(framework, size, seconds, float(np.median(ratios)), min(ratios), max(ratios), extra)


@dataclass(frozen=True)
class CopiesSummary:
    """How many runs with copies found the slower copy slower, and how many found the equal copy different."""

    framework: str
    runs: int
    slower: int
    different: int
    noise_floor: float

    @classmethod
    def of(cls, framework: str, rows: Sequence[CopiesRow]) -> CopiesSummary:
        """Summarize those runs of a framework that did not fail."""
        own = [row for row in rows if row.framework == framework and not row.reason]
        slower = sum(row.slower.conclusion == "slower" for row in own)
        different = sum(row.equal.conclusion in ("slower", "faster") for row in own)
        floors = [row.noise_floor for row in own if row.noise_floor is not None]
        return cls(framework, len(own), slower, different, float(np.median(floors)) if floors else math.nan)


@dataclass(frozen=True, kw_only=True)
class FidelityResult:
    """The content of `fidelity.json`: conditions, summaries, all runs with copies, and the reasons of failures."""

    created: str
    machine: Mapping[str, Any]
    commit: str | None
    threads: int
    seed: int
    versions: Mapping[str, str]
    overhead: Sequence[LoopSummary]
    calls: Sequence[CopiesSummary]
    copy_runs: Sequence[CopiesRow]
    failed: Sequence[str]

    @classmethod
    def of(
        cls, rows: Sequence[LoopRow | CopiesRow], hellos: Mapping[str, Message], *, threads: int, seed: int
    ) -> FidelityResult:
        """Return the result of the experiments from their rows."""
        loops = [row for row in rows if isinstance(row, LoopRow) and not row.reason]
        runs = [row for row in rows if isinstance(row, CopiesRow)]
        frameworks = dict.fromkeys(row.framework for row in rows)
        groups = (
            [row for row in loops if (row.framework, row.size) == key] for key in itertools.product(frameworks, SIZES)
        )
        return cls(
            created=provenance.now(),
            machine=provenance.machine(),
            commit=provenance.commit(),
            threads=threads,
            seed=seed,
            versions={name: hello["versions"][hello["framework"]] for name, hello in hellos.items()},
            overhead=[LoopSummary.of(found) for found in groups if found],
            calls=[CopiesSummary.of(framework, runs) for framework in frameworks],
            copy_runs=runs,
            failed=[f"{row.framework}: {row.reason}" for row in rows if row.reason],
        )


class MinimalLoop:
    """A minimal loop in a process of its own. A context manager that ends it."""

    def __init__(self, environment: Environment, size: int, threads: int) -> None:
        self.name = f"of {environment.release.framework} at {size} parameters"
        script = Path(adapters.__file__).with_name(environment.release.framework) / "minimal_loop.py"
        command = [str(environment.python), "-I", str(script), str(size), str(threads)]
        self.command = shlex.join(command)
        pipe, number = subprocess.PIPE, str(threads)
        variables = {**os.environ, "OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number, "MKL_NUM_THREADS": number}
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=variables, text=True
        )
        try:
            self._read_line()
        except UserError:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def sample(self, loops: int) -> float:
        """Return the seconds of one call, averaged over `loops` calls after a warm-up."""
        if loops >= WARM_UP_DIVISOR:
            self._time(loops // WARM_UP_DIVISOR)
        return self._time(loops) / loops

    def _time(self, loops: int) -> float:
        """Return the seconds of `loops` calls."""
        assert self.process.stdin is not None  # noqa: S101  (it was opened as a pipe)
        with suppress(BrokenPipeError):  # then there is no output to read either
            print(loops, file=self.process.stdin, flush=True)
        return float(self._read_line())

    def _read_line(self) -> str:
        """Return the next line of output; raise UserError if the program has ended."""
        assert self.process.stdout is not None  # noqa: S101  (it was opened as a pipe)
        line = self.process.stdout.readline()
        if not line:
            raise UserError(f"the minimal loop {self.name} has ended; `{self.command}` shows its error")
        return line


class Fidelity:
    """Runs both experiments in the frameworks whose handshakes are given."""

    def __init__(self, coordinator: Coordinator, hellos: Mapping[str, Message], folder: Path, seed: int) -> None:
        self.coordinator, self.hellos, self.folder, self.seed = coordinator, hellos, folder, seed
        self.profile = COPIES_PROFILE

    def row_count(self) -> int:
        """Return the number of rows of `run`."""
        return len(self.hellos) * (sum(SIZES.values()) + COPIES_RUNS)

    def run(self) -> Iterator[LoopRow | CopiesRow]:
        """Yield a row for each restart and each run with copies; `FidelityResult` summarizes the rows."""
        for framework in self.hellos:
            for size, restarts in SIZES.items():
                for restart in range(restarts):
                    yield self.minimal_loop(framework, size, restart)
            for number in range(COPIES_RUNS):
                yield self.copies(framework, number)

    def minimal_loop(self, framework: str, size: int, restart: int) -> LoopRow:
        """Start a minimal loop and a worker, and time both alternately."""
        benchmark, client = step(size, 1, self.seed), self.coordinator.clients[framework]
        run = InterleavedRun(self.coordinator, benchmark, self.folder, PROFILES["default"], ROUNDS, self.seed)
        entrant, loop_seconds = run.entrant(TimedTarget(framework, IMPLEMENTATION, 1, self.hellos[framework])), []
        with MinimalLoop(client.environment, size, client.threads) as loop:
            loop_peak = process_memory("VmHWM", loop.process.pid)
            self.coordinator.clients[framework].close()
            run.enter(entrant)
            worker = self.coordinator.clients[framework].worker
            worker_peak = process_memory("VmHWM", worker.process.pid) if worker else None
            if entrant.running():
                loop.sample(entrant.loops)
            bits = Bits(self.seed + restart)
            for first in bits.integers((ROUNDS,)) % np.uint64(2):
                for is_worker in (first, 1 - first):
                    if is_worker:
                        run.sample(entrant)
                    elif entrant.running():
                        loop_seconds.append(loop.sample(entrant.loops))
        run.leave(entrant)
        return LoopRow(
            framework=framework,
            size=size,
            reason=entrant.row.reason,
            worker_seconds=per_call(entrant.samples),
            loop_seconds=loop_seconds,
            worker_peak=worker_peak,
            loop_peak=loop_peak,
        )

    def copies(self, framework: str, number: int) -> CopiesRow:
        """Time an implementation, two equal copies and a slower one; return the conclusions about the last two."""
        hello = self.hellos[framework]
        targets = [
            TimedTarget(framework, IMPLEMENTATION, i, hello, slowdown=slowdown)
            for i, slowdown in enumerate((NO_SLOWDOWN, NO_SLOWDOWN, NO_SLOWDOWN, SLOWDOWN), 1)
        ]
        benchmark, seed = step(COPIES_SIZE, 1, self.seed + number), self.seed + number
        run = InterleavedRun(self.coordinator, benchmark, self.folder, self.profile, self.profile.rounds, seed)
        for _ in run.run(targets):
            pass
        equal, slower = list(timing_rows(run))[2:]
        return CopiesRow(
            framework=framework,
            reason=equal.reason or slower.reason,
            noise_floor=equal.noise_floor,
            equal=CopyComparison.of(equal),
            slower=CopyComparison.of(slower),
        )


def measure(environments: Mapping[str, Environment], progress: Progress, *, threads: int, seed: int) -> FidelityResult:
    """Run both experiments in the frameworks of these environments; unavailable environments are left out."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Coordinator(environments, "cpu", threads, 180.0) as coordinator,
    ):
        replies = coordinator.hello()
        hellos = {name: hello for name, hello in replies.items() if not isinstance(hello, WorkerError)}
        for name in replies.keys() - hellos.keys():
            progress.say(f"{name} is left out: {replies[name]}")
        experiment, rows = Fidelity(coordinator, hellos, Path(folder), seed), []
        with progress.stage("fidelity", experiment.row_count()) as advance:
            for row in experiment.run():
                rows.append(row)
                advance(row.framework)
    return FidelityResult.of(rows, hellos, threads=threads, seed=seed)


def tables(found: FidelityResult) -> Iterator[Table]:
    """Yield the ratios to the minimal loop, and the conclusions about implementations slowed down on purpose."""
    headings = ("parameters", "minimal loop, µs", "suite / minimal", "smallest", "largest", "extra memory, copies")
    rows = []
    for row in found.overhead:
        ratios = (f"{ratio:.3f}" for ratio in (row.ratio, row.low, row.high))
        copies = f"{row.copies:.2f}" if row.size >= COPIES_SIZE else ""
        rows.append((row.framework, f"{row.size:,}", f"{row.seconds * 1e6:,.1f}", *ratios, copies))
    yield Table.of(columns("framework", numbers=headings), rows)
    conclusion_headings = ("runs", f"slower by {SLOWDOWN:.0%}: found slower", "equal: found different", "noise floor")
    conclusions = (
        (row.framework, *map(str, (row.runs, row.slower, row.different)), f"{row.noise_floor:.1%}")
        for row in found.calls
    )
    yield Table.of(columns("framework", numbers=conclusion_headings), conclusions)
