"""What depends on shape, memory or length, and not on dialect: parameters of every kind, few steps and many."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from suite.cases.random import Bits
from suite.cases.tapes import Shape, Tape

MANY = 50
LARGE = 10**6 + 3

_SHAPES: Mapping[str, tuple[str, tuple[Shape, ...]]] = {
    "scalar": ("a parameter without axes", ((),)),
    "one": ("one number in a vector", ((1,),)),
    **{f"odd-{n}": ("a length that no vector register divides", ((n,),)) for n in (3, 7, 9, 15, 17, 31, 33)},
    "matrix": ("two axes", ((5, 3),)),
    "4d": ("four axes, as a convolution has", ((2, 3, 2, 2),)),
}
_APART: Mapping[str, tuple[str, tuple[Shape, ...]]] = {
    "empty": ("a parameter without numbers", ((0,),)),
    "many": (f"{MANY} small parameters", ((2,), (), (2, 1), (1, 3), (3,)) * (MANY // 5)),
}


def shaped(seed: int) -> list[Tape]:
    """Tapes over the shapes; those that nobody refuses can ride side by side.

    Args:
        seed: of all; each has a stream of its own.
    """
    bits = Bits(seed)
    together = [_tape(bits, f"shape/{name}", *about, steps=5) for name, about in _SHAPES.items()]
    apart = [_tape(bits, f"shape/{name}", *about, steps=5, alone=True) for name, about in _APART.items()]
    strided = _tape(bits, "shape/strided", "parameters and gradients with gaps in memory, transposed",
                    ((5, 3), (7,), (), (2, 3, 2)), steps=5, strided=True, alone=True)  # fmt: skip
    large = _tape(bits, "shape/large", "more coordinates than a loop is unrolled for, or done by one thread",
                  ((LARGE,),), steps=2, alone=True, lean=True)  # fmt: skip
    return [*together, *apart, strided, large]


def lengthy(seed: int) -> list[Tape]:
    """Tapes of one step to ten thousand."""
    bits = Bits(seed)
    reasons = {
        1: "the first step, where the averages are what they start from",
        2: "the second, where they first have a past",
        10: "as many as the averages remember at γ = 0.9",
        200: "longer than the averages remember",
        10_000: "what adds up slowly: lost updates, a count in too few bits",
    }
    return [
        _tape(bits, f"steps/{steps}", reason, ((4,),), steps=steps, lean=True, alone=True)
        for steps, reason in reasons.items()
    ]


def _tape(
    bits: Bits, name: str, reason: str, shapes: tuple[Shape, ...], *, steps: int, **flags: bool
) -> Tape:
    n = sum(math.prod(shape) for shape in shapes)
    gradients = bits.uniform((steps, n)) if n == LARGE else bits.normal((steps, n))  # a twelfth of the words
    return Tape(name, reason, np.zeros(n, np.float32), gradients.astype(np.float32), shapes, **flags)
