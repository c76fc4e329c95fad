"""Predictions of the NumPy oracle for one input, each computed once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reference import Dialect, Hyperparameters, SparseGradients, Trace, dialects
from reference.precision import format_of, wider
from reference.replay import Replays
from suite.cases.tapes import Tape

Array = NDArray[Any]


@dataclass(frozen=True)
class Prediction:
    """The trace of a dialect in the tested format, with the rounding bound of each value."""

    trace: Trace  # the values, limited to the range of the format (see `Limits`)
    bounds: Trace  # the largest error of an evaluation in the tested format, for each value of `trace`
    initial: Array  # the parameters before the first step

    @cached_property
    def visible(self) -> Array:
        """Which coordinates have a bound narrower than their path at some step, or never move: shape (n,)."""
        path = path_length(self.trace.parameters, self.initial)
        return np.asarray(np.any(self.bounds.parameters < path, axis=0) | ~np.any(path > 0, axis=0))


class Oracle:
    """Predictions of several dialects for one open-loop input in one format.

    The input is rounded to the format first, as the frameworks round it. All dialects are replayed together when the
    first prediction is requested.
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
        """Prepare the input, in the shapes of `reference.replay`; `dtype` is the tested format.

        Without `subnormals`, dialects that keep subnormal numbers are not distinguished from those that flush them:
        every dialect allows both.
        """
        self.dtype, wide, fmt = dtype, wider(dtype), format_of(dtype)
        self.initial = fmt.round(initial.astype(wide))
        named = names if isinstance(names, Mapping) else {name: dialects[name] for name in names}
        if not subnormals:
            named = {name: replace(dialect, subnormals="either") for name, dialect in named.items()}
        if isinstance(gradients, SparseGradients):
            rounded: Any = replace(gradients, values=fmt.round(gradients.values.astype(wide)))
        else:
            rounded = fmt.round(gradients.astype(wide))
        self._replays = Replays(rounded, self.initial, h, named, dtype=wide, precision=dtype, rate_scale=rate_scale)

    @classmethod
    def of(cls, tape: Tape, h: Hyperparameters, dtype: str, names: Iterable[str] | Mapping[str, Dialect]) -> Self:
        """Create an oracle for a tape."""
        gradients = tape.sparse or tape.gradients
        scale = tape.rate_scale()
        return cls(tape.initial, gradients, h, dtype, names, subnormals=tape.subnormals, rate_scale=scale)

    @cached_property
    def _traces(self) -> dict[str, Trace]:
        return self._replays.traces()

    @cached_property
    def _predictions(self) -> dict[str, Prediction]:
        limits = self._replays.limits(self.dtype)
        shared = {id(one): Prediction(*one, self.initial) for one in limits.values()}
        return {name: shared[id(one)] for name, one in limits.items()}

    def trace(self, dialect: str) -> Trace:
        """Return the trace of a dialect without bounds, which take several times as long."""
        return self._traces[dialect]

    def predict(self, dialect: str) -> Prediction:
        """Return the trace of a dialect with its bounds."""
        return self._predictions[dialect]

    def groups(self) -> list[list[str]]:
        """Return the names of the dialects, grouped by the algorithm that they amount to on this input."""
        groups: dict[int, list[str]] = {}
        for name, prediction in self._predictions.items():
            groups.setdefault(id(prediction), []).append(name)
        return list(groups.values())


def path_length(parameters: Array, initial: Array) -> Array:
    """Sum the absolute changes of each coordinate up to each step: shape (steps, *shape)."""
    before = np.concatenate([initial[None].astype(parameters.dtype), parameters[:-1]])
    with np.errstate(invalid="ignore"):  # infinity minus infinity
        return np.asarray(np.cumsum(np.abs(parameters - before), axis=0))
