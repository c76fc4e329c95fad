"""PyTorch's own RMSProp, `torch.optim.RMSprop`, in each of its modes.

At the end, the loops of the book's section; see `suite.adapters.scratch`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch.utils.data import DataLoader, TensorDataset

from suite.adapters.contract import Implementation, Problem, Tensor, Unsupported
from suite.adapters.scratch import Batches, Section, SectionLoop, endless
from suite.adapters.torch.scratch import Compiled

MAX_COMPILED = 16  # parameters that are compiled in seconds


class TorchBuiltin(Implementation):
    """`torch.optim.RMSprop`, parameter by parameter."""

    native = "torch.optim.RMSprop"
    computes = "torch"
    names: ClassVar[Mapping[str, str]] = dict(
        learning_rate="lr", decay="alpha", epsilon="eps", momentum="momentum", centered="centered",
        weight_decay="weight_decay", maximize="maximize",
    )  # fmt: skip
    unsupported_sparse = 'raises RuntimeError("RMSprop does not support sparse gradients")'
    foreach: ClassVar[bool | None] = False

    def prepare(self) -> None:
        self.bind(self.parameters)

    def bind(self, parameters: list[Tensor]) -> None:
        """Build the optimizer; each parameter with its own learning rate is a group."""
        groups = [{"params": [p]} for p in parameters] if self.rate_scale else parameters
        off = {"capturable": False, "differentiable": False}
        arguments = self.native_arguments(self.h.rate(0))
        self.optimizer = torch.optim.RMSprop(groups, **arguments, foreach=self.foreach, **off)
        self.step_optimizer = self.optimizer.step

    def set_rate(self, learning_rate: float) -> None:
        super().set_rate(learning_rate)
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"] = rate

    def update(self, gradients: list[Tensor]) -> None:
        for parameter, gradient in zip(self.parameters, gradients):
            parameter.grad = gradient
        self.step_optimizer()

    def slots(self) -> dict[str, list[Tensor]]:
        theirs = {"square_average": "square_avg", "mean_gradient": "grad_avg", "momentum_buffer": "momentum_buffer"}
        of_each = [self.optimizer.state[p] for group in self.optimizer.param_groups for p in group["params"]]
        made = {part: name for part, name in theirs.items() if all(name in state for state in of_each)}
        return {part: [state[name] for state in of_each] for part, name in made.items()}

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


class TorchCompiled(Compiled, TorchBuiltin):
    """`torch.optim.RMSprop` under `torch.compile`."""

    native = "torch.compile of torch.optim.RMSprop"
    max_steps = 1000

    def prepare(self) -> None:
        """Compile the step. The learning rate is a tensor, since each new number would be compiled again.

        The compiler is reset, because after eight optimizers torch would run the next one uncompiled.
        """
        if len(self.parameters) > MAX_COMPILED:
            raise Unsupported(f"{self.native} unrolls its loop: {len(self.parameters)} parameters take it a minute")
        super().prepare()
        torch.compiler.reset()
        for group in self.optimizer.param_groups:
            group["lr"] = torch.tensor(self.h.rate(0), dtype=torch.float64)
        self.step_optimizer = torch.compile(self.optimizer.step)

    def set_rate(self, learning_rate: float) -> None:
        """See `Implementation`. Writes into the tensors."""
        super(TorchBuiltin, self).set_rate(learning_rate)
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"].fill_(rate)


def rmsprop(parameters: list[Tensor], states: list[Tensor], hyperparameters: dict[str, float]) -> None:
    """The update of section 11.8.2, with the gradients that autograd has left in the parameters."""
    rate, gamma, eps = hyperparameters["lr"], hyperparameters["gamma"], hyperparameters["eps"]
    with torch.no_grad():
        for p, s in zip(parameters, states):
            s[...] = gamma * s + (1 - gamma) * torch.square(p.grad)
            p[...] -= rate * p.grad / torch.sqrt(s + eps)


def load(loop: SectionLoop, problem: Problem, first: int) -> Batches:
    """Return the batches that a loader of torch makes, from a step on."""
    dtype = loop.parameters[0].dtype
    data = TensorDataset(*(torch.tensor(problem.arrays[name], dtype=dtype) for name in ("features", "labels")))
    return endless(DataLoader(data, batch_sampler=problem.arrays["batches"].tolist()), first)


class TorchSection(Section):
    """Section 11.8.2 in torch."""

    load = load

    def update(self, gradients: list[Tensor]) -> None:
        for p, gradient in zip(self.parameters, gradients):
            p.grad = gradient
        rmsprop(self.parameters, self.own_state["square_average"], self.hyperparameters)

    def loop(self, batches: Batches) -> list[Tensor]:
        (w, b), states, hyperparameters = self.parameters, self.own_state["square_average"], self.hyperparameters
        for features, labels in batches:
            w.grad = b.grad = None
            predicted = torch.matmul(features, w) + b
            loss = (predicted - labels.reshape(predicted.shape)) ** 2 / 2
            loss.mean().backward()
            rmsprop([w, b], states, hyperparameters)
        return [w.grad, b.grad]


class TorchSectionConcise(SectionLoop, TorchBuiltin):
    """Section 11.8.3: torch's optimizer, layer and loss."""

    native = "the section's concise loop"
    names: ClassVar[Mapping[str, str]] = {"learning_rate": "lr", "decay": "alpha", "epsilon": "eps"}
    foreach: ClassVar[bool | None] = None
    load = load

    def connect(self) -> None:
        """See `SectionLoop`. The layer shares the parameters' memory; its weights are a row where ours are a column."""
        w, b = self.parameters
        layer = torch.nn.Linear(*w.shape, device=self.framework.device, dtype=w.dtype)
        layer.weight, layer.bias = (torch.nn.Parameter(p.detach()) for p in (w.t(), b))
        before = self.optimizer.state_dict()
        self.bind(list(layer.parameters()))
        self.optimizer.load_state_dict(before)
        self.net, self.loss = torch.nn.Sequential(layer), torch.nn.MSELoss()

    def loop(self, batches: Batches) -> list[Tensor]:
        net, optimizer, mean_square = self.net, self.optimizer, self.loss
        for features, labels in batches:
            optimizer.zero_grad()
            predicted = net(features)
            loss = mean_square(predicted, labels.reshape(predicted.shape)) / 2
            loss.backward()
            optimizer.step()
        weight, bias = net.parameters()
        return [weight.grad.t(), bias.grad]
