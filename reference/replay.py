"""The oracle: it replays gradients and returns the trace of parameters and state, with its rounding bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, Optional, TypeVar, Union

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .algorithm import Algorithm, State, update
from .bound import Arithmetic, Bounded
from .dialect import Dialect
from .hyperparameters import Hyperparameters
from .precision import Array, Format, format_of
from .sparse import Rows, SparseGradients

Gradients = Union[ArrayLike, SparseGradients, Callable[[int, Array], ArrayLike]]
Result = TypeVar("Result")
_Function = tuple[
    Algorithm, str, str
]  # what a dialect computes: equal ones share a trace, and its bounds in any format

QUANTITIES = ("parameters", "square_average", "mean_gradient", "momentum_buffer")
DENSE_ONLY = ("weight_decay", "clip_gradient", "clip_norm", "rescale_gradient")
"""Hyper-parameters that change gradients before they are squared."""


@dataclass(frozen=True)
class Trace:
    """Parameters and state after every step; each array has shape (steps, *shape).

    Attributes:
        parameters: x.
        square_average: v.
        mean_gradient: m, or None if the algorithm has none.
        momentum_buffer: b, or None if the algorithm has none. It does not contain η where the dialect keeps η outside.
        gradients: the gradients of the replay.
    """

    parameters: Array
    square_average: Array
    mean_gradient: Optional[Array]  # noqa: UP045  (evaluated on 3.9)
    momentum_buffer: Optional[Array]  # noqa: UP045
    gradients: Array = field(repr=False)
    _within: Callable[[Format], Limits] = field(repr=False, compare=False)

    def within(self, dtype: Format | DTypeLike | str) -> Limits:
        """Return the trace as a format holds it, range included, with the error bound of each value.

        The bound holds for every order of operations listed in docs/method.md. It includes the rounding of the
        hyper-parameters, the possible flushing of subnormal numbers, and the oracle's own rounding. The gradients are
        taken as exact inputs, also those of a closed loop.

        Raises:
            ValueError: if `dtype` is not a known floating-point format.
        """
        return self._within(format_of(dtype))

    def bounds(self, dtype: Format | DTypeLike | str) -> Trace:
        """Return the largest error of any evaluation in `dtype`, for each value; infinite where there is no bound."""
        limits = self.within(dtype)
        present = [part for part in QUANTITIES if getattr(self, part) is not None]
        total: dict[str, Any] = {
            part: _total_error(*(getattr(trace, part) for trace in (self, *limits))) for part in present
        }
        return replace(limits.errors, **total)

    def bound(self, dtype: Format | DTypeLike | str) -> Array:
        """Return the bound on the parameters: shape (steps, *shape)."""
        return self.bounds(dtype).parameters


class Limits(NamedTuple):
    """A trace as a format holds it.

    A value that overflows in every order of operations is infinite, one that is flushed in every order is zero, and
    later values are computed from these.
    """

    values: Trace
    errors: Trace  # the largest error of any evaluation, for each value; infinite where there is no bound


def _total_error(value: Array, held: Array, error: Array) -> Array:
    """Return the error relative to `value` of a value near `held`, by the triangle inequality."""
    with np.errstate(invalid="ignore"):
        distance = np.where(np.isfinite(held), np.abs(held - value), np.inf)
        same = (held == value) | (np.isnan(held) & np.isnan(value))
        total = error + np.where(same, 0, distance)
    return np.where(np.isnan(total), np.inf, total)


class _Run:
    """Algorithms of one structure, evaluated together: arrays have the dialect as their first axis.

    It keeps its inputs, so that the bound can be computed later, on request.
    """

    def __init__(self, members: Mapping[_Function, Dialect], given: Replays) -> None:
        self.functions, self.dialects = [*members], [*members.values()]
        self.algorithms, self.h, self.scale = [function[0] for function in members], given.h, given.scale
        initial, gradients, steps = given.initial, given.gradients, given.steps
        self.initial = np.repeat(initial[None], len(members), axis=0)
        self.wide = initial.dtype.type
        self.gradients = np.empty((steps, *initial.shape), self.wide)  # the dense ones; a closed loop fills them later
        # For each step, the row-sparse gradients that are applied one after another; [None] for a dense gradient.
        self.updates: list[list[Rows | None]] = [[None] for _ in range(steps)]
        self.closed_loop = gradients if callable(gradients) else None
        if isinstance(gradients, SparseGradients):
            in_turn = self.algorithms[0].duplicates == "in turn"
            for step in range(steps):
                rows = gradients.parts(step, initial.shape, self.wide, in_turn=in_turn)
                self.updates[step] = [*rows]
                self.gradients[step] = sum(each.total for each in rows)
        elif not callable(gradients):
            self.gradients[:] = gradients[:steps]
        self._limits: dict[Format, list[Limits]] = {}

    def traces(self) -> list[Trace]:
        """Return the trace of each dialect."""
        here = self.algorithms
        a = here[0].with_numbers({name: self._column(here, name) for name in here[0].numbers()})
        series = self._empty_series()
        with np.errstate(all="ignore"):
            for step, values in enumerate(self._steps(self.initial, a, self._rates(here))):
                for part, value in zip(series, values):
                    part[step] = value
        return self._split(series, a)

    def limits(self, fmt: Format) -> list[Limits]:
        """Return the trace of each dialect as a format holds it; computed once, for all dialects together."""
        if fmt not in self._limits:
            with np.errstate(all="ignore"):
                self._limits[fmt] = self._bounded(fmt)
        return self._limits[fmt]

    def _bounded(self, fmt: Format) -> list[Limits]:
        """Repeat the replay in bounded numbers."""
        here = self.algorithms
        arithmetic = Arithmetic(fmt, self.wide, here[0].subnormals)
        there = [Algorithm.of(dialect, self.h, fmt) for dialect in self.dialects]

        def number(used: Array, exact: Array) -> Bounded:
            """Bound a hyper-parameter: the format's own value of it, its rounding to nearest, and flushing."""
            flushing = np.where(abs(exact) < arithmetic.flushed, abs(exact), 0)
            return Bounded(used, abs(exact - used) + abs(fmt.round(exact) - exact) + flushing, arithmetic)

        names = here[0].numbers()
        a = here[0].with_numbers({name: number(self._column(here, name), self._column(there, name)) for name in names})
        rates = number(self._rates(here), self._rates(there))
        values, errors = self._empty_series(), self._empty_series()
        for step, parts in enumerate(self._steps(Bounded.from_input(self.initial, arithmetic), a, rates, arithmetic)):
            for i, part in enumerate(parts):
                values[i][step], errors[i][step] = part.value, part.error
        return [Limits(*pair) for pair in zip(self._split(values, a), self._split(errors, a))]

    def _steps(self, x: Any, a: Algorithm, rates: Any, model: Arithmetic | None = None) -> Iterator[tuple[Any, ...]]:
        """Yield x, v, m and b after every step: arrays, or bounded numbers of a model of arithmetic."""
        state = initial_state(x, a)
        for step, updates in enumerate(self.updates):
            if self.closed_loop is not None and model is None:
                self.gradients[step] = self.closed_loop(step, x[0])
            for exact_rows in updates:
                g, rows = self.gradients[step], exact_rows
                if model is not None:
                    g, rows = Bounded.from_input(g, model), rows and rows.bounded(model)
                x, state = update(x, state, g if rows is None else rows.total, step + 1, rates[step], a, rows)
                if model is not None:
                    for stored in (x, *state):
                        stored.before_overflow = None  # a value is rounded to the format when it is stored
            yield (x, *state)

    def _empty_series(self) -> list[Array]:
        """Return an array for each of x, v, m and b, with the steps as its first axis."""
        return [np.empty((len(self.gradients), *self.initial.shape), self.wide) for _ in QUANTITIES]

    def _rates(self, algorithms: Sequence[Algorithm]) -> Array:
        """Return η of every step and dialect, in a shape that broadcasts with the arrays."""
        steps = len(self.gradients)
        distinct = range(steps if self.h.scheduled else min(steps, 1))
        each = [[algorithm.rate(self.h.rate(step) * self.scale) for algorithm in algorithms] for step in distinct]
        shape = self.scale.shape or (1,) * (self.initial.ndim - 1)
        rates = np.array(each, self.wide).reshape(len(distinct), len(algorithms), *shape)
        return np.broadcast_to(rates, (steps, *rates.shape[1:]))

    def _column(self, algorithms: Sequence[Algorithm], name: str) -> Array:
        """Return one number of every algorithm, in a shape that broadcasts with the arrays."""
        values = [getattr(algorithm, name) for algorithm in algorithms]
        return np.array(values, self.wide).reshape((-1,) + (1,) * (self.initial.ndim - 1))

    def _split(self, series: Sequence[Array], a: Algorithm) -> list[Trace]:
        """Split the series of all dialects into one trace for each."""
        found = []
        for i in range(len(self.dialects)):
            x, v, m, b = (values[:, i] for values in series)
            within = partial(lambda i, fmt: self.limits(fmt)[i], i)
            found.append(Trace(x, v, m if a.centered else None, b if a.buffered else None, self.gradients, within))
        return found


