"""The oracle: gradients in, a trace of parameters, state and rounding bound out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Optional, Union

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from reference.algorithm import Algorithm, State, update
from reference.bound import Bounded
from reference.dialect import Dialect
from reference.hyperparameters import Hyperparameters
from reference.precision import Array, Format, format_of

Gradients = Union[ArrayLike, Callable[[int, Array], ArrayLike]]


@dataclass(frozen=True)
class Trace:
    """What a replay left, after every step; each array has shape (steps, *shape).

    Attributes:
        parameters: x.
        square_average: v.
        mean_gradient: m, or None where the algorithm has none.
        momentum_buffer: b, or None likewise. Where the dialect keeps η outside, the buffer holds no η.
        gradients: the gradients that drove it.
    """

    parameters: Array
    square_average: Array
    mean_gradient: Optional[Array]  # noqa: UP045  (evaluated on 3.9)
    momentum_buffer: Optional[Array]  # noqa: UP045
    gradients: Array = field(repr=False)
    _run: Any = field(repr=False, compare=False)

    def bounds(self, dtype: Format | DTypeLike | str) -> Trace:
        """For each value of the trace, the largest error of any evaluation in `dtype`; infinite where there is none.

        Sound for every order of operations of docs/method.md, and counts the rounding of the hyper-parameters, possible
        flushing of subnormals, and the oracle's own rounding.

        Raises:
            ValueError: if `dtype` is no floating-point format that is known here.
        """
        with np.errstate(all="ignore"):
            return self._run.bounds(format_of(dtype), self.gradients)  # type: ignore[no-any-return]

    def bound(self, dtype: Format | DTypeLike | str) -> Array:
        """The bound on the parameters: shape (steps, *shape)."""
        return self.bounds(dtype).parameters


@dataclass(frozen=True)
class _Run:
    """The question that a trace answers; kept, so that its bound can be asked for later."""

    initial: Array
    hyperparameters: Hyperparameters
    dialect: Dialect
    precision: Format

    def algorithm(self, precision: Format) -> Algorithm:
        return Algorithm.of(self.dialect, self.hyperparameters, precision)

    def trace(self, gradients: Array | Callable[[int, Array], ArrayLike], steps: int) -> Trace:
        wide = self.initial.dtype.type
        a = self.algorithm(self.precision)
        a = a.with_numbers({name: wide(value) for name, value in a.numbers().items()})
        rates = [wide(a.rate(self.hyperparameters.rate(step))) for step in range(steps)]
        x: Any = self.initial
        state = _initial_state(x, a)
        used = np.empty((steps, *x.shape), wide)
        out = _Recorder(a, used.shape, wide)
        for step in range(steps):
            used[step] = gradients(step, x) if callable(gradients) else gradients[step]
            x, state = update(x, state, used[step], step + 1, rates[step], a)
            out.record(step, x, state)
        return out.trace(used, self)

    def bounds(self, fmt: Format, gradients: Array) -> Trace:
        wide = gradients.dtype.type
        here, there = self.algorithm(self.precision), self.algorithm(fmt)
        numbers = {name: _perturbed(value, there.numbers()[name], fmt, wide) for name, value in here.numbers().items()}
        a = here.with_numbers(numbers)
        wanted = [self.hyperparameters.rate(step) for step in range(len(gradients))]
        rates = [_perturbed(here.rate(rate), there.rate(rate), fmt, wide) for rate in wanted]
        x: Any = Bounded.given(self.initial, fmt)
        state = _initial_state(x, a)
        out = _Recorder(a, gradients.shape, wide)
        for step, g in enumerate(gradients):
            x, state = update(x, state, Bounded.given(g, fmt), step + 1, rates[step], a)
            out.record(step, x.bound(), State(*(part.bound() for part in state)))
        return out.trace(gradients, self)


class _Recorder:
    """Collects a trace step by step."""

    def __init__(self, a: Algorithm, shape: tuple[int, ...], dtype: Any) -> None:
        self.parameters = np.empty(shape, dtype)
        kept = State(square_average=True, mean_gradient=a.centered, momentum_buffer=a.buffered)
        self.state = State(*(np.empty(shape, dtype) if keep else None for keep in kept))

    def record(self, step: int, x: Any, state: State) -> None:
        self.parameters[step] = x
        for series, value in zip(self.state, state):
            if series is not None:
                series[step] = value

    def trace(self, gradients: Array, run: _Run) -> Trace:
        return Trace(self.parameters, *self.state, gradients=gradients, _run=run)


def replay(
    gradients: Gradients,
    initial: ArrayLike,
    hyperparameters: Hyperparameters,
    dialect: Dialect,
    *,
    dtype: DTypeLike = np.float64,
    steps: int | None = None,
    precision: Format | DTypeLike | str | None = None,
) -> Trace:
    """Run RMSProp over gradients.

    Args:
        gradients: shape (steps, *shape): open loop; or a function (step, parameters) -> gradient, with the step
            counted from 0: closed loop.
        initial: the parameters before the first step, shape `shape`.
        hyperparameters: the user's numbers.
        dialect: which RMSProp; `dialects[name]` has those that are published.
        dtype: the type in which to compute: float64, or longdouble to judge float64.
        steps: how many; needed for a closed loop, and at most what there is for an open one.
        precision: the format of the implementation whose rounding of the hyper-parameters is to be modelled;
            `dtype` itself unless given. It matters to dialects that round them (see `Dialect`).

    Returns:
        The trace; `trace.bound(np.float32)` bounds the error of any float32 evaluation.

    Raises:
        ValueError: if shapes or the number of steps don't fit.
        IndexError: if the learning rate is given step by step, for fewer steps.
    """
    wide = np.dtype(dtype).type
    x = np.array(initial, wide)
    series: Any = gradients if callable(gradients) else np.asarray(gradients, wide)
    if not callable(series):
        if series.shape[1:] != x.shape or series.ndim == 0:
            raise ValueError(f"gradients of shape {series.shape} need (steps, *{x.shape}), as the initial value has")
        if steps is not None and steps > len(series):
            raise ValueError(f"{steps} steps need as many gradients; there are {len(series)}")
        steps = len(series) if steps is None else steps
    if steps is None:
        raise ValueError("a gradient function needs the number of steps")
    with np.errstate(all="ignore"):
        return _Run(x, hyperparameters, dialect, format_of(dtype if precision is None else precision)).trace(
            series, steps
        )


def _initial_state(x: Any, a: Algorithm) -> State:
    """v filled with its initial value, m and b with zeros, in the type of x."""
    if not isinstance(x, Bounded):
        return State(np.full_like(x, a.initial_accumulator), np.zeros_like(x), np.zeros_like(x))
    zero = np.zeros_like(x.value)
    v = Bounded(zero + a.initial_accumulator.value, zero + a.initial_accumulator.error, x.format)
    return State(v, *(Bounded(zero, zero, x.format) for _ in range(2)))


def _perturbed(here: Any, there: Any, fmt: Format, wide: Any) -> Bounded:
    """A hyper-parameter as the trace used it, off by what the format makes of it and by its rounding to nearest."""
    rounded = fmt.round(np.longdouble(there))
    return Bounded(wide(here), wide(abs(there - here) + abs(rounded - there)), fmt)
