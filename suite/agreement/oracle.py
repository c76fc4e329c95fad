"""The oracle's answers, each computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Dialect, Hyperparameters, Trace, dialects, replay, replay_each
from reference.precision import wider

Array = NDArray[Any]


@dataclass(frozen=True)
class Prediction:
    """What an algorithm gives, and how far an evaluation in the tested precision may be from it."""

    trace: Trace
    bounds: Trace


class Oracle:
    """Predictions for one open-loop input in one precision: of every named dialect, or of some, made together."""

    def __init__(
        self,
        initial: Array,
        gradients: Array,
        h: Hyperparameters,
        dtype: str,
        names: Iterable[str] | Mapping[str, Dialect] = dialects,
    ) -> None:
        self.initial, self.dtype = initial, dtype
        named = names if isinstance(names, Mapping) else {name: dialects[name] for name in names}
        self._traces = replay_each(gradients, initial, h, named, dtype=wider(dtype), precision=dtype)

    def trace(self, dialect: str) -> Trace:
        """What a dialect gives, without the bound, which costs several times as much."""
        return self._traces[dialect]

    def predict(self, dialect: str) -> Prediction:
        """What a dialect gives."""
        trace = self._traces[dialect]
        return Prediction(trace, trace.bounds(self.dtype))

    def groups(self) -> list[list[str]]:
        """Names of dialects, together where they come down to the same algorithm on these hyper-parameters."""
        groups: dict[int, list[str]] = {}
        for name, trace in self._traces.items():
            groups.setdefault(id(trace), []).append(name)
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
