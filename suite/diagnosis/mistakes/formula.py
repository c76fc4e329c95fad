"""What a dialect and hyper-parameters come down to: read from their names alone, apart from `reference.algorithm`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reference import Dialect, Hyperparameters
from suite.diagnosis.mistakes.arithmetic import Arithmetic

_SINGLE = {
    "exact": (False, False, False),
    "float32": (True, True, True),
    "float32 but learning rate": (False, True, True),
    "float32 but epsilon": (True, False, True),
    "float32 rates": (True, False, False),
}
"""Whether a dialect rounds to float32: learning rates; ε, and bounds on gradients and parameters; the rest."""


@dataclass(frozen=True)
class Formula:
    """RMSProp without a choice left; equal ones evaluate alike, bit by bit.

    Numbers are as the dialect has them in a format, before the computation rounds them; `rates` has one a step.
    """

    inside: bool
    centered: bool
    buffered: bool
    rate_in_buffer: bool
    nesterov: bool
    corrected: bool
    coupled: bool
    decoupled: bool
    clip_after_decay: bool
    lazy: bool
    duplicates: str
    flushed: bool
    start: Any
    decay: Any
    complement: Any
    epsilon: Any
    momentum: Any
    weight_decay: Any
    scale: Any
    clip_norm: Any
    clip_gradient: Any
    clip_weights: Any
    rates: tuple[Any, ...]

    @classmethod
    def of(cls, d: Dialect, h: Hyperparameters, steps: int, arithmetic: Arithmetic) -> Formula:
        """For so many steps in an arithmetic, which matters where a dialect forms 1-γ in the working precision."""
        rates, bounds, rest = _SINGLE[d.hyperparameter_rounding]

        def number(value: float | None, single: bool = rest) -> Any:
            return None if value is None else np.longdouble(np.float32(value) if single else value)

        decay, epsilon = number(h.decay), number(h.epsilon, bounds)
        complement = 1 - decay
        if d.decay_complement == "working":
            decay = np.longdouble(arithmetic.nearest(decay))
            complement = np.longdouble(arithmetic.nearest(1 - decay))
        heavy = h.momentum != 0
        buffered = heavy and (d.momentum == "always" or (d.momentum == "when centered" and h.centered))
        coupled = h.weight_decay != 0 and d.weight_decay == "l2"
        limited = h.clip_gradient is not None or h.clip_norm is not None
        inside = {"inside with momentum": heavy, "inside when centered": h.centered}
        lazy = {"lazy": True, "lazy with momentum": heavy}
        return cls(
            inside=inside.get(d.epsilon, d.epsilon == "inside"),
            centered=h.centered,
            buffered=buffered,
            rate_in_buffer=d.learning_rate == "inside" or not buffered,
            nesterov=h.nesterov and buffered,
            corrected=h.bias_correction,
            coupled=coupled,
            decoupled=h.weight_decay != 0 and not coupled,
            clip_after_decay=coupled and limited and d.clipping == "after decay",
            lazy=lazy.get(d.sparse, False),
            duplicates=d.duplicates,
            flushed=d.subnormals == "flushed",
            start=epsilon if d.initial_accumulator == "epsilon" else np.longdouble(d.initial_accumulator),
            decay=decay,
            complement=complement,
            epsilon=epsilon,
            momentum=number(h.momentum) if buffered else np.longdouble(0),
            weight_decay=number(h.weight_decay, d.hyperparameter_rounding != "exact"),
            scale=number(-h.rescale_gradient if h.maximize else h.rescale_gradient),
            clip_norm=number(h.clip_norm, bounds),
            clip_gradient=number(h.clip_gradient, bounds),
            clip_weights=number(h.clip_weights, bounds),
            rates=tuple(number(h.rate(step), rates) for step in range(steps)),
        )
