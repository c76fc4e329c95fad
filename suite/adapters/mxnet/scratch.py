"""RMSProp in mxnet.nd operations, queued one by one, or all as one program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain, islice
from operator import itemgetter
from typing import Any, ClassVar

import mxnet as mx
import numpy as np

from suite.adapters.contract import Implementation, Problem, Tensor, Tensors
from suite.adapters.scratch import Scratch

TRUNCATED = {"bfloat16": "MXNet truncates numbers to it instead of rounding them"}

BLOCK = 65536
"""Numbers in a block: the intermediate results of its update stay in the cache, and are worth an operation's call."""

Piece = Tensors  # a parameter, or a block of it, and as far as there are such, v, m and b


class MxnetScratch(Scratch):
    """RMSProp in mxnet.nd operations, block by block."""

    native = "mxnet.nd operations, in place"
    max_steps = 1000
    unsupported_dtypes: ClassVar[Mapping[str, str]] = TRUNCATED
    operations = mx.nd

    def prepare(self) -> None:
        super().prepare()
        self.decay = self.numbers["decay"]
        self.numbers = {name: self.exact(value) for name, value in self.numbers.items()}
        parts = (self.parameters, *self.own_state.values())
        self.wholes = [list(piece) for piece in zip(*(tensors for tensors in parts if tensors))]
        # an empty parameter has no pieces: operations can't write over it
        self.pieces = [list(zip(*map(self.blocks, whole))) if whole[0].size else [] for whole in self.wholes]

    def native_rate(self, learning_rate: float) -> Any:
        return self.exact(super().native_rate(learning_rate))

    def exact(self, value: float) -> Any:
        """Return a number that an operation reads without error: an array where decimal text is not precise enough."""
        wide = self.framework.dtype(self.parameters[0]) == "float64"
        return self.framework.tensor(np.array(value), "float64") if wide else value

    def blocks(self, tensor: Tensor) -> list[Tensor]:
        """Cut a tensor into views of its memory; a gradient whose norm is clipped stays whole."""
        size = tensor.size
        if size <= BLOCK or self.algorithm.clip_norm is not None:
            return [tensor]
        row = tensor.reshape((-1,))
        return [row._slice(begin, min(begin + BLOCK, size)) for begin in range(0, size, BLOCK)]

    def correction(self) -> Any:
        """Return 1 - γ^t at step t, by which averages are divided; None if they are not corrected for bias."""
        return self.exact(1 - self.decay ** (self.steps + 1)) if self.algorithm.bias_corrected else None

    def update(self, gradients: list[Tensor]) -> None:
        correction = self.correction()
        for pieces, grad, rate in zip(self.pieces, gradients, self.rates):
            for piece, g in zip(pieces, self.blocks(grad)):
                for old, new in zip(piece, self.updated_piece(piece, g, rate, correction)):
                    if new is not old:
                        new.copyto(old)

    def updated_piece(self, piece: Piece, g: Tensor, rate: Any, correction: Any = None) -> list[Tensor]:
        """Return a piece after a step."""
        x, v, *more = piece
        m = more[0] if self.algorithm.centered else None
        b = more[-1] if self.algorithm.buffered else None
        return [new for new in self.updated(g, rate, correction, x, v, m, b) if new is not None]

    def target(self, old: Tensor) -> Tensor | None:
        """Return the tensor to which the new value of a tensor is written; None: a new one."""
        return old

    def plus(self, one: Tensor, other: Tensor, old: Tensor) -> Tensor:
        return mx.nd.elemwise_add(one, other, out=self.target(old))

    def minus(self, one: Tensor, other: Tensor, old: Tensor) -> Tensor:
        return mx.nd.elemwise_sub(one, other, out=self.target(old))

    def shortened(self, g: Tensor, limit: Any) -> Tensor:
        norm = mx.nd.sqrt(mx.nd.sum(mx.nd.square(g)))
        return g * limit / mx.nd.maximum(norm, limit)

    def within(self, z: Tensor, limit: Any) -> Tensor:
        """See `Scratch`. `mx.nd.clip` would round the limit to float32."""
        return mx.nd.minimum(mx.nd.maximum(z, -limit), limit)


