"""Optimizers of MXNet, `mxnet.optimizer.Optimizer`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import mxnet as mx
import numpy as np

from . import Array, OptimizerAdapter, Tensor, Unsupported, copied


def _shapes(*shapes: tuple[int, ...]) -> AbstractContextManager[Any]:
    """Return the scope for parameters of these shapes: outside NumPy shape semantics, () and (0,) mean unknown."""
    known = all(shape and all(shape) for shape in shapes)
    return nullcontext() if known else mx.util.np_shape(True)


class Adapter(OptimizerAdapter):
    """An optimizer whose state is kept by an updater, as in a trainer."""

    dtypes = ("float16", "float32", "float64")
    distribution = "mxnet"

    @classmethod
    def parameter(cls, array: Array, dtype: str) -> Tensor:
        if dtype not in cls.dtypes:
            raise Unsupported("MXNet truncates to bfloat16 instead of rounding")
        with _shapes(array.shape):
            return mx.nd.from_numpy(copied(array, dtype))

    def prepare(self) -> None:
        self.updater = mx.optimizer.get_updater(self.made)

    def numpy(self, tensor: Tensor) -> Array:
        return np.array(tensor.asnumpy())

    def set_rate(self, learning_rate: float) -> None:
        self.made.set_learning_rate(learning_rate)

    def step(self, gradients: list[Tensor]) -> None:
        with _shapes(*(tensor.shape for tensor in gradients)):
            for index, (gradient, parameter) in enumerate(zip(gradients, self.parameters)):
                self.updater(index, gradient, parameter)
