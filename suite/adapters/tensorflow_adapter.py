"""TensorFlow. Its RMSProps keep ε inside the root and η inside the buffer; γ is `rho`, or `decay` in the oldest."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from importlib import import_module
from typing import Any, ClassVar

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read once, on import
os.environ["KERAS_BACKEND"] = "tensorflow"  # with any other, `tf.keras` is missing

import tensorflow as tf

from reference import Dialect, Hyperparameters
from suite.adapters.contract import Array, Framework, Implementation, Scratch, State, Tensor, Unsupported

# TF32 would round the factors of float32 matrix products to 11 bits, and part a GPU's gradients from a CPU's.
tf.config.experimental.enable_tensor_float_32_execution(False)
tf.get_logger().setLevel("ERROR")  # each `tf.function` is one of many to it, and it warns of retracing
keras = import_module(tf.keras.optimizers.RMSprop.__module__.partition(".")[0])  # or tf_keras: what `tf.keras` is
LegacyRMSprop = import_module("tensorflow.python.keras.optimizer_v2.rmsprop").RMSprop
KERAS_2 = keras.__version__.startswith("2.")


class TensorFlowScratch(Scratch):
    """RMSProp from TensorFlow operations, eager, in place."""

    native = "TensorFlow operations, in place"
    longest = 1000

    def update(self, gradients: list[Tensor], learning_rate: float) -> None:
        """One step, for any dialect."""
        a, n, rates = self.algorithm, self.numbers, self.rates(learning_rate)
        for i, (x, grad, v, rate) in enumerate(zip(self.parameters, gradients, self.square_average, rates)):
            g = self.effective_gradient(grad, x)
            if a.decoupled:
                x.assign(x * (1 - rate * n["weight_decay"]))
            v.assign(v * n["decay"] + tf.square(g) * n["complement"])
            w, correction = v, 1 - n["decay"] ** (self.steps + 1) if a.bias_corrected else 1.0
            if a.bias_corrected:
                w = w / correction
            if a.centered:
                m = self.mean_gradient[i]
                m.assign(m * n["decay"] + g * n["complement"])
                w = w - tf.square(m / correction if a.bias_corrected else m)
            d = tf.sqrt(w + n["epsilon"]) if a.epsilon_inside else tf.sqrt(w) + n["epsilon"]
            u = (g * rate if a.rate_in_buffer else g) / d
            if a.buffered:
                b = self.momentum_buffer[i]
                b.assign(b * n["momentum"] + u)
                u = u + b * n["momentum"] if a.nesterov else b
            x.assign_sub(u if a.rate_in_buffer else u * rate)
            if a.clip_weights is not None:
                x.assign(tf.clip_by_value(x, -n["clip_weights"], n["clip_weights"]))

    def clipped(self, g: Tensor) -> Tensor:
        """With its norm, and then each coordinate, kept within bounds."""
        a, n = self.algorithm, self.numbers
        if a.clip_norm is not None:
            norm = tf.sqrt(tf.reduce_sum(tf.square(g)))
            g = g * n["clip_norm"] / tf.maximum(norm, n["clip_norm"])
        return g if a.clip_gradient is None else tf.clip_by_value(g, -n["clip_gradient"], n["clip_gradient"])


class TensorFlowBuiltin(Implementation):
    """`tf.keras.optimizers.RMSprop`, eager."""

    native = "tf.keras.optimizers.RMSprop"
    computes = "keras2" if KERAS_2 else "keras3"
    names: ClassVar[Mapping[str, str]] = {
        "learning_rate": "learning_rate",
        "decay": "rho",
        "epsilon": "epsilon",
        "momentum": "momentum",
        "centered": "centered",
        "weight_decay": "weight_decay",
        "clip_norm": "clipnorm",
        "clip_gradient": "clipvalue",
    }
    bounds = ("clip_norm", "clip_gradient")
    own_rates = "has one learning rate for all parameters"
    longest = 1000

    @classmethod
    def unsupported(cls, h: Hyperparameters, dtype: str) -> str | None:
        """As everywhere; and it takes one bound at most."""
        if h.clip_norm is not None and h.clip_gradient is not None:
            return f"{cls.native} takes clipnorm or clipvalue, not both"
        return super().unsupported(h, dtype)

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Build the optimizer and its variables. With a name of its own, or Keras would count up a global one."""
        arguments = self.native_arguments(self.h.rate(0))
        arguments["weight_decay"] = arguments["weight_decay"] or None  # 0.0 would subtract x·0, NaN where x is infinite
        off = {"global_clipnorm": None, "use_ema": False}
        late = {"jit_compile": False} if KERAS_2 else {"loss_scale_factor": None, "gradient_accumulation_steps": None}
        self.optimizer = tf.keras.optimizers.RMSprop(**arguments, **off, **late, name="RMSprop")
        self.optimizer.build(self.parameters)

    def update(self, gradients: list[Tensor], learning_rate: float) -> None:
        """One step; the learning rate is a variable of the optimizer."""
        if self.h.scheduled:
            self.optimizer.learning_rate.assign(learning_rate)
        self.apply(gradients)

    def apply(self, gradients: list[Tensor]) -> None:
        """One `optimizer.apply_gradients`."""
        self.optimizer.apply_gradients(zip(gradients, self.parameters))

    def state(self) -> State:
        """From the optimizer's own lists; its public one doesn't say which variable is which."""
        return self.shown(self.optimizer._velocities, self.optimizer._average_gradients, self.optimizer._momentums)

    def saved(self) -> dict[str, Array]:
        """By `optimizer.save_own_variables`."""
        store: dict[str, Array] = {}
        self.optimizer.save_own_variables(store)
        return store

    def restore(self, saved: dict[str, Array]) -> None:
        """By `optimizer.load_own_variables`."""
        self.optimizer.load_own_variables(saved)


