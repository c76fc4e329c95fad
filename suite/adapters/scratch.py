"""The parts that scratch implementations of all frameworks share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, ClassVar

from reference import Dialect, Hyperparameters
from reference.algorithm import Algorithm
from suite.adapters.contract import Implementation, State, Tensor


class OwnState(Implementation):
    """An implementation that keeps its state itself, in lists with one tensor for each parameter."""

    unsupported_sparse = "takes dense gradients only"
    square_average: list[Tensor]
    mean_gradient: list[Tensor]
    momentum_buffer: list[Tensor]

    def state(self) -> State:
        return self.named_state(self.square_average, self.mean_gradient, self.momentum_buffer)

    def save(self) -> State:
        return self.state()

    def restore(self, saved: State) -> None:
        for name, arrays in saved.items():
            self.framework.assign(getattr(self, name), arrays)


class Scratch(OwnState):
    """RMSProp in a framework's own operations, for any dialect."""

    names: ClassVar[Mapping[str, str]] = {field.name: field.name for field in fields(Hyperparameters)}

    def prepare(self, dialect: Dialect) -> None:
        """Derive the algorithm and its numbers, and make the state."""
        self.algorithm = a = Algorithm.of(dialect, self.h, self.framework.dtype(self.parameters[0]))
        self.numbers = {name: float(value) for name, value in a.numbers().items()}
        v0 = self.numbers["initial_accumulator"]
        self.square_average = [self.framework.full_like(p, v0) for p in self.parameters]
        self.mean_gradient = [self.framework.full_like(p, 0.0) for p in self.parameters if a.centered]
        self.momentum_buffer = [self.framework.full_like(p, 0.0) for p in self.parameters if a.buffered]

    def native_rate(self, learning_rate: float) -> Any:
        """Return a learning rate as the dialect rounds it."""
        return float(self.algorithm.rate(learning_rate))

    def effective_gradient(self, g: Tensor, x: Tensor) -> Tensor:
        """Return the gradient after scaling, clipping and l2 weight decay, in the dialect's order."""
        a, n = self.algorithm, self.numbers
        g = g * n["gradient_scale"] if a.gradient_scale != 1 else g
        if not a.coupled:
            return self.clipped(g)
        decay = x * n["weight_decay"]
        return self.clipped(g + decay) if a.clip_after_decay else self.clipped(g) + decay

    @abstractmethod
    def clipped(self, g: Tensor) -> Tensor:
        """Return the gradient with its norm, and then each coordinate, clipped to the limits that there are."""
