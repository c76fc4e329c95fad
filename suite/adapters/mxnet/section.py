"""The loops of the section as a user of MXNet would write them; see `suite.adapters.section`.

They use `mx.np` as the section does, on arrays that share the memory of the parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import mxnet as mx

from reference import Dialect
from suite.adapters.contract import Problem, Tensor, Unsupported
from suite.adapters.mxnet.builtin import DECAY, MxnetBuiltin
from suite.adapters.mxnet.scratch import TRUNCATED
from suite.adapters.section import Batches, Section, SectionLoop, endless


def rmsprop(
    parameters: list[Tensor], gradients: list[Tensor], states: list[Tensor], hyperparameters: dict[str, float]
) -> None:
    """The update of section 11.8.2."""
    gamma, eps = hyperparameters["gamma"], hyperparameters["eps"]
    for p, g, s in zip(parameters, gradients, states):
        s[:] = gamma * s + (1 - gamma) * mx.np.square(g)
        p[:] -= hyperparameters["lr"] * g / mx.np.sqrt(s + eps)


def load(problem: Problem, first: int, dtype: str) -> Batches:
    """Return the batches that Gluon's loader makes, from a step on."""
    data = mx.gluon.data.ArrayDataset(*(mx.np.array(problem.arrays[name], dtype) for name in ("features", "labels")))
    return endless(mx.gluon.data.DataLoader(data, batch_sampler=problem.arrays["batches"].tolist()), first)


class MxnetSection(Section):
    """Section 11.8.2 in MXNet."""

    max_steps = 1000
    unsupported_dtypes: ClassVar[Mapping[str, str]] = TRUNCATED

    def prepare(self, dialect: Dialect) -> None:
        if any(x.ndim == 0 for x in self.parameters):
            raise Unsupported("p[:] -= … of an mx.np array without axes raises IndexError")
        super().prepare(dialect)
        self.arrays = [x.as_np_ndarray() for x in self.parameters]
        self.square_average = [mx.np.zeros_like(p) for p in self.arrays]

    def update(self, gradients: list[Tensor]) -> None:
        gradients = [gradient.as_np_ndarray() for gradient in gradients]
        rmsprop(self.arrays, gradients, self.square_average, self.hyperparameters)

    def load(self, problem: Problem, first: int) -> Batches:
        with mx.util.np_array(True):
            for array in self.arrays:
                array.attach_grad()
            return load(problem, first, self.framework.dtype(self.arrays[0]))

    def loop(self, batches: Batches) -> list[Tensor]:
        (w, b), states, hyperparameters = self.arrays, self.square_average, self.hyperparameters
        with mx.util.np_array(True):
            for features, labels in batches:
                with mx.autograd.record():
                    predicted = mx.np.dot(features, w) + b
                    loss = ((predicted - labels.reshape(predicted.shape)) ** 2 / 2).mean()
                loss.backward()
                rmsprop([w, b], [w.grad, b.grad], states, hyperparameters)
        return [w.grad, b.grad]


class MxnetSectionConcise(SectionLoop, MxnetBuiltin):
    """Section 11.8.3: Gluon's trainer, layer and loss."""

    native = "the section's concise loop"
    names: ClassVar[Mapping[str, str]] = {"learning_rate": "learning_rate", "decay": DECAY, "epsilon": "epsilon"}
    zero_disables = ()
    unsupported_rate_scale = "has one learning rate for all parameters"
    net: Any

    def load(self, problem: Problem, first: int) -> Batches:
        """See `SectionLoop`. The layer shares the parameters' memory; its weights are a row where ours are a column."""
        w, b = self.parameters
        with mx.util.np_array(True):
            layer = mx.gluon.nn.Dense(1, in_units=w.size, dtype=self.framework.dtype(w))
            layer.initialize(ctx=w.context)
            self.shared = [layer.weight, layer.bias]
            for parameter, tensor in zip(self.shared, (w.reshape((1, -1)), b)):
                parameter._data = [tensor.as_np_ndarray()]
                parameter._init_grad()
            arguments = self.native_arguments(self.h.rate(0))
            self.trainer = mx.gluon.Trainer(self.shared, "rmsprop", arguments, kvstore=None)
            self.net, self.loss = mx.gluon.nn.Sequential(), mx.gluon.loss.L2Loss()
            self.net.add(layer)
            return load(problem, first, self.framework.dtype(w))

    def loop(self, batches: Batches) -> list[Tensor]:
        net, half_square, trainer = self.net, self.loss, self.trainer
        with mx.util.np_array(True):
            for features, labels in batches:
                with mx.autograd.record():
                    loss = half_square(net(features), labels).mean()
                loss.backward()
                trainer.step(1)
        return [parameter.grad() for parameter in self.shared]
