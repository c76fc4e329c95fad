"""The axes on which published RMSProps differ.

An axis is listed only if it changes the mathematics. Orders of operations (v + (1-γ)(g² - v) or γv + (1-γ)g²; a
reciprocal square root or a root and a division; fused or separate products) change rounding alone, and the bound covers
them. The named dialects are in `published`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal, Union


@dataclass(frozen=True)
class Dialect:
    """One RMSProp: a value on each axis.

    Attributes:
        epsilon: position of ε: `inside` the root, √(v + ε), or `outside`, √v + ε. In some implementations it moves
            inside when there is momentum, or when the average is centered.
        initial_accumulator: v before the first step: a number, or `epsilon` itself.
        learning_rate: whether η enters the momentum buffer (`inside`) or multiplies it (`outside`). The two differ
            when η changes.
        momentum: whether a momentum buffer is kept always, only when centered, or never.
        weight_decay: `l2` adds λx to the gradient; `decoupled` multiplies x by 1 - ηλ before the update.
        clipping: whether the gradient is clipped before or after l2 weight decay is added to it.
        hyperparameter_rounding: `exact`, or which hyper-parameters are rounded to float32: all, all but the learning
            rate, all but ε and the clipping bounds, or the rates alone (learning rate and weight decay). The
            difference is visible in float64.
        decay_complement: whether 1-γ is computed exactly and rounded once, or in the working precision from a rounded
            γ, which gives it a relative error of up to u γ/(1-γ).
        sparse: how rows without a gradient are treated when the gradient is row-sparse: they decay as with a gradient
            of zero (`dense`), or stay unchanged (`lazy`).
        duplicates: how several gradients of one row are combined: `merged` into their sum, squared `apart` before the
            squares are summed, or applied `in turn`, as in steps of their own.
        subnormals: whether subnormal numbers are kept, flushed to zero, or either. This axis has no effect in exact
            arithmetic: it changes the values that a format holds (`Trace.within`) and their bound.
        source: the file or paper in which the dialect was read.
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
        """Return the value on each axis, by the name of the axis."""
        return {axis.name: getattr(self, axis.name) for axis in fields(self) if axis.compare}

    def differences(self, other: Dialect) -> dict[str, tuple[Any, Any]]:
        """Return the axes on which two dialects differ: name -> (value here, value in `other`)."""
        mine, theirs = self.axes(), other.axes()
        return {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}
