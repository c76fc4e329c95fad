"""What RMSProp is: dialects, hyper-parameters, the update, its rounding bound, and objectives. NumPy only.

Runs wherever a framework does: CPython 3.9 and newer, NumPy 1.23 to 2.x.
"""

from reference.averages import effective_window, half_life, leaky_weights, weight_sum
from reference.dialect import Dialect
from reference.hyperparameters import Hyperparameters
from reference.published import dialects
from reference.replay import Trace, replay, replay_each
from reference.sparse import SparseGradients

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