class TensorFlowFunction(TensorFlowBuiltin):
    """The same under `tf.function`."""

    native = "tf.function of tf.keras.optimizers.RMSprop"
    jit_compile: ClassVar[bool] = False

    def prepare(self, dialect: Dialect) -> None:
        """Build the optimizer first: a function that is traced once makes no variables."""
        super().prepare(dialect)
        self.compiled = tf.function(super().apply, jit_compile=self.jit_compile, autograph=False)

    def apply(self, gradients: list[Tensor]) -> None:
        """One compiled `optimizer.apply_gradients`."""
        self.compiled(gradients)


class TensorFlowXla(TensorFlowFunction):
    """The same, compiled by XLA."""

    native = "tf.function(jit_compile=True) of tf.keras.optimizers.RMSprop"
    sparse = "is slow to compile for sparse gradients: with momentum a step takes it ten seconds"
    jit_compile = True


class TensorFlowKernel(Implementation):
    """`tf.raw_ops.ResourceApplyRMSProp`, or `Sparse` or `Centered` or both in its name, on slots of our own."""

    native = "tf.raw_ops.ResourceApplyRMSProp"
    computes = "tf-kernel"
    names: ClassVar[Mapping[str, str]] = {
        "learning_rate": "lr",
        "decay": "rho",
        "epsilon": "epsilon",
        "momentum": "momentum",
        "centered": "centered",
    }

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Make the slots; the kernels want one for momentum even where that is 0."""
        names = ("ms", "mom", "mg") if self.h.centered else ("ms", "mom")
        self.slots = {name: [self.framework.filled_like(p, 0.0) for p in self.parameters] for name in names}

    def update(self, gradients: list[Tensor], learning_rate: float) -> None:
        """One call of a kernel for a parameter."""
        require_kernel(gradients, self.framework.device)
        kind = "CenteredRMSProp" if self.h.centered else "RMSProp"
        for i, (x, g, rate) in enumerate(zip(self.parameters, gradients, self.rates(learning_rate))):
            arguments = self.native_arguments(rate)
            del arguments["centered"]
            numbers = {name: tf.constant(value, g.dtype) for name, value in arguments.items()}
            handles = {name: slots[i].handle for name, slots in self.slots.items()}
            given = {"var": x.handle, **handles, **numbers, "use_locking": False}
            if isinstance(g, tf.IndexedSlices):
                getattr(tf.raw_ops, f"ResourceSparseApply{kind}")(**given, grad=g.values, indices=g.indices)
            else:
                getattr(tf.raw_ops, f"ResourceApply{kind}")(**given, grad=g)

    def state(self) -> State:
        """From the slots, less the one for momentum where that is 0."""
        buffer = self.slots["mom"] if self.h.momentum != 0 else []
        return self.shown(self.slots["ms"], self.slots.get("mg", []), buffer)

    def saved(self) -> dict[str, list[Array]]:
        """The slots."""
        return {name: [self.framework.numpy(slot) for slot in slots] for name, slots in self.slots.items()}

    def restore(self, saved: dict[str, list[Array]]) -> None:
        """Into the slots."""
        for name, arrays in saved.items():
            self.framework.assign(self.slots[name], arrays)


def require_kernel(gradients: list[Tensor], device: str) -> None:
    """Raise Unsupported where gradients are sparse and there is no kernel for them."""
    sparse = [g for g in gradients if isinstance(g, tf.IndexedSlices)]
    if any(g.dtype == tf.bfloat16 for g in sparse):
        raise Unsupported("TensorFlow has no ResourceSparseApplyRMSProp for bfloat16")
    if sparse and device != "cpu":
        raise Unsupported("TensorFlow has ResourceSparseApplyRMSProp on a CPU only")


class TensorFlowV1(Implementation):
    """`tf.compat.v1.train.RMSPropOptimizer`, eager: the same kernels, from an average that starts at 1."""

    native = "tf.compat.v1.train.RMSPropOptimizer"
    computes = "tf1"
    own_rates = "has one learning rate for all parameters"
    longest = 1000
    names: ClassVar[Mapping[str, str]] = {ours: ours for ours in TensorFlowKernel.names}

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Build the optimizer. The learning rate is a function: it is called at each step."""
        self.rate = self.h.rate(0)
        arguments = {**self.native_arguments(self.rate), "learning_rate": lambda: self.rate}
        self.optimizer = tf.compat.v1.train.RMSPropOptimizer(**arguments, use_locking=False, name="RMSProp")

    def update(self, gradients: list[Tensor], learning_rate: float) -> None:
        """One `optimizer.apply_gradients`."""
        require_kernel(gradients, self.framework.device)
        self.rate = learning_rate
        self.optimizer.apply_gradients(zip(gradients, self.parameters))

    def state(self) -> State:
        """From the optimizer's slots, made by the first step, less the one for momentum where that is 0."""
        names = ("rms", "mg", "momentum" if self.h.momentum != 0 else "")
        return self.shown(*(self.slots(name) for name in names))

    def slots(self, name: str) -> list[Tensor]:
        """The slots of a name, one a parameter; none if there are no such."""
        return [self.optimizer.get_slot(p, name) for p in self.parameters if name in self.optimizer.get_slot_names()]

    def saved(self) -> dict[str, list[Array]]:
        """The slots."""
        names = self.optimizer.get_slot_names()
        return {name: [self.framework.numpy(slot) for slot in self.slots(name)] for name in names}

    def restore(self, saved: dict[str, list[Array]]) -> None:
        """Into slots that are made before the first step."""
        self.optimizer._create_slots(self.parameters)
        for name, arrays in saved.items():
            self.framework.assign(self.slots(name), arrays)


