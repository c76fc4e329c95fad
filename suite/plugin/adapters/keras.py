"""An optimizer of Keras 3 on any backend, of Keras 2 (legacy ones and `tf_keras` too), or of TensorFlow 1."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from . import contract
from .contract import Array, Tensor, Unsupported


def _tensorflow() -> Any:
    """TensorFlow, where variables are its own; None where another backend makes them."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf


class Bound(contract.Bound):
    """It has `apply_gradients`; most have a learning rate that can be assigned."""

    distribution = "keras"

    @classmethod
    def parameter(cls, array: Array, dtype: str) -> Tensor:
        """A variable."""
        tf = _tensorflow()
        return tf.Variable(tf.constant(array, dtype)) if tf else keras.Variable(array, dtype=dtype)

    @classmethod
    def gradient(cls, array: Array, dtype: str) -> Tensor:
        """A tensor. Not by `tf.cast`, which takes a subnormal number for 0 on its way to float64."""
        tf = _tensorflow()
        return tf.constant(array, dtype) if tf else keras.ops.convert_to_tensor(array, dtype=dtype)

    def prepare(self) -> None:
        """Make its variables, where that is done beforehand."""
        if hasattr(self.made, "build"):
            self.made.build(self.parameters)

    def numpy(self, tensor: Tensor) -> Array:
        """See `contract.Bound`."""
        tf = _tensorflow()
        array = tf.convert_to_tensor(tensor).numpy() if tf else keras.ops.convert_to_numpy(tensor)
        return np.array(array, np.float32 if self.dtype == "bfloat16" else self.dtype)

    def set_rate(self, learning_rate: float) -> None:
        """Into its variable, if there is one yet."""
        if not hasattr(self.made, "learning_rate"):
            raise Unsupported("it has no `learning_rate` that could change")
        if hasattr(self.made.learning_rate, "assign"):
            self.made.learning_rate.assign(learning_rate)
        else:
            self.made.learning_rate = learning_rate

    def step(self, gradients: list[Tensor]) -> None:
        """One `optimizer.apply_gradients`."""
        self.made.apply_gradients(list(zip(gradients, self.parameters)))
