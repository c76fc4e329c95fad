"""Part 1: what a leaky average remembers (section 11.8.1)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reference import Hyperparameters, dialects, effective_window, half_life, leaky_weights, replay, weight_sum
from suite.chapter.part import Context, Part, row, series
from suite.results.store import Row

DECAYS = (0.95, 0.9, 0.8, 0.7)  # as the section plots them
STEPS = 40


def rows(context: Context) -> Iterator[Row]:  # noqa: ARG001  (no framework is asked)
    """The weights of 40 steps for each γ: by the formula, and as the update really weighs a single gradient."""
    for decay in DECAYS:
        weights = leaky_weights(decay, STEPS)
        yield row(
            "average",
            "leaky",
            f"γ = {decay}",
            given={"decay": decay, "steps": STEPS},
            found={
                "sum": weight_sum(decay, STEPS),
                "added": float(weights.sum()),
                "half_life": half_life(decay),
                "halved_after": int(np.argmax(weights <= weights[0] / 2)),
                "window": effective_window(decay),
                "printed_half_life": 1 / decay,
            },
            series=series(age=np.arange(STEPS), weight=weights, kept=impulse(decay)),
        )


def impulse(decay: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What the oracle's average holds of a gradient of 1, step by step, when only zeros follow; shape (STEPS,)."""
    gradients = np.zeros((STEPS, 1))
    gradients[0] = 1
    trace = replay(gradients, [0.0], Hyperparameters(decay=decay), dialects["d2l"])
    return np.asarray(trace.square_average[:, 0])


PART = Part(1, "averages", "Leaky averages", rows)
