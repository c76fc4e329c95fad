"""MXNet's own RMSProp: the trainer, the optimizer that it drives, and the operations that this calls.

At the end, the loops of the book's section; see `suite.adapters.scratch`. They use `mx.np` as the section does, on
arrays that share the memory of the parameters.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import mxnet as mx

from suite.adapters.contract import Implementation, Problem, State, Tensor, Tensors, Unsupported
from suite.adapters.mxnet.scratch import TRUNCATED, HybridTraining, Program
from suite.adapters.scratch import Batches, Section, SectionLoop, endless

# What releases call by other names. It is looked up, not derived from MXNet's version.
_ARGUMENTS = inspect.signature(mx.optimizer.RMSProp).parameters

_RENAMED = "rho" in _ARGUMENTS

DECAY, MOMENTUM = ("rho", "momentum") if _RENAMED else ("gamma1", "gamma2")
"""The names of γ and μ, in the optimizer and in the operations."""

_V, _M, _B = "square_average", "mean_gradient", "momentum_buffer"
CENTERED = (_M, _V, _B) if _RENAMED else (_V, _M, _B)
"""The state of the centered variant, in order. All releases document n, g, delta; those with new names pass g first."""

HAS_UNFUSED_STEP = "use_fused_step" in _ARGUMENTS
"""Whether there is a step of several operations besides the one that is a single operation."""


class MxnetOwn(Implementation):
    """MXNet's RMSProp. Its `delta` is what is added to the parameters, -b; without momentum, the last step."""

    computes = "mxnet1"
    names: ClassVar[Mapping[str, str]] = dict(
        learning_rate="learning_rate", decay=DECAY, epsilon="epsilon", momentum=MOMENTUM, centered="centered",
        weight_decay="wd", clip_gradient="clip_gradient", clip_weights="clip_weights", rescale_gradient="rescale_grad",
    )  # fmt: skip

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the state, in MXNet's order."""
        return CENTERED if self.h.centered else (_V,)

    def state(self) -> State:
        found = super().state()
        if _B in found:
            found[_B] = [-delta for delta in found[_B]]
        return found


class MxnetBuiltin(MxnetOwn):
    """`gluon.Trainer` with "rmsprop", on parameters that share their memory with the tensors."""

    native = 'mxnet.gluon.Trainer(…, "rmsprop")'
    mode = "trainer"
    zero_disables: ClassVar[Sequence[str]] = ("clip_gradient", "clip_weights")
    unsupported_dtypes: ClassVar[Mapping[str, str]] = {
        **TRUNCATED,
        **dict.fromkeys(("float16", "float64"), "its state is float32 always, and it raises MXNetError"),
    }

    def prepare(self) -> None:
        """See `Implementation`.

        Names end in `_weight`: without a trainer, the optimizer drops weight decay for other names.
        """
        if any(x.size == 0 for x in self.parameters):
            raise Unsupported('a gluon.Parameter without elements raises ValueError("invalid shape")')
        self.bind([self.shared_parameter(x, f"x{i}_weight") for i, x in enumerate(self.parameters)])

    def bind(self, shared: list[Any]) -> None:
        """Build the trainer of gluon Parameters."""
        for parameter, scale in zip(shared, self.rate_scale or ()):
            parameter.lr_mult = scale
        self.shared = shared
        self.trainer = mx.gluon.Trainer(shared, "rmsprop", self.native_arguments(self.h.rate(0)), kvstore=None)
        self.updater = self.trainer._updaters[0]

    def shared_parameter(self, x: Tensor, name: str) -> Any:
        """Return a gluon Parameter on the memory of a tensor; `set_data` would copy."""
        parameter = mx.gluon.Parameter(name, shape=x.shape, dtype=x.dtype)
        parameter.initialize(ctx=x.context)
        parameter._data = [x]
        return parameter

    def set_rate(self, learning_rate: float) -> None:
        """See `Implementation`. A parameter's own factor is its `lr_mult`."""
        self.trainer.set_learning_rate(learning_rate)

    def update(self, gradients: list[Tensor]) -> None:
        """See `Implementation`. Steps on the caller's gradients, not on copies, to show whether it changes them."""
        for parameter, x, gradient in zip(self.shared, self.parameters, gradients):
            parameter._grad = [gradient]
            x._fresh_grad = True  # as `backward` does; the trainer refuses to use a gradient twice
        self.trainer.step(1)

    def slots(self) -> dict[str, Tensors]:
        of_each = [state for _, state in sorted(self.updater.states.items())]
        parts = zip(*(state if isinstance(state, (tuple, list)) else (state,) for state in of_each))
        return dict(zip(self.parts, parts))

    def save(self) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "states")
            self.trainer.save_states(str(file))
            return file.read_bytes()

    def restore(self, saved: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "states")
            file.write_bytes(saved)
            self.trainer.load_states(str(file))


