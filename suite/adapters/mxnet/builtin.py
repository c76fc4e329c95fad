"""The RMSProp that MXNet has: the trainer, the optimizer that it drives, and the operations below that."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import mxnet as mx

from reference import Dialect, Hyperparameters
from suite.adapters.contract import Array, Framework, Implementation, State, Tensor, Unsupported
from suite.adapters.mxnet import TRUNCATED
from suite.adapters.mxnet.api import CENTERED, DECAY, MOMENTUM, kept
from suite.adapters.mxnet.program import Hybridized, Program


class MxnetBuiltin(Implementation):
    """`gluon.Trainer` with "rmsprop", on parameters that share their storage with the tensors."""

    native = 'mxnet.gluon.Trainer(…, "rmsprop")'
    mode = "trainer"
    computes = "mxnet1"
    names: ClassVar[Mapping[str, str]] = {
        "learning_rate": "learning_rate",
        "decay": DECAY,
        "epsilon": "epsilon",
        "momentum": MOMENTUM,
        "centered": "centered",
        "weight_decay": "wd",
        "clip_gradient": "clip_gradient",
        "clip_weights": "clip_weights",
        "rescale_gradient": "rescale_grad",
    }
    unsupported_dtypes: ClassVar[Mapping[str, str]] = {
        **TRUNCATED,
        **dict.fromkeys(("float16", "float64"), "its state is float32 always, and it raises MXNetError"),
    }
    zero_disables: ClassVar[Sequence[str]] = ("clip_gradient", "clip_weights")

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Build the trainer."""
        if any(x.size == 0 for x in self.parameters):
            raise Unsupported('a gluon.Parameter without elements raises ValueError("invalid shape")')
        arguments = self.native_arguments(self.h.rate(0))
        # Outside of a Trainer, which asks the Parameter, weight decay is dropped for names that don't end in _weight.
        self.shared = [self.share(x, f"x{i}_weight") for i, x in enumerate(self.parameters)]
        for parameter, scale in zip(self.shared, self.rate_scale or ()):
            parameter.lr_mult = scale
        self.trainer = mx.gluon.Trainer(self.shared, "rmsprop", arguments, kvstore=None)

    def share(self, x: Tensor, name: str) -> Any:
        """A gluon Parameter on the storage of a tensor; `set_data` would copy."""
        parameter = mx.gluon.Parameter(name, shape=x.shape, dtype=x.dtype)
        parameter.initialize(ctx=x.context)
        parameter._data = [x]
        return parameter

    def set_rate(self, learning_rate: float) -> None:
        """Into the trainer; a parameter's own factor stands with the parameter."""
        self.trainer.set_learning_rate(learning_rate)

    def update(self, gradients: list[Tensor]) -> None:
        """One `trainer.step(1)`, on the caller's gradients: a copy in `x.grad` would hide what is done to them."""
        for parameter, x, gradient in zip(self.shared, self.parameters, gradients):
            parameter._grad = [gradient]
            x._fresh_grad = True  # as `backward` does; the trainer refuses to use a gradient twice
        self.trainer.step(1)

    def state(self) -> State:
        """From the trainer's updater; `delta` is what is added to the parameters, -b."""
        return oracle_state(self.framework, self.h, *kept(self.trainer._updaters[0]))

    def save(self) -> bytes:
        """By `trainer.save_states`."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "states")
            self.trainer.save_states(str(file))
            return file.read_bytes()

    def restore(self, saved: bytes) -> None:
        """By `trainer.load_states`."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "states")
            file.write_bytes(saved)
            self.trainer.load_states(str(file))


class MxnetUnfused(MxnetBuiltin):
    """The same, of which a step is several operations."""

    native = 'mxnet.gluon.Trainer(…, "rmsprop", {"use_fused_step": False})'
    mode = "unfused"

    def native_arguments(self, learning_rate: float) -> dict[str, Any]:
        """With the switch."""
        return {**super().native_arguments(learning_rate), "use_fused_step": False}


