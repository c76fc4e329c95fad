"""One step of one coordinate, taken apart: each intermediate value of the oracle beside what the implementation shows.

An implementation shows its parameters and some state; what lies between (the denominator, the step) these imply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters, dialects, replay
from reference.algorithm import Algorithm, State, denominator, effective_gradient, shrunk
from reference.bound import average
from reference.precision import format_of, wider

Array = NDArray[Any]


@dataclass(frozen=True)
class Line:
    """A quantity at the step.

    Attributes:
        name: with its symbol.
        oracle: its value.
        bound: the largest error of an evaluation in the tested precision, where it is known.
        implementation: what was computed; None where it is not shown.
        implied: whether that was worked out from what is shown.
    """

    name: str
    oracle: float
    bound: float | None
    implementation: float | None
    implied: bool = False

    @property
    def error(self) -> float | None:
        """The distance between the two."""
        return None if self.implementation is None else abs(self.implementation - self.oracle)

    def ulps(self, dtype: str) -> float | None:
        """The same, in ulps of the tested precision."""
        return None if self.error is None else float(self.error / format_of(dtype).ulp(np.longdouble(self.oracle)))

    def bounds(self) -> float | None:
        """The same, in multiples of the bound."""
        return self.error / self.bound if self.error is not None and self.bound else None


def anatomy(
    tape: Mapping[str, Array],
    trace: Mapping[str, Array],
    h: Hyperparameters,
    dialect: str,
    dtype: str,
    step: int,
    column: int,
) -> list[Line]:
    """The lines of a step (counted from 1) and a coordinate, in the order of the computation."""
    wide = wider(dtype)
    initial, gradients = tape["initial"][[column]].astype(wide), tape["gradients"][:step, [column]].astype(wide)
    own = replay(gradients, initial, h, dialects[dialect], dtype=wide, precision=dtype)
    bounds = own.bounds(dtype)
    a = Algorithm.of(dialects[dialect], h, dtype)
    rate = wide(a.rate(h.rate(step - 1)))
    a = a.with_numbers({name: wide(value) for name, value in a.numbers().items()})
    theirs = {name: np.concatenate([[np.nan], series[:step, column]]).astype(wide) for name, series in trace.items()}
    theirs["parameters"][0] = initial[0]

    def before(series: Array | None, start: Any) -> Array:
        return np.full(1, start, wide) if series is None or step == 1 else series[step - 2]

    def shown(name: str, series: Array | None, limit: Array | None, words: str) -> list[Line]:
        if series is None or limit is None:
            return []
        there = float(theirs[name][step]) if name in theirs else None
        return [Line(words, float(series[step - 1][0]), float(limit[step - 1][0]), there)]

    x = before(own.parameters, initial[0])
    state = State(
        before(own.square_average, a.initial_accumulator),
        before(own.mean_gradient, 0),
        before(own.momentum_buffer, 0),
    )
    with np.errstate(all="ignore"):
        g = effective_gradient(gradients[step - 1], x, a)
        v = average(state.square_average, g * g, a.decay, a.complement)
        m = average(state.mean_gradient, g, a.decay, a.complement)
        d = denominator(v, m, step, a)
        move = shrunk(x, rate, a) - own.parameters[step - 1]
        their_move = theirs["parameters"][step - 1] - theirs["parameters"][step]
        their_d = rate * g / their_move if not a.buffered and not a.decoupled and a.clip_weights is None else None
    return [
        Line("x before", float(x[0]), None, float(theirs["parameters"][step - 1])),
        Line("η", float(rate), None, None),
        Line("g, as given", float(gradients[step - 1][0]), None, None),
        Line("g, scaled, clipped, decayed", float(g[0]), None, None),
        Line("g²", float((g * g)[0]), None, None),
        *shown("square_average", own.square_average, bounds.square_average, "v ← γ v + (1-γ) g²"),
        *shown("mean_gradient", own.mean_gradient, bounds.mean_gradient, "m ← γ m + (1-γ) g"),
        Line("denominator", float(d[0]), None, None if their_d is None else float(their_d[0]), implied=True),
        *shown("momentum_buffer", own.momentum_buffer, bounds.momentum_buffer, "b ← μ b + u"),
        Line("x before - x after", float(move[0]), None, float(their_move), implied=True),
        *shown("parameters", own.parameters, bounds.parameters, "x after"),
    ]
