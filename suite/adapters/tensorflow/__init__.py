"""TensorFlow. Its RMSProps have ε inside the root and η inside the buffer; γ is `rho`, or `decay` in the oldest one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, ClassVar

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read once, on import
os.environ["KERAS_BACKEND"] = "tensorflow"  # with any other, `tf.keras` is missing

import tensorflow as tf

from suite.adapters.contract import Array, Framework, Implementation, Tensor, Tensors, Unsupported
from suite.adapters.tensorflow import builtin, scratch

# TF32 would round the factors of float32 matrix products to 11 bits, and a GPU's gradients would differ from a CPU's.
tf.config.experimental.enable_tensor_float_32_execution(False)
tf.get_logger().setLevel("ERROR")  # it warns of retracing, since it takes our many `tf.function`s for one


class Adapter(Framework):
    """TensorFlow on one device."""

    name = "tensorflow"
    environment_variables = ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "XLA_FLAGS", "TF_XLA_FLAGS")
    implementations: ClassVar[Mapping[str, type[Implementation]]] = {
        "scratch": scratch.TensorFlowScratch,
        "scratch-function": scratch.TensorFlowScratchFunction,
        "scratch-xla": scratch.TensorFlowScratchXla,
        "builtin": builtin.TensorFlowBuiltin,
        "function": builtin.TensorFlowFunction,
        "xla": builtin.TensorFlowXla,
        "kernel": builtin.TensorFlowKernel,
        "v1": builtin.TensorFlowV1,
        "legacy": builtin.TensorFlowLegacy,
        "section": builtin.TensorFlowSection,
        "section-concise": builtin.TensorFlowSectionConcise,
    }

    def device_scope(self) -> AbstractContextManager[Any]:
        """See `Framework`. Without it TensorFlow prefers a GPU, wherever the inputs are."""
        scope: AbstractContextManager[Any] = tf.device(self.device.replace("cpu", "/CPU:0").replace("cuda", "/GPU"))
        return scope

    def versions(self) -> dict[str, str]:
        keras = builtin.keras
        return {"tensorflow": tf.__version__, keras.__name__: keras.__version__, "numpy": np.__version__}

    def devices(self) -> list[str]:
        """See `Framework`. Lists physical devices, because listing the logical ones would start the runtime."""
        return ["cpu", *(f"cuda:{i}" for i in range(len(tf.config.list_physical_devices("GPU"))))]

    def set_threads(self, threads: int) -> int:
        """See `Framework`. A runtime that has started keeps its threads; 0 means that it chose their number."""
        with suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        return int(tf.config.threading.get_intra_op_parallelism_threads())

    def tensor(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`. Does not use `tf.cast`, which flushes subnormal numbers to 0 in a conversion to float64."""
        return tf.constant(array, dtype)

    def parameter(self, array: Array, dtype: str) -> Tensor:
        return tf.Variable(self.tensor(array, dtype))

    def sparse(self, rows: Array, values: Array, shape: tuple[int, int], dtype: str) -> Tensor:
        return tf.IndexedSlices(self.tensor(values, dtype), self.tensor(rows, "int64"), tf.constant(shape, tf.int64))

    def full_like(self, parameter: Tensor, value: float) -> Tensor:
        return tf.Variable(tf.fill(parameter.shape, tf.constant(value, parameter.dtype)), trainable=False)

    def assign(self, tensors: Tensors, arrays: Sequence[Array]) -> None:
        for tensor, array in zip(tensors, arrays):
            tensor.assign(self.tensor(array, self.dtype(tensor)))

    def strided(self, tensor: Tensor) -> Tensor:  # noqa: ARG002
        raise Unsupported("TensorFlow has no strided tensors")

    def numpy(self, tensor: Tensor) -> Array:
        array: Array = tf.convert_to_tensor(tensor).numpy()
        return array.astype(np.float32) if self.dtype(tensor) == "bfloat16" else array

    def dtype(self, tensor: Tensor) -> str:
        return str(tf.as_dtype(tensor.dtype).name)

    def synchronize(self, tensors: list[Tensor]) -> None:  # noqa: ARG002  (waits for all devices)
        """See `Framework`. On a CPU, a call of TensorFlow returns when its work is done."""
        if self.device != "cpu":
            tf.test.experimental.sync_devices()

    def gradients(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> list[Tensor]:
        with tf.GradientTape() as tape:
            return list(tape.gradient(loss(), parameters))

    def quadratic(self, x: Tensor, rotated: bool) -> Tensor:
        x1, x2 = (x[0] + x[1], x[0] - x[1]) if rotated else (x[0], x[1])
        return 0.1 * tf.square(x1) + 2 * tf.square(x2)

    def squared_loss(self, w: Tensor, b: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        residual = features @ w + b - labels
        return tf.reduce_mean(tf.square(residual) / 2)

    def cross_entropy(self, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        logits = tf.nn.relu(features @ w1 + b1) @ w2 + b2
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))

    def traffic(self, x: Tensor, v: Tensor, g: Tensor) -> Callable[[], None] | None:
        """See `Framework`. XLA fuses the additions."""

        def add(x: Tensor, v: Tensor, g: Tensor) -> None:
            x.assign_add(g)
            v.assign_add(g)

        program = scratch.direct_call(tf.function(add, jit_compile=True, autograph=False), x, v, g)
        inputs = x.handle, v.handle, g

        def move() -> None:
            program(*inputs)

        return move
