"""The published dialects by name, each with the file or paper in which it was read.

Where a framework lacks a hyper-parameter (for example weight decay), its entry has the default on that axis, which then
has no effect. Momentum is an exception, because some implementations accept the argument and ignore it. The treatment
of subnormals was observed on x86-64 CPUs: PyTorch and MXNet 1 keep them; TensorFlow, JAX and MXNet 2 flush them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .dialect import Dialect

_NAMED = {
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
}  # fmt: skip

dialects: Mapping[str, Dialect] = MappingProxyType(_NAMED)
"""The named dialects, name -> Dialect; read-only."""
