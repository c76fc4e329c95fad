"""What is timed: steps of an optimizer over numbers of parameters and of tensors, and epochs of tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters
from suite.cases.random import Bits
from suite.cases.tasks import Task

PERIOD = 4099
"""Numbers of the tape, repeated to whatever size: a prime, so that no vector register meets the same ones each time."""

BEYOND_CACHE = 1_000_000
"""Parameters from which on a step is held against the memory that it moves."""

STEP = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-6)
"""Of every timed step: the section's, without momentum and without options, which all implementations have."""


@dataclass(frozen=True)
class Benchmark:
    """One thing that all implementations are timed at, side by side.

    Attributes:
        id: `step/SIZE`, `step/SIZE/TENSORS` or `epoch/TASK`.
        kind: `step` or `epoch`.
        size: parameters.
        tensors: among which they are divided.
        hyperparameters: of the optimizer.
        arrays: what a worker needs, as its file has it.
        task: of an epoch.
    """

    id: str
    kind: str
    size: int
    tensors: int
    hyperparameters: Hyperparameters
    arrays: Mapping[str, NDArray[Any]]
    task: Task | None = None

    @property
    def moves_memory(self) -> bool:
        """Whether a step is so large that memory limits it."""
        return self.kind == "step" and self.size >= BEYOND_CACHE and self.tensors == 1

    @cached_property
    def gradients(self) -> NDArray[np.float32]:
        """Of a step: the same each time, in the tape's period; shape (1, n)."""
        return np.asarray(self.arrays["gradient"][None])


def step(size: int, tensors: int, seed: int) -> Benchmark:
    """One step over so many parameters. Gradients are at least a hundredth, so that none vanishes when it is squared.

    Raises:
        LookupError: if there are more tensors than parameters.
    """
    if not 1 <= tensors <= size:
        raise LookupError(f"{size} parameters can't be divided among {tensors} tensors")
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
    return Benchmark(name, "step", size, tensors, STEP, arrays)


def epoch(task: Task) -> Benchmark:
    """One epoch of a task's training; evaluations are not counted."""
    tensors = len(task.arrays["shapes"])
    return Benchmark(f"epoch/{task.id}", "epoch", task.initial.size, tensors, task.hyperparameters, task.file(), task)


@dataclass(frozen=True)
class Profile:
    """How much is timed, and how closely.

    Attributes:
        name: on the command line.
        sizes: parameters of a step, in one tensor.
        many: parameters and tensors of a step over several.
        tasks: of which an epoch is timed.
        rounds: samples of each implementation.
        beginnings: how often all are opened anew, in as many parts of the rounds.
        sample: seconds that one takes at least.
    """

    name: str
    sizes: Sequence[int]
    many: Sequence[tuple[int, int]]
    tasks: Sequence[str]
    rounds: int
    beginnings: int
    sample: float


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
    """What a profile times: epochs first; or, where the user names sizes or numbers of tensors, steps over these.

    Raises:
        LookupError: as `step`.
    """
    if sizes or tensors:
        yield from (step(n, k, seed) for n in sizes or (100_000,) for k in tensors or (1,))
        return
    yield from (epoch(tasks[name]) for name in profile.tasks if name in tasks)
    yield from (step(n, 1, seed) for n in profile.sizes)
    yield from (step(n, k, seed) for n, k in profile.many)
