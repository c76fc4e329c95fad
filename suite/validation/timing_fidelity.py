"""Fidelity of the timing: two experiments that compare the suite's times with known ones.

Overhead: a minimal loop (`suite/adapters/*/minimal_loop.py`) and the suite's worker time the same step in turns.
Both are restarted several times, because the addresses of memory, which influence the time, change between processes.

Conclusions: runs of an implementation, equal copies of it, and a copy that is slowed down by a known share.
"""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np

from suite import adapters
from suite.benchmark import rows, statistics
from suite.benchmark.interleaved import InterleavedRun, TimedTarget, per_call
from suite.cases.benchmarks import PROFILES, step
from suite.cases.random import Bits
from suite.results.rows import TimingRow
from suite.workers.coordinator import Coordinator
from suite.workers.environments import Environment
from suite.workers.protocol import Message
from suite.workers.timer import WARM_UP_DIVISOR, process_memory

IMPLEMENTATION = "builtin"
SIZES = {10: 5, 100_000: 15, 1_000_000: 15, 10_000_000: 5}
"""Number of parameters -> number of restarts, larger where the working set just fills the cache."""
ROUNDS = 50  # samples of each after that
CALLED_AT, SLOWDOWN = 1_000_000, 0.05  # where calls are made, and of what is slower by so much
WAIT = 1e-9  # a slowdown that is none, so that all wait for the end of each step alike
CALLS, CAREFUL = 20, PROFILES["rigorous"]
PATIENCE = 120.0  # seconds that a minimal loop may take to begin