class TensorFlowLegacy(TensorFlowV1):
    """`tf.keras.optimizers.legacy.RMSprop`, eager, of which TensorFlow keeps a copy where its Keras has dropped it."""

    native = "tf.keras.optimizers.legacy.RMSprop"
    computes = "keras-legacy"
    names: ClassVar[Mapping[str, str]] = {
        **{ours: "rho" if ours == "decay" else ours for ours in TensorFlowKernel.names},
        "clip_norm": "clipnorm",
        "clip_gradient": "clipvalue",
    }

    @classmethod
    def unsupported(cls, h: Hyperparameters, dtype: str) -> str | None:
        """As everywhere; and without ε it has one."""
        return super().unsupported(h, dtype) or (f"{cls.native} takes epsilon=0 for 1e-7" if h.epsilon == 0 else None)

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Build the optimizer; a bound of None is not taken."""
        arguments = self.native_arguments(self.h.rate(0))
        given = {name: value for name, value in arguments.items() if value is not None}
        self.optimizer = LegacyRMSprop(**given, name="RMSprop")

    def update(self, gradients: list[Tensor], learning_rate: float) -> None:
        """One `optimizer.apply_gradients`."""
        require_kernel(gradients, self.framework.device)
        self.optimizer.learning_rate = learning_rate
        self.optimizer.apply_gradients(zip(gradients, self.parameters))


class Adapter(Framework):
    """TensorFlow on one device."""

    name = "tensorflow"
    implementations: ClassVar[Mapping[str, type[Implementation]]] = {
        "scratch": TensorFlowScratch,
        "builtin": TensorFlowBuiltin,
        "function": TensorFlowFunction,
        "xla": TensorFlowXla,
        "kernel": TensorFlowKernel,
        "v1": TensorFlowV1,
        "legacy": TensorFlowLegacy,
    }

    def placed(self) -> AbstractContextManager[Any]:
        """See `Framework`. Without it TensorFlow prefers a GPU, wherever its inputs are."""
        scope: AbstractContextManager[Any] = tf.device(self.device.replace("cpu", "/CPU:0").replace("cuda", "/GPU"))
        return scope

    @staticmethod
    def versions() -> dict[str, str]:
        """See `Framework`."""
        return {"tensorflow": tf.__version__, keras.__name__: keras.__version__, "numpy": np.__version__}

    @staticmethod
    def devices() -> list[str]:
        """See `Framework`. Asks for physical devices: to list the logical ones would start the runtime."""
        return ["cpu", *(f"cuda:{i}" for i in range(len(tf.config.list_physical_devices("GPU"))))]

    @staticmethod
    def set_threads(threads: int) -> int:
        """See `Framework`. A runtime that has started keeps its threads; 0 says that it chose their number itself."""
        with suppress(RuntimeError):
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        return int(tf.config.threading.get_intra_op_parallelism_threads())

    def tensor(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`. Not by `tf.cast`, which takes a subnormal number for 0 on its way to float64."""
        with self.placed():
            return tf.constant(array, dtype)

    def parameter(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`."""
        with self.placed():
            return tf.Variable(self.tensor(array, dtype))

    def sparse(self, rows: Array, values: Array, shape: tuple[int, int], dtype: str) -> Tensor:
        """See `Framework`."""
        return tf.IndexedSlices(self.tensor(values, dtype), self.tensor(rows, "int64"), tf.constant(shape, tf.int64))

    def filled_like(self, parameter: Tensor, value: float) -> Tensor:
        """See `Framework`."""
        with self.placed():
            return tf.Variable(tf.fill(parameter.shape, tf.constant(value, parameter.dtype)), trainable=False)

    def assign(self, tensors: Sequence[Tensor], arrays: Sequence[Array]) -> None:
        """See `Framework`."""
        for tensor, array in zip(tensors, arrays):
            tensor.assign(self.tensor(array, self.dtype(tensor)))

    def strided(self, tensor: Tensor) -> Tensor:  # noqa: ARG002
        """See `Framework`."""
        raise Unsupported("TensorFlow has no strided tensors")

    def numpy(self, tensor: Tensor) -> Array:
        """See `Framework`."""
        array: Array = tf.convert_to_tensor(tensor).numpy()
        return array.astype(np.float32) if self.dtype(tensor) == "bfloat16" else array

    def dtype(self, tensor: Tensor) -> str:
        """See `Framework`."""
        return str(tf.as_dtype(tensor.dtype).name)

    def synchronize(self, tensors: list[Tensor]) -> None:  # noqa: ARG002  (waits for all devices)
        """See `Framework`. On a CPU, TensorFlow returns when it is done."""
        if self.device != "cpu":
            tf.test.experimental.sync_devices()

    def gradients(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> list[Tensor]:
        """See `Framework`."""
        with self.placed(), tf.GradientTape() as tape:
            return list(tape.gradient(loss(), parameters))

    def quadratic(self, x: Tensor, rotated: bool) -> Tensor:
        """See `Framework`."""
        x1, x2 = (x[0] + x[1], x[0] - x[1]) if rotated else (x[0], x[1])
        return 0.1 * tf.square(x1) + 2 * tf.square(x2)

    def squared_loss(self, w: Tensor, b: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """See `Framework`."""
        residual = features @ w + b - labels
        return tf.reduce_mean(tf.square(residual) / 2)
