"""The training loops of "Dive into Deep Learning" 11.8, as a user of torch would write them after the section.

What is ours is the order of the rows, which is the task's in place of a random one, so that a run can be judged, and
the loss, which has the factor 1/2 in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice, repeat
from typing import Any, ClassVar

import torch
from torch.utils.data import DataLoader, TensorDataset

from reference import Dialect
from suite.adapters.contract import Implementation, Problem, State, Tensor
from suite.adapters.torch.builtin import TorchBuiltin


def rmsprop(parameters: list[Tensor], states: list[Tensor], hyperparameters: dict[str, float]) -> None:
    """The update of section 11.8.2, of parameters whose gradients autograd has left."""
    rate, gamma, eps = hyperparameters["lr"], hyperparameters["gamma"], hyperparameters["eps"]
    with torch.no_grad():
        for p, s in zip(parameters, states):
            s[...] = gamma * s + (1 - gamma) * torch.square(p.grad)
            p[...] -= rate * p.grad / torch.sqrt(s + eps)


def rows(problem: Problem, first: int, dtype: torch.dtype) -> Iterator[tuple[Tensor, Tensor]]:
    """Features and labels as a loader of torch's brings them, batch by batch, from a step on and without end."""
    data = TensorDataset(*(torch.tensor(problem.arrays[name], dtype=dtype) for name in ("features", "labels")))
    loader = DataLoader(data, batch_sampler=problem.arrays["batches"].tolist())
    return islice(chain.from_iterable(repeat(loader)), first % len(loader), None)


def is_regression(problem: Problem) -> bool:
    """Whether it is the section's task: to predict a number from a row of features."""
    return "features" in problem.arrays and problem.arrays["labels"].dtype.kind == "f"


class TorchSection(Implementation):
    """Section 11.8.2: the update from scratch, and the loop around it."""

    native = "the section's loop"
    mode = "section"
    lean = True
    computes = "d2l"
    names: ClassVar[Mapping[str, str]] = {"learning_rate": "lr", "decay": "gamma", "epsilon": "eps"}
    unsupported_sparse = "takes dense gradients only"
    unsupported_rate_scale = "has one learning rate for all parameters"

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Make the state, zeros for each parameter."""
        self.states = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self.hyperparameters = self.native_arguments(self.h.rate(0))
        self.data: Iterator[tuple[Tensor, Tensor]] | None = None

    def set_rate(self, learning_rate: float) -> None:
        """Among the hyper-parameters."""
        super().set_rate(learning_rate)
        self.hyperparameters["lr"] = learning_rate

    def update(self, gradients: list[Tensor]) -> None:
        """The update, of gradients that are put where autograd leaves them."""
        for p, gradient in zip(self.parameters, gradients):
            p.grad = gradient
        rmsprop(self.parameters, self.states, self.hyperparameters)

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """See `Implementation`. The loop, where the problem is the section's."""
        if not is_regression(problem):
            return super().train(problem, first, count)
        (w, b), states, hyperparameters = self.parameters, self.states, self.hyperparameters
        self.data = self.data or rows(problem, first, w.dtype)
        for features, labels in islice(self.data, count):
            w.grad = b.grad = None
            predicted = torch.matmul(features, w) + b
            loss = (predicted - labels.reshape(predicted.shape)) ** 2 / 2
            loss.mean().backward()
            rmsprop([w, b], states, hyperparameters)
        self.steps += count
        return [w.grad, b.grad]

    def state(self) -> State:
        """The average of squares is all there is."""
        return self.named_state(self.states, (), ())

    def save(self) -> State:
        """Of which this is a copy."""
        return self.state()

    def restore(self, saved: State) -> None:
        """Into the tensors that `prepare` made."""
        self.framework.assign(self.states, saved["square_average"])


class TorchSectionConcise(TorchBuiltin):
    """Section 11.8.3: torch's optimizer, and a loop with torch's layer and loss."""

    native = "the section's concise loop"
    mode = "section"
    lean = True
    names: ClassVar[Mapping[str, str]] = {"learning_rate": "lr", "decay": "alpha", "epsilon": "eps"}
    foreach: ClassVar[bool | None] = None
    net: Any = None

    def build(self, problem: Problem, first: int) -> None:
        """A layer that has the parameters' memory, and its weights in a row where ours are a column; an optimizer."""
        w, b = self.parameters
        layer = torch.nn.Linear(*w.shape, device=self.framework.device, dtype=w.dtype)
        layer.weight, layer.bias = (torch.nn.Parameter(p.detach()) for p in (w.t(), b))
        before = self.optimizer.state_dict()
        self.bind(list(layer.parameters()))
        self.optimizer.load_state_dict(before)
        self.net, self.loss = torch.nn.Sequential(layer), torch.nn.MSELoss()
        self.data = rows(problem, first, w.dtype)

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """See `Implementation`. The loop, where the problem is the section's."""
        if not is_regression(problem):
            return super().train(problem, first, count)
        if self.net is None:
            self.build(problem, first)
        net, optimizer, mean_square = self.net, self.optimizer, self.loss
        for features, labels in islice(self.data, count):
            optimizer.zero_grad()
            predicted = net(features)
            loss = mean_square(predicted, labels.reshape(predicted.shape)) / 2
            loss.backward()
            optimizer.step()
        self.steps += count
        weight, bias = net.parameters()
        return [weight.grad.t(), bias.grad]
