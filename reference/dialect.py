"""What tells one RMSProp from another: the axes on which published ones differ.

An axis is here only if it changes the mathematics. What changes rounding alone (v + (1-γ)(g² - v) or
γv + (1-γ)g², rsqrt or sqrt and divide, fused or not) is not an axis: the bound covers all of it. The published ones
stand in `reference.published`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal, Union


@dataclass(frozen=True)
class Dialect:
    """One value on each axis.

    Attributes:
        epsilon: where ε stands: `inside` the root, √(v + ε), or `outside`, √v + ε; some move it in from outside
            when there is momentum, or when the average is centered.
        initial_accumulator: v before the first step; a number, or `epsilon` itself.
        learning_rate: whether η enters the momentum buffer (`inside`) or scales it (`outside`). The two part
            ways when η changes.
        momentum: whether a momentum buffer is kept always, only by the centered variant, or never.
        weight_decay: `l2` adds λx to the gradient; `decoupled` shrinks x by 1 - ηλ before the update.
        clipping: whether the gradient is clipped before or after l2 weight decay is added to it.
        hyperparameter_rounding: `exact`, or rounded to float32 first: all of them, all but the learning rate, all
            but ε and bounds, or the rates alone, which are learning rate and weight decay. This can be seen in
            float64.
        decay_complement: whether 1-γ is formed exactly and rounded once, or in the working precision from a rounded γ,
            which leaves it with a relative error of up to u γ/(1-γ).
        sparse: what becomes of rows without a gradient, where gradients come in rows: they decay as under a gradient
            of zero (`dense`), or rest (`lazy`).
        duplicates: whether the gradients of a row that is named more than once are `merged` into their sum, or stay
            `apart`, each squared by itself, or come `in turn`, as if each had a step of its own.
        subnormals: whether a format's subnormal numbers are kept, or flushed to zero, or either. It changes what the
            format holds (`Trace.within`) and how far it may be off, and nothing in exact arithmetic.
        source: where this was read.
    """

    epsilon: Literal["inside", "outside", "inside with momentum", "inside when centered"] = "inside"
    initial_accumulator: Union[float, Literal["epsilon"]] = 0.0  # noqa: UP007  (evaluated on 3.9)
    learning_rate: Literal["inside", "outside"] = "inside"
    momentum: Literal["always", "when centered", "never"] = "always"
    weight_decay: Literal["l2", "decoupled"] = "l2"
    clipping: Literal["before decay", "after decay"] = "before decay"
    hyperparameter_rounding: Literal[
        "exact", "float32", "float32 but learning rate", "float32 but epsilon", "float32 rates"
    ] = "exact"
    decay_complement: Literal["exact", "working"] = "exact"
    sparse: Literal["dense", "lazy", "lazy with momentum"] = "dense"
    duplicates: Literal["merged", "apart", "in turn"] = "merged"
    subnormals: Literal["either", "kept", "flushed"] = "either"
    source: str = field(default="", compare=False)

    def axes(self) -> dict[str, Any]:
        """The value on each axis, by the axis's name."""
        return {axis.name: getattr(self, axis.name) for axis in fields(self) if axis.compare}

    def differences(self, other: Dialect) -> dict[str, tuple[Any, Any]]:
        """The axes on which two dialects differ: name -> (value here, value there)."""
        mine, theirs = self.axes(), other.axes()
        return {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}
