"""The training loops of "Dive into Deep Learning" 11.8, as a user of TensorFlow would write them after the section.

What is ours is the order of the rows, which is the task's in place of a random one, so that a run can be judged, and
the loss, which has the factor 1/2 in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, ClassVar

import tensorflow as tf

from reference import Dialect
from suite.adapters.contract import Implementation, Problem, State, Tensor
from suite.adapters.tensorflow.api import share
from suite.adapters.tensorflow.keras import TensorFlowBuiltin


def rmsprop(
    parameters: list[Tensor], gradients: list[Tensor], states: list[Tensor], hyperparameters: dict[str, float]
) -> None:
    """The update of section 11.8.2."""
    rate, gamma, eps = hyperparameters["lr"], hyperparameters["gamma"], hyperparameters["eps"]
    for p, g, s in zip(parameters, gradients, states):
        s.assign(gamma * s + (1 - gamma) * tf.square(g))
        p.assign(p - rate * g / tf.sqrt(s + eps))


def rows(problem: Problem, first: int, dtype: tf.DType) -> Iterator[tuple[Tensor, Tensor]]:
    """Features and labels as `tf.data` brings them, batch by batch, from a step on and without end."""
    order = problem.arrays["batches"]
    tensors = tuple(tf.constant(problem.arrays[name][order.ravel()], dtype) for name in ("features", "labels"))
    batches = tf.data.Dataset.from_tensor_slices(tensors).batch(order.shape[1])
    return iter(batches.repeat().skip(first % len(order)))


def is_regression(problem: Problem) -> bool:
    """Whether it is the section's task: to predict a number from a row of features."""
    return "features" in problem.arrays and problem.arrays["labels"].dtype.kind == "f"


class TensorFlowSection(Implementation):
    """Section 11.8.2: the update from scratch, and the loop around it."""

    native = "the section's loop"
    mode = "section"
    lean = True
    computes = "d2l"
    names: ClassVar[Mapping[str, str]] = {"learning_rate": "lr", "decay": "gamma", "epsilon": "eps"}
    unsupported_sparse = "takes dense gradients only"
    unsupported_rate_scale = "has one learning rate for all parameters"
    max_steps = 1000

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Make the state, zeros for each parameter."""
        self.states = [tf.Variable(tf.zeros_like(p)) for p in self.parameters]
        self.data: Iterator[tuple[Tensor, Tensor]] | None = None

    def set_rate(self, learning_rate: float) -> None:
        """Among the hyper-parameters."""
        self.hyperparameters = self.native_arguments(learning_rate)

    def update(self, gradients: list[Tensor]) -> None:
        """The update."""
        rmsprop(self.parameters, gradients, self.states, self.hyperparameters)

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """See `Implementation`. The loop, where the problem is the section's."""
        if not is_regression(problem):
            return super().train(problem, first, count)
        w, b = self.parameters
        self.data = self.data or rows(problem, first, w.dtype)
        for features, labels in islice(self.data, count):
            with tf.GradientTape() as tape:
                predicted = tf.matmul(features, w) + b
                loss = tf.reduce_mean((predicted - tf.reshape(labels, predicted.shape)) ** 2 / 2)
            gradients: list[Tensor] = tape.gradient(loss, [w, b])
            rmsprop([w, b], gradients, self.states, self.hyperparameters)
        self.steps += count
        return gradients

    def state(self) -> State:
        """The average of squares is all there is."""
        return self.named_state(self.states, (), ())

    def save(self) -> State:
        """Of which this is a copy."""
        return self.state()

    def restore(self, saved: State) -> None:
        """Into the variables that `prepare` made."""
        self.framework.assign(self.states, saved["square_average"])


class TensorFlowSectionConcise(TensorFlowBuiltin):
    """Section 11.8.3: the optimizer of Keras, and a loop with a layer and a loss of Keras."""

    native = "the section's concise loop"
    mode = "section"
    lean = True
    names: ClassVar[Mapping[str, str]] = {"learning_rate": "learning_rate", "decay": "rho", "epsilon": "epsilon"}
    net: Any = None

    def build(self, problem: Problem, first: int) -> None:
        """A layer, of which the variables become ours; the optimizer has those already."""
        w, _ = self.parameters
        layer = tf.keras.layers.Dense(1, dtype=self.framework.dtype(w))
        layer.build((None, w.shape[0]))
        share(layer, self.parameters)
        self.net, self.loss = tf.keras.Sequential([layer]), tf.keras.losses.MeanSquaredError()
        self.data = rows(problem, first, w.dtype)

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """See `Implementation`. The loop, where the problem is the section's."""
        if not is_regression(problem):
            return super().train(problem, first, count)
        if self.net is None:
            self.build(problem, first)
        net, mean_square, parameters = self.net, self.loss, self.parameters
        for features, labels in islice(self.data, count):
            with tf.GradientTape() as tape:
                loss = mean_square(labels, net(features)) / 2
            gradients: list[Tensor] = tape.gradient(loss, parameters)
            self.optimizer.apply_gradients(zip(gradients, parameters))
        self.steps += count
        return gradients
