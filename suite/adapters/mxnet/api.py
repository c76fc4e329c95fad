"""What releases of MXNet call by other names, or hand over in another shape: the rest of the adapter need not know.

It is asked of the library, not read off its version.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import mxnet as mx

_TAKEN = inspect.signature(mx.optimizer.RMSProp).parameters

DECAY, MOMENTUM = ("rho", "momentum") if "rho" in _TAKEN else ("gamma1", "gamma2")
"""What γ and μ are called, by the optimizer and by the operations below it."""


def kept(updater: Any) -> list[Sequence[Any]]:
    """The state that an updater keeps: a sequence for each part of it, with a tensor for each parameter."""
    of_each = [state for _, state in sorted(updater.states.items())]
    return list(zip(*(state if isinstance(state, (tuple, list)) else (state,) for state in of_each)))
