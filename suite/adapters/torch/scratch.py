"""RMSProp in torch operations: on one tensor after another, on many at once, or compiled into one program."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property, partial
from itertools import chain, zip_longest
from typing import Any

import numpy as np
import torch
import torch._inductor
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode

from reference import Hyperparameters
from suite.adapters.contract import Implementation, Problem, Tensor, Tensors
from suite.adapters.scratch import Scratch

BLOCK = 4 * 1024 * 1024
"""Bytes above which a tensor is updated in blocks. From 32 MiB on, malloc gets the memory of each intermediate result
from the system, which takes longer than to fill it."""

OPERANDS = ("decay", "epsilon", "momentum", "gradient_scale", "correction")
"""Numbers that are made tensors: as an operand torch takes a tensor without axes in half the time of a Python number.
Numbers that only scale another operand remain Python numbers."""


class TorchScratch(Scratch):
    """RMSProp in torch operations, in place.

    A piece is a parameter, or a block of a large one, with its state: x, v, m, b, where m and b may be None.
    """

    native = "torch operations, in place"

    def prepare(self) -> None:
        super().prepare()
        self.decay = self.numbers["decay"]
        self.numbers = self.operands({**self.numbers, "correction": 1.0})
        self.lengths = [self.block_length(x) for x in self.parameters]
        parameters = [x.detach() for x in self.parameters]
        self.pieces = list(zip_longest(*map(self.cut, (parameters, *self.own_state.values()))))
        blocks = [-(-x.numel() // length) if length else 1 for x, length in zip(parameters, self.lengths)]
        self.owners = [i for i, count in enumerate(blocks) for _ in range(count)]

    def operands(self, numbers: dict[str, float]) -> dict[str, Any]:
        """Return the numbers, those of `OPERANDS` as tensors."""
        made = self.wide([numbers[name] for name in OPERANDS])
        return {**numbers, **dict(zip(OPERANDS, made.unbind()))}

    def wide(self, numbers: list[float]) -> Tensor:
        """Return numbers as a tensor that is at least as precise as the parameters."""
        dtype = "float64" if self.parameters[0].dtype == torch.float64 else "float32"
        return self.framework.tensor(np.array(numbers), dtype)

    def block_length(self, x: Tensor) -> int | None:
        """Return the length of the blocks into which a parameter is cut; None if it is not.

        A parameter without axes is cut into one block of one number, since in an operation with another tensor without
        axes the wider format of the two would decide.
        """
        if x.dim() == 0:
            return 1
        whole = x.numel() * x.element_size() <= BLOCK or not x.is_contiguous() or self.algorithm.clip_norm is not None
        return None if whole else BLOCK // x.element_size()

    def cut(self, tensors: Tensors) -> list[Any]:
        """Cut one tensor for each parameter into the tensors of pieces."""
        if not any(self.lengths):
            return list(tensors)
        pairs = zip(tensors, self.lengths)
        return list(chain.from_iterable(t.reshape(-1).split(n) if n else [t] for t, n in pairs))

    def set_rate(self, learning_rate: float) -> None:
        """See `Implementation`. `rates` has the rate of each piece."""
        super().set_rate(learning_rate)
        self.rates = [self.rates[owner] for owner in self.owners]

    def update(self, gradients: list[Tensor]) -> None:
        self.set_correction()
        self.update_pieces(self.cut(gradients))

    def set_correction(self) -> None:
        """Set the number by which averages are divided when they are corrected for bias, 1 - γ^t."""
        if self.algorithm.bias_corrected:
            self.numbers["correction"].fill_(1 - self.decay ** (self.steps + 1))

    def update_pieces(self, gradients: Sequence[Any]) -> None:
        """Update every piece with its gradient."""
        for (x, v, m, b), g, rate in zip(self.pieces, gradients, self.rates):
            self.update_piece(x, v, m, b, g, rate)

    def update_piece(self, x: Any, v: Any, m: Any, b: Any, g: Any, rate: Any) -> None:
        """Update as `updated`, in place; the arguments are tensors, or have the methods of tensors."""
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
        """Return √(w + ε) or √w + ε, where w is v, or v - m² when centered, after a bias correction if requested."""
        a, n = self.algorithm, self.numbers
        if a.bias_corrected:
            v, m = v.div(n["correction"]), m.div(n["correction"]) if a.centered else m
        w = v.addcmul(m, m, value=-1) if a.centered else v
        return w.add(n["epsilon"]).sqrt_() if a.epsilon_inside else w.sqrt().add_(n["epsilon"])

    def shortened(self, g: Tensor, limit: Any) -> Tensor:
        return g.mul(limit).div(g.norm().clamp_min(limit))

    def within(self, z: Tensor, limit: Any) -> Tensor:
        return z.clamp_min(-limit).clamp_max(limit)


class TensorList:
    """Tensors that are updated together by one call, with those methods of a tensor that have a `torch._foreach_…`.

    An operand is another list, or one number for all.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self.tensors = list(tensors)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.tensors)

    def __getattr__(self, name: str) -> Callable[..., TensorList]:
        operation = getattr(torch, f"_foreach_{name}")

        def method(*operands: Any, **scale: float) -> TensorList:
            operands = tuple(one.tensors if isinstance(one, TensorList) else one for one in operands)
            result = operation(self.tensors, *operands, **scale)
            return self if name.endswith("_") else TensorList(result)

        return method

    def __mul__(self, other: Any) -> TensorList:
        return self.mul(other)

    def __add__(self, other: Any) -> TensorList:
        return self.add(other)


