"""What tells one RMSProp from another: the axes on which published ones differ, and the published ones by name.

An axis is here only if it changes the mathematics. What changes rounding alone (v + (1-γ)(g² - v) or
γv + (1-γ)g², rsqrt or sqrt and divide, fused or not) is not an axis: the bound covers all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
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
        momentum: whether a momentum buffer is kept always, or only by the centered variant.
        weight_decay: `l2` adds λx to the gradient; `decoupled` shrinks x by 1 - ηλ before the update.
        clipping: whether the gradient is clipped before or after l2 weight decay is added to it.
        hyperparameters: `exact`, or rounded to float32 first, all of them or the rates alone: learning rate and
            weight decay; this can be seen in float64.
        complement: whether 1-γ is formed exactly and rounded once, or in the working precision from a rounded γ,
            which leaves it with a relative error of up to u γ/(1-γ).
        source: where this was read.
    """

    epsilon: Literal["inside", "outside", "inside with momentum", "inside when centered"] = "inside"
    initial_accumulator: Union[float, Literal["epsilon"]] = 0.0  # noqa: UP007  (evaluated on 3.9)
    learning_rate: Literal["inside", "outside"] = "inside"
    momentum: Literal["always", "when centered"] = "always"
    weight_decay: Literal["l2", "decoupled"] = "l2"
    clipping: Literal["before decay", "after decay"] = "before decay"
    hyperparameters: Literal["exact", "float32", "float32 rates"] = "exact"
    complement: Literal["exact", "working"] = "exact"
    source: str = field(default="", compare=False)

    def axes(self) -> dict[str, Any]:
        """The value on each axis, by the axis's name."""
        return {axis.name: getattr(self, axis.name) for axis in fields(self) if axis.compare}

    def differences(self, other: Dialect) -> dict[str, tuple[Any, Any]]:
        """The axes on which two dialects differ: name -> (value here, value there)."""
        mine, theirs = self.axes(), other.axes()
        return {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}


_NAMED = {
    "d2l": Dialect(source="Dive into Deep Learning, equation (11.8.1)"),
    "torch": Dialect(epsilon="outside", learning_rate="outside", source="torch/optim/rmsprop.py"),
    "keras3": Dialect(weight_decay="decoupled", hyperparameters="float32 rates",
                      source="keras/src/optimizers/rmsprop.py"),
    "keras2": Dialect(weight_decay="decoupled", hyperparameters="float32 rates",
                      source="tf_keras/optimizers/rmsprop.py"),
    "keras-legacy": Dialect(epsilon="inside with momentum", hyperparameters="float32", complement="working",
                            source="tf_keras/optimizers/legacy/rmsprop.py"),
    "tf-kernel": Dialect(complement="working", source="tensorflow/core/kernels/training_ops.cc"),
    "tf1": Dialect(initial_accumulator=1.0, hyperparameters="float32", complement="working",
                   source="tensorflow/python/training/rmsprop.py"),
    "mxnet1": Dialect(momentum="when centered", clipping="after decay", hyperparameters="float32",
                      complement="working", source="mxnet 1.9.1 src/operator/optimizer_op-inl.h"),
    "mxnet2": Dialect(epsilon="inside when centered", momentum="when centered", hyperparameters="float32",
                      complement="working", source="mxnet 2.0.0b1 src/operator/optimizer_op-inl.h"),
    "optax": Dialect(source="optax/_src/alias.py, optax/_src/transform.py"),
    "optax-outside": Dialect(epsilon="outside", source="optax/_src/transform.py, eps_in_sqrt=False"),
    "jax": Dialect(source="jax/example_libraries/optimizers.py"),
    "timm-tf": Dialect(initial_accumulator=1.0, source="timm/optim/rmsprop_tf.py"),
    "sb3-tf": Dialect(initial_accumulator=1.0, learning_rate="outside",
                      source="stable_baselines3/common/sb2_compat/rmsprop_tf_like.py"),
    "paddle": Dialect(hyperparameters="float32", complement="working",
                      source="paddle/phi/kernels/impl/rmsprop_kernel_impl.h"),
    "mlx": Dialect(epsilon="outside", source="python/mlx/optimizers/optimizers.py"),
    "nd4j": Dialect(epsilon="outside", initial_accumulator="epsilon",
                    source="nd4j RmsPropUpdater.java, updaterRmsProp.cpp"),
}  # fmt: skip

dialects: Mapping[str, Dialect] = MappingProxyType(_NAMED)
"""The named dialects: read-only, name -> Dialect."""
