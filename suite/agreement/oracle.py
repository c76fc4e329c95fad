"""The oracle's answers, each computed once: for every algorithm that some dialect comes down to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters, Trace, dialects, replay
from reference.algorithm import Algorithm
from reference.precision import wider

Array = NDArray[Any]


@dataclass(frozen=True)
class Prediction:
    """What an algorithm gives, and how far an evaluation in the tested precision may be from it."""

    trace: Trace
    bounds: Trace


class Oracle:
    """Predictions for one open-loop input in one precision."""

    def __init__(self, initial: Array, gradients: Array, h: Hyperparameters, dtype: str) -> None:
        self.initial, self.gradients, self.h, self.dtype = initial, gradients, h, dtype
        self._known: dict[Algorithm, Prediction] = {}

    def predict(self, dialect: str) -> Prediction:
        """What a dialect gives; dialects that come down to the same algorithm share it."""
        algorithm = Algorithm.of(dialects[dialect], self.h, self.dtype)
        if algorithm not in self._known:
            trace = replay(
                self.gradients,
                self.initial,
                self.h,
                dialects[dialect],
                dtype=wider(self.dtype),
                precision=self.dtype,
            )
            self._known[algorithm] = Prediction(trace, trace.bounds(self.dtype))
        return self._known[algorithm]

    def groups(self, names: Iterable[str] = tuple(dialects)) -> list[list[str]]:
        """Names of dialects, together where they come down to the same algorithm on these hyper-parameters."""
        groups: dict[Algorithm, list[str]] = {}
        for name in names:
            groups.setdefault(Algorithm.of(dialects[name], self.h, self.dtype), []).append(name)
        return list(groups.values())


def closed_loop(
    gradient: Callable[[int, Array], Array], initial: Array, h: Hyperparameters, dialect: str, dtype: str, steps: int
) -> Trace:
    """The oracle's own run on a task."""
    wide = wider(dtype)
    return replay(gradient, initial.astype(wide), h, dialects[dialect], dtype=wide, steps=steps, precision=dtype)


def path_length(trace: Trace, initial: Array) -> Array:
    """How far each coordinate has travelled, step by step: shape (steps, *shape)."""
    before = np.concatenate([initial[None].astype(trace.parameters.dtype), trace.parameters[:-1]])
    return np.asarray(np.cumsum(np.abs(trace.parameters - before), axis=0))
