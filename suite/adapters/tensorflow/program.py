"""What TensorFlow compiles: a function whose calls cost little, and a closed loop that is one call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import tensorflow as tf

from suite.adapters.contract import Implementation, Problem, Tensor

Program = Callable[..., Sequence[Tensor]]
"""What is called with tensors, one after another, and with the handles of variables; it returns tensors."""


def direct(function: Any, *arguments: Any, inline: bool = False) -> Program:
    """A `tf.function`, traced for such arguments, whose calls take arguments as they are.

    The program is the same. But to look at each argument takes TensorFlow longer than a small update, and so does it
    to hand each operation on to a thread of its own.

    Args:
        function: whatever it returns, it returns as tensors.
        arguments: tensors, variables, or lists of these; where a `tf.TensorSpec` stands, any such tensor.
        inline: whether all operations run in the thread that calls, on a CPU. XLA has its own way to call a program.
    """
    traced = function.get_concrete_function(*arguments)
    captured, types = traced.captured_inputs, [output.dtype for output in traced.outputs]

    def run(*given: Tensor) -> Sequence[Tensor]:
        found: Sequence[Tensor] = traced.inference_fn.call_flat(*given, *captured)
        return found

    def run_inline(*given: Tensor) -> Sequence[Tensor]:
        found: Sequence[Tensor] = tf.raw_ops.StatefulPartitionedCall(args=[*given, *captured], Tout=types, f=traced)
        return found

    return run_inline if inline else run


class Looped(Implementation):
    """What runs a closed loop as one program: forward, gradient and update, as often as the program is told."""

    jit_compile: ClassVar[bool] = False
    loop: Program
    looped: Problem | None = None

    @abstractmethod
    def advance(self, gradients: list[Tensor], t: Tensor) -> None:
        """Step t, counted from 1, inside a program."""

    def train(self, problem: Problem, first: int, count: int) -> list[Tensor]:
        """One call, however many steps. Rates that change are set from outside, step by step."""
        if self.h.scheduled:
            return super().train(problem, first, count)
        if self.looped is not problem:
            self.loop, self.looped = self.compiled_loop(problem), problem
        self.steps += count
        return list(self.loop(tf.constant(first), tf.constant(first + count)))

    def compiled_loop(self, problem: Problem) -> Program:
        """The loop on a problem, from a step up to another: it returns the gradients of the last one."""
        batches = [tf.stack(tensors) for tensors in zip(*problem.batches)]

        def body(step: Tensor, *_: Tensor) -> tuple[Tensor, ...]:
            batch = [tensors[step % len(problem.batches)] for tensors in batches]
            gradients = self.framework.gradients(lambda: problem.loss(*self.parameters, *batch), self.parameters)
            self.advance(gradients, tf.cast(step + 1, tf.float64))
            return (step + 1, *gradients)

        def loop(first: Tensor, end: Tensor) -> list[Tensor]:
            blank = [tf.zeros(p.shape, p.dtype) for p in self.parameters]
            last: list[Tensor] = tf.while_loop(lambda step, *_: step < end, body, [first, *blank])
            return last[1:]

        number = tf.TensorSpec((), tf.int32)
        return direct(
            tf.function(loop, jit_compile=self.jit_compile, autograph=False), number, number, inline=self.inline
        )

    @property
    def inline(self) -> bool:
        """Whether calls gain from staying in their thread."""
        return not self.jit_compile and self.framework.device == "cpu"
