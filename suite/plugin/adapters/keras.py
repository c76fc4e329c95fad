"""Optimizers of Keras 3 on any backend, of Keras 2 (legacy optimizers and `tf_keras` included), and of TensorFlow 1."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from . import Array, OptimizerAdapter, Tensor, Unsupported


def _tensorflow() -> Any:
    """Return TensorFlow if it is the backend, else None."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf


class Adapter(OptimizerAdapter):
    """An object with `apply_gradients`; most have a learning rate that can be assigned."""

    distribution = "keras"

    @classmethod
    def parameter(cls, array: Array, dtype: str) -> Tensor:
        tf = _tensorflow()
        return tf.Variable(tf.constant(array, dtype)) if tf else keras.Variable(array, dtype=dtype)

    @classmethod
    def gradient(cls, array: Array, dtype: str) -> Tensor:
        """Make a tensor, without `tf.cast`, which flushes subnormal numbers when it converts to float64."""
        tf = _tensorflow()
        return tf.constant(array, dtype) if tf else keras.ops.convert_to_tensor(array, dtype=dtype)

    def prepare(self) -> None:
        """Create the state variables, if the optimizer has `build`."""
        if hasattr(self.made, "build"):
            self.made.build(self.parameters)

    def numpy(self, tensor: Tensor) -> Array:
        tf = _tensorflow()
        array = tf.convert_to_tensor(tensor).numpy() if tf else keras.ops.convert_to_numpy(tensor)
        return np.array(array, np.float32 if self.dtype == "bfloat16" else self.dtype)

    def set_rate(self, learning_rate: float) -> None:
        """Assign the variable, or the attribute if there is no variable yet."""
        if not hasattr(self.made, "learning_rate"):
            raise Unsupported("it has no attribute `learning_rate`")
        if hasattr(self.made.learning_rate, "assign"):
            self.made.learning_rate.assign(learning_rate)
        else:
            self.made.learning_rate = learning_rate

    def step(self, gradients: list[Tensor]) -> None:
        self.made.apply_gradients(list(zip(gradients, self.parameters)))
