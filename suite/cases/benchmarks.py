"""The benchmarks: steps of an optimizer for several numbers of parameters and tensors, and epochs of tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters
from suite.cases.random import Bits
from suite.cases.tasks import HYPERPARAMETERS, Task
from suite.errors import UserError

PERIOD = 4099  # distinct numbers of the tape, repeated to any size; a prime, so that vector registers differ
BEYOND_CACHE = 1_000_000  # parameters from which on a step is compared with the memory traffic that it needs


@dataclass(frozen=True)
class Benchmark:
    """A workload that is timed in all implementations."""

    id: str  # `step/SIZE`, `step/SIZE/TENSORS` or `epoch/TASK`
    kind: str  # `step` or `epoch`
    size: int  # the number of parameters
    tensors: int  # the number of tensors that they are divided among
    hyperparameters: Hyperparameters
    arrays: Mapping[str, NDArray[Any]]  # those that are sent to a worker
    task: Task | None = None  # of an epoch

    @property
    def moves_memory(self) -> bool:
        """Whether a step is so large that memory bandwidth limits it."""
        return self.kind == "step" and self.size >= BEYOND_CACHE and self.tensors == 1

    @cached_property
    def gradients(self) -> NDArray[np.float32]:
        """The gradients of a step, the same in each step; one period of the tape, shape (1, n)."""
        return np.asarray(self.arrays["gradient"][None])


def step(size: int, tensors: int, seed: int) -> Benchmark:
    """Return the benchmark of one step. Gradients are at least 0.01 in size, so that no square underflows.

    Raises:
        UserError: if there are more tensors than parameters.
    """
    if not 1 <= tensors <= size:
        raise UserError(f"{size} parameters can't be divided among {tensors} tensors; use --tensors from 1 to {size}")
    bits, period = Bits(seed), min(PERIOD, size)
    deviates = bits.normal((2, PERIOD))[:, :period]
    gradient = np.copysign(np.maximum(np.abs(deviates[1]), 0.01), deviates[1])
    arrays = {
        "initial": deviates[0].astype(np.float32),
        "gradient": gradient.astype(np.float32),
        "size": np.array(size),
        "tensors": np.array(tensors),
    }
    name = f"step/{size}" if tensors == 1 else f"step/{size}/{tensors}"
    return Benchmark(name, "step", size, tensors, HYPERPARAMETERS, arrays)


def epoch(task: Task) -> Benchmark:
    """Return the benchmark of one epoch of a task, without evaluations of the loss."""
    tensors = len(task.data["shapes"])
    return Benchmark(f"epoch/{task.id}", "epoch", task.initial.size, tensors, task.hyperparameters, task.arrays(), task)


@dataclass(frozen=True)
class Profile:
    """The extent and the precision of a timing run."""

    name: str  # on the command line
    sizes: Sequence[int]  # numbers of parameters of steps with one tensor
    many: Sequence[tuple[int, int]]  # numbers of parameters and of tensors of steps with several tensors
    tasks: Sequence[str]  # those whose epochs are timed
    rounds: int  # samples of each implementation
    restarts: int  # how often all are opened anew, in as many parts of the rounds
    sample: float  # the shortest duration of a sample, in seconds


_DECADES = tuple(10**k for k in range(1, 8))
_DIVIDED = ((100_000, 10), (100_000, 100), (100_000, 1000))

PROFILES = {
    profile.name: profile
    for profile in (
        Profile("quick", (10, 1000, 100_000, 10_000_000), ((100_000, 100),), ("regression",), 8, 1, 0.001),
        Profile("default", _DECADES, _DIVIDED, ("regression", "digits"), 15, 3, 0.005),
        Profile("rigorous", _DECADES, _DIVIDED, ("regression", "digits"), 50, 10, 0.02),
    )
}


def benchmarks(
    profile: Profile, tasks: Mapping[str, Task], seed: int, sizes: Sequence[int] = (), tensors: Sequence[int] = ()
) -> Iterator[Benchmark]:
    """Yield the benchmarks of a profile, epochs first; or steps with the given sizes and numbers of tensors, if any.

    Raises:
        UserError: as `step`.
    """
    if sizes or tensors:
        yield from (step(n, k, seed) for n in sizes or (100_000,) for k in tensors or (1,))
        return
    yield from (epoch(tasks[name]) for name in profile.tasks if name in tasks)
    yield from (step(n, 1, seed) for n in profile.sizes)
    yield from (step(n, k, seed) for n, k in profile.many)
