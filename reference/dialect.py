"""The axes on which published RMSProps differ, and the published dialects, each with its source.

An axis is listed only if it changes the mathematics. Orders of operations (v + (1-γ)(g² - v) or γv + (1-γ)g²; a
reciprocal square root or a root and a division; fused or separate products) change rounding alone, and the bound covers
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
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


dialects: Mapping[str, Dialect] = MappingProxyType({
    "d2l": Dialect(source="Dive into Deep Learning, equation (11.8.1)"),
    "torch": Dialect(epsilon="outside", learning_rate="outside", subnormals="kept", source="torch/optim/rmsprop.py"),
    "keras3": Dialect(weight_decay="decoupled", hyperparameter_rounding="float32 rates", duplicates="apart",
                      subnormals="flushed", source="keras/src/optimizers/rmsprop.py"),
    "keras2": Dialect(weight_decay="decoupled", hyperparameter_rounding="float32 rates", subnormals="flushed",
                      source="tf_keras/optimizers/rmsprop.py"),
    "keras-legacy": Dialect(epsilon="inside with momentum", hyperparameter_rounding="float32 but epsilon",
                            decay_complement="working", sparse="lazy with momentum", subnormals="flushed",
                            source="tf_keras/optimizers/legacy/rmsprop.py"),
    "tf-kernel": Dialect(decay_complement="working", sparse="lazy", duplicates="in turn", subnormals="flushed",
                         source="tensorflow/core/kernels/training_ops.cc"),
    "tf1": Dialect(initial_accumulator=1.0, hyperparameter_rounding="float32", decay_complement="working",
                   sparse="lazy", subnormals="flushed", source="tensorflow/python/training/rmsprop.py"),
    "mxnet1": Dialect(momentum="when centered", clipping="after decay", hyperparameter_rounding="float32",
                      decay_complement="working", subnormals="kept",
                      source="mxnet 1.9.1 src/operator/optimizer_op-inl.h"),
    "mxnet2": Dialect(epsilon="inside when centered", momentum="when centered", hyperparameter_rounding="float32",
                      decay_complement="working", subnormals="flushed",
                      source="mxnet 2.0.0b1 src/operator/optimizer_op-inl.h"),
    "optax": Dialect(subnormals="flushed", source="optax/_src/alias.py, optax/_src/transform.py"),
    "optax-outside": Dialect(epsilon="outside", subnormals="flushed",
                             source="optax/_src/transform.py, eps_in_sqrt=False"),
    "jax": Dialect(subnormals="flushed", source="jax/example_libraries/optimizers.py"),
    "timm-tf": Dialect(initial_accumulator=1.0, source="timm/optim/rmsprop_tf.py"),
    "sb3-tf": Dialect(initial_accumulator=1.0, learning_rate="outside",
                      source="stable_baselines3/common/sb2_compat/rmsprop_tf_like.py"),
    "paddle": Dialect(hyperparameter_rounding="float32", decay_complement="working",
                      source="paddle/phi/kernels/impl/rmsprop_kernel_impl.h"),
    "mlx": Dialect(epsilon="outside", momentum="never", source="python/mlx/optimizers/optimizers.py"),
    "sonnet": Dialect(hyperparameter_rounding="float32", decay_complement="working", sparse="lazy",
                      subnormals="flushed", source="sonnet/src/optimizers/rmsprop.py"),
    "chainer": Dialect(epsilon="outside", momentum="never", source="chainer/optimizers/rmsprop.py"),
    "chainer-graves": Dialect(source="chainer/optimizers/rmsprop_graves.py, always centered; "
                                     "A. Graves, arXiv:1308.0850, equations (38) to (45)"),
    "caffe": Dialect(epsilon="outside", momentum="never", hyperparameter_rounding="float32", decay_complement="working",
                     source="caffe src/caffe/solvers/rmsprop_solver.cpp, sgd_solver.cpp"),
    "caffe2": Dialect(hyperparameter_rounding="float32", decay_complement="working", source="caffe2/sgd/rmsprop_op.cc"),
    "nd4j": Dialect(epsilon="outside", initial_accumulator="epsilon", momentum="never", decay_complement="working",
                    source="nd4j RmsPropUpdater.java, libnd4j helpers/cpu/updaterRmsProp.cpp"),
    "optimisers-jl": Dialect(epsilon="outside", momentum="never", decay_complement="working",
                             source="Optimisers.jl src/rules.jl"),
    "burn": Dialect(epsilon="outside", learning_rate="outside", hyperparameter_rounding="float32 but learning rate",
                    decay_complement="working", source="crates/burn-optim/src/optim/rmsprop.rs"),
    "dfdx": Dialect(initial_accumulator=1.0, learning_rate="outside", decay_complement="working",
                    source="dfdx-core/src/tensor_ops/rmsprop/cpu_kernel.rs"),
    "lasagne": Dialect(momentum="never", source="lasagne/updates.py"),
    "torch7": Dialect(epsilon="outside", momentum="never", source="torch/optim rmsprop.lua"),
    "bitsandbytes": Dialect(epsilon="outside", momentum="never", hyperparameter_rounding="float32",
                            decay_complement="working",
                            source="bitsandbytes/optim/rmsprop.py, csrc/kernels.cu, with a state of 32 bits"),
    "jittor": Dialect(epsilon="outside", momentum="never", source="python/jittor/optim.py"),
    "oneflow": Dialect(momentum="never", hyperparameter_rounding="float32", decay_complement="working",
                       source="oneflow/user/kernels/model_update_kernel_util.h"),
    "mindspore": Dialect(initial_accumulator=1.0, hyperparameter_rounding="float32", decay_complement="working",
                         source="mindspore/python/mindspore/nn/optim/rmsprop.py"),
})  # fmt: skip
"""The published dialects, name -> Dialect; read-only.

Where a framework lacks a hyper-parameter (for example weight decay), its entry has the default on that axis, which then
has no effect. Momentum is an exception, because some implementations accept the argument and ignore it. The treatment
of subnormals was observed on x86-64 CPUs: PyTorch and MXNet 1 keep them; TensorFlow, JAX and MXNet 2 flush them.
"""