class TorchScratchForeach(TorchScratch):
    """RMSProp in `torch._foreach` operations, on groups of pieces that are together no larger than a block."""

    native = "torch._foreach operations, in place"
    mode = "foreach"
    twin = "scratch"

    @cached_property
    def groups(self) -> list[slice]:
        """Consecutive pieces that have the same learning rate and fit into a block."""
        groups: list[slice] = []
        filled = 0  # bytes of the last group
        for i, piece in enumerate(super().cut(self.parameters)):
            size = piece.numel() * piece.element_size()
            fits = groups and self.rate_scale is None and filled + size <= BLOCK
            start, filled = (groups.pop().start, filled + size) if fits else (i, size)
            groups.append(slice(start, i + 1))
        return groups

    def prepare(self) -> None:
        super().prepare()
        self.owners = [self.owners[group.start] for group in self.groups]

    def cut(self, tensors: Tensors) -> list[Any]:
        pieces = super().cut(tensors)
        return [TensorList(pieces[group]) for group in self.groups] if pieces else []


class Compiled(Implementation):
    """An implementation that needs a compiler."""

    @classmethod
    def unsupported(cls, h: Hyperparameters, dtype: str) -> str | None:
        reason = missing_compiler()
        return f"{cls.native} {reason}" if reason else super().unsupported(h, dtype)


