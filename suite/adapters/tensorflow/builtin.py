"""TensorFlow's own RMSProps: that of `tf.keras` in each of its modes, the kernels, and the older optimizers.

At the end, the loops of the book's section; see `suite.adapters.scratch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import tensorflow as tf

from reference import Hyperparameters
from suite.adapters.contract import Array, Implementation, Problem, Tensor, Tensors, Unsupported
from suite.adapters.scratch import Batches, Section, SectionLoop
from suite.adapters.tensorflow.scratch import CompiledTraining

# What releases have in other places or under other names. It is looked up, not derived from TensorFlow's version.
keras = import_module(tf.keras.optimizers.RMSprop.__module__.partition(".")[0])  # `keras` or `tf_keras`

KERAS_2 = keras.__version__.startswith("2.")

SWITCHED_OFF: Mapping[str, Any] = {
    "global_clipnorm": None,
    "use_ema": False,
    **({"jit_compile": False} if KERAS_2 else {"loss_scale_factor": None, "gradient_accumulation_steps": None}),
}
"""Arguments that switch off what a Keras optimizer can do besides the update."""

LegacyRMSprop: Any = (
    tf.keras.optimizers.legacy.RMSprop
    if KERAS_2  # Keras 3 has dropped it, and TensorFlow keeps a copy
    else import_module("tensorflow.python.keras.optimizer_v2.rmsprop").RMSprop
)


class TensorFlowBuiltin(Implementation):
    """`tf.keras.optimizers.RMSprop`, eager."""

    native = "tf.keras.optimizers.RMSprop"
    computes = "keras3"
    names: ClassVar[Mapping[str, str]] = dict(
        learning_rate="learning_rate", decay="rho", epsilon="epsilon", momentum="momentum", centered="centered",
        weight_decay="weight_decay", clip_norm="clipnorm", clip_gradient="clipvalue",
    )  # fmt: skip
    zero_disables = ("clip_norm", "clip_gradient")
    max_steps = 1000
    unsupported_rate_scale = "has one learning rate for all parameters"

    @classmethod
    def unsupported(cls, h: Hyperparameters, dtype: str) -> str | None:
        if h.clip_norm is not None and h.clip_gradient is not None:
            return f"{cls.native} takes clipnorm or clipvalue, not both"
        return super().unsupported(h, dtype)

    def prepare(self) -> None:
        """See `Implementation`. Gives the optimizer a name, since Keras would number the names that it makes."""
        arguments = self.native_arguments(self.h.rate(0))
        arguments["weight_decay"] = self.h.weight_decay or None  # 0.0 would subtract x·0, NaN where x is infinite
        self.optimizer = tf.keras.optimizers.RMSprop(**arguments, **SWITCHED_OFF, name="RMSprop")
        self.optimizer.build(self.parameters)

    def set_rate(self, learning_rate: float) -> None:
        self.optimizer.learning_rate.assign(learning_rate)

    def update(self, gradients: list[Tensor]) -> None:
        self.optimizer.apply_gradients(zip(gradients, self.parameters))

    def slots(self) -> dict[str, list[Tensor]]:
        """See `Implementation`. Reads private lists, because `variables` does not say which variable is which."""
        own = self.optimizer
        v, m, b = own._velocities, own._average_gradients, own._momentums
        return {"square_average": v, "mean_gradient": m, "momentum_buffer": b}

    def save(self) -> dict[str, Array]:
        store: dict[str, Array] = {}
        self.optimizer.save_own_variables(store)
        return store

    def restore(self, saved: dict[str, Array]) -> None:
        self.optimizer.load_own_variables(saved)


class TensorFlowFunction(CompiledTraining, TensorFlowBuiltin):
    """`tf.keras.optimizers.RMSprop` under `tf.function`."""

    native = "tf.function of tf.keras.optimizers.RMSprop"
    mode = "function"

    def prepare(self) -> None:
        """See `Implementation`. Builds the optimizer before the function, in which variables can't be made."""
        super().prepare()
        self.compiled = tf.function(super().update, jit_compile=self.jit_compile, autograph=False)

    def update(self, gradients: list[Tensor]) -> None:
        self.compiled(gradients)

    def traced_update(self, gradients: list[Tensor], t: Tensor) -> None:  # noqa: ARG002  (Keras counts steps itself)
        super().update(gradients)


