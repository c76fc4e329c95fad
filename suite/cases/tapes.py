"""Open-loop tapes: a start and a sequence of gradients, from seeded bits or recorded from the oracle's own runs.

Most hold STEPS steps, so that they can tape_batch side by side in one array: the update is element-wise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import SparseGradients, dialects, replay
from suite.cases.random import Bits
from suite.cases.tasks import Task

STEPS = 50
WIDE = ("float32", "float64")
REDUCED = ("float16", "bfloat16")
LARGE = 10_000  # coordinates
Array32 = NDArray[np.float32]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Tape:
    """The input of a replay.

    Attributes:
        id: never changes its meaning.
        reason: what it tells apart.
        initial: float32, shape (n,).
        gradients: float32, shape (steps, n).
        shapes: of the parameters that the coordinates are divided into; None: any will do, in the company of others.
        strided: whether parameters and gradients have gaps in memory.
        restored: the steps after which the optimizer is built anew from its saved state, if it is.
        alone: whether it shares no tape with others, since it may be refused.
        lean: whether one dtype, and two dialects of a scratch implementation, are enough.
        dtypes: in which it is run.
        rates: what each of the parameters has of the learning rate; None: the whole.
        subnormals: whether it tells those who keep subnormals from those who flush them. A scratch implementation is
            not asked then: it does as its framework does, whatever its dialect.
    """

    id: str
    reason: str
    initial: Array32
    gradients: Array32
    shapes: tuple[Shape, ...] | None = None
    strided: bool = False
    restored: int | None = None
    alone: bool = False
    lean: bool = False
    dtypes: tuple[str, ...] = WIDE
    rates: tuple[float, ...] | None = None
    subnormals: bool = False
    sparse: SparseGradients | None = None

    @property
    def large(self) -> bool:
        """Whether it is too large to be replayed in every dialect."""
        return self.initial.size > LARGE

    def rate_scale(self) -> NDArray[np.float64]:
        """What each coordinate has of the learning rate: shape (n,), or () if all have the whole."""
        if self.rates is None or self.shapes is None:
            return np.array(1.0)
        return np.repeat(self.rates, [math.prod(shape) for shape in self.shapes])

    def file(self) -> dict[str, NDArray[Any]]:
        """What is written for the workers."""
        arrays: dict[str, NDArray[Any]] = {"initial": self.initial}
        if self.sparse is None:
            arrays["gradients"] = self.gradients
        else:
            arrays.update(rows=self.sparse.rows, values=self.sparse.values)
        if self.shapes is not None:
            rank = max(map(len, self.shapes))
            rows = [(*shape, *(-1,) * (rank - len(shape))) for shape in self.shapes]
            arrays["shapes"] = np.array(rows, np.int64).reshape(len(rows), rank)
        if self.strided:
            arrays["strided"] = np.array(self.strided)
        if self.rates is not None:
            arrays["rate_scale"] = np.array(self.rates, np.float64)
        if self.restored is not None:
            arrays["restored"] = np.array(self.restored)
        return arrays


def _decades(bits: Bits) -> tuple[Array32, Array32]:
    """Normal deviates over eight decades of scale, eight coordinates a decade."""
    scale = np.repeat([1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3], 8)
    return _start(bits, len(scale)), (scale * bits.normal((STEPS, len(scale)))).astype(np.float32)


def _constant(bits: Bits) -> tuple[Array32, Array32]:
    """One value for ever, from 0.01 to 100 and of either sign."""
    value = np.array([1e-2, -1e-1, 1.0, -3.0, 10.0, -100.0])
    return _start(bits, len(value)), np.tile(value, (STEPS, 1)).astype(np.float32)


def _alternating(bits: Bits) -> tuple[Array32, Array32]:
    """One value with a sign that changes every step: the mean fades, the square does not."""
    value = np.array([1e-2, 1e-1, 1.0, 3.0, 10.0, 100.0])
    sign = np.where(np.arange(STEPS) % 2 == 0, 1.0, -1.0)
    return _start(bits, len(value)), (sign[:, None] * value).astype(np.float32)


def _zeros(bits: Bits) -> tuple[Array32, Array32]:
    """Zeros throughout, from the tenth step on, until the tenth step, at random: with a zero of either sign."""
    gradients = bits.normal((STEPS, 16))
    step = np.arange(STEPS)[:, None]
    column = np.arange(16)
    gradients = np.where((column < 2) | ((column < 6) & (step >= 10)) | ((column >= 12) & (step < 10)), 0.0, gradients)
    random = (column >= 6) & (column < 12) & (bits.uniform((STEPS, 16)) < 0.7)
    gradients = np.where(random, 0.0, gradients)
    gradients[:, 1] = -0.0
    return _start(bits, 16), gradients.astype(np.float32)


def _spike(bits: Bits) -> tuple[Array32, Array32]:
    """Small deviates with one gradient a thousand times larger: what the average then remembers, and how long."""
    gradients = 1e-2 * bits.normal((STEPS, 8))
    gradients[20] *= 1e3
    return _start(bits, 8), gradients.astype(np.float32)


def _drifting(bits: Bits) -> tuple[Array32, Array32]:
    """Gradients that grow a thousandfold, and that shrink as much."""
    growth = np.array([1.0 + step * step / 10 for step in range(STEPS)])
    gradients = bits.normal((STEPS, 16))
    gradients[:, :8] *= 1e-1 * growth[:, None]
    gradients[:, 8:] *= 1e1 / growth[:, None]
    return _start(bits, 16), gradients.astype(np.float32)


def _start(bits: Bits, n: int) -> Array32:
    """Half of the coordinates start at zero, where every bit of a step can be seen; half elsewhere."""
    return np.where(np.arange(n) % 2 == 0, 0.0, bits.normal((n,))).astype(np.float32)


_GENERATORS: Mapping[str, Callable[[Bits], tuple[Array32, Array32]]] = {
    "decades": _decades,
    "constant": _constant,
    "alternating": _alternating,
    "zeros": _zeros,
    "spike": _spike,
    "drifting": _drifting,
}


def generated(seed: int) -> dict[str, Tape]:
    """The tapes made from bits; each has a stream of its own, so that one more tape changes no other."""
    made = {}
    for number, (name, generator) in enumerate(_GENERATORS.items()):
        reason = (generator.__doc__ or "").strip().rstrip(".")
        made[name] = Tape(name, reason, *generator(Bits(seed + number)))
    return made


def recorded(task: Task) -> Tape:
    """The gradients that the oracle meets on a task, rounded to float32: D2L's dialect, the task's hyper-parameters."""
    initial = task.initial.astype(np.float64)
    trace = replay(
        lambda step, x: task.objective.gradient(x, step),
        initial,
        task.hyperparameters,
        dialects["d2l"],
        steps=task.steps,
    )
    reason = f"the gradients that the task {task.id!r} meets"
    return Tape(task.id, reason, task.initial, trace.gradients.astype(np.float32))
