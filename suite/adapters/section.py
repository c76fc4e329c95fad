"""The training loops of "Dive into Deep Learning" 11.8: the parts that all frameworks share.

Each framework's `section` module has the loops as a user would write them after the section. They differ from the book
in two ways: rows are read in the task's order, so that the run can be checked, and every loss has the factor 1/2.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from itertools import chain, islice, repeat
from typing import Any, ClassVar

from reference import Dialect
from suite.adapters.contract import Implementation, Problem, Tensor
from suite.adapters.scratch import OwnState

Batches = Iterator[tuple[Tensor, Tensor]]  # features and labels


class SectionLoop(Implementation):
    """Trains with a loop of the section, if the problem is the section's: regression on rows of features."""

    mode = "section"
    lean = True
    batches: Batches | None = None

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        if "features" not in problem.arrays or problem.arrays["labels"].dtype.kind != "f":
            return super().train(problem, first, count)
        if self.batches is None:
            self.batches = self.load(problem, first)
        gradients = self.loop(islice(self.batches, count))
        self.steps += count
        return gradients

    @abstractmethod
    def load(self, problem: Problem, first: int) -> Batches:
        """Prepare the loop; return the batches from a step on, without end, by the framework's own loader."""

    @abstractmethod
    def loop(self, batches: Batches) -> list[Tensor]:
        """Take a step with each batch; return the gradients of the last one."""


class Section(SectionLoop, OwnState):
    """Section 11.8.2: the update from scratch, and the loop around it."""

    native = "the section's loop"
    computes = "d2l"
    names: ClassVar[Mapping[str, str]] = {"learning_rate": "lr", "decay": "gamma", "epsilon": "eps"}
    unsupported_rate_scale = "has one learning rate for all parameters"

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Make the state."""
        self.square_average = [self.framework.full_like(p, 0.0) for p in self.parameters]
        self.mean_gradient, self.momentum_buffer = [], []

    def set_rate(self, learning_rate: float) -> None:
        self.hyperparameters = self.native_arguments(learning_rate)


def endless(loader: Any, first: int) -> Batches:
    """Return the batches of a loader, again and again, from a step on."""
    return islice(chain.from_iterable(repeat(loader)), first % len(loader), None)