class Program:
    """A function of tensors as one operation.

    MXNet records operations for differentiation. The record is a symbol, and a symbol can be compiled to an operation
    that is queued as a whole, so that the function is not written a second time.
    """

    def __init__(self, function: Callable[..., list[Tensor]], inputs: Tensors, constants: Tensors = ()) -> None:
        """Call the function once, on copies of inputs, and compile the record.

        It must change nothing in place. The program is called with inputs of the same shapes and dtypes. `constants`
        are other tensors that the function reads.
        """
        copies = [tensor.copy() for tensor in inputs]
        for tensor in (*copies, *constants):
            tensor.attach_grad()  # gives it a name in the record
        names = [mx.autograd.get_symbol(tensor).list_outputs()[0] for tensor in (*copies, *constants)]
        with mx.autograd.record():
            outputs = function(*copies)
        record = mx.sym.Group([mx.autograd.get_symbol(output) for output in outputs])
        from_json = mx.sym.fromjson if hasattr(mx.sym, "fromjson") else mx.sym.load_json
        symbol = from_json(record.tojson())  # the record itself lacks attributes of variables
        self.constants = tuple(constants)
        self.order = [names.index(name) for name in symbol.list_inputs()]
        self.pick = itemgetter(*self.order) if len(self.order) > 1 else lambda given: (given[self.order[0]],)
        # memory and plan of each call are those of the first
        self.operation = mx.nd.CachedOp(symbol, (("static_alloc", True), ("static_shape", True)))

    def __call__(self, inputs: Tensors, targets: Tensors | None = None) -> Any:
        """Queue the operation; results are written over the targets if there are any, which may be inputs too."""
        return self.operation(*self.pick((*inputs, *self.constants)), out=targets)


class HybridTraining(Implementation):
    """Trains with a program of the loss, as after `HybridBlock.hybridize`."""

    mode = "hybridized"
    loss_program: tuple[Problem, Program] | None = None

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """See `Implementation`. Each step is three operations: loss, gradients, which MXNet derives, and update."""
        if self.loss_program is None or self.loss_program[0] is not problem:
            inputs = [*self.parameters, *problem.batches[0]]
            self.loss_program = problem, Program(lambda *given: [problem.loss(*given)], inputs)
        loss, parameters, batches = self.loss_program[1], self.parameters, problem.batches
        gradients = [x.grad for x in parameters]
        for step in range(first, first + count):
            with mx.autograd.record():
                value = loss((*parameters, *batches[step % len(batches)]))
            value.backward()
            self.step(gradients)
        return gradients


class MxnetScratchHybrid(HybridTraining, MxnetScratch):
    """RMSProp as programs: one for all small parameters together, and one for a block of large ones."""

    native = "a CachedOp of mxnet.nd operations"
    lean = True

    def prepare(self) -> None:
        super().prepare()
        self.programs: dict[int | None, Program] = {}  # by the size of a block; None: the one of all small parameters
        self.small = [i for i, pieces in enumerate(self.pieces) if len(pieces) == 1]
        self.large = [i for i, pieces in enumerate(self.pieces) if len(pieces) > 1]
        self.together = [tensor for i in self.small for tensor in self.wholes[i]]

    def target(self, old: Tensor) -> None:
        """See `MxnetScratch`. A program changes nothing in place."""

    def native_rate(self, learning_rate: float) -> Tensor:
        """See `Implementation`. A tensor, so that the program stays the same when the rate changes."""
        return self.input(float(self.algorithm.rate(learning_rate)))

    def correction(self) -> Tensor:
        return self.input(1 - self.decay ** (self.steps + 1)) if self.algorithm.bias_corrected else None

    def input(self, number: float) -> Tensor:
        """Return a number in the parameters' format."""
        return self.framework.tensor(np.array(number), self.framework.dtype(self.parameters[0]))

    def update(self, gradients: list[Tensor]) -> None:
        correction = self.correction()
        last = () if correction is None else (correction,)
        if self.small:
            given = [gradients[i] for i in self.small], [self.rates[i] for i in self.small]
            self.call(None, self.together, *given, last)
        for i in self.large:
            for piece, g in zip(self.pieces[i], self.blocks(gradients[i])):
                self.call(g.size, piece, [g], [self.rates[i]], last)

    def call(self, key: int | None, pieces: Piece, gradients: Tensors, rates: Tensors, last: Tensors) -> None:
        """Update pieces by the program with this key, which is compiled if need be."""
        inputs = (*pieces, *gradients, *rates, *last)
        if key not in self.programs:
            constants = [number for number in self.numbers.values() if isinstance(number, mx.nd.NDArray)]
            self.programs[key] = Program(partial(self.all_updated, len(gradients)), inputs, constants)
        self.programs[key](inputs, pieces)

    def all_updated(self, count: int, *inputs: Tensor) -> list[Tensor]:
        """Return so many pieces after a step, one after another, from a program's inputs."""
        given, width = iter(inputs), len(self.wholes[0])
        pieces = [list(islice(given, width)) for _ in range(count)]
        gradients, rates, last = list(islice(given, count)), list(islice(given, count)), list(given)
        steps = (self.updated_piece(*given, *last) for given in zip(pieces, gradients, rates))
        return list(chain.from_iterable(steps))