class MxnetOptimizer(MxnetBuiltin):
    """`mx.optimizer.RMSProp` by itself."""

    native = "mxnet.optimizer.RMSProp"
    mode = "eager"

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Build the optimizer, and the updater that keeps its state."""
        self.optimizer = mx.optimizer.RMSProp(**self.native_arguments(self.h.rate(0)))
        self.optimizer.set_lr_mult(dict(enumerate(self.rate_scale or ())))
        self.updater = mx.optimizer.get_updater(self.optimizer)
        self.indices = list(range(len(self.parameters)))

    def set_rate(self, learning_rate: float) -> None:
        """Into the optimizer; a parameter's own factor stands there, too."""
        self.optimizer.set_learning_rate(learning_rate)

    def update(self, gradients: list[Tensor]) -> None:
        """One call of the updater."""
        self.updater(self.indices, gradients, self.parameters)

    def state(self) -> State:
        """From the updater."""
        return oracle_state(self.framework, self.h, *kept(self.updater))

    def save(self) -> bytes:
        """By `updater.get_states`."""
        return bytes(self.updater.get_states())

    def restore(self, saved: bytes) -> None:
        """By `updater.set_states`."""
        self.updater.set_states(saved)


class MxnetKernel(Implementation):
    """The operations below `mx.optimizer.RMSProp`."""

    native = "mxnet.nd.rmsprop_update, rmspropalex_update"
    mode = "kernel"
    computes = "mxnet1"
    max_steps = 1000
    names: ClassVar[Mapping[str, str]] = {**MxnetBuiltin.names, "learning_rate": "lr"}
    unsupported_dtypes: ClassVar[Mapping[str, str]] = {"bfloat16": "MXNetError: Unknown type enum 12"}

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Make the state: n, and g and delta for the centered one."""
        parts = 3 if self.h.centered else 1
        self.slots = [[self.framework.full_like(p, 0.0) for p in self.parameters] for _ in range(parts)]

    def set_rate(self, learning_rate: float) -> None:
        """Tell the operations all numbers, once."""
        super().set_rate(learning_rate)
        arguments = self.native_arguments(learning_rate)
        operation = mx.nd.rmspropalex_update if arguments.pop("centered") else mx.nd.rmsprop_update
        if not self.h.centered:
            del arguments[MOMENTUM]
        for name in ("clip_gradient", "clip_weights"):
            arguments[name] = -1.0 if arguments[name] is None else arguments[name]  # a negative bound is none
        self.kernels = [partial(operation, **{**arguments, "lr": rate}) for rate in self.rates]

    def update(self, gradients: list[Tensor]) -> None:
        """One call a parameter."""
        for kernel, x, gradient, *slots in zip(self.kernels, self.parameters, gradients, *self.slots):
            kernel(x, gradient, *slots, out=x)

    def state(self) -> State:
        """What the operations change besides the parameters."""
        return oracle_state(self.framework, self.h, *self.slots)

    def save(self) -> list[list[Array]]:
        """The slots."""
        return [[self.framework.numpy(slot) for slot in slots] for slots in self.slots]

    def restore(self, saved: list[list[Array]]) -> None:
        """Into the slots."""
        for slots, arrays in zip(self.slots, saved):
            self.framework.assign(slots, arrays)


class MxnetHybrid(Hybridized, MxnetKernel):
    """The same as a program of all parameters, in which numbers are fixed: one for each learning rate."""

    native = "a CachedOp of mxnet.nd.rmsprop_update, rmspropalex_update"
    mode = "hybridized"
    twin = "kernel"
    unsupported_sparse = "takes dense gradients only"

    def prepare(self, dialect: Dialect) -> None:
        """Make the state, and room for programs."""
        super().prepare(dialect)
        self.programs: dict[tuple[float, ...], Program] = {}
        self.held = [tensor for tensors in (self.parameters, *self.slots) for tensor in tensors]

    def update(self, gradients: list[Tensor]) -> None:
        """One call, which changes the state by itself."""
        inputs, rates = (*self.held, *gradients), tuple(self.rates)
        if rates not in self.programs:
            self.programs[rates] = Program(self.moved, inputs)
        self.programs[rates](inputs, self.parameters)

    def moved(self, *given: Tensor) -> list[Tensor]:
        """Parameters after a step. They are not differentiated again, which the operations don't allow."""
        count = len(self.parameters)
        parameters, *slots, gradients = (given[i : i + count] for i in range(0, len(given), count))
        pieces = zip(self.kernels, parameters, gradients, *slots)
        return [mx.nd.BlockGrad(kernel(*piece)) for kernel, *piece in pieces]


def oracle_state(framework: Framework, h: Hyperparameters, *slots: Any) -> State:
    """From n, or n, g and delta, a sequence of tensors each. `delta` is -b; without momentum it is but a step."""
    parts = CENTERED[: 3 if h.momentum else 2] if h.centered else ("square_average",)
    state = {name: [framework.numpy(t) for t in tensors] for name, tensors in zip(parts, slots)}
    if "momentum_buffer" in state:
        state["momentum_buffer"] = [-delta for delta in state["momentum_buffer"]]
    return state
