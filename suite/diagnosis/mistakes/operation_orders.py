"""One formula, many orders of operations: how averages and steps are formed, in whatever arithmetic.

A form is a function whose body is the order. What is written `a.fma(…)` is fused, and `a.quotient`, `a.root` and
`a.reciprocal_root` may be off as the arithmetic says.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np

from suite.diagnosis.mistakes.arithmetic import Arithmetic, Name

# -- an average: γ s + c g h, where h is g for the squares, and 1 for the mean ---------------------------------------


def products(a: Arithmetic, s: Any, g: Any, h: Any, decay: Any, c: Any) -> Any:
    return decay * s + c * (g * h)


def products_fused(a: Arithmetic, s: Any, g: Any, h: Any, decay: Any, c: Any) -> Any:
    return a.fma(c, g * h, decay * s)


def products_fused_with_the_past(a: Arithmetic, s: Any, g: Any, h: Any, decay: Any, c: Any) -> Any:
    return a.fma(decay, s, c * (g * h))


def from_the_left(a: Arithmetic, s: Any, g: Any, h: Any, decay: Any, c: Any) -> Any:
    return (c * g) * h + decay * s


def from_the_left_fused(a: Arithmetic, s: Any, g: Any, h: Any, decay: Any, c: Any) -> Any:
    return a.fma(c * g, h, decay * s)


def difference(a: Arithmetic, s: Any, g: Any, h: Any, decay: Any, c: Any) -> Any:
    return s + c * (g * h - s)


def difference_fused(a: Arithmetic, s: Any, g: Any, h: Any, decay: Any, c: Any) -> Any:
    return a.fma(c, a.fma(g, h, -s), s)


def difference_from_the_past(a: Arithmetic, s: Any, g: Any, h: Any, decay: Any, c: Any) -> Any:
    return s - (s - g * h) * c


def interpolated(a: Arithmetic, s: Any, g: Any, h: Any, decay: Any, c: Any) -> Any:
    """From the nearer end, as PyTorch's `lerp` has it."""
    new = g * h
    return np.where(c < 0.5, s + c * (new - s), new - (1 - c) * (new - s))


AVERAGES = (
    products, products_fused, products_fused_with_the_past, from_the_left, from_the_left_fused, difference,
    difference_fused, difference_from_the_past, interpolated,
)  # fmt: skip

# -- a step: η g / d, where `root` gives d and `inverse` gives 1/d ---------------------------------------------------

Part = Callable[[], Any]


def scaled_first(a: Arithmetic, rate: Any, g: Any, root: Part, inverse: Part) -> Any:
    return a.quotient(rate * g, root())


def divided_first(a: Arithmetic, rate: Any, g: Any, root: Part, inverse: Part) -> Any:
    return rate * a.quotient(g, root())


def rate_over_root(a: Arithmetic, rate: Any, g: Any, root: Part, inverse: Part) -> Any:
    return a.quotient(rate, root()) * g


def scaled_by_inverse(a: Arithmetic, rate: Any, g: Any, root: Part, inverse: Part) -> Any:
    return (rate * g) * inverse()


def rate_by_inverse(a: Arithmetic, rate: Any, g: Any, root: Part, inverse: Part) -> Any:
    return g * (rate * inverse())


def divided_by_inverse(a: Arithmetic, rate: Any, g: Any, root: Part, inverse: Part) -> Any:
    return rate * (g * inverse())


QUOTIENTS = (
    scaled_first, divided_first, rate_over_root, scaled_by_inverse, rate_by_inverse, divided_by_inverse,
)  # fmt: skip


@dataclass(frozen=True)
class Order:
    """A way to evaluate RMSProp.

    Attributes:
        average: how v is formed.
        mean: how m is formed; another form, in PyTorch.
        quotient: how a step is formed.
        fused: whether a product and the sum that follows it are one operation, outside the averages too.
        epsilon_first: whether v - m² + ε is formed as (v + ε) - m².
        rounded, flushed, towards: of the arithmetic.
    """

    average: Callable[..., Any] = products
    mean: Callable[..., Any] = products
    quotient: Callable[..., Any] = scaled_first
    fused: bool = False
    epsilon_first: bool = False
    rounded: bool = True
    flushed: bool = False
    towards: Literal[-1, 0, 1] = 0

    def arithmetic(self, fmt: Name) -> Arithmetic:
        """Its arithmetic in a format; in float16 nothing is flushed, since it is computed in float32."""
        return Arithmetic(fmt, self.rounded, self.flushed and fmt != "float16", self.towards)

    @property
    def name(self) -> str:
        """All of it in words."""
        words = [f"v by {self.average.__name__}", f"m by {self.mean.__name__}", self.quotient.__name__]
        words += ["fused"] * self.fused + ["(v + ε) - m²"] * self.epsilon_first + ["flushed"] * self.flushed
        words += [f"roots and quotients {'above' if self.towards > 0 else 'below'}"] * (self.towards != 0)
        words += ["rounded when stored"] * (not self.rounded)
        return ", ".join(words).replace("_", " ")


_TOWARDS: tuple[Literal[-1, 0, 1], ...] = (-1, 0, 1)


def _orders() -> Iterator[Order]:
    """Every form with every arithmetic; where only what is stored is rounded, units don't matter."""
    for average, mean, quotient in itertools.product(AVERAGES, AVERAGES, QUOTIENTS):
        for epsilon_first, flushed in itertools.product((False, True), repeat=2):
            order = Order(average, mean, quotient, epsilon_first=epsilon_first, flushed=flushed)
            yield replace(order, rounded=False)
            for fused, towards in itertools.product((False, True), _TOWARDS):
                yield replace(order, fused=fused, towards=towards)


PLAIN = Order()


@cache
def orders() -> tuple[Order, ...]:
    """All of them."""
    return tuple(_orders())
