"""RMSProp in TensorFlow operations, in each mode that TensorFlow has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain, zip_longest
from typing import Any, ClassVar

import tensorflow as tf

from reference.algorithm import Algorithm
from suite.adapters.contract import Implementation, Problem, Tensor, Tensors
from suite.adapters.scratch import Scratch


class TensorFlowScratch(Scratch):
    """RMSProp in TensorFlow operations, eager, in place."""

    native = "TensorFlow operations, in place"
    max_steps: ClassVar[int | None] = 1000
    operations = tf

    def prepare(self) -> None:
        """See `Scratch`. Numbers become tensors, since converting one at each use takes as long as multiplying."""
        super().prepare()
        self.numbers = {name: self.number(value) for name, value in self.numbers.items()}
        self.parts = tuple(self.own_state.values())

    def number(self, value: float) -> Tensor:
        """Return a number in the parameters' format."""
        return tf.constant(value, self.parameters[0].dtype)

    def native_rate(self, learning_rate: float) -> Tensor:
        return self.number(super().native_rate(learning_rate))

    def update(self, gradients: list[Tensor]) -> None:
        self.apply(self.parameters, self.parts, gradients, self.rates, self.steps + 1)

    def apply(self, parameters: Tensors, parts: Sequence[Tensors], gradients: Tensors, rates: Tensors, t: Any) -> None:
        """Update variables by step t, counted from 1; each is read once and written once."""
        n = self.numbers
        for x, v, m, b, g, rate in zip_longest(parameters, *parts, gradients, rates):
            variables = x, v, m, b
            before = [old if old is None else old.value() for old in variables]
            # γ^t is near 1 at first: 1 - γ^t is computed in double precision, and rounded once
            corrected = self.algorithm.bias_corrected
            correction = tf.cast(1 - tf.cast(n["decay"], tf.float64) ** t, x.dtype) if corrected else None
            for variable, new in zip(variables, self.updated(g, rate, correction, *before)):
                if variable is not None:
                    variable.assign(new, read_value=False)

    def shortened(self, g: Tensor, limit: Tensor) -> Tensor:
        norm = tf.sqrt(tf.reduce_sum(tf.square(g)))
        return g * limit / tf.maximum(norm, limit)

    def within(self, z: Tensor, limit: Tensor) -> Tensor:
        return tf.clip_by_value(z, -limit, limit)


class CompiledTraining(Implementation):
    """Trains with one program that contains the loop, the loss, its gradients and the update."""

    jit_compile: ClassVar[bool] = False
    training_program: tuple[Problem, Program] | None = None

    @abstractmethod
    def traced_update(self, gradients: list[Tensor], t: Tensor) -> None:
        """Take step t, counted from 1, while a program is traced."""

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """See `Implementation`. One call for all steps, unless the learning rate changes, which is set from outside."""
        if self.h.scheduled:
            return super().train(problem, first, count)
        if self.training_program is None or self.training_program[0] is not problem:
            self.training_program = problem, self.compiled_loop(problem)
        self.steps += count
        return list(self.training_program[1](tf.constant(first), tf.constant(first + count)))

    def compiled_loop(self, problem: Problem) -> Program:
        """Return a program that trains from one step up to another, and returns the gradients of the last one."""
        batches = [tf.stack(tensors) for tensors in zip(*problem.batches)]

        def body(step: Tensor, *_: Tensor) -> tuple[Tensor, ...]:
            batch = [tensors[step % len(problem.batches)] for tensors in batches]
            gradients = self.framework.gradients(lambda: problem.loss(*self.parameters, *batch), self.parameters)
            self.traced_update(gradients, tf.cast(step + 1, tf.float64))
            return (step + 1, *gradients)

        def loop(first: Tensor, end: Tensor) -> list[Tensor]:
            blank = [tf.zeros(p.shape, p.dtype) for p in self.parameters]
            last: list[Tensor] = tf.while_loop(lambda step, *_: step < end, body, [first, *blank])
            return last[1:]

        number = tf.TensorSpec((), tf.int32)
        traced = tf.function(loop, jit_compile=self.jit_compile, autograph=False)
        return direct_call(traced, number, number, inline=self.inline)

    @property
    def inline(self) -> bool:
        """Whether a call is faster if all its operations run in the calling thread."""
        return not self.jit_compile and self.framework.device == "cpu"


