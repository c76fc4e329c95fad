"""Hypothesis strategies: hyper-parameters and tapes over the ranges in which the bound must hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from reference import Hyperparameters, dialects
from suite.diagnosis.mistakes.arithmetic import Order, all_orders
from suite.validation import fuzz

decays = st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 0.999]) | st.floats(0.0, 0.9999)
epsilons = st.sampled_from([1e-10, 1e-8, 1e-6, 1e-3, 1e-2, 1.0])
learning_rates = st.sampled_from([1e-4, 1e-3, 1e-2, 0.1, 0.4]) | st.lists(
    st.floats(1e-4, 0.5), min_size=24, max_size=24
)

hyperparameters = st.builds(
    Hyperparameters,
    learning_rate=learning_rates,
    decay=decays,
    epsilon=epsilons,
    momentum=st.sampled_from([0.0, 0.0, 0.5, 0.9, 0.99]),
    centered=st.booleans(),
    weight_decay=st.sampled_from([0.0, 0.0, 1e-4, 1e-2]),
    nesterov=st.booleans(),
    clip_gradient=st.sampled_from([None, None, 0.5]),
    clip_weights=st.sampled_from([None, None, 1.0]),
    rescale_gradient=st.sampled_from([1.0, 0.125, 0.3]),
    maximize=st.booleans(),
    bias_correction=st.booleans(),
)
dialect_names = st.sampled_from(sorted(dialects))
seeds = st.integers(0, 2**32 - 1)


def tapes(seed: int, count: int, steps: int) -> tuple[Any, Any]:
    """Return float32 gradients and initial parameters of `count` one-coordinate tapes, of all scales and signs."""
    gradients, initial = fuzz.random_tapes(np.random.default_rng(seed), count, steps)
    return gradients.astype(np.float32), initial.astype(np.float32)


def random_orders(seed: int, count: int = 24) -> list[Order]:
    """Return `count` orders of operations, drawn at random."""
    orders = all_orders()
    return [orders[i] for i in np.random.default_rng(seed).integers(0, len(orders), count)]