class TensorFlowXla(TensorFlowFunction):
    """`tf.keras.optimizers.RMSprop`, compiled by XLA."""

    native = "tf.function(jit_compile=True) of tf.keras.optimizers.RMSprop"
    mode = "xla"
    unsupported_sparse = "is slow to compile for sparse gradients: with momentum a step takes it ten seconds"
    jit_compile = True


class TensorFlowKernel(Implementation):
    """`tf.raw_ops.ResourceApplyRMSProp`, or the kernel with `Sparse`, `Centered` or both in its name."""

    native = "tf.raw_ops.ResourceApplyRMSProp"
    computes = "tf-kernel"
    names: ClassVar[Mapping[str, str]] = dict(
        learning_rate="lr", decay="rho", epsilon="epsilon", momentum="momentum", centered="centered"
    )
    slot_names: ClassVar[Mapping[str, str]] = dict(square_average="ms", momentum_buffer="mom", mean_gradient="mg")

    def prepare(self) -> None:
        """See `Implementation`. Makes the state; the kernels require a momentum buffer even where momentum is 0."""
        parts = list(self.slot_names)[: 3 if self.h.centered else 2]
        self.own_state = {part: [self.framework.full_like(p, 0.0) for p in self.parameters] for part in parts}

    def update(self, gradients: list[Tensor]) -> None:
        require_kernel(gradients, self.framework.device)
        kind = "CenteredRMSProp" if self.h.centered else "RMSProp"
        for i, (x, g, rate) in enumerate(zip(self.parameters, gradients, self.rates)):
            arguments = self.native_arguments(rate)
            del arguments["centered"]
            numbers = {name: tf.constant(value, g.dtype) for name, value in arguments.items()}
            handles = {self.slot_names[part]: tensors[i].handle for part, tensors in self.own_state.items()}
            inputs = {"var": x.handle, **handles, **numbers, "use_locking": False}
            if isinstance(g, tf.IndexedSlices):
                getattr(tf.raw_ops, f"ResourceSparseApply{kind}")(**inputs, grad=g.values, indices=g.indices)
            else:
                getattr(tf.raw_ops, f"ResourceApply{kind}")(**inputs, grad=g)


def require_kernel(gradients: list[Tensor], device: str) -> None:
    """Raise Unsupported if gradients are sparse and there is no kernel for them."""
    sparse = [g for g in gradients if isinstance(g, tf.IndexedSlices)]
    if any(g.dtype == tf.bfloat16 for g in sparse):
        raise Unsupported("TensorFlow has no ResourceSparseApplyRMSProp for bfloat16")
    if sparse and device != "cpu":
        raise Unsupported("TensorFlow has ResourceSparseApplyRMSProp on a CPU only")


class TensorFlowV1(Implementation):
    """`tf.compat.v1.train.RMSPropOptimizer`, eager: the same kernels, with an average that starts at 1."""

    native = "tf.compat.v1.train.RMSPropOptimizer"
    computes = "tf1"
    names: ClassVar[Mapping[str, str]] = {ours: ours for ours in TensorFlowKernel.names}
    max_steps = 1000
    unsupported_rate_scale = "has one learning rate for all parameters"

    def prepare(self) -> None:
        """See `Implementation`. The learning rate is a function, which the optimizer calls at each step."""
        arguments = {**self.native_arguments(self.h.rate(0)), "learning_rate": lambda: self.rates[0]}
        self.optimizer = tf.compat.v1.train.RMSPropOptimizer(**arguments, use_locking=False, name="RMSProp")

    def update(self, gradients: list[Tensor]) -> None:
        require_kernel(gradients, self.framework.device)
        self.optimizer.apply_gradients(zip(gradients, self.parameters))

    def slots(self) -> dict[str, list[Tensor]]:
        """See `Implementation`. The optimizer has a momentum buffer even where momentum is 0."""
        own, theirs = self.optimizer, {"square_average": "rms", "mean_gradient": "mg", "momentum_buffer": "momentum"}
        made = own.get_slot_names()
        return {part: [own.get_slot(p, name) for p in self.parameters] for part, name in theirs.items() if name in made}

    def restore(self, saved: dict[str, list[Array]]) -> None:
        """See `Implementation`. The first step would make the slots; here they are needed before."""
        self.optimizer._create_slots(self.parameters)
        super().restore(saved)


