"""Tapes about the structure of parameters: shape, layout, length, norm, rate factors and row-sparse gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from reference import SparseGradients
from suite.cases.random import Bits
from suite.cases.tapes import Shape, Tape

_SHAPE_STREAM, _PARAMETER_STREAM = 1000, 4000  # far from the seeds of other tapes
_NORM_STEPS = 12
_SPARSE_STEPS = 8  # few, because compilers are slow on sparse steps
_HEIGHT, _WIDTH = 7, 3


def shape_tapes(seed: int) -> Iterator[tuple[Tape, str]]:
    """Yield each tape with the id of its setting; each has a random stream of its own."""
    plans = [(plan, setting) for setting, group in _SHAPES.items() for plan in group]
    for number, (plan, setting) in enumerate(plans):
        n = sum(math.prod(shape) for shape in plan.shapes or ())
        values = (4 * Bits(_SHAPE_STREAM + seed + number).uniform((1 + len(plan.gradients), n)) - 2).astype(np.float32)
        yield replace(plan, initial=values[0], gradients=values[1:]), setting


def parameter_tapes(seed: int) -> Iterator[tuple[Tape, str]]:
    """Yield each tape with the id of a setting; a tape has the same numbers under all of its settings."""
    bits = [Bits(_PARAMETER_STREAM + seed + number) for number in range(4)]
    plans = (
        (_norms(bits[0]), ("clip-norm", "clip-norm-weight-decay")),
        (_rates(bits[1]), ("plain", "schedule-momentum")),
        (_rows(bits[2]), ("plain", "centered-momentum")),
        (_duplicates(bits[3]), ("plain", "momentum")),
    )
    for tape, settings in plans:
        for setting in settings:
            yield tape, setting


def _norms(bits: Bits) -> Tape:
    """Gradients with norms from 0.01 to 100 times the limit, and one with norm zero."""
    gradients = bits.normal((_NORM_STEPS, 15)) / 4
    gradients *= np.array([1.0, 10.0, 0.1, 100.0, 0.01, 3.0] * 2)[:, None]
    gradients[4] = 0.0
    reason = "gradients with norms below and above the limit"
    return Tape("norm", reason, _start(bits, 15), gradients.astype(np.float32), ((5, 3),), alone=True)


def _rates(bits: Bits) -> Tape:
    shapes, rates = ((4,), (1,), (2, 3)), (1.0, 0.1, 2.5)
    gradients = (4 * bits.uniform((_NORM_STEPS, 11)) - 2).astype(np.float32)
    reason = "a factor on the learning rate of each parameter"
    return Tape("rates", reason, _start(bits, 11), gradients, shapes, alone=True, rates=rates)


def _rows(bits: Bits) -> Tape:
    """Two rows in each step: the first row always, the last row never, the others in turn."""
    rows = np.stack([np.zeros(_SPARSE_STEPS, np.int64), 1 + np.arange(_SPARSE_STEPS) % (_HEIGHT - 2)], axis=1)
    return _sparse("rows/lazy", "row-sparse gradients: whether the other rows decay or stay unchanged", rows, bits)


def _duplicates(bits: Bits) -> Tape:
    """Three rows in each step; two of them are the same."""
    step = np.arange(_SPARSE_STEPS)
    rows = np.stack([step % (_HEIGHT - 1), (step + 2) % (_HEIGHT - 1), step % (_HEIGHT - 1)], axis=1)
    return _sparse(
        "rows/duplicates",
        "a row that occurs twice: whether its gradients are added before they are squared",
        rows,
        bits,
    )


def _sparse(name: str, reason: str, rows: np.ndarray, bits: Bits) -> Tape:
    values = (4 * bits.uniform((*rows.shape, _WIDTH)) - 2).astype(np.float32)
    gradients = SparseGradients(rows, values, _HEIGHT)
    initial = _start(bits, _HEIGHT * _WIDTH)
    return Tape(name, reason, initial, gradients.dense(), ((_HEIGHT, _WIDTH),), alone=True, lean=True, sparse=gradients)


def _start(bits: Bits, n: int) -> np.ndarray:
    return bits.normal((n,)).astype(np.float32)


def _plan(name: str, reason: str, *shapes: Shape, steps: int = 5, **flags: Any) -> Tape:
    """Return a tape whose numbers are still to be drawn."""
    return Tape(name, reason, np.empty(0, np.float32), np.empty((steps, 0), np.float32), shapes, **flags)


_SHAPES = {
    "centered-momentum": (
        _plan("shape/scalar", "a zero-dimensional parameter", ()),
        _plan("shape/one", "a vector of length 1", (1,)),
        _plan("shape/matrix", "two dimensions", (5, 3)),
        _plan("shape/4d", "four dimensions, as in a convolution", (2, 3, 2, 2)),
    ),
    "large-epsilon": (
        *(
            _plan(f"shape/odd-{n}", "a length that is no multiple of a vector register", (n,), lean=True)
            for n in (3, 7, 9, 15, 17, 31, 33)
        ),
        _plan("shape/empty", "an empty parameter", (0,), alone=True, lean=True),
        _plan("shape/many", "fifty small parameters", *((2,), (), (2, 1), (1, 3), (3,)) * 10, alone=True, lean=True),
        _plan("shape/strided", "non-contiguous parameters and gradients, with reversed axes", (5, 3), (7,), (2, 3, 2),
              strided=True, alone=True, lean=True),
        _plan("shape/large", "more coordinates than a cache holds or one thread takes", (10**6 + 3,), steps=2,
              alone=True, lean=True),
        _plan("steps/1", "the first step, which depends on the initial average", (4,), steps=1, lean=True),
        _plan("steps/2", "the second step, the first with a history", (4,), steps=2, lean=True),
        _plan("steps/10", "about as many steps as the average covers", (4,), steps=10, lean=True),
        _plan("steps/200", "many more steps than the average covers", (4,), steps=200, lean=True),
        _plan("steps/10000", "errors that accumulate slowly", (4,), steps=10_000, lean=True),
    ),
}  # fmt: skip
