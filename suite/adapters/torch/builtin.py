"""PyTorch's own RMSProp, `torch.optim.RMSprop`, in each of its modes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import ClassVar

import torch

from reference import Dialect, Hyperparameters
from suite.adapters.contract import Implementation, State, Tensor, Unsupported
from suite.adapters.torch.scratch import missing_compiler

MAX_COMPILED = 16  # parameters that are compiled in seconds


class TorchBuiltin(Implementation):
    """`torch.optim.RMSprop`, parameter by parameter."""

    native = "torch.optim.RMSprop"
    computes = "torch"
    names: ClassVar[Mapping[str, str]] = {
        "learning_rate": "lr",
        "decay": "alpha",
        "epsilon": "eps",
        "momentum": "momentum",
        "centered": "centered",
        "weight_decay": "weight_decay",
        "maximize": "maximize",
    }
    unsupported_sparse = 'raises RuntimeError("RMSprop does not support sparse gradients")'
    foreach: ClassVar[bool | None] = False

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        self.bind(self.parameters)

    def bind(self, parameters: list[Tensor]) -> None:
        """Build the optimizer; each parameter with its own learning rate is a group."""
        groups = [{"params": [p]} for p in parameters] if self.rate_scale else parameters
        arguments = self.native_arguments(self.h.rate(0))
        self.optimizer = torch.optim.RMSprop(
            groups, **arguments, foreach=self.foreach, capturable=False, differentiable=False
        )
        self.step_optimizer = self.optimizer.step

    def set_rate(self, learning_rate: float) -> None:
        super().set_rate(learning_rate)
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"] = rate

    def update(self, gradients: list[Tensor]) -> None:
        for parameter, gradient in zip(self.parameters, gradients):
            parameter.grad = gradient
        self.step_optimizer()

    def state(self) -> State:
        theirs = {"square_average": "square_avg", "mean_gradient": "grad_avg", "momentum_buffer": "momentum_buffer"}
        slots = [self.optimizer.state[p] for group in self.optimizer.param_groups for p in group["params"]]
        return {
            ours: [self.framework.numpy(slot[name]) for slot in slots]
            for ours, name in theirs.items()
            if slots and all(name in slot for slot in slots)
        }

    def save(self) -> bytes:
        file = io.BytesIO()
        torch.save(self.optimizer.state_dict(), file)
        return file.getvalue()

    def restore(self, saved: bytes) -> None:
        self.optimizer.load_state_dict(torch.load(io.BytesIO(saved), weights_only=True))


class TorchForeach(TorchBuiltin):
    """`torch.optim.RMSprop`, over all parameters at once."""

    native = "torch.optim.RMSprop(foreach=True)"
    twin = "builtin"
    foreach = True


class TorchCompiled(TorchBuiltin):
    """`torch.optim.RMSprop` under `torch.compile`."""

    native = "torch.compile of torch.optim.RMSprop"
    max_steps = 1000

    @classmethod
    def unsupported(cls, h: Hyperparameters, dtype: str) -> str | None:
        reason = missing_compiler()
        return f"{cls.native} {reason}" if reason else super().unsupported(h, dtype)

    def prepare(self, dialect: Dialect) -> None:
        """Compile the step. The learning rate is a tensor, since each new number would be compiled again.

        The compiler is reset, because after eight optimizers torch would run the next one uncompiled.
        """
        if len(self.parameters) > MAX_COMPILED:
            raise Unsupported(f"{self.native} unrolls its loop: {len(self.parameters)} parameters take it a minute")
        super().prepare(dialect)
        torch.compiler.reset()
        for group in self.optimizer.param_groups:
            group["lr"] = torch.tensor(self.h.rate(0), dtype=torch.float64)
        self.step_optimizer = torch.compile(self.optimizer.step)

    def set_rate(self, learning_rate: float) -> None:
        """See `Implementation`. Writes into the tensors."""
        super(TorchBuiltin, self).set_rate(learning_rate)
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"].fill_(rate)
