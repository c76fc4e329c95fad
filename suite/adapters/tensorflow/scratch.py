"""RMSProp from TensorFlow operations, in each mode that TensorFlow has."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import zip_longest
from typing import Any, ClassVar

import tensorflow as tf

from reference import Dialect
from reference.algorithm import Algorithm
from suite.adapters.contract import Tensor
from suite.adapters.scratch import Scratch
from suite.adapters.tensorflow.program import Looped, direct


class TensorFlowScratch(Scratch):
    """RMSProp from TensorFlow operations, eager, in place."""

    native = "TensorFlow operations, in place"
    max_steps: ClassVar[int | None] = 1000

    def prepare(self, dialect: Dialect) -> None:
        """Make the state, and tensors of the numbers: to convert one at each use takes as long as to multiply by it."""
        super().prepare(dialect)
        self.numbers = {name: self.number(value) for name, value in self.numbers.items()}
        self.memory = self.square_average, self.mean_gradient, self.momentum_buffer

    def number(self, value: float) -> Tensor:
        """A number in the parameters' format."""
        return tf.constant(value, self.parameters[0].dtype)

    def native_rate(self, learning_rate: float) -> Tensor:
        """As the dialect rounds it, and then in the parameters' format."""
        return self.number(super().native_rate(learning_rate))

    def update(self, gradients: list[Tensor]) -> None:
        """One step, for any dialect."""
        self.apply(self.parameters, self.memory, gradients, self.rates, self.steps + 1)

    def apply(
        self,
        parameters: Sequence[Tensor],
        memory: Sequence[Sequence[Tensor]],
        gradients: Sequence[Tensor],
        rates: Sequence[Tensor],
        t: Any,
    ) -> None:
        """Assign to variables what step t, counted from 1, makes of them: read once, written once."""
        for x, v, m, b, g, rate in zip_longest(parameters, *memory, gradients, rates):
            variables = x, v, m, b
            before = [old if old is None else old.value() for old in variables]
            for variable, new in zip(variables, self.updated(g, t, rate, *before)):
                if variable is not None:
                    variable.assign(new, read_value=False)

    def updated(
        self, g: Tensor, t: Any, rate: Tensor, x: Tensor, v: Tensor, m: Tensor, b: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The parameters and the state after step t: new tensors, whatever the mode."""
        a, n = self.algorithm, self.numbers
        g = self.effective_gradient(g, x)
        if a.decoupled:
            x = x * (1 - rate * n["weight_decay"])
        v = v * n["decay"] + tf.square(g) * n["complement"]
        # γ^t is near 1 at first: its complement is formed in double precision, and rounded once
        correction = tf.cast(1 - tf.cast(n["decay"], tf.float64) ** t, x.dtype) if a.bias_corrected else None
        w = v / correction if a.bias_corrected else v
        if a.centered:
            m = m * n["decay"] + g * n["complement"]
            w = w - tf.square(m / correction if a.bias_corrected else m)
        d = tf.sqrt(w + n["epsilon"]) if a.epsilon_inside else tf.sqrt(w) + n["epsilon"]
        u = (g * rate if a.rate_in_buffer else g) / d
        if a.buffered:
            b = b * n["momentum"] + u
            u = u + b * n["momentum"] if a.nesterov else b
        x = x - (u if a.rate_in_buffer else u * rate)
        if a.clip_weights is not None:
            x = tf.clip_by_value(x, -n["clip_weights"], n["clip_weights"])
        return x, v, m, b

    def clipped(self, g: Tensor) -> Tensor:
        """With its norm, and then each coordinate, kept within bounds."""
        a, n = self.algorithm, self.numbers
        if a.clip_norm is not None:
            norm = tf.sqrt(tf.reduce_sum(tf.square(g)))
            g = g * n["clip_norm"] / tf.maximum(norm, n["clip_norm"])
        return g if a.clip_gradient is None else tf.clip_by_value(g, -n["clip_gradient"], n["clip_gradient"])


class TensorFlowScratchFunction(Looped, TensorFlowScratch):
    """The same under `tf.function`."""

    native = "tf.function of TensorFlow operations"
    mode = "function"
    lean = True
    max_steps = None

    def prepare(self, dialect: Dialect) -> None:
        """Find the program, which all of the same structure share: numbers are among its arguments."""
        super().prepare(dialect)
        names = tuple(self.numbers)
        self.vector, self.any_step = tf.stack([self.numbers[name] for name in names]), tf.constant(1.0, tf.float64)
        rates = tf.TensorSpec((len(self.parameters),), self.vector.dtype)
        gradients = [tf.TensorSpec(x.shape, x.dtype) for x in self.parameters]
        given = self.parameters, self.memory, self.vector, rates, self.any_step, gradients
        self.program = direct(step_of(type(self), form(self.algorithm), names), *given, inline=self.inline)

    def set_rate(self, learning_rate: float) -> None:
        """Into a tensor, beside all else that is the same in each step."""
        super().set_rate(learning_rate)
        variables = [*self.parameters, *self.square_average, *self.mean_gradient, *self.momentum_buffer]
        self.given = [*(variable.handle for variable in variables), self.vector, tf.stack(self.rates)]

    def update(self, gradients: list[Tensor]) -> None:
        """One call of the program."""
        t = tf.constant(self.steps + 1, tf.float64) if self.algorithm.bias_corrected else self.any_step
        self.program(*self.given, t, *gradients)

    def advance(self, gradients: list[Tensor], t: Tensor) -> None:
        """The operations, inside another program."""
        self.apply(self.parameters, self.memory, gradients, self.rates, t)


class TensorFlowScratchXla(TensorFlowScratchFunction):
    """The same, compiled by XLA to one pass over memory."""

    native = "tf.function(jit_compile=True) of TensorFlow operations"
    mode = "xla"
    jit_compile: ClassVar[bool] = True


def form(a: Algorithm) -> Algorithm:
    """What a program depends on: the structure, and whether the gradient is scaled at all."""
    return a.structure().with_numbers({"gradient_scale": int(a.gradient_scale == 1)})


@cache
def step_of(kind: type[TensorFlowScratchFunction], a: Algorithm, names: tuple[str, ...]) -> Any:
    """One step in place, as a function of variables, numbers, rates, the step, and gradients.

    Args:
        kind: whose step it is.
        a: the algorithm's form.
        names: of the numbers.
    """
    bare = object.__new__(kind)  # an algorithm without parameters: a program that is kept keeps none alive
    bare.algorithm = a

    def step(parameters: Any, memory: Any, numbers: Tensor, rates: Tensor, t: Tensor, gradients: Any) -> None:
        bare.numbers = dict(zip(names, tf.unstack(numbers)))
        bare.apply(parameters, memory, gradients, tf.unstack(rates), t)

    return tf.function(step, jit_compile=kind.jit_compile, autograph=False)