class TensorFlowLegacy(TensorFlowV1):
    """`tf.keras.optimizers.legacy.RMSprop`, eager; TensorFlow's copy of it where Keras has dropped it."""

    native = "tf.keras.optimizers.legacy.RMSprop"
    computes = "keras-legacy"
    names: ClassVar[Mapping[str, str]] = dict(
        TensorFlowV1.names, decay="rho", clip_norm="clipnorm", clip_gradient="clipvalue"
    )

    @classmethod
    def unsupported(cls, h: Hyperparameters, dtype: str) -> str | None:
        return super().unsupported(h, dtype) or (f"{cls.native} takes epsilon=0 for 1e-7" if h.epsilon == 0 else None)

    def prepare(self) -> None:
        """See `Implementation`. A limit of None can't be passed, so it is left out."""
        arguments = self.native_arguments(self.h.rate(0))
        passed = {name: value for name, value in arguments.items() if value is not None}
        self.optimizer = LegacyRMSprop(**passed, name="RMSprop")

    def set_rate(self, learning_rate: float) -> None:
        self.optimizer.learning_rate = learning_rate


def rmsprop(parameters: Tensors, gradients: Tensors, states: Tensors, hyperparameters: dict[str, float]) -> None:
    """The update of section 11.8.2."""
    rate, gamma, eps = hyperparameters["lr"], hyperparameters["gamma"], hyperparameters["eps"]
    for p, g, s in zip(parameters, gradients, states):
        s.assign(gamma * s + (1 - gamma) * tf.square(g))
        p.assign(p - rate * g / tf.sqrt(s + eps))


def load(loop: SectionLoop, problem: Problem, first: int) -> Batches:
    """Return the batches that `tf.data` makes, from a step on and without end."""
    order, dtype = problem.arrays["batches"], loop.parameters[0].dtype
    tensors = tuple(tf.constant(problem.arrays[name][order.ravel()], dtype) for name in ("features", "labels"))
    batches = tf.data.Dataset.from_tensor_slices(tensors).batch(order.shape[1])
    return iter(batches.repeat().skip(first % len(order)))


class TensorFlowSection(Section):
    """Section 11.8.2 in TensorFlow."""

    max_steps = 1000
    load = load

    def update(self, gradients: list[Tensor]) -> None:
        rmsprop(self.parameters, gradients, self.own_state["square_average"], self.hyperparameters)

    def loop(self, batches: Batches) -> list[Tensor]:
        (w, b), states, hyperparameters = self.parameters, self.own_state["square_average"], self.hyperparameters
        gradients: list[Tensor] = []
        for features, labels in batches:
            with tf.GradientTape() as tape:
                predicted = tf.matmul(features, w) + b
                loss = tf.reduce_mean((predicted - tf.reshape(labels, predicted.shape)) ** 2 / 2)
            gradients = tape.gradient(loss, [w, b])
            rmsprop([w, b], gradients, states, hyperparameters)
        return gradients


class TensorFlowSectionConcise(SectionLoop, TensorFlowBuiltin):
    """Section 11.8.3: the optimizer, a layer and a loss of Keras."""

    native = "the section's concise loop"
    names: ClassVar[Mapping[str, str]] = {"learning_rate": "learning_rate", "decay": "rho", "epsilon": "epsilon"}
    load = load

    def connect(self) -> None:
        """See `SectionLoop`. The layer gets the parameters as its variables; the optimizer has these already."""
        w, b = self.parameters
        layer = tf.keras.layers.Dense(1, dtype=self.framework.dtype(w))
        layer.build((None, w.shape[0]))
        if KERAS_2:
            layer.kernel, layer.bias = w, b
        else:
            for variable, parameter in zip(layer.trainable_variables, (w, b)):
                variable._value = parameter
        self.net, self.loss = tf.keras.Sequential([layer]), tf.keras.losses.MeanSquaredError()

    def loop(self, batches: Batches) -> list[Tensor]:
        net, mean_square, parameters = self.net, self.loss, self.parameters
        gradients: list[Tensor] = []
        for features, labels in batches:
            with tf.GradientTape() as tape:
                loss = mean_square(labels, net(features)) / 2
            gradients = tape.gradient(loss, parameters)
            self.optimizer.apply_gradients(zip(gradients, parameters))
        return gradients