class MxnetUnfused(MxnetBuiltin):
    """`gluon.Trainer` with "rmsprop" as several operations."""

    native = 'mxnet.gluon.Trainer(…, "rmsprop", {"use_fused_step": False})'
    mode = "unfused"

    def native_arguments(self, learning_rate: float) -> dict[str, Any]:
        return {**super().native_arguments(learning_rate), "use_fused_step": False}


class MxnetOptimizer(MxnetBuiltin):
    """`mx.optimizer.RMSProp` without a trainer."""

    native = "mxnet.optimizer.RMSProp"
    mode = "eager"

    def prepare(self) -> None:
        self.optimizer = mx.optimizer.RMSProp(**self.native_arguments(self.h.rate(0)))
        self.optimizer.set_lr_mult(dict(enumerate(self.rate_scale or ())))
        self.updater = mx.optimizer.get_updater(self.optimizer)
        self.indices = list(range(len(self.parameters)))

    def set_rate(self, learning_rate: float) -> None:
        self.optimizer.set_learning_rate(learning_rate)

    def update(self, gradients: list[Tensor]) -> None:
        self.updater(self.indices, gradients, self.parameters)

    def save(self) -> bytes:
        return bytes(self.updater.get_states())

    def restore(self, saved: bytes) -> None:
        self.updater.set_states(saved)


class MxnetKernel(MxnetOwn):
    """The operations that `mx.optimizer.RMSProp` calls."""

    native = "mxnet.nd.rmsprop_update, rmspropalex_update"
    mode = "kernel"
    names: ClassVar[Mapping[str, str]] = dict(MxnetOwn.names, learning_rate="lr")
    max_steps = 1000
    unsupported_dtypes: ClassVar[Mapping[str, str]] = {"bfloat16": "MXNetError: Unknown type enum 12"}

    def prepare(self) -> None:
        """See `Implementation`. Makes n, and for the centered variant g and delta."""
        self.own_state = {part: [self.framework.full_like(p, 0.0) for p in self.parameters] for part in self.parts}

    def set_rate(self, learning_rate: float) -> None:
        """See `Implementation`. Binds all numbers to the operations, once for many steps."""
        super().set_rate(learning_rate)
        arguments = self.native_arguments(learning_rate)
        operation = mx.nd.rmspropalex_update if arguments.pop("centered") else mx.nd.rmsprop_update
        if not self.h.centered:
            del arguments[MOMENTUM]
        for name in ("clip_gradient", "clip_weights"):
            arguments[name] = -1.0 if arguments[name] is None else arguments[name]  # a negative limit is none
        self.kernels = [partial(operation, **{**arguments, "lr": rate}) for rate in self.rates]

    def update(self, gradients: list[Tensor]) -> None:
        for kernel, x, gradient, *slots in zip(self.kernels, self.parameters, gradients, *self.own_state.values()):
            kernel(x, gradient, *slots, out=x)


