"""Tapes that name their settings: the limits of floating-point formats, and the structure of parameters.

The first are about NaN, infinity, overflow, underflow and formats of few digits; the others about shape, layout,
length, norm, rate factors and row-sparse gradients. Each tape has a random stream of its own, and the same numbers
under all of its settings.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reference import SparseGradients
from suite.cases.random import Bits
from suite.cases.tapes import REDUCED, STEPS, Array32, Shape, Tape

Makers: TypeAlias = Sequence[tuple[Callable[[Bits], Tape], Sequence[str]]]
"""Functions that make a tape, with the ids of its settings."""

_SHAPE_STREAM, _EDGE_STREAM, _PARAMETER_STREAM = 1000, 2000, 4000  # far from the seeds of other tapes
_SIZE = 9
_UNCENTERED = ("plain", "large-epsilon", "momentum", "schedule-momentum")
_EVERYWHERE = (*_UNCENTERED, "centered-momentum", "weight-decay", "rescaled")
_NORM_STEPS = 12
_SPARSE_STEPS = 8  # few, because compilers are slow on sparse steps
_HEIGHT, _WIDTH = 7, 3


def shape_tapes(seed: int) -> Iterator[tuple[Tape, str]]:
    """Yield each tape about shape, layout and length with the id of its setting."""
    plans = [(plan, setting) for setting, group in _SHAPES.items() for plan in group]
    for number, (plan, setting) in enumerate(plans):
        n = sum(math.prod(shape) for shape in plan.shapes or ())
        values = _moderate(Bits(_SHAPE_STREAM + seed + number), 1 + len(plan.gradients), n)
        yield replace(plan, initial=values[0], gradients=values[1:]), setting


def edge_tapes(seed: int) -> Iterator[tuple[Tape, str]]:
    """Yield each tape at the limits of formats with the id of a setting."""
    return _with_settings(_EDGES, _EDGE_STREAM + seed)


def parameter_tapes(seed: int) -> Iterator[tuple[Tape, str]]:
    """Yield each tape about norms, rate factors and row-sparse gradients with the id of a setting."""
    return _with_settings(_PARAMETERS, _PARAMETER_STREAM + seed)


def _with_settings(makers: Makers, stream: int) -> Iterator[tuple[Tape, str]]:
    for number, (make, settings) in enumerate(makers):
        tape = make(Bits(stream + number))
        yield from ((tape, setting) for setting in settings)


def _moderate(bits: Bits, *shape: int) -> Array32:
    """Return numbers of moderate size, from -2 to 2."""
    return (4 * bits.uniform(shape) - 2).astype(np.float32)


def _normal(bits: Bits, n: int) -> Array32:
    return bits.normal((n,)).astype(np.float32)


def _edge(name: str, reason: str, value: float, bits: Bits, step: int = 3) -> Tape:
    """Return moderate gradients, one of them replaced by a value."""
    gradients = _moderate(bits, STEPS, _SIZE)
    gradients[step, 4] = value
    return Tape(f"edge/{name}", reason, _normal(bits, _SIZE), gradients)


def _underflow(bits: Bits) -> Tape:
    scale = np.repeat([1e-25, 1e-23, 1e-21], 3)
    gradients = (scale * bits.normal((STEPS, _SIZE))).astype(np.float32)
    reason = "squares that underflow, so that only ε divides"
    return Tape("edge/underflow", reason, np.zeros(_SIZE, np.float32), gradients)


def _subnormal(bits: Bits) -> Tape:
    """Squares from 1e-43 to 1e-39 without ε; and gradients that are subnormal themselves, whose squares are 0."""
    scale = np.repeat([3e-22, 3e-21, 2e-20], 2)
    normal = scale * (1 + bits.uniform((2, len(scale))))
    gradients = np.concatenate([normal, np.full((2, 1), 1e-40)], axis=1).astype(np.float32)
    gradients[:, ::2] *= -1
    reason = "squares that are subnormal in float32, and no ε: if kept, a step is finite; if flushed, it is infinite"
    return Tape("edge/subnormal", reason, np.ones(gradients.shape[1], np.float32), gradients, subnormals=True)


def _tiny(bits: Bits) -> Tape:
    """Subnormal gradients whose steps are subnormal too if v starts at 1 and ε is negligible."""
    gradients = (5e-39 * (1 + bits.uniform((2, 6)))).astype(np.float32)
    gradients[:, ::2] *= -1
    reason = "gradients that are subnormal in float32, from zero: if kept, the parameter moves; if flushed, it does not"
    return Tape("edge/tiny", reason, np.zeros(6, np.float32), gradients, subnormals=True)


def _zeros(name: str, reason: str, zeros: tuple[float, float], bits: Bits, **flags: Any) -> Tape:  # noqa: ARG001
    return Tape(f"edge/{name}", reason, np.ones(2, np.float32), np.array([zeros] * 2, np.float32), **flags)


def _steady(bits: Bits) -> Tape:
    """Constant gradients from 1e3 to 1e4, for enough steps that v - m² may round below zero."""
    value = 1e3 + 9e3 * bits.uniform((16,))
    reason = "a large constant gradient: v - m² decays until only rounding errors of either sign remain"
    return Tape("edge/steady", reason, np.zeros(16, np.float32), np.tile(value, (150, 1)).astype(np.float32), lean=True)


def _divergent(bits: Bits) -> Tape:
    reason = "a decay above 1, which all frameworks accept: the average becomes negative and has no real root"
    return Tape("edge/divergent", reason, _normal(bits, _SIZE), _moderate(bits, STEPS, _SIZE))


def _reduced(bits: Bits) -> Tape:
    scale = np.repeat([0.0625, 0.25, 1.0, 4.0], 4)
    gradients = (scale * (0.5 + bits.uniform((6, len(scale))))).astype(np.float32)
    gradients[::2, ::2] *= -1
    gradients[1::2, 1::4] *= -1
    reason = "a few steps of visible size from zero, which formats with 11 and with 8 digits can decide"
    return Tape("edge/reduced", reason, np.zeros(len(scale), np.float32), gradients, dtypes=REDUCED)


def _norms(bits: Bits) -> Tape:
    """Gradients with norms from 0.01 to 100 times the limit, and one with norm zero."""
    gradients = bits.normal((_NORM_STEPS, 15)) / 4
    gradients *= np.array([1.0, 10.0, 0.1, 100.0, 0.01, 3.0] * 2)[:, None]
    gradients[4] = 0.0
    reason = "gradients with norms below and above the limit"
    return Tape("norm", reason, _normal(bits, 15), gradients.astype(np.float32), ((5, 3),), alone=True)


def _rates(bits: Bits) -> Tape:
    reason, shapes = "a factor on the learning rate of each parameter", ((4,), (1,), (2, 3))
    gradients = _moderate(bits, _NORM_STEPS, 11)
    return Tape("rates", reason, _normal(bits, 11), gradients, shapes, alone=True, rates=(1.0, 0.1, 2.5))


def _rows(bits: Bits) -> Tape:
    """Two rows in each step: the first row always, the last row never, each of the others alternately."""
    step = np.arange(_SPARSE_STEPS)
    reason = "row-sparse gradients: whether the other rows decay or stay unchanged"
    return _sparse("rows/lazy", reason, np.stack([0 * step, 1 + step % (_HEIGHT - 2)], axis=1), bits)


def _duplicates(bits: Bits) -> Tape:
    """Three rows in each step; two of them are the same."""
    step = np.arange(_SPARSE_STEPS)
    rows = np.stack([step % (_HEIGHT - 1), (step + 2) % (_HEIGHT - 1), step % (_HEIGHT - 1)], axis=1)
    reason = "a row that occurs twice: whether its gradients are added before they are squared"
    return _sparse("rows/duplicates", reason, rows, bits)


def _sparse(name: str, reason: str, rows: NDArray[np.int64], bits: Bits) -> Tape:
    gradients = SparseGradients(rows, _moderate(bits, *rows.shape, _WIDTH), _HEIGHT)
    initial, shapes = _normal(bits, _HEIGHT * _WIDTH), ((_HEIGHT, _WIDTH),)
    return Tape(name, reason, initial, gradients.dense(), shapes, alone=True, lean=True, sparse=gradients)


_EDGES: Makers = (
    (partial(_edge, "nan", "a NaN gradient must affect its coordinate only", np.nan),
     (*_EVERYWHERE, "centered", "clip-weights")),
    (partial(_edge, "infinity", "an infinite gradient must affect its coordinate only", -np.inf),
     (*_EVERYWHERE, "centered", "clipping")),
    (partial(_edge, "overflow", "a square that overflows float32 in the last step: g/∞ = 0, and the parameter does not "
             "move", 1e25, step=STEPS - 1),
     (*_UNCENTERED, "weight-decay", "rescaled", "clipping")),
    (_underflow, (*_UNCENTERED, "long-memory", "rescaled", "bias-correction")),
    (_subnormal, ("no-epsilon",)),
    (partial(_zeros, "nothing", "a zero gradient and no ε: 0/0, unless the average starts at another value",
             (0.0, -0.0)), ("no-epsilon",)),
    (partial(_zeros, "zero", "a zero gradient where ε underflows: √0 + 1e-8 is 0 in float16, and 0/0 is NaN",
             (0.0, 0.0), dtypes=("float16",)), ("tiny-epsilon",)),
    (_steady, ("centered-tiny-epsilon",)),
    (_divergent, ("decay-above-one",)),
    (_reduced, (*_UNCENTERED, "centered-momentum", "weight-decay", "clipping")),
    (_tiny, ("plain",)),
)  # fmt: skip

_PARAMETERS: Makers = (
    (_norms, ("clip-norm", "clip-norm-weight-decay")),
    (_rates, ("plain", "schedule-momentum")),
    (_rows, ("plain", "centered-momentum")),
    (_duplicates, ("plain", "momentum")),
)


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
