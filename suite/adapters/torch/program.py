"""Programs: a function of tensors as one graph, compiled by Inductor, which is what `torch.compile` compiles with.

`torch.compile` would see to it at each call that the program still suits what it is called with, and that takes longer
than a step of a small model. What is called here is always what was compiled, so the graph is handed over directly.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
import torch._inductor
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode

from suite.adapters.contract import Tensor

Program = Callable[..., Any]

PROGRAMS: dict[Hashable, Program] = {}
FEW = (
    4096  # products of numbers in a product of matrices, up to which a loop in the program beats a call of the library
)


def missing() -> str | None:
    """What is missing to compile for a processor; None if nothing is."""
    compilers = (os.environ.get("CXX"), "g++", "clang++")
    there_is = any(shutil.which(compiler) for compiler in compilers if compiler)
    return None if there_is else "needs a C++ compiler, and there is none on the path"


def compiled(function: Callable[..., Any], examples: Sequence[Tensor], key: Hashable) -> Program:
    """A function as a program, for tensors of the shapes, strides and dtypes of the examples, which are left alone.

    It changes in place what the function does. Whatever else the function reads is compiled in, and is part of the key.
    """
    key = (key, *((e.shape, e.stride(), e.dtype, e.device) for e in examples))
    if key not in PROGRAMS:
        with Numbers():
            graph = make_fx(function, decomposition_table=SMALL, tracing_mode="fake")(*examples)
        PROGRAMS[key] = torch._inductor.compile(graph, list(examples))
    return PROGRAMS[key]


class Numbers(TorchFunctionMode):  # type: ignore[misc]
    """Numbers may be tensors without axes. torch takes them for operands, but not for `value` and `alpha`.

    x + s a b = x + (s a) b.
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        scales = {name: s for name, s in (kwargs or {}).items() if name in ("value", "alpha") and torch.is_tensor(s)}
        for scale in scales.values():
            x, a, *b = args
            args = (x, a * scale, *b)
        return function(*args, **{name: s for name, s in (kwargs or {}).items() if name not in scales})


def product(a: Tensor, b: Tensor) -> Tensor:
    """a b of small matrices, as a sum that is compiled together with what surrounds it."""
    return (a.unsqueeze(2) * b).sum(1) if a.numel() * b.shape[1] <= FEW else NotImplemented


SMALL = {torch.ops.aten.mm.default: product}