class MxnetHybrid(HybridTraining, MxnetKernel):
    """The operations as one program for all parameters, compiled for each learning rate."""

    native = "a CachedOp of mxnet.nd.rmsprop_update, rmspropalex_update"
    twin = "kernel"
    unsupported_sparse = "takes dense gradients only"

    def prepare(self) -> None:
        super().prepare()
        self.programs: dict[tuple[float, ...], Program] = {}  # by the learning rates
        self.arguments = [tensor for tensors in (self.parameters, *self.own_state.values()) for tensor in tensors]

    def update(self, gradients: list[Tensor]) -> None:
        """See `Implementation`. The operations change the state in place; the parameters are a program's results."""
        inputs, rates = (*self.arguments, *gradients), tuple(self.rates)
        if rates not in self.programs:
            self.programs[rates] = Program(self.updated, inputs)
        self.programs[rates](inputs, self.parameters)

    def updated(self, *inputs: Tensor) -> list[Tensor]:
        """Return the parameters after a step, without gradients, which the operations don't have."""
        count = len(self.parameters)
        parameters, *slots, gradients = (inputs[i : i + count] for i in range(0, len(inputs), count))
        pieces = zip(self.kernels, parameters, gradients, *slots)
        return [mx.nd.BlockGrad(kernel(*piece)) for kernel, *piece in pieces]


def rmsprop(parameters: Tensors, gradients: Tensors, states: Tensors, hyperparameters: dict[str, float]) -> None:
    """The update of section 11.8.2."""
    gamma, eps = hyperparameters["gamma"], hyperparameters["eps"]
    for p, g, s in zip(parameters, gradients, states):
        s[:] = gamma * s + (1 - gamma) * mx.np.square(g)
        p[:] -= hyperparameters["lr"] * g / mx.np.sqrt(s + eps)


def load(loop: SectionLoop, problem: Problem, first: int) -> Batches:
    """Return the batches that Gluon's loader makes, from a step on."""
    dtype, arrays = loop.framework.dtype(loop.parameters[0]), problem.arrays
    with mx.util.np_array(True):
        data = mx.gluon.data.ArrayDataset(*(mx.np.array(arrays[name], dtype) for name in ("features", "labels")))
        return endless(mx.gluon.data.DataLoader(data, batch_sampler=arrays["batches"].tolist()), first)


class MxnetSection(Section):
    """Section 11.8.2 in MXNet."""

    max_steps = 1000
    unsupported_dtypes: ClassVar[Mapping[str, str]] = TRUNCATED
    load = load

    def prepare(self) -> None:
        if any(x.ndim == 0 for x in self.parameters):
            raise Unsupported("p[:] -= … of an mx.np array without axes raises IndexError")
        super().prepare()
        self.arrays = [x.as_np_ndarray() for x in self.parameters]
        self.own_state = {"square_average": [mx.np.zeros_like(p) for p in self.arrays]}

    def update(self, gradients: list[Tensor]) -> None:
        gradients = [gradient.as_np_ndarray() for gradient in gradients]
        rmsprop(self.arrays, gradients, self.own_state["square_average"], self.hyperparameters)

    def connect(self) -> None:
        with mx.util.np_array(True):
            for array in self.arrays:
                array.attach_grad()

    def loop(self, batches: Batches) -> list[Tensor]:
        (w, b), states, hyperparameters = self.arrays, self.own_state["square_average"], self.hyperparameters
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
    load = load

    def connect(self) -> None:
        """See `SectionLoop`. The layer shares the parameters' memory; its weights are a row where ours are a column."""
        w, b = self.parameters
        with mx.util.np_array(True):
            layer = mx.gluon.nn.Dense(1, in_units=w.size, dtype=self.framework.dtype(w))
            layer.initialize(ctx=w.context)
            for parameter, tensor in ((layer.weight, w.reshape((1, -1))), (layer.bias, b)):
                parameter._data = [tensor.as_np_ndarray()]
                parameter._init_grad()
            self.bind([layer.weight, layer.bias])
            self.net, self.loss = mx.gluon.nn.Sequential(), mx.gluon.loss.L2Loss()
            self.net.add(layer)

    def loop(self, batches: Batches) -> list[Tensor]:
        net, half_square, trainer = self.net, self.loss, self.trainer
        with mx.util.np_array(True):
            for features, labels in batches:
                with mx.autograd.record():
                    loss = half_square(net(features), labels).mean()
                loss.backward()
                trainer.step(1)
        return [parameter.grad() for parameter in self.shared]
