"""The NumPy oracle: RMSProp in every published dialect, with a bound on the rounding error of other implementations.

It needs CPython 3.9 or newer and NumPy 1.23 or newer, imports nothing else and uses relative imports. In a checkout it
is `reference`; in an installed package it is `rmsuite.reference`.
"""

from .averages import effective_window, half_life, leaky_weights, weight_sum
from .dialect import Dialect, dialects
from .hyperparameters import Hyperparameters
from .replay import Trace, replay, replay_each
from .sparse import SparseGradients

__all__ = [
    "Dialect",
    "Hyperparameters",
    "SparseGradients",
    "Trace",
    "dialects",
    "effective_window",
    "half_life",
    "leaky_weights",
    "replay",
    "replay_each",
    "weight_sum",
]
