"""Open-loop tapes: initial parameters and a sequence of gradients, generated from a seed or recorded by the oracle.

Most tapes have STEPS steps, so that several can be batched in one array: the update is element-wise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import SparseGradients
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

    `shapes` are those of the parameters that the coordinates are divided into; None if any division will do and the
    tape may be batched with others. A tape about `subnormals` distinguishes implementations that keep subnormal numbers
    from those that flush them. It is not replayed by scratch implementations, where this depends on the framework, not
    the dialect.
    """

    id: str  # its meaning never changes
    reason: str  # what the tape distinguishes
    initial: Array32  # shape (n,)
    gradients: Array32  # shape (steps, n)
    shapes: tuple[Shape, ...] | None = None
    strided: bool = False  # whether parameters and gradients are non-contiguous
    restored: int | None = None  # the number of steps after which the optimizer is rebuilt from its saved state
    alone: bool = False  # whether it is never batched with others, because an implementation may refuse it
    lean: bool = False  # whether one dtype, and two dialects of a scratch implementation, are enough
    dtypes: tuple[str, ...] = WIDE  # the formats in which it is replayed
    rates: tuple[float, ...] | None = None  # the factor on the learning rate of each parameter; None is 1 for all
    subnormals: bool = False
    sparse: SparseGradients | None = None  # the gradients, if they are row-sparse

    @property
    def large(self) -> bool:
        """Whether the tape is too large to be replayed in every dialect."""
        return self.initial.size > LARGE

    def rate_scale(self) -> NDArray[np.float64]:
        """Return the factor on the learning rate of each coordinate: shape (n,), or () if it is 1 for all."""
        if self.rates is None or self.shapes is None:
            return np.array(1.0)
        return np.repeat(self.rates, [math.prod(shape) for shape in self.shapes])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that are sent to a worker, by name."""
        sparse = self.sparse
        given = {"rows": sparse.rows, "values": sparse.values} if sparse is not None else {"gradients": self.gradients}
        arrays: dict[str, NDArray[Any]] = {"initial": self.initial, **given}
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
    """Normal deviates over eight decades of scale, eight coordinates in each."""
    scale = np.repeat([1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3], 8)
    return _start(bits, len(scale)), (scale * bits.normal((STEPS, len(scale)))).astype(np.float32)


def _constant(bits: Bits) -> tuple[Array32, Array32]:
    """Constant gradients from 0.01 to 100, of both signs."""
    value = np.array([1e-2, -1e-1, 1.0, -3.0, 10.0, -100.0])
    return _start(bits, len(value)), np.tile(value, (STEPS, 1)).astype(np.float32)


def _alternating(bits: Bits) -> tuple[Array32, Array32]:
    """Gradients of constant size whose sign changes in every step: the mean decays, the mean square does not."""
    value = np.array([1e-2, 1e-1, 1.0, 3.0, 10.0, 100.0])
    sign = np.where(np.arange(STEPS) % 2 == 0, 1.0, -1.0)
    return _start(bits, len(value)), (sign[:, None] * value).astype(np.float32)


def _zeros(bits: Bits) -> tuple[Array32, Array32]:
    """Zero gradients: always, from the tenth step on, until the tenth step, or at random; zeros of both signs."""
    gradients = bits.normal((STEPS, 16))
    step = np.arange(STEPS)[:, None]
    column = np.arange(16)
    gradients = np.where((column < 2) | ((column < 6) & (step >= 10)) | ((column >= 12) & (step < 10)), 0.0, gradients)
    random = (column >= 6) & (column < 12) & (bits.uniform((STEPS, 16)) < 0.7)
    gradients = np.where(random, 0.0, gradients)
    gradients[:, 1] = -0.0
    return _start(bits, 16), gradients.astype(np.float32)


def _spike(bits: Bits) -> tuple[Array32, Array32]:
    """Small deviates with one gradient that is a thousand times larger, which the average forgets slowly."""
    gradients = 1e-2 * bits.normal((STEPS, 8))
    gradients[20] *= 1e3
    return _start(bits, 8), gradients.astype(np.float32)


def _drifting(bits: Bits) -> tuple[Array32, Array32]:
    """Gradients that grow or shrink by a factor of a thousand."""
    growth = np.array([1.0 + step * step / 10 for step in range(STEPS)])
    gradients = bits.normal((STEPS, 16))
    gradients[:, :8] *= 1e-1 * growth[:, None]
    gradients[:, 8:] *= 1e1 / growth[:, None]
    return _start(bits, 16), gradients.astype(np.float32)


def _start(bits: Bits, n: int) -> Array32:
    """Return initial parameters: half are zero, where every bit of a step is visible; half are normal deviates."""
    return np.where(np.arange(n) % 2 == 0, 0.0, bits.normal((n,))).astype(np.float32)


def generated(seed: int) -> dict[str, Tape]:
    """Return the generated tapes by id. Each has its own random stream, so that adding a tape changes no other."""
    made = {}
    for number, generator in enumerate((_decades, _constant, _alternating, _zeros, _spike, _drifting)):
        name, reason = generator.__name__.lstrip("_"), (generator.__doc__ or "").rstrip(".")
        made[name] = Tape(name, reason, *generator(Bits(seed + number)))
    return made


def recorded(task: Task) -> Tape:
    """Return the gradients of the oracle's run of a task in the dialect d2l, rounded to float32, as a tape."""
    gradients = task.replay("d2l", "float32").gradients.astype(np.float32)
    return Tape(task.id, f"the gradients of the task {task.id!r}", task.initial, gradients)
