"""Time the step of an optimizer, an epoch of training, or memory traffic. Worker's side.

The object that is timed has made the trace that the oracle checks. A sample measures a number of calls, from when no
work is under way until all work is done. To verify that it was done, a value is read after the clock has stopped: the
first reading waits for work that is still under way, the second one does not, and their difference is that work. The
same difference before the sample, when no work is under way, is subtracted.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from suite.adapters.contract import Array, Framework, Implementation, Tensor, Unsupported
from suite.workers.replay import Recorder, Setup, make_problem, record_step

CHECKED_STEPS = 3
"""Number of steps whose trace is compared with the oracle before steps are timed."""

WARM_UP_DIVISOR = 4
"""A sample of n calls begins with n // 4 calls that are not timed: another process has used the caches since."""

MAX_STATE_COPIED = 1_000_000  # parameters up to which the state is copied to know its size
BLOCK = 1 << 20  # numbers that are copied at a time
REPORTED = 8  # parameters whose values are reported


class TimedOperation:
    """An operation that is called many times: `call` performs it once and changes `tensors`.

    Of its memory, in bytes, it measures `state_bytes` of the state that the implementation shows, `held_bytes` by which
    the process grew, and `peak_bytes` by which it grows beyond that during a call; None where that is not known.
    """

    def __init__(self, framework: Framework, call: Callable[[], Any], tensors: list[Tensor]) -> None:
        self.framework, self.call, self.tensors = framework, call, tensors
        self.trace: dict[str, Array] = {}  # of the calls before it is timed, for the oracle
        self.first_call: float | None = None  # seconds from creating the parameters to the end of the first step
        self.memory: dict[str, int | None] = {}
        self.calls = 0  # after those of the trace

    def sample(self, loops: int) -> dict[str, Any]:
        """Time `loops` calls, after a few that are not timed.

        Returns:
            `seconds` and `cpu_seconds` (in all threads of the process) of all calls; `unfinished`, seconds of work that
            was still under way when the clock stopped; `started_at`, the time of day in seconds; `context_switches`,
            the number of involuntary ones.
        """
        framework, tensors, call = self.framework, self.tensors, self.call
        started_at, switches = time.time(), _context_switches()
        gc.disable()  # it would lengthen some samples
        try:
            for _ in repeat(None, loops // WARM_UP_DIVISOR):
                call()
            framework.synchronize(tensors)
            idle = self.read_delay()
            begin_cpu, begin = time.process_time(), time.perf_counter()
            for _ in repeat(None, loops):
                call()
            framework.synchronize(tensors)
            end, end_cpu = time.perf_counter(), time.process_time()
            unfinished = self.read_delay()
        finally:
            gc.enable()
        self.calls += loops + loops // WARM_UP_DIVISOR
        return {
            "seconds": end - begin,
            "loops": loops,
            "cpu_seconds": end_cpu - begin_cpu,
            "unfinished": max(0.0, unfinished - max(0.0, idle)),
            "started_at": started_at,
            "context_switches": _context_switches() - switches,
        }

    def read_delay(self) -> float:
        """Return by how many seconds a first reading of values takes longer than a second one."""
        begin = time.perf_counter()
        self.read()
        first = time.perf_counter()
        self.read()
        return (first - begin) - (time.perf_counter() - first)

    def read(self) -> None:
        """Read a value of the first tensor and of the last, which waits until all work on these is done."""
        for tensor in (self.tensors[0], self.tensors[-1]):
            self.framework.numpy(tensor[-1:])

    def progress(self) -> dict[str, Any]:
        """Return the number of calls, and the first parameters' values after these; None for one that is not finite."""
        values = np.ravel(self.framework.numpy(self.tensors[0][:REPORTED]))[:REPORTED]
        return {"calls": self.calls, "parameters": [float(x) if np.isfinite(x) else None for x in values]}

    def measure_memory(self, implementation: Implementation, before: int | None, size: int) -> None:
        """Fill in `memory`, by one more call; `before` has the bytes of the process before there were parameters.

        The state of many parameters is not measured, because that copies it.
        """
        small = size <= MAX_STATE_COPIED
        state = sum(array.nbytes for arrays in implementation.state().values() for array in arrays) if small else None
        held = process_memory("VmRSS")
        peak = peak_growth(self.call)
        self.calls += 1
        grown = None if held is None or before is None else held - before
        self.memory = {"state_bytes": state, "held_bytes": grown, "peak_bytes": peak}


def slowed_down(timed: TimedOperation, share: float) -> Callable[[], Any]:
    """Return the operation with a wait for its end, and then idling for this share of the time that it took."""
    call, synchronize, tensors = timed.call, timed.framework.synchronize, timed.tensors

    def slow_call() -> None:
        begin = time.perf_counter()
        call()
        synchronize(tensors)
        end = time.perf_counter()
        until = end + share * (end - begin)
        while time.perf_counter() < until:
            pass

    return slow_call


def timed_step(setup: Setup, tape: Mapping[str, Array]) -> TimedOperation:
    """Prepare one step of an optimizer, on the same gradients each time.

    The tape has `initial` and `gradient`, shape (n,), which are repeated until there are `size` numbers, and divided as
    evenly as possible among `tensors` parameters. The operation's trace has, for the first steps and each of the n
    numbers, the `lowest` and the `highest` result among its repetitions, shape (steps, n).
    """
    before, begin = process_memory("VmRSS"), time.perf_counter()
    framework = setup.framework
    parameters = [framework.parameter(part, setup.dtype) for part in parts(tape, "initial")]
    gradients = [framework.tensor(part, setup.dtype) for part in parts(tape, "gradient")]
    implementation = setup.create(parameters)
    timed, trace = TimedOperation(framework, partial(implementation.step, gradients), parameters), Recorder()
    for _ in range(CHECKED_STEPS):
        timed.call()
        framework.synchronize(parameters)
        timed.first_call = timed.first_call or time.perf_counter() - begin
        lowest, highest = envelope(blocks(framework, parameters), len(tape["initial"]))
        trace.add(lowest=lowest, highest=highest)
    timed.trace = trace.arrays()
    timed.measure_memory(implementation, before, int(tape["size"]))
    return timed


def timed_epoch(setup: Setup, task: Mapping[str, Array]) -> TimedOperation:
    """Prepare an epoch of training, after the task was done step by step with the trace of `replay.train`."""
    before, begin = process_memory("VmRSS"), time.perf_counter()
    problem = make_problem(setup.framework, task, setup.dtype)
    implementation = setup.create(problem.parameters)

    def epoch() -> None:
        implementation.train(problem, implementation.steps, int(task["steps_per_epoch"]))

    timed, trace = TimedOperation(setup.framework, epoch, problem.parameters), Recorder()
    for step in range(int(task["steps"])):
        record_step(trace, implementation, problem, step)
        timed.first_call = timed.first_call or time.perf_counter() - begin
    timed.trace = trace.arrays()
    timed.measure_memory(implementation, before, len(task["initial"]))
    return timed


def timed_traffic(framework: Framework, tape: Mapping[str, Array], dtype: str) -> TimedOperation:
    """Prepare the memory traffic of a step, with almost no arithmetic, on all of the tape's numbers in one tensor."""
    (x,), (g,) = (parts({**tape, "tensors": np.array(1)}, part) for part in ("initial", "gradient"))
    moved = [framework.parameter(x, dtype), framework.full_like(framework.parameter(x, dtype), 1.0)]
    move = framework.traffic(moved[0], moved[1], framework.tensor(g, dtype))
    if move is None:
        raise Unsupported(f"{framework.name} can't move the memory of a step in one pass")
    timed = TimedOperation(framework, move, moved)
    timed.call()
    return timed


def parts(tape: Mapping[str, Array], name: str) -> list[Array]:
    """Return the numbers of a tape, repeated to its size, and divided among its tensors."""
    return list(np.array_split(np.resize(tape[name], int(tape["size"])), int(tape["tensors"])))


def blocks(framework: Framework, tensors: Sequence[Tensor]) -> Iterator[Array]:
    """Yield the numbers of vectors in blocks, one after another, so that they are never all copied at a time."""
    for tensor in tensors:
        for begin in range(0, int(tensor.shape[0]), BLOCK):
            yield framework.numpy(tensor[begin : begin + BLOCK])


def envelope(blocks: Iterable[Array], period: int) -> tuple[Array, Array]:
    """Return the lowest and the highest number at each place of a period; NaN where one of them is NaN."""
    low, high, place = np.full(period, np.inf), np.full(period, -np.inf), 0
    for block in blocks:
        for extreme, found, padding in ((np.minimum, low, np.inf), (np.maximum, high, -np.inf)):
            padded = np.full(-(-len(block) // period) * period, padding, block.dtype)
            padded[: len(block)] = block
            extreme(found, np.roll(extreme.reduce(padded.reshape(-1, period), axis=0), place), out=found)
        place = (place + len(block)) % period
    return low, high


def process_memory(kind: str, process: int | str = "self") -> int | None:
    """Return the bytes of a process now, `VmRSS`, or at most so far, `VmHWM`; None where Linux doesn't report it."""
    try:
        lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(kind + ":")]
    return int(found[0]) * 1024 if found else None


def peak_growth(call: Callable[[], Any]) -> int | None:
    """Call a function, and return by how many bytes the process grew at most; None where Linux doesn't report it."""
    try:
        Path("/proc/self/clear_refs").write_text("5", "utf-8")  # resets VmHWM to VmRSS
    except OSError:
        call()
        return None
    before = process_memory("VmHWM")
    call()
    after = process_memory("VmHWM")
    return None if before is None or after is None else after - before


def clock_resolution() -> float:
    """Measure the shortest time, in seconds, that the clock can measure."""
    found = []
    for _ in range(100):
        begin = end = time.perf_counter()
        while end == begin:
            end = time.perf_counter()
        found.append(end - begin)
    return min(found)


def _context_switches() -> int:
    """Return the number of involuntary context switches of this process; 0 where it is not known."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
