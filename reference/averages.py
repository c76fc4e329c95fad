"""Leaky averages, s_t = γ s_{t-1} + (1-γ) g_t²: what they remember, and for how long (D2L 11.8.1)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def leaky_weights(decay: float, steps: int) -> NDArray[np.float64]:
    """The weights (1-γ) γ^τ of the observations of τ = 0, 1, … steps ago (equation 11.8.2).

    Args:
        decay: γ.
        steps: how many, at least 0.

    Returns:
        Shape (steps,); the newest observation first.
    """
    return (1 - decay) * np.power(float(decay), np.arange(steps))


def weight_sum(decay: float, steps: float = math.inf) -> float:
    """The sum of the first `steps` weights, 1 - γ^steps, which tends to 1 if |γ| < 1."""
    return 1.0 - math.pow(decay, steps)


def effective_window(decay: float) -> float:
    """The number of observations that the average covers, 1/(1-γ): the mean age of what it holds, plus one.

    Raises:
        ValueError: if γ is 1 or more, where the average never forgets, or negative.
    """
    _check(decay)
    return 1.0 / (1.0 - decay)


def half_life(decay: float) -> float:
    """The number of steps after which an observation weighs half, ln ½ / ln γ.

    The text of D2L 11.8.1 gives γ⁻¹ for it, which is something else: at γ = 0.9 that would be 1.1 steps, while the
    weight really halves after 6.6. With γ = 0 nothing outlives its own step: 0.

    Raises:
        ValueError: if γ is 1 or more, where the average never forgets, or negative.
    """
    _check(decay)
    return math.log(0.5) / math.log(decay) if decay > 0 else 0.0


def _check(decay: float) -> None:
    if not 0 <= decay < 1:
        raise ValueError(f"decay must be at least 0 and less than 1, not {decay}")
