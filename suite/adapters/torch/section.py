"""The loops of the section as a user of torch would write them; see `suite.adapters.section`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch.utils.data import DataLoader, TensorDataset

from suite.adapters.contract import Problem, Tensor
from suite.adapters.section import Batches, Section, SectionLoop, endless
from suite.adapters.torch.builtin import TorchBuiltin


def rmsprop(parameters: list[Tensor], states: list[Tensor], hyperparameters: dict[str, float]) -> None:
    """The update of section 11.8.2, with the gradients that autograd has left in the parameters."""
    rate, gamma, eps = hyperparameters["lr"], hyperparameters["gamma"], hyperparameters["eps"]
    with torch.no_grad():
        for p, s in zip(parameters, states):
            s[...] = gamma * s + (1 - gamma) * torch.square(p.grad)
            p[...] -= rate * p.grad / torch.sqrt(s + eps)


def load(problem: Problem, first: int, dtype: torch.dtype) -> Batches:
    """Return the batches that a loader of torch makes, from a step on."""
    data = TensorDataset(*(torch.tensor(problem.arrays[name], dtype=dtype) for name in ("features", "labels")))
    return endless(DataLoader(data, batch_sampler=problem.arrays["batches"].tolist()), first)


class TorchSection(Section):
    """Section 11.8.2 in torch."""

    def update(self, gradients: list[Tensor]) -> None:
        for p, gradient in zip(self.parameters, gradients):
            p.grad = gradient
        rmsprop(self.parameters, self.square_average, self.hyperparameters)

    def load(self, problem: Problem, first: int) -> Batches:
        return load(problem, first, self.parameters[0].dtype)

    def loop(self, batches: Batches) -> list[Tensor]:
        (w, b), states, hyperparameters = self.parameters, self.square_average, self.hyperparameters
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
    net: Any

    def load(self, problem: Problem, first: int) -> Batches:
        """See `SectionLoop`. The layer shares the parameters' memory; its weights are a row where ours are a column."""
        w, b = self.parameters
        layer = torch.nn.Linear(*w.shape, device=self.framework.device, dtype=w.dtype)
        layer.weight, layer.bias = (torch.nn.Parameter(p.detach()) for p in (w.t(), b))
        before = self.optimizer.state_dict()
        self.bind(list(layer.parameters()))
        self.optimizer.load_state_dict(before)
        self.net, self.loss = torch.nn.Sequential(layer), torch.nn.MSELoss()
        return load(problem, first, w.dtype)

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