def initial_state(x: Any, a: Algorithm) -> State:
    """Return the state before the first step: v at its initial value, m and b zero, in the shape and type of x."""
    zero = Bounded(np.zeros_like(x.value), 0, x.arithmetic) if isinstance(x, Bounded) else np.zeros_like(x)
    return State(zero + a.initial_accumulator, zero, zero)


def replay(
    gradients: Gradients,
    initial: ArrayLike,
    hyperparameters: Hyperparameters,
    dialect: Dialect,
    *,
    dtype: DTypeLike = np.float64,
    steps: int | None = None,
    precision: Format | DTypeLike | str | None = None,
    rate_scale: ArrayLike = 1.0,
) -> Trace:
    """Apply RMSProp to a sequence of gradients.

    Args:
        gradients: an array of shape (steps, *shape) or `SparseGradients` with as many coordinates as `shape` (open
            loop), or a function (step, parameters) -> gradient with the step counted from 0 (closed loop).
        initial: the parameters before the first step, shape `shape`.
        hyperparameters: the hyper-parameters.
        dialect: the dialect; `dialects[name]` has the published ones.
        dtype: the type of the computation: float64, or longdouble to check float64.
        steps: the number of steps; required for a closed loop, at most the number of gradients for an open loop.
        precision: the format of the implementation whose rounding of the hyper-parameters is modelled; `dtype` if
            omitted. It has an effect in dialects that round them (see `Dialect`).
        rate_scale: a factor on the learning rate: one number, or one for each coordinate, shape `shape`. The product is
            computed in float64 and then rounded as the dialect rounds learning rates.

    Returns:
        The trace; `trace.bound(np.float32)` bounds the error of any float32 evaluation.

    Raises:
        ValueError: if shapes or the number of steps are inconsistent.
        IndexError: if the learning rate is a sequence that has fewer numbers than there are steps.
    """
    inputs = (gradients, initial, hyperparameters, {"": dialect})
    return replay_each(*inputs, dtype=dtype, steps=steps, precision=precision, rate_scale=rate_scale)[""]


