"""Tapes at the edges of number formats: what is no number, what overflows or underflows, and formats of few digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from suite.cases.random import Bits
from suite.cases.tapes import REDUCED, STEPS, Array32, Tape

_STREAM = 2000  # far from the seeds of other tapes
_SIZE = 9
_AT = (3, 4)  # the step and the coordinate at which something happens
_EVERYWHERE = (
    "plain",
    "large-epsilon",
    "momentum",
    "schedule-momentum",
    "centered-momentum",
    "weight-decay",
    "rescaled",
)


def tapes(seed: int) -> Iterator[tuple[Tape, str]]:
    """All of them, each with the id of its setting; the same numbers under each of its settings."""
    for number, (make, settings) in enumerate(_TAPES):
        tape = make(Bits(_STREAM + seed + number))
        for setting in settings:
            yield tape, setting


def _plain(bits: Bits) -> Array32:
    """What happens nowhere else: gradients of a size that nobody minds."""
    return (4 * bits.uniform((STEPS, _SIZE)) - 2).astype(np.float32)


def _with(bits: Bits, name: str, reason: str, value: float, step: int = _AT[0]) -> Tape:
    gradients = _plain(bits)
    gradients[step, _AT[1]] = value
    return Tape(name, reason, bits.normal((_SIZE,)).astype(np.float32), gradients)


def _nan(bits: Bits) -> Tape:
    return _with(bits, "edge/nan", "a gradient that is no number must stay in its coordinate", np.nan)


def _infinity(bits: Bits) -> Tape:
    return _with(bits, "edge/infinity", "an infinite gradient must stay in its coordinate", -np.inf)


def _overflow(bits: Bits) -> Tape:
    reason = "a square that overflows float32, in the last step: g/∞ = 0, and the parameter stays where it is"
    return _with(bits, "edge/overflow", reason, 1e25, step=STEPS - 1)


def _underflow(bits: Bits) -> Tape:
    scale = np.repeat([1e-25, 1e-23, 1e-21], 3)
    gradients = (scale * bits.normal((STEPS, _SIZE))).astype(np.float32)
    return Tape("edge/underflow", "squares that vanish, so that ε stands alone", np.zeros(_SIZE, np.float32), gradients)


def _subnormal(bits: Bits) -> Tape:
    """Squares from 1e-43 to 1e-39 without ε; and gradients that are subnormal themselves, of which the square is 0."""
    scale = np.repeat([3e-22, 3e-21, 2e-20], 2)
    normal = scale * (1 + bits.uniform((2, len(scale))))
    gradients = np.concatenate([normal, np.full((2, 1), 1e-40)], axis=1).astype(np.float32)
    gradients[:, ::2] *= -1
    reason = (
        "squares that are subnormal in float32, and no ε: kept, they move the parameter; flushed, they divide by zero"
    )
    return Tape("edge/subnormal", reason, np.ones(gradients.shape[1], np.float32), gradients, subnormals=True)


def _tiny(bits: Bits) -> Tape:
    """Subnormal gradients of which the steps are subnormal too where v starts at 1, and ε weighs nothing."""
    gradients = (5e-39 * (1 + bits.uniform((2, 6)))).astype(np.float32)
    gradients[:, ::2] *= -1
    reason = "gradients that are subnormal in float32, from zero: kept, they move the parameter; flushed, nothing does"
    return Tape("edge/tiny", reason, np.zeros(6, np.float32), gradients, subnormals=True)


def _nothing(bits: Bits) -> Tape:  # noqa: ARG001  (there is no number to draw)
    reason = "no gradient and no ε: 0/0, unless the average starts elsewhere"
    return Tape("edge/nothing", reason, np.ones(2, np.float32), np.array([[0.0, -0.0]] * 2, np.float32))


def _zero(bits: Bits) -> Tape:  # noqa: ARG001
    reason = "a gradient of zero where ε vanishes too: √0 + 1e-8 is 0 in float16, and 0/0 no number"
    return Tape("edge/zero", reason, np.ones(2, np.float32), np.zeros((2, 2), np.float32), dtypes=("float16",))


def _steady(bits: Bits) -> Tape:
    """Constant gradients from 1e3 to 1e4, as long as it takes until v - m² rounds below zero."""
    value = 1e3 + 9e3 * bits.uniform((16,))
    reason = "a large gradient that stays as it is: v - m² fades, and what is left of it is rounding, of either sign"
    return Tape("edge/steady", reason, np.zeros(16, np.float32), np.tile(value, (150, 1)).astype(np.float32), lean=True)


def _divergent(bits: Bits) -> Tape:
    reason = "a decay above 1, which all accept: the average falls below zero, and has no root"
    return Tape("edge/divergent", reason, bits.normal((_SIZE,)).astype(np.float32), _plain(bits))


def _reduced(bits: Bits) -> Tape:
    scale = np.repeat([0.0625, 0.25, 1.0, 4.0], 4)
    gradients = (scale * (0.5 + bits.uniform((6, len(scale))))).astype(np.float32)
    gradients[::2, ::2] *= -1
    gradients[1::2, 1::4] *= -1
    reason = "few steps of visible size from zero: what formats of 11 and of 8 digits can decide"
    return Tape("edge/reduced", reason, np.zeros(len(scale), np.float32), gradients, dtypes=REDUCED)


_TAPES: tuple[tuple[Callable[[Bits], Tape], tuple[str, ...]], ...] = (
    (_nan, (*_EVERYWHERE, "centered", "clip-weights")),
    (_infinity, (*_EVERYWHERE, "centered", "clipping")),
    (_overflow, ("plain", "large-epsilon", "momentum", "schedule-momentum", "weight-decay", "rescaled", "clipping")),
    (
        _underflow,
        ("plain", "large-epsilon", "momentum", "schedule-momentum", "long-memory", "rescaled", "bias-correction"),
    ),
    (_subnormal, ("no-epsilon",)),
    (_nothing, ("no-epsilon",)),
    (_zero, ("tiny-epsilon",)),
    (_steady, ("centered-tiny-epsilon",)),
    (_divergent, ("decay-above-one",)),
    (
        _reduced,
        ("plain", "large-epsilon", "momentum", "schedule-momentum", "centered-momentum", "weight-decay", "clipping"),
    ),
    (_tiny, ("plain",)),
)
