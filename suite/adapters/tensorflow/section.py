"""The section's own training loops, from scratch and concise, as its readers run them: what others are timed against.

After "Dive into Deep Learning" 11.8.2 and 11.8.3, and the loops of its section 11.5 that they call. Batches come from
`tf.data`, in the task's order in place of a shuffled one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import ClassVar

import tensorflow as tf

from reference import Dialect
from suite.adapters.contract import Implementation, Problem, State, Tensor
from suite.adapters.tensorflow.keras import KERAS_2, TensorFlowBuiltin


class SectionLoop(Implementation):
    """The loop over batches: the loss under a tape, its gradients, a step."""

    mode = "section"
    loaded: tuple[Problem, int] | None = None
    batches: Iterator[tuple[Tensor, Tensor]]

    def descend(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """The section's loop where the task is the section's; elsewhere step by step."""
        if not is_regression(problem):
            return super().descend(problem, first, count)
        if self.loaded is None or self.loaded[0] is not problem or self.loaded[1] != first:
            self.batches = self.load(problem, first)
            self.model(problem)
        gradients: list[Tensor] = []
        for features, labels in islice(self.batches, count):
            with tf.GradientTape() as tape:
                loss = self.loss(features, labels)
            gradients = tape.gradient(loss, self.parameters)
            self.step(gradients)
        self.loaded = problem, first + count
        return gradients

    def load(self, problem: Problem, first: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Features (batch, n) and labels (batch,) of a step and those after it, over and over."""
        order, dtype = problem.arrays["batches"], self.framework.dtype(self.parameters[0])
        rows = tuple(
            self.framework.tensor(problem.arrays[name][order.ravel()], dtype) for name in ("features", "labels")
        )
        dataset = tf.data.Dataset.from_tensor_slices(rows).batch(order.shape[1])
        return iter(dataset.repeat().skip(first % len(order)))

    def model(self, problem: Problem) -> None:
        """Make what `loss` needs."""

    @abstractmethod
    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """Half the mean squared residual."""


def is_regression(problem: Problem) -> bool:
    """Whether a task is the section's: features, and labels that are no classes."""
    return "features" in problem.arrays and problem.arrays["labels"].dtype.kind == "f"


class TensorFlowSection(SectionLoop):
    """From scratch: the state is a variable a parameter, hyper-parameters are in a dictionary."""

    native = "the section's rmsprop and its loop"
    computes = "d2l"
    names: ClassVar[Mapping[str, str]] = {"learning_rate": "lr", "decay": "gamma", "epsilon": "eps"}
    sparse = "takes dense gradients only"
    own_rates = "has one learning rate for all parameters"
    longest = 1000

    def prepare(self, dialect: Dialect) -> None:  # noqa: ARG002
        """Make the state."""
        self.states = [tf.Variable(tf.zeros_like(p)) for p in self.parameters]
        self.hyperparameters = self.native_arguments(self.h.rate(0))

    def set_rate(self, learning_rate: float) -> None:
        """Into the dictionary."""
        self.hyperparameters["lr"] = learning_rate

    def update(self, gradients: list[Tensor]) -> None:
        """The equations as the section writes them."""
        lr, gamma, eps = (self.hyperparameters[name] for name in ("lr", "gamma", "eps"))
        for p, s, g in zip(self.parameters, self.states, gradients):
            s.assign(gamma * s + (1 - gamma) * tf.square(g))
            p.assign(p - lr * g / tf.sqrt(s + eps))

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """A linear model, and half its squared residuals."""
        w, b = self.parameters
        predicted = tf.matmul(features, w) + b
        return tf.reduce_mean((predicted - tf.reshape(labels, predicted.shape)) ** 2 / 2)

    def state(self) -> State:
        """The one average."""
        return self.shown(self.states, [], [])

    def saved(self) -> State:
        """The same."""
        return self.state()

    def restore(self, saved: State) -> None:
        """Into the variables."""
        self.framework.assign(self.states, saved["square_average"])


class TensorFlowSectionConcise(SectionLoop, TensorFlowBuiltin):
    """Concise: a layer, a loss and an optimizer of Keras."""

    native = "the section's loop with tf.keras"
    twin = "builtin"

    def model(self, problem: Problem) -> None:
        """A linear layer, of which the variables are made ours."""
        layer = tf.keras.layers.Dense(1, dtype=self.framework.dtype(self.parameters[0]))
        layer.build((None, problem.arrays["features"].shape[1]))
        if KERAS_2:
            layer.kernel, layer.bias = self.parameters
        else:
            for variable, parameter in zip(layer.trainable_variables, self.parameters):
                variable._value = parameter
        self.net, self.squared_error = tf.keras.Sequential([layer]), tf.keras.losses.MeanSquaredError()

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        """As Keras has it, less the factor of 2."""
        return self.squared_error(labels, self.net(features)) / 2