class TorchScratchCompiled(Compiled, TorchScratch):
    """RMSProp as one compiled program for all parameters; in training, with the loss and its gradients in it.

    All numbers are tensors, so that a program serves all learning rates, decays, … for parameters of the same shapes.
    """

    native = "torch operations, compiled by Inductor"
    mode = "compiled"
    lean = True

    def prepare(self) -> None:
        super().prepare()
        self.update_program: Program | None = None
        self.training_program: tuple[Callable[..., Any], Program] | None = None  # with its loss

    def operands(self, numbers: dict[str, float]) -> dict[str, Any]:
        """Pack all numbers, and after them the learning rates, into one tensor."""
        self.packed = self.wide([*numbers.values(), *[0.0] * len(self.parameters)])
        return dict(zip(numbers, self.packed.unbind()))

    def block_length(self, x: Tensor) -> int | None:  # noqa: ARG002
        """Return None: a program makes no intermediate results, so that nothing is cut."""
        return None

    def set_rate(self, learning_rate: float) -> None:
        """See `Implementation`. Writes into the packed tensor."""
        super().set_rate(learning_rate)
        for place, rate in zip(self.packed[len(self.numbers) :], self.rates):
            place.fill_(rate)

    @cached_property
    def inputs(self) -> list[Tensor]:
        """The tensors that a program takes at each call, before gradients or a batch."""
        return [self.packed, *(part for piece in self.pieces for part in piece if part is not None)]

    def update_pieces(self, gradients: Sequence[Any]) -> None:
        if self.update_program is None:
            self.update_program = self.program(None, gradients)
        self.update_program(*self.inputs, *gradients)

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """See `Implementation`. One call for each step."""
        batches, gradients = problem.batches, []
        if self.training_program is None or self.training_program[0] != problem.loss:
            self.training_program = problem.loss, self.program(problem.loss, batches[0])
        program = self.training_program[1]
        for i in range(first, first + count):
            if self.h.scheduled:
                self.set_rate(self.h.rate(self.steps))
            self.set_correction()
            gradients = program(*self.inputs, *batches[i % len(batches)])
            self.steps += 1
        return gradients

    def program(self, loss: Callable[..., Tensor] | None, more: Tensors) -> Program:
        """Compile the update as a function of gradients, or of a batch if there is a loss to differentiate."""
        key = (self.algorithm.structure(), self.algorithm.gradient_scale == 1, loss)
        return compiled(partial(self.traced, loss), [*self.inputs, *more], key)

    def traced(self, loss: Callable[..., Tensor] | None, packed: Tensor, *tensors: Tensor) -> list[Tensor] | None:
        """Update the tensors that are given while the program is traced, in place of this object's own."""
        stand_in, parts, given = copy(self), packed.unbind(), iter(tensors)
        stand_in.numbers, stand_in.rates = dict(zip(self.numbers, parts)), list(parts[len(self.numbers) :])
        stand_in.pieces = [tuple(part if part is None else next(given) for part in piece) for piece in self.pieces]
        parameters, more = [piece[0] for piece in stand_in.pieces], list(given)
        if loss is None:
            super(TorchScratchCompiled, stand_in).update_pieces(more)
            return None
        gradients = list(torch.func.grad(loss, tuple(range(len(parameters))))(*parameters, *more))
        super(TorchScratchCompiled, stand_in).update_pieces(gradients)
        return gradients


Program = Callable[..., Any]

PROGRAMS: dict[Hashable, Program] = {}
"""The programs that were compiled in this process."""

SMALL_PRODUCT = 4096  # multiplications up to which a loop in the program is faster than a call of the matrix library


def missing_compiler() -> str | None:
    """Return what is missing to compile for a CPU; None if nothing is."""
    found = any(map(shutil.which, (os.environ.get("CXX", "g++"), "g++", "clang++")))
    return None if found else "needs a C++ compiler, and there is none on the path"


def compiled(function: Callable[..., Any], examples: Tensors, key: Hashable) -> Program:
    """Compile a function by Inductor, the compiler of `torch.compile`, for tensors like the examples.

    `torch.compile` would check at each call that the program suits its arguments, which takes longer than a step of a
    small model. Here the arguments always have the shapes, strides and dtypes of the examples, so that the graph is
    compiled directly. The program changes in place what the function does; the examples are left as they are. All else
    that the function reads is compiled in, and must be part of the key.
    """
    key = (key, *((e.shape, e.stride(), e.dtype, e.device) for e in examples))
    if key not in PROGRAMS:
        with TensorScales():
            graph = make_fx(function, decomposition_table=DECOMPOSITIONS, tracing_mode="fake")(*examples)
        PROGRAMS[key] = torch._inductor.compile(graph, list(examples))
    return PROGRAMS[key]


class TensorScales(TorchFunctionMode):  # type: ignore[misc]
    """Lets `value` and `alpha` be tensors without axes, which torch does not take there: x + s a b = x + (s a) b."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        scales = {name: s for name, s in (kwargs or {}).items() if name in ("value", "alpha") and torch.is_tensor(s)}
        for scale in scales.values():
            x, a, *b = args
            args = (x, a * scale, *b)
        return function(*args, **{name: s for name, s in (kwargs or {}).items() if name not in scales})


def small_product(a: Tensor, b: Tensor) -> Tensor:
    """Return a b, for small matrices, as a sum that is compiled together with the operations around it."""
    return (a.unsqueeze(2) * b).sum(1) if a.numel() * b.shape[1] <= SMALL_PRODUCT else NotImplemented


DECOMPOSITIONS = {torch.ops.aten.mm.default: small_product}
