"""Tapes at the limits of floating-point formats: NaN, infinity, overflow, underflow, and formats of few digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from suite.cases.random import Bits
from suite.cases.tapes import REDUCED, STEPS, Array32, Tape

_STREAM = 2000  # far from the seeds of other tapes
_SIZE = 9
_AT = (3, 4)  # the step and the coordinate of the special gradient
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
    """Yield each tape with the id of a setting; a tape has the same numbers under all of its settings."""
    for number, (make, settings) in enumerate(_TAPES):
        tape = make(Bits(_STREAM + seed + number))
        for setting in settings:
            yield tape, setting


def _plain(bits: Bits) -> Array32:
    """Return gradients of moderate size."""
    return (4 * bits.uniform((STEPS, _SIZE)) - 2).astype(np.float32)


def _with(bits: Bits, name: str, reason: str, value: float, step: int = _AT[0]) -> Tape:
    gradients = _plain(bits)
    gradients[step, _AT[1]] = value
    return Tape(name, reason, bits.normal((_SIZE,)).astype(np.float32), gradients)


def _nan(bits: Bits) -> Tape:
    return _with(bits, "edge/nan", "a NaN gradient must affect its coordinate only", np.nan)


def _infinity(bits: Bits) -> Tape:
    return _with(bits, "edge/infinity", "an infinite gradient must affect its coordinate only", -np.inf)


def _overflow(bits: Bits) -> Tape:
    reason = "a square that overflows float32 in the last step: g/∞ = 0, and the parameter does not move"
    return _with(bits, "edge/overflow", reason, 1e25, step=STEPS - 1)


def _underflow(bits: Bits) -> Tape:
    scale = np.repeat([1e-25, 1e-23, 1e-21], 3)
    gradients = (scale * bits.normal((STEPS, _SIZE))).astype(np.float32)
    return Tape(
        "edge/underflow",
        "squares that underflow, so that only ε divides",
        np.zeros(_SIZE, np.float32),
        gradients,
    )


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


def _nothing(bits: Bits) -> Tape:  # noqa: ARG001  (the tape has no random numbers)
    reason = "a zero gradient and no ε: 0/0, unless the average starts at another value"
    return Tape("edge/nothing", reason, np.ones(2, np.float32), np.array([[0.0, -0.0]] * 2, np.float32))


def _zero(bits: Bits) -> Tape:  # noqa: ARG001
    reason = "a zero gradient where ε underflows: √0 + 1e-8 is 0 in float16, and 0/0 is NaN"
    return Tape("edge/zero", reason, np.ones(2, np.float32), np.zeros((2, 2), np.float32), dtypes=("float16",))


def _steady(bits: Bits) -> Tape:
    """Constant gradients from 1e3 to 1e4, for enough steps that v - m² may round below zero."""
    value = 1e3 + 9e3 * bits.uniform((16,))
    reason = "a large constant gradient: v - m² decays until only rounding errors of either sign remain"
    return Tape("edge/steady", reason, np.zeros(16, np.float32), np.tile(value, (150, 1)).astype(np.float32), lean=True)


def _divergent(bits: Bits) -> Tape:
    reason = "a decay above 1, which all frameworks accept: the average becomes negative and has no real root"
    return Tape("edge/divergent", reason, bits.normal((_SIZE,)).astype(np.float32), _plain(bits))


def _reduced(bits: Bits) -> Tape:
    scale = np.repeat([0.0625, 0.25, 1.0, 4.0], 4)
    gradients = (scale * (0.5 + bits.uniform((6, len(scale))))).astype(np.float32)
    gradients[::2, ::2] *= -1
    gradients[1::2, 1::4] *= -1
    reason = "a few steps of visible size from zero, which formats with 11 and with 8 digits can decide"
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
