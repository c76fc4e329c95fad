"""Random questions: tapes of all scales and kinds, hyper-parameters over their useful range, dialects and orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reference import Hyperparameters, dialects
from suite.diagnosis.mistakes.arithmetic import FORMATS, Array, FormatName, Order, all_orders

LENGTHS = (1, 10, 100)  # steps
TAPES, ORDERS = 32, 5  # of a draw, each with each
EVALUATIONS = TAPES * ORDERS

_FAR = {"float16": (-3, 1), "bfloat16": (-16, 14), "float32": (-16, 14), "float64": (-150, 140)}
"""Decades by which the gradients of some draws are moved: where squares vanish, and where they all but overflow."""


@dataclass(frozen=True, eq=False)
class Draw:
    """A question for the oracle, and the orders in which it is answered.

    Attributes:
        format: in which.
        number: of the draw; with the seed and the format it makes the rest.
        dialect: its name.
        hyperparameters: of all tapes.
        initial: shape (TAPES,).
        gradients: shape (steps, TAPES).
        orders: of operations.
    """

    format: FormatName
    number: int
    dialect: str
    hyperparameters: Hyperparameters
    initial: Array
    gradients: Array
    orders: tuple[Order, ...]


def drawn(seed: int, fmt: FormatName, number: int) -> Draw:
    """One draw; none depends on another."""
    rng = np.random.default_rng([seed, FORMATS.index(fmt), number])
    steps = _pick(rng, *LENGTHS)
    gradients, initial = tapes(rng, TAPES, steps)
    gradients *= 10.0 ** _pick(rng, 0, 0, 0, *_FAR[fmt])
    if _pick(rng, True, False, False, False):
        gradients = np.where(rng.random(gradients.shape) < 0.1, rng.choice(edges(fmt), gradients.shape), gradients)
    every = all_orders()
    return Draw(
        format=fmt,
        number=number,
        dialect=_pick(rng, *dialects),
        hyperparameters=hyperparameters(rng, steps),
        initial=initial,
        gradients=gradients,
        orders=tuple(every[i] for i in rng.integers(0, len(every), ORDERS)),
    )


def tapes(rng: np.random.Generator, count: int, steps: int) -> tuple[Array, Array]:
    """`count` tapes of one coordinate each, side by side, of all scales, signs and kinds: gradients, and the start.

    Deviates, constants, deviates that are mostly zero, that change by decades from step to step, and whose squares
    underflow in float32.
    """
    scale = 10.0 ** rng.uniform(-6, 4, count)
    gradients = rng.normal(size=(steps, count)) * scale
    kind = rng.integers(0, 6, count)
    gradients[:, kind == 1] = scale[kind == 1]
    gradients[:, kind == 2] *= rng.random((steps, int((kind == 2).sum()))) < 0.3
    gradients[:, kind == 3] *= (10.0 ** rng.uniform(-3, 3, steps))[:, None]
    gradients[:, kind == 4] *= 1e-22
    initial = np.where(rng.random(count) < 0.3, 0.0, rng.normal(size=count) * 10.0 ** rng.uniform(-3, 2, count))
    return gradients, initial


def edges(fmt: FormatName) -> Array:
    """What is no number, or lies at an end of a format's range, or has its square there."""
    limits = np.finfo(np.float16 if fmt == "float16" else np.float64 if fmt == "float64" else np.float32)
    least, most = float(limits.smallest_normal), float(limits.max)
    squares = least**0.5 / 2, least**0.5, most**0.5 / 2, most**0.5 * 2
    sizes = np.array([0.0, np.inf, least / 4, least, *squares, most / 2])
    return np.concatenate([sizes, -sizes, [np.nan]])


def hyperparameters(rng: np.random.Generator, steps: int) -> Hyperparameters:
    """Each of them on its own, over its useful range and at its ends."""
    rate = _pick(rng, 0.0, 1.0, _decade(rng, -4), _decade(rng, -4), [_decade(rng, -4) for _ in range(steps)])
    return Hyperparameters(
        learning_rate=rate,
        decay=_pick(rng, 0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0, float(rng.random()), float(rng.random())),
        epsilon=_pick(rng, 0.0, 1e-10, 1e-8, 1e-6, 1e-3, 1.0, _decade(rng, -10), _decade(rng, -10)),
        momentum=_pick(rng, 0.0, 0.0, 0.5, 0.9, 0.99),
        centered=_pick(rng, False, True),
        weight_decay=_pick(rng, 0.0, 0.0, _decade(rng, -4)),
        nesterov=_pick(rng, False, True),
        clip_norm=_pick(rng, None, None, None, None, _decade(rng, -3)),
        clip_gradient=_pick(rng, None, None, _decade(rng, -3)),
        clip_weights=_pick(rng, None, None, _decade(rng, -2)),
        rescale_gradient=_pick(rng, 1.0, 1.0, 0.125, 8.0, _decade(rng, -3)),
        maximize=_pick(rng, False, True),
        bias_correction=_pick(rng, False, True),
    )


def _pick(rng: np.random.Generator, *choices: Any) -> Any:
    return choices[rng.integers(len(choices))]


def _decade(rng: np.random.Generator, least: float) -> float:
    """From a power of ten to 1, evenly over the decades."""
    return float(10.0 ** rng.uniform(least, 0))
