"""Random traces, and changes of single values by a few ulps."""

from __future__ import annotations

import numpy as np


def random_trace(steps=50, size=64, dtype=np.float32, seed=0):
    """Return a trace of random numbers."""
    random = np.random.default_rng(seed)
    return {
        "parameters": random.standard_normal((steps, size)).astype(dtype),
        "square_average": random.random((steps, size)).astype(dtype),
    }


def changed_by_ulps(trace, step, column, *, ulps=1, quantity="parameters"):
    """Return a copy of a trace in which one value is larger by some ulps; steps are counted from 1."""
    copy = {name: values.copy() for name, values in trace.items()}
    value = copy[quantity][step - 1, column]
    for _ in range(ulps):
        value = np.nextafter(value, value.dtype.type(np.inf))
    copy[quantity][step - 1, column] = value
    return copy
