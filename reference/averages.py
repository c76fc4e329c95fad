"""Leaky averages, s_t = γ s_{t-1} + (1-γ) g_t²: their weights and their memory (D2L 11.8.1)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def leaky_weights(decay: float, steps: int) -> NDArray[np.float64]:
    """Return the weights (1-γ) γ^τ of the observations made τ = 0, 1, … steps ago (equation 11.8.2): shape (steps,)."""
    return (1 - decay) * np.power(float(decay), np.arange(steps))


def weight_sum(decay: float, steps: float = math.inf) -> float:
    """Return the sum of the first `steps` weights, 1 - γ^steps, which tends to 1 if |γ| < 1."""
    return 1.0 - math.pow(decay, steps)


def effective_window(decay: float) -> float:
    """Return the number of observations that the average covers, 1/(1-γ): their mean age, plus one.

    Raises:
        ValueError: if γ is negative, or 1 or more, so that the average never forgets.
    """
    _check(decay)
    return 1.0 / (1.0 - decay)


def half_life(decay: float) -> float:
    """Return the number of steps after which the weight of an observation is halved, ln ½ / ln γ; 0 for γ = 0.

    D2L 11.8.1 states γ⁻¹ for this, which is another quantity: at γ = 0.9 it is 1.1 steps, while the weight is halved
    after 6.6.

    Raises:
        ValueError: if γ is negative, or 1 or more, so that the average never forgets.
    """
    _check(decay)
    return math.log(0.5) / math.log(decay) if decay > 0 else 0.0


def _check(decay: float) -> None:
    if not 0 <= decay < 1:
        raise ValueError(f"decay must be at least 0 and less than 1, not {decay}")