class TensorFlowScratchFunction(CompiledTraining, TensorFlowScratch):
    """RMSProp in TensorFlow operations under `tf.function`."""

    native = "tf.function of TensorFlow operations"
    mode = "function"
    lean = True
    max_steps = None

    def prepare(self) -> None:
        """See `Scratch`. Algorithms of the same form share a program, which takes their numbers as arguments."""
        super().prepare()
        a, names = self.algorithm, tuple(self.numbers)
        self.vector, self.any_step = tf.stack([self.numbers[name] for name in names]), tf.constant(1.0, tf.float64)
        rates = tf.TensorSpec((len(self.parameters),), self.vector.dtype)
        gradients = [tf.TensorSpec(x.shape, x.dtype) for x in self.parameters]
        examples = self.parameters, self.parts, self.vector, rates, self.any_step, gradients
        compiled_in = a.structure().with_numbers({"gradient_scale": int(a.gradient_scale == 1)})
        function = update_function(type(self), compiled_in, names)
        self.program = direct_call(function, *examples, inline=self.inline)

    def set_rate(self, learning_rate: float) -> None:
        """See `Implementation`. Collects the program's arguments that stay the same from step to step."""
        super().set_rate(learning_rate)
        variables = chain(self.parameters, *self.parts)
        self.constant_arguments = [*(variable.handle for variable in variables), self.vector, tf.stack(self.rates)]

    def update(self, gradients: list[Tensor]) -> None:
        t = tf.constant(self.steps + 1, tf.float64) if self.algorithm.bias_corrected else self.any_step
        self.program(*self.constant_arguments, t, *gradients)

    def traced_update(self, gradients: list[Tensor], t: Tensor) -> None:
        self.apply(self.parameters, self.parts, gradients, self.rates, t)


class TensorFlowScratchXla(TensorFlowScratchFunction):
    """RMSProp in TensorFlow operations, compiled by XLA to one pass over memory."""

    native = "tf.function(jit_compile=True) of TensorFlow operations"
    mode = "xla"
    jit_compile: ClassVar[bool] = True


@cache
def update_function(kind: type[TensorFlowScratchFunction], a: Algorithm, names: tuple[str, ...]) -> Any:
    """Return `kind.apply` as a `tf.function`, for an algorithm's form and the names of its numbers."""
    stand_in = object.__new__(kind)  # without parameters, which a program in the cache would keep alive
    stand_in.algorithm = a

    def update(parameters: Any, parts: Any, numbers: Tensor, rates: Tensor, t: Tensor, gradients: Any) -> None:
        stand_in.numbers = dict(zip(names, tf.unstack(numbers)))
        stand_in.apply(parameters, parts, gradients, tf.unstack(rates), t)

    return tf.function(update, jit_compile=kind.jit_compile, autograph=False)


Program = Callable[..., Tensors]
"""A function of tensors, and handles of variables, that returns tensors."""


def direct_call(function: Any, *arguments: Any, inline: bool = False) -> Program:
    """Trace a `tf.function`, and return it as a program that does not inspect its arguments, and returns tensors.

    For a small update, TensorFlow's inspection of each argument takes longer than the update, and so does handing each
    operation to another thread: with `inline` all run in the calling one, on a CPU, which programs of XLA can't. The
    operations are the same. The arguments are tensors, variables, or lists of these; a `tf.TensorSpec` stands for any
    such tensor.
    """
    traced = function.get_concrete_function(*arguments)
    captured, types = traced.captured_inputs, [output.dtype for output in traced.outputs]

    def run(*inputs: Tensor) -> Tensors:
        outputs: Tensors = traced.inference_fn.call_flat(*inputs, *captured)
        return outputs

    def run_inline(*inputs: Tensor) -> Tensors:
        outputs: Tensors = tf.raw_ops.StatefulPartitionedCall(args=[*inputs, *captured], Tout=types, f=traced)
        return outputs

    return run_inline if inline else run
