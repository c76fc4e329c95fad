"""The oracle: gradients in, a trace of parameters, state and rounding bound out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple, Optional, Union

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from reference.algorithm import Algorithm, State, update
from reference.bound import Arithmetic, Bounded
from reference.dialect import Dialect
from reference.hyperparameters import Hyperparameters
from reference.precision import Array, Format, format_of
from reference.sparse import Rows, SparseGradients

Gradients = Union[ArrayLike, SparseGradients, Callable[[int, Array], ArrayLike]]


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
    _within: Callable[[Format], Limits] = field(repr=False, compare=False)

    def within(self, dtype: Format | DTypeLike | str) -> Limits:
        """What a format makes of the trace, its range included.

        The gradients are taken as given, also those of a closed loop: an evaluation that made its own would visit other
        points, and meet others.

        Sound for every order of operations of docs/method.md, and counts the rounding of the hyper-parameters, possible
        flushing of subnormals, and the oracle's own rounding.

        Raises:
            ValueError: if `dtype` is no floating-point format that is known here.
        """
        return self._within(format_of(dtype))

    def bounds(self, dtype: Format | DTypeLike | str) -> Trace:
        """For each value, the largest error of any evaluation in `dtype`; infinite if there is none.

        Raises:
            ValueError: as `within`.
        """
        held, errors = self.within(dtype)
        pairs = {part: (getattr(self, part), getattr(held, part), getattr(errors, part)) for part in PARTS}
        apart: dict[str, Any] = {part: None if v is None else _distance(v, h, e) for part, (v, h, e) in pairs.items()}
        return replace(errors, **apart)

    def bound(self, dtype: Format | DTypeLike | str) -> Array:
        """The bound on the parameters: shape (steps, *shape)."""
        return self.bounds(dtype).parameters


PARTS = ("parameters", "square_average", "mean_gradient", "momentum_buffer")


class Limits(NamedTuple):
    """What a format makes of a trace.

    Attributes:
        values: those of the trace, as far as the format's range goes: what overflows in every order of operations is
            infinite here, what is flushed in every one is zero, and what follows from either follows.
        errors: for each of these, the largest error of any evaluation; infinite if there is none.
    """

    values: Trace
    errors: Trace


def _distance(value: Array, held: Array, error: Array) -> Array:
    """The error of what is held in place of a value, by the triangle inequality."""
    with np.errstate(invalid="ignore"):
        apart = np.where(np.isfinite(held), np.abs(held - value), np.inf)
        same = (held == value) | (np.isnan(held) & np.isnan(value))
        total = error + np.where(same, 0, apart)
    return np.where(np.isnan(total), np.inf, total)


class _Run:
    """Dialects of one structure, side by side: arrays have the dialect as their first axis.

    It keeps the question beside the answer, so that the bound can be asked for later.
    """

    def __init__(
        self, dialects: Sequence[Dialect], h: Hyperparameters, initial: Array, scale: Array, precision: Format
    ) -> None:
        self.dialects, self.h, self.scale, self.precision = dialects, h, scale, precision
        self.initial = np.repeat(initial[None], len(dialects), axis=0)
        self.wide = initial.dtype.type
        self.known: dict[Format, list[Limits]] = {}

    def traces(self, gradients: Array | SparseGradients | Callable[[int, Array], ArrayLike], steps: int) -> list[Trace]:
        """The trace of each dialect."""
        here = [Algorithm.of(dialect, self.h, self.precision) for dialect in self.dialects]
        a = here[0].with_numbers({name: self.column(here, name) for name in here[0].numbers()})
        x, state = self.initial, initial_state(self.initial, a)
        self.take(gradients, steps)
        series = [np.empty((steps, *x.shape), self.wide) for _ in range(4)]
        rates = self.rates(here, steps)
        for step in range(steps):
            if callable(gradients):
                self.gradients[step] = gradients(step, x[0])
            for rows in self.turns[step]:
                g = self.gradients[step] if rows is None else rows.total
                x, state = update(x, state, g, step + 1, rates[step], a, rows)
            for values, value in zip(series, (x, *state)):
                values[step] = value
        return self.split(series, a)

    def take(self, gradients: Array | SparseGradients | Callable[[int, Array], ArrayLike], steps: int) -> None:
        """Keep the gradients; those of a closed loop are yet to come."""
        shape = self.initial.shape[1:]
        self.gradients = np.empty((steps, *shape), self.wide)
        self.turns: list[list[Rows | None]] = [[None] for _ in range(steps)]
        if isinstance(gradients, SparseGradients):
            in_turn = Algorithm.of(self.dialects[0], self.h, self.precision).in_turn
            for step in range(steps):
                turns = list((gradients.in_turn if in_turn else gradients.together)(step, shape, self.wide))
                self.turns[step] = [*turns]
                self.gradients[step] = sum(rows.total for rows in turns)
        elif not callable(gradients):
            self.gradients[:] = gradients[:steps]

    def limits(self, fmt: Format) -> list[Limits]:
        """The same again, in numbers that carry their error in a format."""
        here = [Algorithm.of(dialect, self.h, self.precision) for dialect in self.dialects]
        arithmetic = Arithmetic(fmt, self.wide, here[0].subnormals)
        there = [Algorithm.of(dialect, self.h, fmt) for dialect in self.dialects]

        def number(used: Array, wanted: Array) -> Bounded:
            """A hyper-parameter: off by what the format makes of it, its rounding to nearest there, and flushing."""
            flushing = np.where(abs(wanted) < arithmetic.flushed, abs(wanted), 0)
            return Bounded(used, abs(wanted - used) + abs(fmt.round(wanted) - wanted) + flushing, arithmetic)

        names = here[0].numbers()
        a = here[0].with_numbers({name: number(self.column(here, name), self.column(there, name)) for name in names})
        x: Any = Bounded.given(self.initial, arithmetic)
        state = initial_state(x, a)
        shape = (len(self.gradients), *self.initial.shape)
        values, errors = ([np.empty(shape, self.wide) for _ in range(4)] for _ in range(2))
        rates = number(self.rates(here, len(self.gradients)), self.rates(there, len(self.gradients)))
        for step, gradient in enumerate(self.gradients):
            rate = Bounded(rates.value[step], rates.error[step], arithmetic)
            for given in self.turns[step]:
                rows = None if given is None else given.bounded(arithmetic)
                g = Bounded.given(gradient, arithmetic) if rows is None else rows.total
                x, state = update(x, state, g, step + 1, rate, a, rows)
                for held in (x, *state):
                    held.unlimited = None  # it is stored, in the format
            for i, held in enumerate((x, *state)):
                values[i][step], errors[i][step] = held.value, held.error
        return [Limits(*pair) for pair in zip(self.split(values, a), self.split(errors, a))]

    def rates(self, algorithms: Sequence[Algorithm], steps: int) -> Array:
        """η of every step and dialect, in a shape that meets that of the arrays."""
        told = range(steps if self.h.scheduled else min(steps, 1))
        each = [[algorithm.rate(self.h.rate(step) * self.scale) for algorithm in algorithms] for step in told]
        kept = self.scale.shape or (1,) * (self.initial.ndim - 1)
        found = np.array(each, self.wide).reshape(len(told), len(algorithms), *kept)
        return np.broadcast_to(found, (steps, *found.shape[1:]))

    def column(self, algorithms: Sequence[Algorithm], name: str) -> Array:
        """One number of every algorithm."""
        return self.stacked([getattr(algorithm, name) for algorithm in algorithms])

    def stacked(self, values: Sequence[Any]) -> Array:
        """One number for every dialect, in a shape that meets that of the arrays."""
        return np.array(values, self.wide).reshape((-1,) + (1,) * (self.initial.ndim - 1))

    def split(self, series: Sequence[Array], a: Algorithm) -> list[Trace]:
        """The trace of each dialect, from the series of all."""
        kept = (True, True, a.centered, a.buffered)
        found = []
        for i in range(len(self.dialects)):
            x, v, m, b = (values[:, i] if keep else None for values, keep in zip(series, kept))
            assert x is not None and v is not None  # noqa: S101, PT018  (always kept)
            found.append(Trace(x, v, m, b, gradients=self.gradients, _within=partial(self.one, i)))
        return found

    def one(self, i: int, fmt: Format) -> Limits:
        """The limits of one dialect; those of all are computed together, once."""
        if fmt not in self.known:
            with np.errstate(all="ignore"):
                self.known[fmt] = self.limits(fmt)
        return self.known[fmt][i]


def initial_state(x: Any, a: Algorithm) -> State:
    """v filled with its initial value, m and b with zeros, in the shape and kind of x."""
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
    """Run RMSProp over gradients.

    Args:
        gradients: shape (steps, *shape): open loop; or `SparseGradients`, whose (height, width) are as many numbers as
            `shape`; or a function (step, parameters) -> gradient, with the step counted from 0: closed loop.
        initial: the parameters before the first step, shape `shape`.
        hyperparameters: the user's numbers.
        dialect: which RMSProp; `dialects[name]` has those that are published.
        dtype: the type in which to compute: float64, or longdouble to judge float64.
        steps: how many; needed for a closed loop, and at most what there is for an open one.
        precision: the format of the implementation whose rounding of the hyper-parameters is to be modelled;
            `dtype` itself unless given. It matters to dialects that round them (see `Dialect`).
        rate_scale: what each coordinate has of the learning rate: one number, or one a coordinate, shape `shape`. The
            product is formed in float64, and then rounded as the dialect rounds learning rates.

    Returns:
        The trace; `trace.bound(np.float32)` bounds the error of any float32 evaluation.

    Raises:
        ValueError: if shapes or the number of steps don't fit.
        IndexError: if the learning rate is given step by step, for fewer steps.
    """
    name = ""
    return replay_each(
        gradients,
        initial,
        hyperparameters,
        {name: dialect},
        dtype=dtype,
        steps=steps,
        precision=precision,
        rate_scale=rate_scale,
    )[name]


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
    """The same for many dialects at once, name -> trace. Open loop only, unless there is but one dialect.

    Dialects that come down to the same algorithm share a trace; those of the same structure run side by side.

    Raises:
        ValueError: as `replay`, and if a closed loop has more than one dialect.
    """
    runs, alike, series, count = _runs(
        gradients, initial, hyperparameters, dialects, dtype, steps, precision, rate_scale
    )
    traces: dict[_Alike, Trace] = {}
    with np.errstate(all="ignore"):
        for together, run in runs:
            traces.update(zip(together, run.traces(series, count)))
    return {name: traces[key] for name, key in alike.items()}


def within_each(
    gradients: ArrayLike | SparseGradients,
    initial: ArrayLike,
    hyperparameters: Hyperparameters,
    dialects: Mapping[str, Dialect],
    tested: Format | DTypeLike | str,
    *,
    dtype: DTypeLike = np.float64,
    rate_scale: ArrayLike = 1.0,
) -> dict[str, Limits]:
    """What a format makes of the open-loop traces of many dialects, name -> limits.

    The same as `within(tested)` of what `replay_each` gives with `tested` for its precision, and sooner.

    Raises:
        ValueError: as `replay`.
    """
    asked = (gradients, initial, hyperparameters, dialects)
    runs, alike, series, count = _runs(*asked, dtype, None, tested, rate_scale)
    limits: dict[_Alike, Limits] = {}
    with np.errstate(all="ignore"):
        for together, run in runs:
            run.take(series, count)
            limits.update(zip(together, run.limits(format_of(tested))))
    return {name: limits[key] for name, key in alike.items()}


def _runs(
    gradients: Gradients,
    initial: ArrayLike,
    hyperparameters: Hyperparameters,
    dialects: Mapping[str, Dialect],
    dtype: DTypeLike,
    steps: int | None,
    precision: Format | DTypeLike | str | None,
    rate_scale: ArrayLike,
) -> tuple[list[tuple[list[_Alike], _Run]], dict[str, _Alike], Any, int]:
    """The runs that make the traces, each with the keys of its dialects; the key of each name; gradients and steps."""
    wide = np.dtype(dtype).type
    x = np.array(initial, wide)
    modelled = format_of(dtype if precision is None else precision)
    scale = np.asarray(rate_scale, np.float64)
    if scale.shape not in ((), x.shape):
        raise ValueError(f"rate_scale of shape {scale.shape} needs (), or {x.shape} as the initial value has")
    series, count = _checked(gradients, x, steps)
    unclear = [name for name in DENSE if getattr(hyperparameters, name) != getattr(_PLAIN, name)]
    if isinstance(series, SparseGradients) and unclear:
        raise ValueError(f"what {', '.join(unclear)} would do to gradients of few rows is not defined")
    if callable(series) and len(dialects) > 1:
        raise ValueError("a closed loop takes one dialect, since each would visit other points")
    if not isinstance(series, SparseGradients):  # and so two axes have no effect
        dialects = {name: replace(each, sparse="dense", duplicates="merged") for name, each in dialects.items()}
    alike = {name: _Alike.of(dialect, hyperparameters, modelled) for name, dialect in dialects.items()}
    structures: dict[Algorithm, dict[_Alike, str]] = {}
    for name, key in alike.items():
        structures.setdefault(key.algorithm.structure(), {}).setdefault(key, name)
    runs = [
        (list(together), _Run([dialects[name] for name in together.values()], hyperparameters, x, scale, modelled))
        for together in structures.values()
    ]
    return runs, alike, series, count


DENSE = ("weight_decay", "clip_gradient", "clip_norm", "rescale_gradient")
"""Hyper-parameters that change gradients before they are squared."""

_PLAIN = Hyperparameters()


class _Alike(NamedTuple):
    """Dialects that are alike in this share a trace and, in every precision, its bounds."""

    algorithm: Algorithm
    hyperparameters: str
    complement: str

    @classmethod
    def of(cls, dialect: Dialect, h: Hyperparameters, precision: Format) -> _Alike:
        return cls(Algorithm.of(dialect, h, precision), dialect.hyperparameter_rounding, dialect.decay_complement)


def _checked(gradients: Gradients, x: Array, steps: int | None) -> tuple[Any, int]:
    """The gradients as a function or an array in the type of x, and the number of steps."""
    if callable(gradients):
        if steps is None:
            raise ValueError("a gradient function needs the number of steps")
        return gradients, steps
    if isinstance(gradients, SparseGradients):
        if gradients.shape[1] * gradients.shape[2] != x.size:
            raise ValueError(f"gradients of {gradients.shape[1:]} rows and columns don't fit a parameter of {x.shape}")
        return gradients, len(gradients) if steps is None else steps
    series = np.asarray(gradients, x.dtype)
    if series.ndim == 0 or series.shape[1:] != x.shape:
        raise ValueError(f"gradients of shape {series.shape} need (steps, *{x.shape}), as the initial value has")
    if steps is not None and steps > len(series):
        raise ValueError(f"{steps} steps need as many gradients; there are {len(series)}")
    return series, len(series) if steps is None else steps
