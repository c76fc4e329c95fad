"""Worker's side: what is timed, and the stopwatch. It is the very object that is judged, and then it is timed.

A sample is so many calls, from when nothing is under way to when all is done. Whether all was done is looked into: a
value is read, which takes what was still missing and the reading; and once more, which takes the reading alone. The
same before the sample, when nothing is missing, tells by how much a first reading is slower in any case.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from reference import Hyperparameters
from suite.adapters.contract import Array, Framework, Implementation, Tensor, Unsupported
from suite.workers import replay

JUDGED = 3  # steps of which a trace is made before steps are timed
SMALL = 1_000_000  # parameters at most, of which the state is copied to see its size
BLOCK = 1 << 20  # numbers that are copied at a time
LEAD = 4  # one call in so many leads in: another process has had the processor, and its caches
SHOWN = 8  # parameters of which it is told how far they got


class Timed:
    """Something that is done again and again.

    Attributes:
        once: does it.
        tensors: what it changes.
        trace: of what was done before it is timed, for the oracle.
        first_call: seconds from nothing to the end of the first step.
        memory: `state_bytes`, of the state as far as it is shown; `held_bytes`, by which the process grew; and
            `peak_bytes`, by which it grows beyond that while it is done; None where that can't be known.
        calls: how often it was done since.
    """

    def __init__(self, framework: Framework, once: Callable[[], Any], tensors: list[Tensor]) -> None:
        self.framework, self.once, self.tensors = framework, once, tensors
        self.trace: dict[str, Array] = {}
        self.first_call: float | None = None
        self.memory: dict[str, int | None] = {}
        self.calls = 0

    def sample(self, loops: int) -> dict[str, Any]:
        """Do it so many times, after a few that are not counted.

        Returns:
            `seconds` of all; `cpu_seconds` that the process spent on them, in all its threads; `leftover`, seconds of
            work that was still under way when the clock was stopped; `at`, the time of day (s); `switches`, how often
            the system took the processor away.
        """
        framework, tensors, once = self.framework, self.tensors, self.once
        at, switches = time.time(), _switches()
        with uncollected():
            for _ in repeat(None, loops // LEAD):
                once()
            framework.synchronize(tensors)
            idle = self.unread()
            begin_cpu, begin = time.process_time(), time.perf_counter()
            for _ in repeat(None, loops):
                once()
            framework.synchronize(tensors)
            end, end_cpu = time.perf_counter(), time.process_time()
            missing = self.unread()
        self.calls += loops + loops // LEAD
        return {
            "seconds": end - begin,
            "loops": loops,
            "cpu_seconds": end_cpu - begin_cpu,
            "leftover": max(0.0, missing - max(0.0, idle)),
            "at": at,
            "switches": _switches() - switches,
        }

    def unread(self) -> float:
        """By how many seconds it takes longer to read a value for the first time than for the second."""
        begin = time.perf_counter()
        self.read()
        first = time.perf_counter()
        self.read()
        return (first - begin) - (time.perf_counter() - first)

    def read(self) -> None:
        """A value of the first and of the last tensor: to have it, all work on them must be done."""
        for tensor in (self.tensors[0], self.tensors[-1]):
            self.framework.numpy(tensor[-1:])

    def moved(self) -> dict[str, Any]:
        """How often it was done, and where that brought the first parameters."""
        shown = np.ravel(self.framework.numpy(self.tensors[0][:SHOWN]))[:SHOWN]
        return {"calls": self.calls, "parameters": [float(x) if np.isfinite(x) else None for x in shown]}

    def weigh(self, implementation: Implementation, resting: int | None, size: int) -> None:
        """Take note of memory: `resting` is what the process had before there was anything; `size`, of the parameters.

        To show the state copies it: of what is large that would be a copy too many.
        """
        small = size <= SMALL
        state = sum(array.nbytes for arrays in implementation.state().values() for array in arrays) if small else None
        held = memory("VmRSS")
        peak = peak_of(self.once)
        self.calls += 1
        grown = None if held is None or resting is None else held - resting
        self.memory = {"state_bytes": state, "held_bytes": grown, "peak_bytes": peak}


def burdened(timed: Timed, share: float) -> Callable[[], Any]:
    """The same to its end, and then idling for a share of the time that it took: slower by so much, for certain."""
    once, wait, tensors = timed.once, timed.framework.synchronize, timed.tensors

    def slow() -> None:
        begin = time.perf_counter()
        once()
        wait(tensors)
        end = time.perf_counter()
        until = end + share * (end - begin)
        while time.perf_counter() < until:
            pass

    return slow


def steps(
    framework: Framework, name: str, dialect: str, tape: Mapping[str, Array], h: Hyperparameters, dtype: str
) -> Timed:
    """One step of an optimizer, on the same gradients each time.

    Args:
        framework: with the device.
        name: the implementation's.
        dialect: what a scratch implementation runs.
        tape: `initial` and `gradient`, shape (n,), which are repeated until there are `size` numbers, and these divided
            among `tensors` parameters, as evenly as can be.
        h: hyper-parameters.
        dtype: of parameters and gradients.

    Returns:
        What is timed. Its trace has the first steps: the `lowest` and the `highest` that came of each of the n numbers
        among all its repetitions, shape (steps, n).
    """
    resting, begin = memory("VmRSS"), time.perf_counter()
    parameters = [framework.parameter(part, dtype) for part in parts(tape, "initial")]
    gradients = [framework.tensor(part, dtype) for part in parts(tape, "gradient")]
    implementation = replay.start(framework, name, dialect, parameters, h)
    timed = Timed(framework, partial(implementation.step, gradients), parameters)
    trace = replay.Recorder()
    for _ in range(JUDGED):
        timed.once()
        framework.synchronize(parameters)
        timed.first_call = timed.first_call or time.perf_counter() - begin
        lowest, highest = envelope(blocks(framework, parameters), len(tape["initial"]))
        trace.add(lowest=lowest, highest=highest)
    timed.trace = trace.arrays()
    timed.weigh(implementation, resting, int(tape["size"]))
    return timed


def epochs(
    framework: Framework, name: str, dialect: str, task: Mapping[str, Array], h: Hyperparameters, dtype: str
) -> Timed:
    """One epoch of training. The task is done once step by step, and its trace is as `replay.train` makes it."""
    resting, begin = memory("VmRSS"), time.perf_counter()
    problem = replay.problem(framework, task, dtype)
    implementation = replay.start(framework, name, dialect, problem.parameters, h)
    timed = Timed(
        framework, lambda: implementation.descend(problem, implementation.steps, problem.length), problem.parameters
    )
    trace = replay.Recorder()
    for step in range(int(task["steps"])):
        replay.record(trace, implementation, problem, step)
        timed.first_call = timed.first_call or time.perf_counter() - begin
    timed.trace = trace.arrays()
    timed.weigh(implementation, resting, len(task["initial"]))
    return timed


def traffic(framework: Framework, tape: Mapping[str, Array], dtype: str) -> Timed:
    """The memory that a step must move, and next to nothing else; all of the tape's numbers in one tensor.

    Raises:
        Unsupported: if the framework can't do it in one pass.
    """
    (x,), (g,) = (parts({**tape, "tensors": np.array(1)}, part) for part in ("initial", "gradient"))
    moved = [framework.parameter(x, dtype), framework.filled_like(framework.parameter(x, dtype), 1.0)]
    move = framework.traffic(moved[0], moved[1], framework.tensor(g, dtype))
    if move is None:
        raise Unsupported(f"{framework.name} can't move it in one pass")
    timed = Timed(framework, move, moved)
    timed.once()
    return timed


def parts(tape: Mapping[str, Array], name: str) -> list[Array]:
    """The numbers of a tape, repeated to its size, and divided."""
    return list(np.array_split(np.resize(tape[name], int(tape["size"])), int(tape["tensors"])))


def blocks(framework: Framework, tensors: Sequence[Tensor]) -> Iterator[Array]:
    """The numbers of vectors, one after another, some at a time: never a copy of all."""
    for tensor in tensors:
        for begin in range(0, int(tensor.shape[0]), BLOCK):
            yield framework.numpy(tensor[begin : begin + BLOCK])


def envelope(blocks: Iterable[Array], period: int) -> tuple[Array, Array]:
    """The lowest and the highest of what has the same place in each period; NaN if one of them is."""
    low, high, place = np.full(period, np.inf), np.full(period, -np.inf), 0
    for block in blocks:
        for of, found, nothing in ((np.minimum, low, np.inf), (np.maximum, high, -np.inf)):
            padded = np.full(-(-len(block) // period) * period, nothing, block.dtype)
            padded[: len(block)] = block
            of(found, np.roll(of.reduce(padded.reshape(-1, period), axis=0), place), out=found)
        place = (place + len(block)) % period
    return low, high


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's garbage collector, which would stop a sample now and then."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def memory(kind: str, process: int | str = "self") -> int | None:
    """Bytes that a process has, `VmRSS`, or had at most, `VmHWM`; None where Linux doesn't tell."""
    try:
        lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(kind + ":")]
    return int(found[0]) * 1024 if found else None


def peak_of(once: Callable[[], Any]) -> int | None:
    """By how many bytes the process grows, at most, while something is done; None where Linux doesn't tell."""
    try:
        Path("/proc/self/clear_refs").write_text("5", "utf-8")  # what it had at most is what it has
    except OSError:
        once()
        return None
    before = memory("VmHWM")
    once()
    after = memory("VmHWM")
    return None if before is None or after is None else after - before


def resolution() -> float:
    """The shortest time that the clock can tell from none, in seconds."""
    found = []
    for _ in range(100):
        begin = end = time.perf_counter()
        while end == begin:
            end = time.perf_counter()
        found.append(end - begin)
    return min(found)


def _switches() -> int:
    """How often the system has taken the processor away from this process; 0 where that isn't known."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
