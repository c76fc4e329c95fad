"""MXNet's own RMSProp: the trainer, the optimizer that it drives, and the operations that this calls."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import mxnet as mx

from reference import Dialect, Hyperparameters
from suite.adapters.contract import Array, Framework, Implementation, State, Tensor, Unsupported
from suite.adapters.mxnet.scratch import TRUNCATED, HybridTraining, Program

# What releases call by other names. It is looked up, not derived from MXNet's version.
_ARGUMENTS = inspect.signature(mx.optimizer.RMSProp).parameters

_RENAMED = "rho" in _ARGUMENTS

DECAY, MOMENTUM = ("rho", "momentum") if _RENAMED else ("gamma1", "gamma2")
"""The names of γ and μ, in the optimizer and in the operations."""

_V, _M, _B = "square_average", "mean_gradient", "momentum_buffer"
CENTERED = (_M, _V, _B) if _RENAMED else (_V, _M, _B)
"""The state of the centered variant, in order. All releases document it as n, g, delta; those with new names pass g
first.
"""

HAS_UNFUSED_STEP = "use_fused_step" in _ARGUMENTS
"""Whether there is a step of several operations besides the one that is a single operation."""


class MxnetBuiltin(Implementation):
    """`gluon.Trainer` with "rmsprop", on parameters that share their memory with the tensors."""

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
    zero_disables: ClassVar[Sequence[str]] = ("clip_gradient", "clip_weights")
    unsupported_dtypes: ClassVar[Mapping[str, str]] = {
        **TRUNCATED,
        **dict.fromkeys(("float16", "float64"), "its state is float32 always, and it raises MXNetError"),
    }

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """See `Implementation`.

        Names end in `_weight`: without a trainer, the optimizer drops weight decay for other names.
        """
        if any(x.size == 0 for x in self.parameters):
            raise Unsupported('a gluon.Parameter without elements raises ValueError("invalid shape")')
        arguments = self.native_arguments(self.h.rate(0))
        self.shared = [self.shared_parameter(x, f"x{i}_weight") for i, x in enumerate(self.parameters)]
        for parameter, scale in zip(self.shared, self.rate_scale or ()):
            parameter.lr_mult = scale
        self.trainer = mx.gluon.Trainer(self.shared, "rmsprop", arguments, kvstore=None)

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

    def state(self) -> State:
        return oracle_state(self.framework, self.h, *updater_state(self.trainer._updaters[0]))

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

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        self.optimizer = mx.optimizer.RMSProp(**self.native_arguments(self.h.rate(0)))
        self.optimizer.set_lr_mult(dict(enumerate(self.rate_scale or ())))
        self.updater = mx.optimizer.get_updater(self.optimizer)
        self.indices = list(range(len(self.parameters)))

    def set_rate(self, learning_rate: float) -> None:
        self.optimizer.set_learning_rate(learning_rate)

    def update(self, gradients: list[Tensor]) -> None:
        self.updater(self.indices, gradients, self.parameters)

    def state(self) -> State:
        return oracle_state(self.framework, self.h, *updater_state(self.updater))

    def save(self) -> bytes:
        return bytes(self.updater.get_states())

    def restore(self, saved: bytes) -> None:
        self.updater.set_states(saved)


class MxnetKernel(Implementation):
    """The operations that `mx.optimizer.RMSProp` calls."""

    native = "mxnet.nd.rmsprop_update, rmspropalex_update"
    mode = "kernel"
    computes = "mxnet1"
    names: ClassVar[Mapping[str, str]] = {**MxnetBuiltin.names, "learning_rate": "lr"}
    max_steps = 1000
    unsupported_dtypes: ClassVar[Mapping[str, str]] = {"bfloat16": "MXNetError: Unknown type enum 12"}

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """See `Implementation`. Makes n, and for the centered variant g and delta."""
        parts = 3 if self.h.centered else 1
        self.slots = [[self.framework.full_like(p, 0.0) for p in self.parameters] for _ in range(parts)]

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
        for kernel, x, gradient, *slots in zip(self.kernels, self.parameters, gradients, *self.slots):
            kernel(x, gradient, *slots, out=x)

    def state(self) -> State:
        return oracle_state(self.framework, self.h, *self.slots)

    def save(self) -> list[list[Array]]:
        return [[self.framework.numpy(slot) for slot in slots] for slots in self.slots]

    def restore(self, saved: list[list[Array]]) -> None:
        for slots, arrays in zip(self.slots, saved):
            self.framework.assign(slots, arrays)


class MxnetHybrid(HybridTraining, MxnetKernel):
    """The operations as one program for all parameters, compiled for each learning rate."""

    native = "a CachedOp of mxnet.nd.rmsprop_update, rmspropalex_update"
    twin = "kernel"
    unsupported_sparse = "takes dense gradients only"

    def prepare(self, dialect: Dialect) -> None:
        super().prepare(dialect)
        self.programs: dict[tuple[float, ...], Program] = {}  # by the learning rates
        self.arguments = [tensor for tensors in (self.parameters, *self.slots) for tensor in tensors]

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


def updater_state(updater: Any) -> list[Sequence[Any]]:
    """Return the state of an updater: for each part of it, a sequence with one tensor for each parameter."""
    of_each = [state for _, state in sorted(updater.states.items())]
    return list(zip(*(state if isinstance(state, (tuple, list)) else (state,) for state in of_each)))


def oracle_state(framework: Framework, h: Hyperparameters, *slots: Any) -> State:
    """Return n, or n, g and delta, a sequence of tensors each, under the oracle's names.

    `delta` is what is added to the parameters, -b; without momentum it is the last step, and no part of the state.
    """
    parts = CENTERED[: 3 if h.momentum else 2] if h.centered else ("square_average",)
    state = {name: [framework.numpy(t) for t in tensors] for name, tensors in zip(parts, slots)}
    if "momentum_buffer" in state:
        state["momentum_buffer"] = [-delta for delta in state["momentum_buffer"]]
    return state
