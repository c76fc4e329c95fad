"""What releases of TensorFlow have in other places, or under other names: the rest of the adapter need not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import tensorflow as tf

keras = import_module(tf.keras.optimizers.RMSprop.__module__.partition(".")[0])  # or tf_keras: what `tf.keras` is

KERAS_2 = keras.__version__.startswith("2.")

OFF: Mapping[str, Any] = {
    "global_clipnorm": None,
    "use_ema": False,
    **({"jit_compile": False} if KERAS_2 else {"loss_scale_factor": None, "gradient_accumulation_steps": None}),
}
"""What an optimizer of Keras would do besides, switched off."""

LegacyRMSprop: Any = (
    tf.keras.optimizers.legacy.RMSprop
    if KERAS_2  # later ones have dropped it, and TensorFlow keeps a copy
    else import_module("tensorflow.python.keras.optimizer_v2.rmsprop").RMSprop
)


def share(layer: Any, parameters: Sequence[Any]) -> None:
    """Make variables those of a layer of Keras that has been built: kernel and bias."""
    if KERAS_2:
        layer.kernel, layer.bias = parameters
    else:
        for variable, parameter in zip(layer.trainable_variables, parameters):
            variable._value = parameter
