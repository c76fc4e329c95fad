"""The RMSProp that MXNet has: the trainer, and the operations below it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import mxnet as mx

from reference import Dialect, Hyperparameters
from suite.adapters.contract import Array, Framework, Implementation, State, Tensor, Unsupported
from suite.adapters.mxnet import TRUNCATED


class MxnetBuiltin(Implementation):
    """`gluon.Trainer` with "rmsprop", on parameters that share their storage with the tensors."""

    native = 'mxnet.gluon.Trainer(…, "rmsprop")'
    computes = "mxnet1"
    names: ClassVar[Mapping[str, str]] = {
        "learning_rate": "learning_rate",
        "decay": "gamma1",
        "epsilon": "epsilon",
        "momentum": "gamma2",
        "centered": "centered",
        "weight_decay": "wd",
        "clip_gradient": "clip_gradient",
        "clip_weights": "clip_weights",
        "rescale_gradient": "rescale_grad",
    }
    refused: ClassVar[Mapping[str, str]] = {
        **TRUNCATED,
        **dict.fromkeys(("float16", "float64"), "its state is float32 always, and it raises MXNetError"),
    }
    bounds = ("clip_gradient", "clip_weights")

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
        slots = [slot for _, slot in sorted(self.trainer._updaters[0].states.items())]
        return oracle_state(self.framework, self.h, *zip(*slots))

    def saved(self) -> bytes:
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


class MxnetKernel(Implementation):
    """The operations below `mx.optimizer.RMSProp`."""

    native = "mxnet.nd.rmsprop_update, rmspropalex_update"
    computes = "mxnet1"
    longest = 1000
    names: ClassVar[Mapping[str, str]] = {**MxnetBuiltin.names, "learning_rate": "lr"}
    refused: ClassVar[Mapping[str, str]] = {"bfloat16": "MXNetError: Unknown type enum 12"}

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Make the state: n, and g and delta for the centered one."""
        parts = 3 if self.h.centered else 1
        self.slots = [[self.framework.filled_like(p, 0.0) for p in self.parameters] for _ in range(parts)]

    def update(self, gradients: list[Tensor]) -> None:
        """One call a parameter."""
        arguments = self.native_arguments(self.h.rate(0))
        del arguments["lr"]
        operation = mx.nd.rmspropalex_update if arguments.pop("centered") else mx.nd.rmsprop_update
        if not self.h.centered:
            del arguments["gamma2"]
        for name in ("clip_gradient", "clip_weights"):
            arguments[name] = -1.0 if arguments[name] is None else arguments[name]  # a negative bound is none
        for x, gradient, rate, *slots in zip(self.parameters, gradients, self.rates, *self.slots):
            operation(x, gradient, *slots, out=x, lr=rate, **arguments)

    def state(self) -> State:
        """What the operations change besides the parameters."""
        return oracle_state(self.framework, self.h, *self.slots)

    def saved(self) -> list[list[Array]]:
        """The slots."""
        return [[self.framework.numpy(slot) for slot in slots] for slots in self.slots]

    def restore(self, saved: list[list[Array]]) -> None:
        """Into the slots."""
        for slots, arrays in zip(self.slots, saved):
            self.framework.assign(slots, arrays)


def oracle_state(framework: Framework, h: Hyperparameters, *slots: Any) -> State:
    """From n, g and delta, a sequence of tensors each. `delta` is -b; without momentum it is no more than a step."""
    parts = ("square_average", "mean_gradient", "momentum_buffer")[: 3 if h.momentum else 2]
    state = {name: [framework.numpy(t) for t in tensors] for name, tensors in zip(parts, slots)}
    if "momentum_buffer" in state:
        state["momentum_buffer"] = [-delta for delta in state["momentum_buffer"]]
    return state
