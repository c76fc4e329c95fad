"""The RMSProp of `tf.keras`, in each of its modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import tensorflow as tf

from reference import Dialect, Hyperparameters
from suite.adapters.contract import Array, Implementation, State, Tensor
from suite.adapters.tensorflow.api import OFF
from suite.adapters.tensorflow.program import Looped


class TensorFlowBuiltin(Implementation):
    """`tf.keras.optimizers.RMSprop`, eager."""

    native = "tf.keras.optimizers.RMSprop"
    computes = "keras3"
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
    zero_disables = ("clip_norm", "clip_gradient")
    unsupported_rate_scale = "has one learning rate for all parameters"
    max_steps = 1000

    @classmethod
    def unsupported(cls, h: Hyperparameters, dtype: str) -> str | None:
        """As everywhere; and it takes one bound at most."""
        if h.clip_norm is not None and h.clip_gradient is not None:
            return f"{cls.native} takes clipnorm or clipvalue, not both"
        return super().unsupported(h, dtype)

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Build the optimizer and its variables. With a name of its own, or Keras would count up a global one."""
        arguments = self.native_arguments(self.h.rate(0))
        arguments["weight_decay"] = self.h.weight_decay or None  # 0.0 would subtract x·0, NaN where x is infinite
        self.optimizer = tf.keras.optimizers.RMSprop(**arguments, **OFF, name="RMSprop")
        self.optimizer.build(self.parameters)

    def set_rate(self, learning_rate: float) -> None:
        """Into the optimizer's variable."""
        self.optimizer.learning_rate.assign(learning_rate)

    def update(self, gradients: list[Tensor]) -> None:
        """One `optimizer.apply_gradients`."""
        self.optimizer.apply_gradients(zip(gradients, self.parameters))

    def state(self) -> State:
        """From the optimizer's own lists; its public one doesn't say which variable is which."""
        return self.named_state(
            self.optimizer._velocities, self.optimizer._average_gradients, self.optimizer._momentums
        )

    def save(self) -> dict[str, Array]:
        """By `optimizer.save_own_variables`."""
        store: dict[str, Array] = {}
        self.optimizer.save_own_variables(store)
        return store

    def restore(self, saved: dict[str, Array]) -> None:
        """By `optimizer.load_own_variables`."""
        self.optimizer.load_own_variables(saved)


class TensorFlowFunction(Looped, TensorFlowBuiltin):
    """The same under `tf.function`."""

    native = "tf.function of tf.keras.optimizers.RMSprop"
    mode = "function"

    def prepare(self, dialect: Dialect) -> None:
        """Build the optimizer first: a function that is traced once makes no variables."""
        super().prepare(dialect)
        self.compiled = tf.function(super().update, jit_compile=self.jit_compile, autograph=False)

    def update(self, gradients: list[Tensor]) -> None:
        """One compiled `optimizer.apply_gradients`."""
        self.compiled(gradients)

    def advance(self, gradients: list[Tensor], t: Tensor) -> None:  # noqa: ARG002  (Keras counts by itself)
        """The same, inside another program."""
        super().update(gradients)


class TensorFlowXla(TensorFlowFunction):
    """The same, compiled by XLA."""

    native = "tf.function(jit_compile=True) of tf.keras.optimizers.RMSprop"
    mode = "xla"
    unsupported_sparse = "is slow to compile for sparse gradients: with momentum a step takes it ten seconds"
    jit_compile = True
