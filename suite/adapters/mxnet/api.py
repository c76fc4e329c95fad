"""What releases of MXNet call by other names, or hand over in another shape: the rest of the adapter need not know.

It is asked of the library, not read off its version.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import mxnet as mx

_TAKEN = inspect.signature(mx.optimizer.RMSProp).parameters

RENAMED = "rho" in _TAKEN

DECAY, MOMENTUM = ("rho", "momentum") if RENAMED else ("gamma1", "gamma2")
"""What γ and μ are called, by the optimizer and by the operations below it."""

_V, _M, _B = "square_average", "mean_gradient", "momentum_buffer"
CENTERED = (_M, _V, _B) if RENAMED else (_V, _M, _B)
"""The state of the centered variant, in order. The operation calls it n, g and delta in each; but where the others have
new names it is g that comes first.
"""

UNFUSED = "use_fused_step" in _TAKEN
"""Whether there is a step made of several operations beside the one that is one operation."""

symbol_from_json = mx.sym.fromjson if hasattr(mx.sym, "fromjson") else mx.sym.load_json


def kept(updater: Any) -> list[Sequence[Any]]:
    """The state that an updater keeps: a sequence for each part of it, with a tensor for each parameter."""
    of_each = [state for _, state in sorted(updater.states.items())]
    return list(zip(*(state if isinstance(state, (tuple, list)) else (state,) for state in of_each)))
