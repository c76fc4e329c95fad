"""The loops of the section as a user of TensorFlow would write them; see `suite.adapters.section`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import tensorflow as tf

from suite.adapters.contract import Problem, Tensor
from suite.adapters.section import Batches, Section, SectionLoop
from suite.adapters.tensorflow.builtin import KERAS_2, TensorFlowBuiltin


def rmsprop(
    parameters: list[Tensor], gradients: list[Tensor], states: list[Tensor], hyperparameters: dict[str, float]
) -> None:
    """The update of section 11.8.2."""
    rate, gamma, eps = hyperparameters["lr"], hyperparameters["gamma"], hyperparameters["eps"]
    for p, g, s in zip(parameters, gradients, states):
        s.assign(gamma * s + (1 - gamma) * tf.square(g))
        p.assign(p - rate * g / tf.sqrt(s + eps))


def load(problem: Problem, first: int, dtype: tf.DType) -> Batches:
    """Return the batches that `tf.data` makes, from a step on and without end."""
    order = problem.arrays["batches"]
    tensors = tuple(tf.constant(problem.arrays[name][order.ravel()], dtype) for name in ("features", "labels"))
    batches = tf.data.Dataset.from_tensor_slices(tensors).batch(order.shape[1])
    return iter(batches.repeat().skip(first % len(order)))


class TensorFlowSection(Section):
    """Section 11.8.2 in TensorFlow."""

    max_steps = 1000

    def update(self, gradients: list[Tensor]) -> None:
        rmsprop(self.parameters, gradients, self.square_average, self.hyperparameters)

    def load(self, problem: Problem, first: int) -> Batches:
        return load(problem, first, self.parameters[0].dtype)

    def loop(self, batches: Batches) -> list[Tensor]:
        (w, b), states, hyperparameters = self.parameters, self.square_average, self.hyperparameters
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
    net: Any

    def load(self, problem: Problem, first: int) -> Batches:
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
        return load(problem, first, w.dtype)

    def loop(self, batches: Batches) -> list[Tensor]:
        net, mean_square, parameters = self.net, self.loss, self.parameters
        gradients: list[Tensor] = []
        for features, labels in batches:
            with tf.GradientTape() as tape:
                loss = mean_square(labels, net(features)) / 2
            gradients = tape.gradient(loss, parameters)
            self.optimizer.apply_gradients(zip(gradients, parameters))
        return gradients
