"""An `mxnet.optimizer.Optimizer`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import mxnet as mx
import numpy as np

from . import contract
from .contract import Array, Tensor, Unsupported, copied


def _shapes(*shapes: tuple[int, ...]) -> AbstractContextManager[Any]:
    """The scope of work on parameters of these shapes: () and (0,) mean that a shape is unknown, unless told."""
    known = all(shape and all(shape) for shape in shapes)
    return nullcontext() if known else mx.util.np_shape(True)


class Bound(contract.Bound):
    """Its state is kept by an updater, as a trainer keeps it."""

    dtypes = ("float16", "float32", "float64")
    distribution = "mxnet"

    @classmethod
    def parameter(cls, array: Array, dtype: str) -> Tensor:
        """An NDArray."""
        if dtype not in cls.dtypes:
            raise Unsupported("MXNet truncates to bfloat16 in place of rounding")
        with _shapes(array.shape):
            return mx.nd.from_numpy(copied(array, dtype))

    def prepare(self) -> None:
        """Make the updater."""
        self.updater = mx.optimizer.get_updater(self.made)

    def numpy(self, tensor: Tensor) -> Array:
        """See `contract.Bound`."""
        return np.array(tensor.asnumpy())

    def set_rate(self, learning_rate: float) -> None:
        """By `set_learning_rate`."""
        self.made.set_learning_rate(learning_rate)

    def step(self, gradients: list[Tensor]) -> None:
        """One call of the updater for each parameter."""
        with _shapes(*(tensor.shape for tensor in gradients)):
            for index, (gradient, parameter) in enumerate(zip(gradients, self.parameters)):
                self.updater(index, gradient, parameter)
