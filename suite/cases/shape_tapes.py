"""What depends on shape, memory or length, and not on dialect: parameters of every kind, few steps and many."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from suite.cases.random import Bits
from suite.cases.tapes import Shape, Tape

_STREAM = 1000  # far from the seeds of other tapes


def tapes(seed: int) -> Iterator[tuple[Tape, str]]:
    """All of them, each with the id of its setting; each has a stream of its own, so one more tape changes no other."""
    plans = [(plan, setting) for setting, group in _TAPES.items() for plan in group]
    for number, (plan, setting) in enumerate(plans):
        n = sum(math.prod(shape) for shape in plan.shapes or ())
        values = (4 * Bits(_STREAM + seed + number).uniform((1 + len(plan.gradients), n)) - 2).astype(np.float32)
        yield replace(plan, initial=values[0], gradients=values[1:]), setting


def _plan(name: str, reason: str, *shapes: Shape, steps: int = 5, **flags: Any) -> Tape:
    """A tape that has no numbers yet."""
    return Tape(name, reason, np.empty(0, np.float32), np.empty((steps, 0), np.float32), shapes, **flags)


_TAPES = {
    "centered-momentum": (
        _plan("shape/scalar", "a parameter without axes", ()),
        _plan("shape/one", "one number in a vector", (1,)),
        _plan("shape/matrix", "two axes", (5, 3)),
        _plan("shape/4d", "four axes, as a convolution has", (2, 3, 2, 2)),
    ),
    "large-epsilon": (
        *(
            _plan(f"shape/odd-{n}", "a length that no vector register divides", (n,), lean=True)
            for n in (3, 7, 9, 15, 17, 31, 33)
        ),
        _plan("shape/empty", "a parameter without numbers", (0,), alone=True, lean=True),
        _plan("shape/many", "fifty small parameters", *((2,), (), (2, 1), (1, 3), (3,)) * 10, alone=True, lean=True),
        _plan("shape/strided", "gaps in memory, and axes in reverse", (5, 3), (7,), (2, 3, 2),
              strided=True, alone=True, lean=True),
        _plan("shape/large", "more coordinates than a cache holds, or one thread is for", (10**6 + 3,), steps=2,
              alone=True, lean=True),
        _plan("steps/1", "the first step, where the average is what it starts from", (4,), steps=1, lean=True),
        _plan("steps/2", "the second step, where it first has a past", (4,), steps=2, lean=True),
        _plan("steps/10", "about as many as it remembers", (4,), steps=10, lean=True),
        _plan("steps/200", "many more than it remembers", (4,), steps=200, lean=True),
        _plan("steps/10000", "what adds up slowly", (4,), steps=10_000, lean=True),
    ),
}  # fmt: skip