class Bare:
    """A minimal loop in a process of its own. A context manager that ends it."""

    def __init__(self, environment: Environment, size: int, threads: int) -> None:
        self.name = f"of {environment.framework} at {size} parameters"
        script = Path(adapters.__file__).with_name(environment.framework) / "minimal_loop.py"
        command = [str(environment.python), "-I", str(script), str(size), str(threads)]
        pipe, number = subprocess.PIPE, str(threads)
        variables = {**os.environ, "OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number, "MKL_NUM_THREADS": number}
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=variables, text=True
        )
        try:
            self.answer()
        except LookupError:
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
            self.ask(loops // WARM_UP_DIVISOR)
        return self.ask(loops) / loops

    def ask(self, loops: int) -> float:
        """Return the seconds of `loops` calls."""
        assert self.process.stdin is not None  # noqa: S101  (it was opened as a pipe)
        with suppress(BrokenPipeError):  # then there is no answer either
            print(loops, file=self.process.stdin, flush=True)
        return float(self.answer())

    def answer(self) -> str:
        """Return the next line of output.

        Raises:
            LookupError: if the program has ended.
        """
        assert self.process.stdout is not None  # noqa: S101  (likewise)
        line = self.process.stdout.readline()
        if not line:
            raise LookupError(f"the minimal loop {self.name} has ended")
        return line


class Fidelity:
    """Both experiments in the available frameworks."""

    def __init__(
        self,
        coordinator: Coordinator,
        environments: Mapping[str, Environment],
        hellos: Mapping[str, Message],
        folder: Path,
        seed: int,
    ) -> None:
        self.coordinator, self.environments, self.hellos = coordinator, environments, hellos
        self.folder, self.seed, self.careful = folder, seed, CAREFUL

    def turns(self) -> int:
        """Return the number of steps of the experiments."""
        return len(self.hellos) * (sum(SIZES.values()) + CALLS)

    def run(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each step; `summary` computes tables from the rows."""
        for framework in self.hellos:
            for size, restarts in SIZES.items():
                for restart in range(restarts):
                    yield self.beside(framework, size, restart)
            for number in range(CALLS):
                yield self.called(framework, number)

    def beside(self, framework: str, size: int, restart: int) -> dict[str, Any]:
        """Start a minimal loop and a worker, and time both in turns."""
        benchmark = step(size, 1, self.seed)
        race = InterleavedRun(self.coordinator, benchmark, self.folder, PROFILES["default"], ROUNDS, self.seed)
        ours, theirs = race.entrant(TimedTarget(framework, IMPLEMENTATION, 1, self.hellos[framework])), []
        with Bare(self.environments[framework], size, self.coordinator.clients[framework].threads) as bare:
            bare_peak = process_memory("VmHWM", bare.process.pid)
            self.coordinator.restart(framework)
            race.enter(ours)
            worker = self.coordinator.worker(framework)
            peak = process_memory("VmHWM", worker.process.pid) if worker else None
            if ours.running():
                bare.sample(ours.loops)
            bits = Bits(self.seed + restart)
            for first in bits.integers((ROUNDS,)) % np.uint64(2):
                for turn in (first, 1 - first):
                    if turn:
                        race.sample(ours)
                    elif ours.running():
                        theirs.append(bare.sample(ours.loops))
        race.leave(ours)
        return {
            "experiment": "bare",
            "framework": framework,
            "size": size,
            "reason": ours.row.reason,
            "ours": per_call(ours.samples),
            "theirs": theirs,
            "peak": peak,
            "bare_peak": bare_peak,
        }

    def called(self, framework: str, number: int) -> dict[str, Any]:
        """Time an implementation, two equal copies and a slower one; return the conclusions about the last two."""
        hello = self.hellos[framework]
        slowdowns = (WAIT, WAIT, WAIT, SLOWDOWN)
        entered = [
            TimedTarget(framework, IMPLEMENTATION, i, hello, slowdown=slowdown)
            for i, slowdown in enumerate(slowdowns, 1)
        ]
        benchmark, seed = step(CALLED_AT, 1, self.seed + number), self.seed + number
        race = InterleavedRun(self.coordinator, benchmark, self.folder, self.careful, self.careful.rounds, seed)
        for _ in race.run(entered):
            pass
        equal, slower = list(rows.timing_rows(race))[2:]
        return {
            "experiment": "calls",
            "framework": framework,
            "reason": equal.reason or slower.reason,
            "floor": equal.noise_floor,
            "equal": _ratio(equal),
            "slower": _ratio(slower),
        }


def _ratio(row: TimingRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("ratio", "ratio_interval", "p_value", "conclusion")}


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the ratio to the minimal loop by framework and size, and the number of each conclusion by framework.

    `races` has the conclusions of each run. The ratio is the median over all restarts of the ratios of medians; `low`
    and `high` are the least and the greatest of these. `copies` is the difference of the peak memory of worker and
    minimal loop, in copies of the parameters.
    """
    beside: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for framework in dict.fromkeys(row["framework"] for row in rows):
        mine = [row for row in rows if row["framework"] == framework and not row["reason"]]
        for size in SIZES:
            found = [row for row in mine if row["experiment"] == "bare" and row["size"] == size]
            ratios = [statistics.paired(row["ours"], row["theirs"]).value for row in found]
            if ratios:
                copies = [(r["peak"] - r["bare_peak"]) / (4 * size) for r in found if r["peak"] and r["bare_peak"]]
                beside.append(
                    {
                        "framework": framework,
                        "size": size,
                        "seconds": float(np.median([np.median(row["theirs"]) for row in found])),
                        "ratio": float(np.median(ratios)),
                        "low": min(ratios),
                        "high": max(ratios),
                        "copies": float(np.median(copies)) if copies else math.nan,
                    }
                )
        races = [row for row in mine if row["experiment"] == "calls"]
        calls.append(
            {
                "framework": framework,
                "races": len(races),
                "slower": sum(row["slower"]["conclusion"] == "slower" for row in races),
                "different": sum(row["equal"]["conclusion"] in ("slower", "faster") for row in races),
                "floor": float(np.median([row["floor"] for row in races])) if races else math.nan,
            }
        )
    return {"beside": beside, "calls": calls, "races": [row for row in rows if row["experiment"] == "calls"]}
