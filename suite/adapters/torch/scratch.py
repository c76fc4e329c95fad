"""RMSProp from torch operations: one after another, on many tensors at once, or compiled into one program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property, partial
from itertools import chain, zip_longest
from typing import Any

import numpy as np
import torch

from reference import Dialect, Hyperparameters
from suite.adapters.contract import Problem, Tensor
from suite.adapters.scratch import Scratch
from suite.adapters.torch import program
from suite.adapters.torch.many import Many

BLOCK = 4 * 1024 * 1024
"""Bytes of a tensor from which on it is worked on block by block. From 32 MiB on malloc asks the system anew for each
intermediate result, and to be given the pages takes longer than to fill them."""

OPERANDS = ("decay", "epsilon", "momentum", "gradient_scale", "correction")
"""Numbers that are operands of their own. torch takes a tensor without axes in half the time that it takes a number of
Python's; those numbers that scale another operand remain Python's."""


class TorchScratch(Scratch):
    """RMSProp from torch operations, in place.

    A piece is a parameter, or a block of a large one, with its state: x, v, m, b, of which m and b may be None.
    """

    native = "torch operations, in place"
    numbers: dict[str, Any]

    def prepare(self, dialect: Dialect) -> None:
        """Make the state, and the pieces, once and for all."""
        super().prepare(dialect)
        self.decay = self.numbers["decay"]
        self.numbers = self.operands({**self.numbers, "correction": 1.0})
        self.lengths = [self.length(x) for x in self.parameters]
        parameters = [x.detach() for x in self.parameters]
        parts = (parameters, self.square_average, self.mean_gradient, self.momentum_buffer)
        self.pieces = list(zip_longest(*map(self.cut, parts)))
        blocks = [-(-x.numel() // length) if length else 1 for x, length in zip(parameters, self.lengths)]
        self.owners = [i for i, count in enumerate(blocks) for _ in range(count)]

    def operands(self, numbers: dict[str, float]) -> dict[str, Any]:
        """The numbers, some as tensors without axes; these are no less precise than what is computed with them."""
        made = self.framework.tensor(np.array([numbers[name] for name in OPERANDS]), self.wide)
        return {**numbers, **dict(zip(OPERANDS, made.unbind()))}

    @property
    def wide(self) -> str:
        """The format of numbers that are tensors."""
        return "float64" if self.parameters[0].dtype == torch.float64 else "float32"

    def length(self, x: Tensor) -> int | None:
        """Into blocks of how many numbers a parameter is cut; None if it is not.

        One without axes is cut into one of one: beside it, a number in a wider format would not count as a number.
        """
        if x.dim() == 0:
            return 1
        whole = x.numel() * x.element_size() <= BLOCK or not x.is_contiguous() or self.algorithm.clip_norm is not None
        return None if whole else BLOCK // x.element_size()

    def cut(self, tensors: Sequence[Tensor]) -> list[Any]:
        """What there is of each parameter, as parts of pieces."""
        if not any(self.lengths):
            return list(tensors)
        pairs = zip(tensors, self.lengths)
        return list(chain.from_iterable(t.reshape(-1).split(n) if n else [t] for t, n in pairs))

    def set_rate(self, learning_rate: float) -> None:
        """Of each piece that of its parameter."""
        super().set_rate(learning_rate)
        self.rates = [self.rates[owner] for owner in self.owners]

    def update(self, gradients: list[Tensor]) -> None:
        """One step, piece by piece."""
        if self.algorithm.bias_corrected:
            self.numbers["correction"].fill_(1 - self.decay ** (self.steps + 1))
        self.advance(self.cut(gradients))

    def advance(self, gradients: Sequence[Any]) -> None:
        """The update of every piece."""
        for (x, v, m, b), g, rate in zip(self.pieces, gradients, self.rates):
            self.advance_one(x, v, m, b, g, rate)

    def advance_one(self, x: Any, v: Any, m: Any, b: Any, g: Any, rate: Any) -> None:
        """The update, in place, in terms of tensors or of what has their methods.

        v ← γ v + (1-γ) g²             m ← γ m + (1-γ) g
        u = η g / √(v + ε)             or η g / (√v + ε);  v - m² in place of v when centered
        b ← μ b + u                    x ← x - b, where there is no buffer x ← x - u
        """
        a, n = self.algorithm, self.numbers
        g = self.effective_gradient(g, x)
        if a.decoupled:
            x.add_(x, alpha=-rate * n["weight_decay"])
        v.mul_(n["decay"]).addcmul_(g, g, value=n["complement"])
        if a.centered:
            m.mul_(n["decay"]).add_(g, alpha=n["complement"])
        d = self.denominator(v, m)
        if not a.buffered:
            x.addcdiv_(g, d, value=-rate)
        else:
            inside, outside = (rate, 1) if a.rate_in_buffer else (1, rate)
            b.mul_(n["momentum"]).addcdiv_(g, d, value=inside)
            x.add_(b.mul(n["momentum"]).addcdiv_(g, d, value=inside) if a.nesterov else b, alpha=-outside)
        if a.clip_weights is not None:
            x.clamp_min_(-n["clip_weights"]).clamp_max_(n["clip_weights"])

    def denominator(self, v: Any, m: Any) -> Any:
        """√(w + ε) or √w + ε, where w is v, or v - m² when centered, freed of their bias on request."""
        a, n = self.algorithm, self.numbers
        if a.bias_corrected:
            v, m = v.div(n["correction"]), m.div(n["correction"]) if a.centered else m
        w = v.addcmul(m, m, value=-1) if a.centered else v
        return w.add(n["epsilon"]).sqrt_() if a.epsilon_inside else w.sqrt().add_(n["epsilon"])

    def clipped(self, g: Tensor) -> Tensor:
        """With its norm, and then each coordinate, kept within bounds."""
        a, n = self.algorithm, self.numbers
        if a.clip_norm is not None:
            g = g.mul(n["clip_norm"]).div(g.norm().clamp_min(n["clip_norm"]))
        return g if a.clip_gradient is None else g.clamp_min(-n["clip_gradient"]).clamp_max(n["clip_gradient"])


class TorchScratchForeach(TorchScratch):
    """The same, where pieces that are together no more than a block are one."""

    native = "torch._foreach operations, in place"
    mode = "foreach"
    twin = "scratch"

    @cached_property
    def groups(self) -> list[slice]:
        """Neighbours among the pieces that have one learning rate and fit into a block."""
        groups: list[slice] = []
        bytes_ = 0
        pieces = super().cut(self.parameters)
        for i, piece in enumerate(pieces):
            size = piece.numel() * piece.element_size()
            if groups and self.rate_scale is None and bytes_ + size <= BLOCK:
                groups[-1], bytes_ = slice(groups[-1].start, i + 1), bytes_ + size
            else:
                groups.append(slice(i, i + 1))
                bytes_ = size
        return groups

    def prepare(self, dialect: Dialect) -> None:
        """As ever; a group has the learning rate of its first piece."""
        super().prepare(dialect)
        self.owners = [self.owners[group.start] for group in self.groups]

    def cut(self, tensors: Sequence[Tensor]) -> list[Any]:
        """In groups."""
        pieces = super().cut(tensors)
        return [Many(pieces[group]) for group in self.groups] if pieces else []


class TorchScratchCompiled(TorchScratch):
    """The same, for all parameters and in a closed loop with the gradients that it needs, as one program.

    All numbers are tensors, and a program serves every learning rate, decay, … and all parameters of the same shapes.
    """

    native = "torch operations, compiled by Inductor"
    mode = "compiled"
    lean = True

    @classmethod
    def unsupported(cls, h: Hyperparameters, dtype: str) -> str | None:
        """As everywhere; and on a CPU it compiles to C++."""
        reason = program.missing()
        return f"{cls.native} {reason}" if reason else super().unsupported(h, dtype)

    def prepare(self, dialect: Dialect) -> None:
        """Lay out what the program is given."""
        super().prepare(dialect)
        self.update_program: program.Program | None = None
        self.descent: tuple[Callable[..., Any], program.Program] | None = None

    def operands(self, numbers: dict[str, float]) -> dict[str, Any]:
        """All of them, and the learning rates with them, are one tensor."""
        self.packed = self.framework.tensor(np.array([*numbers.values(), *[0.0] * len(self.parameters)]), self.wide)
        return dict(zip(numbers, self.packed.unbind()))

    def length(self, x: Tensor) -> int | None:  # noqa: ARG002
        """A program has no intermediate results."""
        return None

    def set_rate(self, learning_rate: float) -> None:
        """In place."""
        super().set_rate(learning_rate)
        for place, rate in zip(self.packed[len(self.numbers) :], self.rates):
            place.fill_(rate)

    @cached_property
    def given(self) -> list[Tensor]:
        """What the program is given each time."""
        return [self.packed, *(part for piece in self.pieces for part in piece if part is not None)]

    def advance(self, gradients: Sequence[Any]) -> None:
        """The update of every piece, by the program."""
        if self.update_program is None:
            self.update_program = self.compiled(None, gradients)
        self.update_program(*self.given, *gradients)

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """See `Implementation`. A step is a call of the program that has its forward and its backward pass too."""
        batches, (loss, step) = problem.batches, self.descent or (None, None)
        if step is None or loss != problem.loss:
            step = self.compiled(problem.loss, batches[0])
            self.descent = problem.loss, step
        gradients: list[Tensor] = []
        for i in range(first, first + count):
            if self.h.scheduled:
                self.set_rate(self.h.rate(self.steps))
            if self.algorithm.bias_corrected:
                self.numbers["correction"].fill_(1 - self.decay ** (self.steps + 1))
            gradients = step(*self.given, *batches[i % len(batches)])
            self.steps += 1
        return gradients

    def compiled(self, loss: Callable[..., Tensor] | None, more: Sequence[Tensor]) -> program.Program:
        """The update as a program: of gradients, or of a batch where there is a loss to differentiate."""
        key = (self.algorithm.structure(), self.algorithm.gradient_scale == 1, loss)
        return program.compiled(partial(self.traced, loss), [*self.given, *more], key)

    def traced(self, loss: Callable[..., Tensor] | None, packed: Tensor, *tensors: Tensor) -> list[Tensor] | None:
        """What is compiled: an update of tensors in the making, with numbers that are tensors too."""
        of, parts, given = copy(self), packed.unbind(), iter(tensors)
        of.numbers, of.rates = dict(zip(self.numbers, parts)), list(parts[len(self.numbers) :])
        of.pieces = [tuple(part if part is None else next(given) for part in piece) for piece in self.pieces]
        parameters, more = [piece[0] for piece in of.pieces], list(given)
        if loss is None:
            super(TorchScratchCompiled, of).advance(more)
            return None
        gradients = list(torch.func.grad(loss, tuple(range(len(parameters))))(*parameters, *more))
        super(TorchScratchCompiled, of).advance(gradients)
        return gradients
