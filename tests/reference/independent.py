"""RMSProp of one coordinate with 50 digits, implemented from `Dialect.source` independently of the oracle."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np

from reference import Dialect, Hyperparameters

DIGITS = 50


def evaluate(gradients: list[float], initial: float, h: Hyperparameters, d: Dialect, precision: Any) -> list[Any]:
    """Return x after each step as mpmath numbers.

    Hyper-parameters are rounded as in a run in `precision`, a NumPy type.
    """
    mp = mpmath.MPContext()
    mp.dps = DIGITS
    to_float32 = lambda value: mp.mpf(float(np.float32(value)))  # noqa: E731
    rounds_to_float32 = d.hyperparameter_rounding in ("float32", "float32 but learning rate", "float32 but epsilon")
    rounded = to_float32 if rounds_to_float32 else mp.mpf
    if d.decay_complement == "working":
        source = np.float32(h.decay) if rounds_to_float32 else h.decay
        gamma = mp.mpf(float(precision(source)))
        complement = mp.mpf(float(precision(1) - precision(source)))
    else:
        gamma = rounded(h.decay)
        complement = 1 - gamma
    rounds_limits = d.hyperparameter_rounding in ("float32", "float32 but learning rate")  # and epsilon
    rounded_limit = to_float32 if rounds_limits else mp.mpf
    eps, mu = rounded_limit(h.epsilon), rounded(h.momentum)
    lam = mp.mpf(h.weight_decay) if d.hyperparameter_rounding == "exact" else to_float32(h.weight_decay)
    has_momentum = h.momentum != 0 and {"always": True, "when centered": h.centered, "never": False}[d.momentum]
    inside = d.epsilon == "inside"
    if d.epsilon == "inside with momentum":
        inside = h.momentum != 0
    if d.epsilon == "inside when centered":
        inside = h.centered
    x = mp.mpf(float(initial))
    v = eps if d.initial_accumulator == "epsilon" else mp.mpf(d.initial_accumulator)
    m = b = mp.mpf(0)
    parameters = []
    for t, gradient in enumerate(gradients, start=1):
        single_rate = d.hyperparameter_rounding in ("float32", "float32 but epsilon", "float32 rates")
        eta = to_float32(h.rate(t - 1)) if single_rate else mp.mpf(h.rate(t - 1))
        g = (gradient if isinstance(gradient, mpmath.mpf) else mp.mpf(float(gradient))) * rounded(h.rescale_gradient)
        if h.maximize:
            g = -g
        l2 = lam if d.weight_decay == "l2" else 0
        if d.clipping == "after decay":
            g = _clip(mp, g + l2 * x, h.clip_gradient, rounded_limit)
        else:
            g = _clip(mp, g, h.clip_gradient, rounded_limit) + l2 * x
        v = gamma * v + complement * g**2
        m = gamma * m + complement * g
        scale = 1 - gamma**t if h.bias_correction else 1
        w = v / scale - (m / scale) ** 2 if h.centered else v / scale
        if -(mp.mpf(10) ** (5 - DIGITS)) * v < w < 0:
            w = mp.mpf(0)  # the variance is zero up to the rounding of 50 digits
        radicand = w + eps if inside else w
        # v - m² may be negative where γ + (1-γ) is rounded to more than 1
        root = mp.sqrt(radicand) if radicand >= 0 else mp.nan
        denominator = root if inside else root + eps
        if d.weight_decay == "decoupled":
            x = x - eta * lam * x
        if has_momentum:
            step = eta * g / denominator if d.learning_rate == "inside" else g / denominator
            b = mu * b + step
            change = step + mu * b if h.nesterov else b
            x = x - (change if d.learning_rate == "inside" else eta * change)
        else:
            x = x - eta * g / denominator
        x = _clip(mp, x, h.clip_weights, rounded_limit)
        parameters.append(x)
    return parameters


def _clip(mp: Any, value: Any, limit: float | None, rounded: Any) -> Any:
    return value if limit is None else max(min(value, rounded(limit)), -rounded(limit))
