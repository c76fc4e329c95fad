"""RMSProp from mxnet.nd operations, each queued by itself, or all as one program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import mxnet as mx
import numpy as np

from reference import Dialect
from suite.adapters.contract import Tensor
from suite.adapters.mxnet import TRUNCATED
from suite.adapters.mxnet.program import Hybridized, Program
from suite.adapters.scratch import Scratch

BLOCK = 65536
"""Numbers of a block: what an update makes of them on its way stays in the cache, and it is worth a call."""

Piece = Sequence[Tensor]  # a parameter, or a block of it, and v, m and b, as far as there are such


def nowhere(tensor: Tensor) -> None:
    """What a new value is written over: nothing, it is a tensor of its own."""


def itself(tensor: Tensor) -> Tensor:
    """What a new value is written over: the old one."""
    return tensor


class MxnetScratch(Scratch):
    """RMSProp from mxnet.nd operations, block by block."""

    native = "mxnet.nd operations, in place"
    unsupported_dtypes: ClassVar[Mapping[str, str]] = TRUNCATED
    max_steps = 1000

    def prepare(self, dialect: Dialect) -> None:
        """Make the state, and of the numbers what operations take, and cut all into blocks."""
        super().prepare(dialect)
        self.decay = self.numbers["decay"]
        self.numbers = {name: self.exact(value) for name, value in self.numbers.items()}
        kept = (self.parameters, self.square_average, self.mean_gradient, self.momentum_buffer)
        self.wholes = [list(piece) for piece in zip(*(tensors for tensors in kept if tensors))]
        # of what has no numbers there is no piece: operations refuse to write over it
        self.pieces = [list(zip(*map(self.blocks, whole))) if whole[0].size else [] for whole in self.wholes]

    def native_rate(self, learning_rate: float) -> Any:
        """As the dialect rounds it, and as an operation reads it."""
        return self.exact(super().native_rate(learning_rate))

    def exact(self, value: float) -> Any:
        """A number that an operation reads without error: as an array where text is too coarse."""
        wide = self.framework.dtype(self.parameters[0]) == "float64"
        return self.framework.tensor(np.array(value), "float64") if wide else value

    def blocks(self, tensor: Tensor) -> list[Tensor]:
        """It, or parts of its memory, one after another; the whole, where a norm is taken of it."""
        size = tensor.size
        if size <= BLOCK or self.algorithm.clip_norm is not None:
            return [tensor]
        row = tensor.reshape((-1,))
        return [row._slice(begin, min(begin + BLOCK, size)) for begin in range(0, size, BLOCK)]

    def correction(self) -> Any:
        """1 - γ^t at step t, by which the averages are divided."""
        return self.exact(1 - self.decay ** (self.steps + 1)) if self.algorithm.bias_corrected else None

    def update(self, gradients: list[Tensor]) -> None:
        """One step, for any dialect."""
        correction = self.correction()
        for pieces, grad, rate in zip(self.pieces, gradients, self.rates):
            for piece, g in zip(pieces, self.blocks(grad)):
                self.moved(piece, g, rate, correction, into=itself)

    def moved(
        self, piece: Piece, grad: Tensor, rate: Any, correction: Any = None, into: Callable[[Tensor], Any] = nowhere
    ) -> list[Tensor]:
        """A piece after a step.

        Args:
            piece: x, v, and m and b where there are such.
            grad: the gradient.
            rate: η.
            correction: see there.
            into: what the new value of each of them is written over.

        Returns:
            The new values, in the order of the piece.
        """
        a, n = self.algorithm, self.numbers
        x, v, *more = piece
        m: Any = more[0] if a.centered else None
        b: Any = more[-1] if a.buffered else None
        g = self.effective_gradient(grad, x)
        v = w = mx.nd.elemwise_add(v * n["decay"], mx.nd.square(g) * n["complement"], out=into(v))
        if a.bias_corrected:
            w = w / correction
        if a.centered:
            m = mx.nd.elemwise_add(m * n["decay"], g * n["complement"], out=into(m))
            w = w - mx.nd.square(m / correction if a.bias_corrected else m)
        d = mx.nd.sqrt(w + n["epsilon"]) if a.epsilon_inside else mx.nd.sqrt(w) + n["epsilon"]
        u = (g * rate if a.rate_in_buffer else g) / d
        if a.buffered:
            b = mx.nd.elemwise_add(b * n["momentum"], u, out=into(b))
            u = u + b * n["momentum"] if a.nesterov else b
        shrunk = x * (1 - rate * n["weight_decay"]) if a.decoupled else x
        moved = mx.nd.elemwise_sub(shrunk, u if a.rate_in_buffer else u * rate, out=into(x))
        if a.clip_weights is not None:
            moved = mx.nd.identity(within(moved, n["clip_weights"]), out=into(x))
        return [moved, *(tensor for tensor in (v, m, b) if tensor is not None)]

    def clipped(self, g: Tensor) -> Tensor:
        """With its norm, and then each coordinate, kept within bounds."""
        a, n = self.algorithm, self.numbers
        if a.clip_norm is not None:
            norm = mx.nd.sqrt(mx.nd.sum(mx.nd.square(g)))
            g = g * n["clip_norm"] / mx.nd.maximum(norm, n["clip_norm"])
        return g if a.clip_gradient is None else within(g, n["clip_gradient"])


class MxnetScratchHybrid(Hybridized, MxnetScratch):
    """The same as programs: one for all parameters that are small, and one for a block of those that are not."""

    native = "a CachedOp of mxnet.nd operations"
    lean = True

    def prepare(self, dialect: Dialect) -> None:
        """Divide the parameters."""
        super().prepare(dialect)
        self.programs: dict[Any, Program] = {}
        self.small = [i for i, pieces in enumerate(self.pieces) if len(pieces) == 1]
        self.large = [i for i, pieces in enumerate(self.pieces) if len(pieces) > 1]
        self.together = [tensor for i in self.small for tensor in self.wholes[i]]

    def native_rate(self, learning_rate: float) -> Tensor:
        """As an input, so that the program stays the same when it changes."""
        return self.input(float(self.algorithm.rate(learning_rate)))

    def correction(self) -> Tensor:
        """Likewise."""
        return self.input(1 - self.decay ** (self.steps + 1)) if self.algorithm.bias_corrected else None

    def input(self, number: float) -> Tensor:
        """In the dtype of the parameters."""
        return self.framework.tensor(np.array(number), self.framework.dtype(self.parameters[0]))

    def update(self, gradients: list[Tensor]) -> None:
        """One step, for any dialect."""
        correction = self.correction()
        last = () if correction is None else (correction,)
        if self.small:
            given = [gradients[i] for i in self.small], [self.rates[i] for i in self.small]
            self.call("small", self.together, *given, last)
        for i in self.large:
            for piece, g in zip(self.pieces[i], self.blocks(gradients[i])):
                self.call(g.size, piece, [g], [self.rates[i]], last)

    def call(
        self, key: Any, pieces: Piece, gradients: list[Tensor], rates: list[Tensor], last: tuple[Tensor, ...]
    ) -> None:
        """The program of what has that key, on pieces one after another."""
        inputs = (*pieces, *gradients, *rates, *last)
        if key not in self.programs:
            constants = [number for number in self.numbers.values() if isinstance(number, mx.nd.NDArray)]
            self.programs[key] = Program(partial(self.all_moved, len(gradients)), inputs, constants)
        self.programs[key](inputs, pieces)

    def all_moved(self, count: int, *given: Tensor) -> list[Tensor]:
        """So many pieces after a step, one after another, from what a program is given."""
        width = len(self.wholes[0])
        pieces, (gradients, rates, last) = given[: count * width], divide(given[count * width :], count)
        moved: list[Tensor] = []
        for i, (g, rate) in enumerate(zip(gradients, rates)):
            moved += self.moved(pieces[i * width : (i + 1) * width], g, rate, *last)
        return moved


def divide(given: Sequence[Tensor], count: int) -> tuple[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]]:
    """The first so many, as many more, and what is left."""
    return given[:count], given[count : 2 * count], given[2 * count :]


def within(z: Tensor, limit: Any) -> Tensor:
    """Each coordinate of z kept within ±limit; `mx.nd.clip` would round the limit to float32."""
    return mx.nd.minimum(mx.nd.maximum(z, -limit), limit)
