"""The parts that implementations in a framework's own operations share: `scratch`, and the loops of the book's section.

Each framework's `builtin` module has the loops of "Dive into Deep Learning" 11.8 as a user would write them after the
section. They differ from the book in two ways: rows are read in the task's order, so that the run can be checked, and
every loss has the factor 1/2.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import chain, islice, repeat
from typing import Any, ClassVar

from reference import Hyperparameters
from reference.algorithm import Algorithm, State
from suite.adapters.contract import Implementation, Problem, Tensor

Batches = Iterator[tuple[Tensor, Tensor]]  # features and labels


class Scratch(Implementation):
    """RMSProp in a framework's own operations, for any dialect.

    A framework defines `update`, which may call `updated` for each parameter; then it defines `operations` too, the
    namespace of its operations.
    """

    names: ClassVar[Mapping[str, str]] = {field.name: field.name for field in fields(Hyperparameters)}
    unsupported_sparse = "takes dense gradients only"
    operations: ClassVar[Any]

    def prepare(self) -> None:
        """Derive the algorithm and its numbers, and make the state."""
        self.algorithm = a = Algorithm.of(self.dialect, self.h, self.framework.dtype(self.parameters[0]))
        self.numbers: dict[str, Any] = {name: float(value) for name, value in a.numbers().items()}
        v0 = self.numbers["initial_accumulator"]
        self.square_average = [self.framework.full_like(p, v0) for p in self.parameters]
        self.mean_gradient = [self.framework.full_like(p, 0.0) for p in self.parameters if a.centered]
        self.momentum_buffer = [self.framework.full_like(p, 0.0) for p in self.parameters if a.buffered]
        self.own_state = {name: getattr(self, name) for name in State._fields}

    def native_rate(self, learning_rate: float) -> Any:
        """Return a learning rate as the dialect rounds it."""
        return float(self.algorithm.rate(learning_rate))

    def updated(
        self, g: Tensor, rate: Any, correction: Any, x: Tensor, v: Tensor, m: Tensor | None, b: Tensor | None
    ) -> tuple[Tensor, ...]:
        """Return x, v, m and b after a step; η is the rate, and 1 - γ^t the correction, if averages are corrected.

        v ← γ v + (1-γ) g²             m ← γ m + (1-γ) g
        u = η g / √(v + ε)             or η g / (√v + ε);  v - m² in place of v when centered
        b ← μ b + u                    x ← x - b, where there is no buffer x ← x - u
        """
        a, n, ops = self.algorithm, self.numbers, self.operations
        g = self.effective_gradient(g, x)
        shrunk = x * (1 - rate * n["weight_decay"]) if a.decoupled else x
        v = w = self.plus(v * n["decay"], ops.square(g) * n["complement"], v)
        if a.bias_corrected:
            w = w / correction
        if a.centered:
            m = self.plus(m * n["decay"], g * n["complement"], m)
            w = w - ops.square(m / correction if a.bias_corrected else m)
        d = ops.sqrt(w + n["epsilon"]) if a.epsilon_inside else ops.sqrt(w) + n["epsilon"]
        u = (g * rate if a.rate_in_buffer else g) / d
        if a.buffered:
            b = self.plus(b * n["momentum"], u, b)
            u = u + b * n["momentum"] if a.nesterov else b
        x = self.minus(shrunk, u if a.rate_in_buffer else u * rate, x)
        return x if a.clip_weights is None else self.within(x, n["clip_weights"]), v, m, b

    def plus(self, one: Tensor, other: Tensor, old: Tensor) -> Tensor:  # noqa: ARG002
        """Return a sum, which may be written over the old value."""
        return one + other

    def minus(self, one: Tensor, other: Tensor, old: Tensor) -> Tensor:  # noqa: ARG002
        """Return a difference, which may be written over the old value."""
        return one - other

    def effective_gradient(self, g: Tensor, x: Tensor) -> Tensor:
        """Return the gradient after scaling, clipping and l2 weight decay, in the dialect's order."""
        a, n = self.algorithm, self.numbers
        g = g * n["gradient_scale"] if a.gradient_scale != 1 else g
        if not a.coupled:
            return self.clipped(g)
        decay = x * n["weight_decay"]
        return self.clipped(g + decay) if a.clip_after_decay else self.clipped(g) + decay

    def clipped(self, g: Tensor) -> Tensor:
        """Return the gradient with its norm, and then each coordinate, clipped to the limits that there are."""
        a, n = self.algorithm, self.numbers
        g = g if a.clip_norm is None else self.shortened(g, n["clip_norm"])
        return g if a.clip_gradient is None else self.within(g, n["clip_gradient"])

    @abstractmethod
    def shortened(self, g: Tensor, limit: Any) -> Tensor:
        """Return g, divided so that its norm is at most a limit."""

    @abstractmethod
    def within(self, z: Tensor, limit: Any) -> Tensor:
        """Return z with each coordinate clipped to ±limit."""


class SectionLoop(Implementation):
    """Trains with a loop of the section, if the problem is the section's: regression on rows of features."""

    mode = "section"
    lean = True
    batches: Batches | None = None

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        if "features" not in problem.arrays or problem.arrays["labels"].dtype.kind != "f":
            return super().train(problem, first, count)
        if self.batches is None:
            self.connect()
            self.batches = self.load(problem, first)
        gradients = self.loop(islice(self.batches, count))
        self.steps += count
        return gradients

    def connect(self) -> None:
        """Prepare the loop, before its first step."""

    @abstractmethod
    def load(self, problem: Problem, first: int) -> Batches:
        """Return the batches from a step on, without end, by the framework's own loader."""

    @abstractmethod
    def loop(self, batches: Batches) -> list[Tensor]:
        """Take a step with each batch; return the gradients of the last one."""


class Section(SectionLoop):
    """Section 11.8.2: the update from scratch, and the loop around it."""

    native = "the section's loop"
    computes = "d2l"
    names: ClassVar[Mapping[str, str]] = dict(learning_rate="lr", decay="gamma", epsilon="eps")
    unsupported_sparse = "takes dense gradients only"
    unsupported_rate_scale = "has one learning rate for all parameters"

    def prepare(self) -> None:
        """Make the state."""
        self.own_state = {"square_average": [self.framework.full_like(p, 0.0) for p in self.parameters]}

    def set_rate(self, learning_rate: float) -> None:
        self.hyperparameters = self.native_arguments(learning_rate)


def endless(loader: Any, first: int) -> Batches:
    """Return the batches of a loader, again and again, from a step on."""
    return islice(chain.from_iterable(repeat(loader)), first % len(loader), None)
