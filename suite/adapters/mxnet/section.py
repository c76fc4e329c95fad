"""The training loops of "Dive into Deep Learning" 11.8, as a user of MXNet would write them after the section.

They use `mx.np` as the section does: arrays that share the memory of ours. What is ours is the order of the rows, which
is the task's in place of a random one, so that a run can be judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice, repeat
from typing import Any, ClassVar

import mxnet as mx

from reference import Dialect
from suite.adapters.contract import Implementation, Problem, State, Tensor, Unsupported
from suite.adapters.mxnet import TRUNCATED
from suite.adapters.mxnet.api import DECAY
from suite.adapters.mxnet.builtin import MxnetBuiltin


def rmsprop(
    parameters: list[Tensor], gradients: list[Tensor], states: list[Tensor], hyperparameters: dict[str, float]
) -> None:
    """The update of section 11.8.2."""
    gamma, eps = hyperparameters["gamma"], hyperparameters["eps"]
    for p, g, s in zip(parameters, gradients, states):
        s[:] = gamma * s + (1 - gamma) * mx.np.square(g)
        p[:] -= hyperparameters["lr"] * g / mx.np.sqrt(s + eps)


def rows(problem: Problem, first: int, dtype: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Features and labels as Gluon's loader brings them, batch by batch, from a step on and without end."""
    data = mx.gluon.data.ArrayDataset(*(mx.np.array(problem.arrays[name], dtype) for name in ("features", "labels")))
    loader = mx.gluon.data.DataLoader(data, batch_sampler=problem.arrays["batches"].tolist())
    return islice(chain.from_iterable(repeat(loader)), first % len(loader), None)


def is_regression(problem: Problem) -> bool:
    """Whether it is the section's task: to predict a number from a row of features."""
    return "features" in problem.arrays and problem.arrays["labels"].dtype.kind == "f"


class MxnetSection(Implementation):
    """Section 11.8.2: the update from scratch, and the loop around it."""

    native = "the section's loop"
    mode = "section"
    lean = True
    computes = "d2l"
    max_steps = 1000
    names: ClassVar[Mapping[str, str]] = {"learning_rate": "lr", "decay": "gamma", "epsilon": "eps"}
    unsupported_dtypes: ClassVar[Mapping[str, str]] = TRUNCATED
    unsupported_sparse = "takes dense gradients only"
    unsupported_rate_scale = "has one learning rate for all parameters"

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Make the state, zeros for each parameter."""
        if any(x.ndim == 0 for x in self.parameters):
            raise Unsupported("p[:] -= … of an mx.np array without axes raises IndexError")
        self.arrays = [x.as_np_ndarray() for x in self.parameters]
        self.states = [mx.np.zeros_like(p) for p in self.arrays]
        self.data: Iterator[tuple[Tensor, Tensor]] | None = None

    def set_rate(self, learning_rate: float) -> None:
        """Among the hyper-parameters."""
        self.hyperparameters = self.native_arguments(learning_rate)

    def update(self, gradients: list[Tensor]) -> None:
        """The update."""
        rmsprop(self.arrays, [gradient.as_np_ndarray() for gradient in gradients], self.states, self.hyperparameters)

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """See `Implementation`. The loop, where the problem is the section's."""
        if not is_regression(problem):
            return super().train(problem, first, count)
        (w, b), states, hyperparameters = self.arrays, self.states, self.hyperparameters
        with mx.util.np_array(True):
            if self.data is None:
                self.data = rows(problem, first, self.framework.dtype(w))
                w.attach_grad()
                b.attach_grad()
            for features, labels in islice(self.data, count):
                with mx.autograd.record():
                    predicted = mx.np.dot(features, w) + b
                    loss = ((predicted - labels.reshape(predicted.shape)) ** 2 / 2).mean()
                loss.backward()
                rmsprop([w, b], [w.grad, b.grad], states, hyperparameters)
        self.steps += count
        return [w.grad, b.grad]

    def state(self) -> State:
        """The average of squares is all there is."""
        return self.named_state(self.states, (), ())

    def save(self) -> State:
        """Of which this is a copy."""
        return self.state()

    def restore(self, saved: State) -> None:
        """Into the arrays that `prepare` made."""
        self.framework.assign(self.states, saved["square_average"])


class MxnetSectionConcise(MxnetBuiltin):
    """Section 11.8.3: Gluon's trainer, and a loop with Gluon's layer and loss."""

    native = "the section's concise loop"
    mode = "section"
    lean = True
    names: ClassVar[Mapping[str, str]] = {"learning_rate": "learning_rate", "decay": DECAY, "epsilon": "epsilon"}
    zero_disables = ()
    unsupported_rate_scale = "has one learning rate for all parameters"
    net: Any = None

    def build(self, problem: Problem, first: int) -> None:
        """A layer on the memory of the parameters, its weights in a row where ours are a column; a trainer."""
        w, b = self.parameters
        layer = mx.gluon.nn.Dense(1, in_units=w.size, dtype=self.framework.dtype(w))
        layer.initialize(ctx=w.context)
        self.shared = [layer.weight, layer.bias]
        for parameter, tensor in zip(self.shared, (w.reshape((1, -1)), b)):
            parameter._data = [tensor.as_np_ndarray()]
            parameter._init_grad()
        self.trainer = mx.gluon.Trainer(self.shared, "rmsprop", self.native_arguments(self.h.rate(0)), kvstore=None)
        self.net, self.loss = mx.gluon.nn.Sequential(), mx.gluon.loss.L2Loss()
        self.net.add(layer)
        self.data = rows(problem, first, self.framework.dtype(w))

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """See `Implementation`. The loop, where the problem is the section's."""
        if not is_regression(problem):
            return super().train(problem, first, count)
        with mx.util.np_array(True):
            if self.net is None:
                self.build(problem, first)
            net, half_square, trainer = self.net, self.loss, self.trainer
            for features, labels in islice(self.data, count):
                with mx.autograd.record():
                    loss = half_square(net(features), labels).mean()
                loss.backward()
                trainer.step(1)
        self.steps += count
        return [parameter.grad() for parameter in self.shared]
