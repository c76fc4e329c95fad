"""RMSProp for one coordinate at 50 digits, written from the sources in `Dialect.source`, apart from the oracle."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np

from reference import Dialect, Hyperparameters

DIGITS = 50


def evaluate(gradients: list[float], initial: float, h: Hyperparameters, d: Dialect, precision: Any) -> list[Any]:
    """x after every step, as mpmath numbers; hyper-parameters as a run in `precision` (a NumPy type) has them."""
    mp = mpmath.MPContext()
    mp.dps = DIGITS
    single = lambda value: mp.mpf(float(np.float32(value)))  # noqa: E731
    rounds = d.hyperparameter_rounding in ("float32", "float32 but learning rate", "float32 but epsilon")
    seen = single if rounds else mp.mpf
    if d.decay_complement == "working":
        source = np.float32(h.decay) if rounds else h.decay
        gamma = mp.mpf(float(precision(source)))
        rest = mp.mpf(float(precision(1) - precision(source)))
    else:
        gamma = seen(h.decay)
        rest = 1 - gamma
    limit = single if d.hyperparameter_rounding in ("float32", "float32 but learning rate") else mp.mpf  # ε, and bounds
    eps, mu = limit(h.epsilon), seen(h.momentum)
    lam = mp.mpf(h.weight_decay) if d.hyperparameter_rounding == "exact" else single(h.weight_decay)
    heavy = h.momentum != 0 and {"always": True, "when centered": h.centered, "never": False}[d.momentum]
    inside = d.epsilon == "inside"
    if d.epsilon == "inside with momentum":
        inside = h.momentum != 0
    if d.epsilon == "inside when centered":
        inside = h.centered
    x = mp.mpf(float(initial))
    v = eps if d.initial_accumulator == "epsilon" else mp.mpf(d.initial_accumulator)
    m = b = mp.mpf(0)
    path = []
    for t, gradient in enumerate(gradients, start=1):
        single_rate = d.hyperparameter_rounding in ("float32", "float32 but epsilon", "float32 rates")
        eta = single(h.rate(t - 1)) if single_rate else mp.mpf(h.rate(t - 1))
        g = (gradient if isinstance(gradient, mpmath.mpf) else mp.mpf(float(gradient))) * seen(h.rescale_gradient)
        if h.maximize:
            g = -g
        l2 = lam if d.weight_decay == "l2" else 0
        if d.clipping == "after decay":
            g = _clip(mp, g + l2 * x, h.clip_gradient, limit)
        else:
            g = _clip(mp, g, h.clip_gradient, limit) + l2 * x
        v = gamma * v + rest * g**2
        m = gamma * m + rest * g
        scale = 1 - gamma**t if h.bias_correction else 1
        w = v / scale - (m / scale) ** 2 if h.centered else v / scale
        if -(mp.mpf(10) ** (5 - DIGITS)) * v < w < 0:
            w = mp.mpf(0)  # a variance of nothing, but for the rounding of 50 digits
        radicand = w + eps if inside else w
        root = mp.sqrt(radicand) if radicand >= 0 else mp.nan  # where γ + (1-γ) rounds above 1, v - m² may be negative
        d_t = root if inside else root + eps
        if d.weight_decay == "decoupled":
            x = x - eta * lam * x
        if heavy:
            step = eta * g / d_t if d.learning_rate == "inside" else g / d_t
            b = mu * b + step
            move = step + mu * b if h.nesterov else b
            x = x - (move if d.learning_rate == "inside" else eta * move)
        else:
            x = x - eta * g / d_t
        x = _clip(mp, x, h.clip_weights, limit)
        path.append(x)
    return path


def _clip(mp: Any, value: Any, limit: float | None, seen: Any) -> Any:
    return value if limit is None else max(min(value, seen(limit)), -seen(limit))
