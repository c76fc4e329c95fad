"""The RMSProps that are made of TensorFlow's kernels: the kernels, and the optimizers of old."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import tensorflow as tf

from reference import Dialect, Hyperparameters
from suite.adapters.contract import Array, Implementation, State, Tensor, Unsupported
from suite.adapters.tensorflow.api import LegacyRMSprop


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
        self.slots = {name: [self.framework.full_like(p, 0.0) for p in self.parameters] for name in names}

    def update(self, gradients: list[Tensor]) -> None:
        """One call of a kernel for a parameter."""
        require_kernel(gradients, self.framework.device)
        kind = "CenteredRMSProp" if self.h.centered else "RMSProp"
        for i, (x, g, rate) in enumerate(zip(self.parameters, gradients, self.rates)):
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
        return self.named_state(self.slots["ms"], self.slots.get("mg", []), buffer)

    def save(self) -> dict[str, list[Array]]:
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
    unsupported_rate_scale = "has one learning rate for all parameters"
    max_steps = 1000
    names: ClassVar[Mapping[str, str]] = {ours: ours for ours in TensorFlowKernel.names}

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Build the optimizer. The learning rate is a function: it is called at each step."""
        arguments = {**self.native_arguments(self.h.rate(0)), "learning_rate": lambda: self.rates[0]}
        self.optimizer = tf.compat.v1.train.RMSPropOptimizer(**arguments, use_locking=False, name="RMSProp")

    def update(self, gradients: list[Tensor]) -> None:
        """One `optimizer.apply_gradients`."""
        require_kernel(gradients, self.framework.device)
        self.optimizer.apply_gradients(zip(gradients, self.parameters))

    def state(self) -> State:
        """From the optimizer's slots, made by the first step, less the one for momentum where that is 0."""
        names = ("rms", "mg", "momentum" if self.h.momentum != 0 else "")
        return self.named_state(*(self.slots(name) for name in names))

    def slots(self, name: str) -> list[Tensor]:
        """The slots of a name, one a parameter; none if there are no such."""
        return [self.optimizer.get_slot(p, name) for p in self.parameters if name in self.optimizer.get_slot_names()]

    def save(self) -> dict[str, list[Array]]:
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

    def set_rate(self, learning_rate: float) -> None:
        """Into the optimizer."""
        self.optimizer.learning_rate = learning_rate
