"""One formula, many orders of operations: float32 and float64 evaluations of RMSProp as frameworks arrange them.

Written apart from the oracle: nothing of `reference` is called here but the names of dialects.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference import Dialect, Hyperparameters

# -- how an average is formed: γ v + c s, with s = g·h (h is g for the square, and 1 for the mean) -------------------


def weighted(v: Any, g: Any, h: Any, decay: Any, complement: Any) -> Any:
    return decay * v + complement * (g * h)


def weighted_from_the_left(v: Any, g: Any, h: Any, decay: Any, complement: Any) -> Any:
    return (complement * g) * h + decay * v


def by_difference(v: Any, g: Any, h: Any, decay: Any, complement: Any) -> Any:
    return v + complement * (g * h - v)


def by_difference_scaled_last(v: Any, g: Any, h: Any, decay: Any, complement: Any) -> Any:
    return v - (v - g * h) * complement


def fused(v: Any, g: Any, h: Any, decay: Any, complement: Any) -> Any:
    return fma(complement, g * h, decay * v)


def fused_difference(v: Any, g: Any, h: Any, decay: Any, complement: Any) -> Any:
    return fma(complement, fma(g, h, -v), v)


AVERAGES = (weighted, weighted_from_the_left, by_difference, by_difference_scaled_last, fused, fused_difference)

# -- how a step is formed: η g / d, where d = √(w + ε) or √w + ε -----------------------------------------------------


def scaled_first(rate: Any, g: Any, root: Callable[[], Any], reciprocal: Callable[[], Any]) -> Any:
    return (rate * g) / root()


def divided_first(rate: Any, g: Any, root: Callable[[], Any], reciprocal: Callable[[], Any]) -> Any:
    return rate * (g / root())


def rate_over_root(rate: Any, g: Any, root: Callable[[], Any], reciprocal: Callable[[], Any]) -> Any:
    return (rate / root()) * g


def by_reciprocal(rate: Any, g: Any, root: Callable[[], Any], reciprocal: Callable[[], Any]) -> Any:
    return (rate * g) * reciprocal()


def by_reciprocal_of_rate(rate: Any, g: Any, root: Callable[[], Any], reciprocal: Callable[[], Any]) -> Any:
    return (rate * reciprocal()) * g


QUOTIENTS = (scaled_first, divided_first, rate_over_root, by_reciprocal, by_reciprocal_of_rate)


def fma(a: Any, b: Any, c: Any) -> Any:
    """a·b + c, rounded once: exact in the wider type but for an error that is far below what is tested."""
    dtype = np.result_type(a, b, c)
    wide = np.float64 if dtype == np.float32 else np.longdouble
    return (np.asarray(a, wide) * np.asarray(b, wide) + np.asarray(c, wide)).astype(dtype)


@dataclass(frozen=True)
class Order:
    """A way to evaluate; `flush` replaces every subnormal in the state and the step by zero."""

    average: Callable[..., Any]
    quotient: Callable[..., Any]
    flush: bool = False

    @property
    def name(self) -> str:
        return f"{self.average.__name__}, {self.quotient.__name__}{', flushed' if self.flush else ''}"


ORDERS = [*itertools.starmap(Order, itertools.product(AVERAGES, QUOTIENTS)), Order(weighted, scaled_first, flush=True)]


def evaluate(order: Order, gradients: Any, initial: Any, h: Hyperparameters, d: Dialect, dtype: Any) -> Iterator[Any]:
    """The parameters after every step, everything in `dtype`."""
    T = dtype  # noqa: N806  (the type in which all is computed)
    flush = (lambda z: np.where(np.abs(z) < np.finfo(T).tiny, T(0), z)) if order.flush else (lambda z: z)
    single = d.hyperparameters.startswith("float32 but") or d.hyperparameters == "float32"
    rounded = lambda value: T(np.float32(value))  # noqa: E731
    number = rounded if single else T
    bounded = rounded if d.hyperparameters in ("float32", "float32 but learning rate") else T  # ε, and bounds
    decay = number(h.decay)
    complement = T(1) - decay if d.complement == "working" else T(1 - h.decay)
    epsilon, momentum = bounded(h.epsilon), number(h.momentum)
    weight_decay = T(h.weight_decay) if d.hyperparameters == "exact" else T(np.float32(h.weight_decay))
    buffered = h.momentum != 0 and (d.momentum == "always" or (d.momentum == "when centered" and h.centered))
    inside = {
        "inside": True,
        "outside": False,
        "inside with momentum": h.momentum != 0,
        "inside when centered": h.centered,
    }[d.epsilon]
    x = flush(np.asarray(initial, T))
    v = np.full_like(x, epsilon if d.initial_accumulator == "epsilon" else d.initial_accumulator)
    m, b = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(np.asarray(gradients, T)):
        single_rate = d.hyperparameters in ("float32", "float32 but epsilon", "float32 rates")
        rate = rounded(h.rate(t)) if single_rate else T(h.rate(t))
        g = flush(g) * number(h.rescale_gradient) * (T(-1) if h.maximize else T(1))
        limit = None if h.clip_gradient is None else bounded(h.clip_gradient)
        l2 = h.weight_decay != 0 and d.weight_decay == "l2"
        if l2 and d.clipping == "after decay":
            g = g + weight_decay * x
        g = g if limit is None else np.clip(g, -limit, limit)
        if l2 and d.clipping == "before decay":
            g = g + weight_decay * x
        v = flush(order.average(v, g, g, decay, complement))
        m = flush(order.average(m, g, T(1), decay, complement)) if h.centered else m
        corrected = T(1) - decay ** T(t + 1) if h.bias_correction else T(1)
        mean = m / corrected
        w = v / corrected - mean * mean if h.centered else v / corrected
        root = (lambda w=w: np.sqrt(w + epsilon)) if inside else (lambda w=w: np.sqrt(w) + epsilon)
        reciprocal = lambda root=root: T(1) / root()  # noqa: E731
        in_buffer = d.learning_rate == "inside" or not buffered
        u = flush(order.quotient(rate if in_buffer else T(1), g, root, reciprocal))
        if h.weight_decay != 0 and not l2:
            x = x - x * weight_decay * rate
        if buffered:
            b = momentum * b + u
            u = u + momentum * b if h.nesterov else b
        x = x - (u if in_buffer else rate * u)
        if h.clip_weights is not None:
            x = np.clip(x, -bounded(h.clip_weights), bounded(h.clip_weights))
        yield x
