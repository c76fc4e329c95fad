"""Tensors as one: what is done to one tensor is done to each of many, and torch is called once for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch

from suite.adapters.contract import Tensor


class Many:
    """Tensors that are worked on together.

    It has the methods of `torch.Tensor` of which there is a `torch._foreach_…`; operands are as many tensors, or one
    number for all.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self.tensors = list(tensors)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.tensors)

    def __getattr__(self, name: str) -> Callable[..., Many]:
        operation = getattr(torch, f"_foreach_{name}")

        def method(*operands: Any, **scale: float) -> Many:
            operands = tuple(one.tensors if isinstance(one, Many) else one for one in operands)
            made = operation(self.tensors, *operands, **scale)
            return self if name.endswith("_") else Many(made)

        return method

    def __mul__(self, other: Any) -> Many:
        return self.mul(other)

    def __add__(self, other: Any) -> Many:
        return self.add(other)
