"""The oracle's answers, each computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reference import Dialect, Hyperparameters, SparseGradients, Trace, dialects, replay, replay_each
from reference.precision import Format, format_of, wider
from reference.replay import within_each
from suite.cases.tapes import Tape

Array = NDArray[Any]


@dataclass(frozen=True)
class Prediction:
    """What an algorithm gives in the tested precision, and how far an evaluation in it may be from that.

    Attributes:
        trace: as far as the format's range goes (see `Limits`).
        bounds: on each of its values.
        initial: the parameters before the first step.
    """

    trace: Trace
    bounds: Trace
    initial: Array

    @cached_property
    def visible(self) -> Array:
        """Where a step can be seen: the bound is narrower than the path at some step, or nothing moves; shape (n,)."""
        path = path_length(self.trace.parameters, self.initial)
        return np.asarray(np.any(self.bounds.parameters < path, axis=0) | ~np.any(path > 0, axis=0))


class Oracle:
    """Predictions for one open-loop input in one precision: of every named dialect, or of some, made together.

    The input is rounded to the precision first, as the frameworks round it.
    """

    def __init__(
        self,
        initial: Array,
        gradients: Array | SparseGradients,
        h: Hyperparameters,
        dtype: str,
        names: Iterable[str] | Mapping[str, Dialect] = dialects,
        *,
        subnormals: bool = False,
        rate_scale: ArrayLike = 1.0,
    ) -> None:
        """Replay.

        Args:
            initial: shape (n,).
            gradients: shape (steps, n), or of few rows.
            h: hyper-parameters.
            dtype: the precision that is tested.
            names: of dialects; or dialects by name.
            subnormals: whether what becomes of subnormals is told apart; if not, all dialects allow for either.
            rate_scale: see `replay`.
        """
        self.dtype, wide, fmt = dtype, wider(dtype), format_of(dtype)
        self.initial = fmt.round(initial.astype(wide))
        named = names if isinstance(names, Mapping) else {name: dialects[name] for name in names}
        if not subnormals:
            named = {name: replace(dialect, subnormals="either") for name, dialect in named.items()}
        self._asked = (_rounded(gradients, fmt, wide), self.initial, h, named)
        self._wide, self._scale = wide, rate_scale

    @classmethod
    def of(cls, tape: Tape, h: Hyperparameters, dtype: str, names: Iterable[str] | Mapping[str, Dialect]) -> Self:
        """Of a tape, with all that it says of itself."""
        return cls(
            tape.initial,
            tape.sparse or tape.gradients,
            h,
            dtype,
            names,
            subnormals=tape.subnormals,
            rate_scale=tape.rate_scale(),
        )

    @cached_property
    def _traces(self) -> dict[str, Trace]:
        return replay_each(*self._asked, dtype=self._wide, precision=self.dtype, rate_scale=self._scale)

    @cached_property
    def _predictions(self) -> dict[str, Prediction]:
        limits = within_each(*self._asked, self.dtype, dtype=self._wide, rate_scale=self._scale)
        shared = {id(one): Prediction(*one, self.initial) for one in limits.values()}
        return {name: shared[id(one)] for name, one in limits.items()}

    def trace(self, dialect: str) -> Trace:
        """What a dialect gives, without the bound, which costs several times as much."""
        return self._traces[dialect]

    def predict(self, dialect: str) -> Prediction:
        """What a dialect gives."""
        return self._predictions[dialect]

    def groups(self) -> list[list[str]]:
        """Names of dialects, together where they come down to the same algorithm on these hyper-parameters."""
        groups: dict[int, list[str]] = {}
        for name, prediction in self._predictions.items():
            groups.setdefault(id(prediction), []).append(name)
        return list(groups.values())


def _rounded(gradients: Array | SparseGradients, fmt: Format, wide: Any) -> Any:
    if isinstance(gradients, SparseGradients):
        return replace(gradients, values=fmt.round(gradients.values.astype(wide)))
    return fmt.round(gradients.astype(wide))


def closed_loop(
    gradient: Callable[[int, Array], Array], initial: Array, h: Hyperparameters, dialect: str, dtype: str, steps: int
) -> Trace:
    """The oracle's own run on a task."""
    wide = wider(dtype)
    return replay(gradient, initial.astype(wide), h, dialects[dialect], dtype=wide, steps=steps, precision=dtype)


def path_length(parameters: Array, initial: Array) -> Array:
    """How far each coordinate has travelled, step by step: shape (steps, *shape)."""
    before = np.concatenate([initial[None].astype(parameters.dtype), parameters[:-1]])
    with np.errstate(invalid="ignore"):  # what is infinite has nowhere to go
        return np.asarray(np.cumsum(np.abs(parameters - before), axis=0))
