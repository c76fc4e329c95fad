"""Another formula in place of the one that was asked for: a number or a switch that is not what it should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from suite.diagnosis.mistakes.formula import Formula
from suite.diagnosis.mistakes.mistake import (
    Mistake,
    anywhere,
    boxed,
    buffered,
    centered,
    climbing,
    corrected,
    coupled,
    decaying,
    kept,
    limited,
    scaled,
    scheduled,
)

_ZERO, _ONE = np.longdouble(0), np.longdouble(1)


def _swapped(f: Formula) -> Formula:
    return replace(f, decay=f.complement, complement=f.decay)


def _asleep(f: Formula) -> bool:
    return f.buffered and not f.nesterov


def _climbing_and_coupled(f: Formula) -> bool:
    return climbing(f) and coupled(f)


MISREAD = (
    Mistake("decay swapped", "γ weighs the new square, as where decay means its complement", anywhere, _swapped),
    Mistake("complement forgotten", "γv + g²", anywhere, lambda f: replace(f, complement=_ONE)),
    Mistake("decay forgotten", "v + (1-γ)g²: the past never fades", anywhere, lambda f: replace(f, decay=_ONE)),
    Mistake("sum of squares", "v + g², which is Adagrad", anywhere, lambda f: replace(f, decay=_ONE, complement=_ONE)),
    Mistake("epsilon underflows", "ε is zero where it is used", anywhere, lambda f: replace(f, epsilon=_ZERO)),
    Mistake("epsilon squared", "moved into the root or out of it, and its size with it", anywhere,
            lambda f: replace(f, epsilon=f.epsilon**2)),
    Mistake("scale forgotten", "the factor on the gradient is ignored", scaled,
            lambda f: replace(f, scale=np.sign(f.scale))),
    Mistake("scale inverted", "the gradient is divided by it", scaled, lambda f: replace(f, scale=1 / f.scale)),
    Mistake("maximize forgotten", "downhill", climbing, lambda f: replace(f, scale=-f.scale)),
    Mistake("maximize negates the decay too", "-(g + λx)", _climbing_and_coupled,
            lambda f: replace(f, weight_decay=-f.weight_decay)),
    Mistake("box of half the size", "clipped to an interval of that length, in place of ±", boxed,
            lambda f: replace(f, clip_gradient=f.clip_gradient / 2)),
    Mistake("clipping forgotten", "the gradient is as large as it is", boxed, lambda f: replace(f, clip_gradient=None)),
    Mistake("clipping by norm", "the norm is limited in place of each coordinate", boxed,
            lambda f: replace(f, clip_gradient=None, clip_norm=f.clip_gradient)),
    Mistake("norm forgotten", "it is not limited", limited, lambda f: replace(f, clip_norm=None)),
    Mistake("norm taken for a box", "each coordinate is clipped in place of the norm", limited,
            lambda f: replace(f, clip_norm=None, clip_gradient=f.clip_norm)),
    Mistake("weights not kept", "the parameters leave their interval", kept, lambda f: replace(f, clip_weights=None)),
    Mistake("centering forgotten", "v in place of v - m²", centered, lambda f: replace(f, centered=False)),
    Mistake("momentum without decay", "b + u: the buffer never fades", buffered, lambda f: replace(f, momentum=_ONE)),
    Mistake("momentum by the decay", "γ in place of μ", buffered, lambda f: replace(f, momentum=f.decay)),
    Mistake("nesterov unasked", "looks ahead though it is not to", _asleep, lambda f: replace(f, nesterov=True)),
    Mistake("rate of the next step", "the schedule is asked after the count has moved on", scheduled,
            lambda f: replace(f, rates=(*f.rates[1:], f.rates[-1]))),
    Mistake("rate of the first step", "the schedule is asked once", scheduled,
            lambda f: replace(f, rates=(f.rates[0],) * len(f.rates))),
    Mistake("correction forgotten", "the averages keep their bias", corrected, lambda f: replace(f, corrected=False)),
    Mistake("weight decay forgotten", "λ is ignored", decaying, lambda f: replace(f, weight_decay=_ZERO)),
    Mistake("weight decay negated", "the parameters grow", decaying,
            lambda f: replace(f, weight_decay=-f.weight_decay)),
    Mistake("weight decay twice", "2λx: the derivative of λx² in place of λx²/2", decaying,
            lambda f: replace(f, weight_decay=2 * f.weight_decay)),
)  # fmt: skip
"""Where the formula is another one."""