def replay_each(
    gradients: Gradients,
    initial: ArrayLike,
    hyperparameters: Hyperparameters,
    dialects: Mapping[str, Dialect],
    *,
    dtype: DTypeLike = np.float64,
    steps: int | None = None,
    precision: Format | DTypeLike | str | None = None,
    rate_scale: ArrayLike = 1.0,
) -> dict[str, Trace]:
    """Apply several dialects to the same gradients; returns name -> trace.

    Dialects that reduce to the same algorithm share a trace; those of the same structure are evaluated together.

    Raises:
        ValueError: as `replay`, and if a closed loop has more than one dialect.
    """
    inputs = (gradients, initial, hyperparameters, dialects)
    return Replays(*inputs, dtype=dtype, steps=steps, precision=precision, rate_scale=rate_scale).traces()


class Replays:
    """Replays of several dialects on one input, evaluated on request: the arguments of `replay_each`."""

    def __init__(
        self,
        gradients: Gradients,
        initial: ArrayLike,
        hyperparameters: Hyperparameters,
        dialects: Mapping[str, Dialect],
        *,
        dtype: DTypeLike = np.float64,
        steps: int | None = None,
        precision: Format | DTypeLike | str | None = None,
        rate_scale: ArrayLike = 1.0,
    ) -> None:
        self.h, self.initial = hyperparameters, np.array(initial, np.dtype(dtype).type)
        self.scale, shape = np.asarray(rate_scale, np.float64), self.initial.shape
        if self.scale.shape not in ((), shape):
            raise ValueError(f"rate_scale has shape {self.scale.shape}; expected () or {shape}, the shape of `initial`")
        self.gradients, self.steps = _checked(gradients, self.initial, steps)
        defaults, modelled = Hyperparameters(), format_of(dtype if precision is None else precision)
        undefined = [name for name in DENSE_ONLY if getattr(hyperparameters, name) != getattr(defaults, name)]
        if isinstance(gradients, SparseGradients) and undefined:
            raise ValueError(f"{', '.join(undefined)} is not defined for row-sparse gradients")
        if callable(gradients) and len(dialects) > 1:
            raise ValueError("a closed loop takes one dialect, because each dialect visits other points")
        if not isinstance(gradients, SparseGradients):  # two axes have no effect on dense gradients
            dialects = {name: replace(each, sparse="dense", duplicates="merged") for name, each in dialects.items()}
        self._functions: dict[str, _Function] = {}
        structures: dict[Algorithm, dict[_Function, Dialect]] = {}
        for name, dialect in dialects.items():
            algorithm = Algorithm.of(dialect, hyperparameters, modelled)
            function = (algorithm, dialect.hyperparameter_rounding, dialect.decay_complement)
            self._functions[name] = function
            structures.setdefault(algorithm.structure(), {}).setdefault(function, dialect)
        self._runs = [_Run(members, self) for members in structures.values()]

    def traces(self) -> dict[str, Trace]:
        """Return the trace of each dialect, by name."""
        return self._by_name(_Run.traces)

    def limits(self, dtype: Format | DTypeLike | str) -> dict[str, Limits]:
        """Return `within(dtype)` of each trace, by name, without computing the traces; for an open loop only."""
        if callable(self.gradients):
            raise TypeError("the gradients of a closed loop come from its trace; use `within` of the trace")
        return self._by_name(lambda run: run.limits(format_of(dtype)))

    def _by_name(self, evaluate: Callable[[_Run], list[Result]]) -> dict[str, Result]:
        found: dict[_Function, Result] = {}
        for run in self._runs:
            found.update(zip(run.functions, evaluate(run)))
        return {name: found[function] for name, function in self._functions.items()}


def _checked(gradients: Gradients, x: Array, steps: int | None) -> tuple[Any, int]:
    """Return the gradients, as an array in the type of x if they are one, and the number of steps."""
    if callable(gradients):
        if steps is None:
            raise ValueError("a gradient function needs the number of steps")
        return gradients, steps
    series = gradients if isinstance(gradients, SparseGradients) else np.asarray(gradients, x.dtype)
    if isinstance(series, SparseGradients):
        if series.shape[1] * series.shape[2] != x.size:
            raise ValueError(f"gradients have {series.shape[1:]} rows and columns; the parameter has shape {x.shape}")
    elif series.ndim == 0 or series.shape[1:] != x.shape:
        raise ValueError(
            f"gradients have shape {series.shape}; expected (steps, *{x.shape}), as `initial` has {x.shape}"
        )
    if steps is not None and steps > len(series):
        raise ValueError(f"{steps} steps need {steps} gradients; there are {len(series)}")
    return series, len(series) if steps is None else steps
