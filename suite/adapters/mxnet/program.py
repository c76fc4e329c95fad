"""Programs: what was done once, operation by operation, is one operation from then on.

MXNet records what is done, for differentiation. The record is a symbol, and a symbol is compiled to an operation that
is queued as a whole. So no formula is written a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import mxnet as mx

from suite.adapters.contract import Implementation, Problem, Tensor
from suite.adapters.mxnet.api import symbol_from_json

FLAGS = (("static_alloc", True), ("static_shape", True))  # memory and plan of each call are those of the first


class Program:
    """A function of tensors as one operation."""

    def __init__(
        self, function: Callable[..., list[Tensor]], inputs: Sequence[Tensor], constants: Sequence[Tensor] = ()
    ) -> None:
        """Do it once, on copies, and keep the record.

        Args:
            function: that changes nothing in place.
            inputs: what it is given, or others of these shapes and dtypes.
            constants: tensors that it reads besides.
        """
        copies = [tensor.copy() for tensor in inputs]
        for tensor in (*copies, *constants):
            tensor.attach_grad()  # which gives it a name in the record
        names = [mx.autograd.get_symbol(tensor).list_outputs()[0] for tensor in (*copies, *constants)]
        with mx.autograd.record():
            outputs = function(*copies)
        record = mx.sym.Group([mx.autograd.get_symbol(output) for output in outputs])
        symbol = symbol_from_json(record.tojson())  # as it is, it lacks what is asked of variables
        self.constants = tuple(constants)
        self.order = [names.index(name) for name in symbol.list_inputs()]
        self.pick = itemgetter(*self.order) if len(self.order) > 1 else lambda given: (given[self.order[0]],)
        self.operation = mx.nd.CachedOp(symbol, FLAGS)

    def __call__(self, inputs: Sequence[Tensor], targets: Sequence[Tensor] | None = None) -> Any:
        """Do it again; what comes out is written over the targets, if there are, which may be among the inputs."""
        return self.operation(*self.pick((*inputs, *self.constants)), out=targets)


class Hybridized(Implementation):
    """An implementation that makes a program of the loss as well, as `HybridBlock.hybridize` does."""

    mode = "hybridized"
    recorded: tuple[Problem, Program] | None = None

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """Three operations a step: the loss, its gradients, which MXNet makes of the program, and the update."""
        if self.recorded is None or self.recorded[0] is not problem:
            inputs = [*self.parameters, *problem.batches[0]]
            self.recorded = problem, Program(lambda *given: [problem.loss(*given)], inputs)
        loss, parameters, batches = self.recorded[1], self.parameters, problem.batches
        gradients = [x.grad for x in parameters]
        for step in range(first, first + count):
            with mx.autograd.record():
                value = loss((*parameters, *batches[step % len(batches)]))
            value.backward()
            self.step(gradients)
        return gradients
