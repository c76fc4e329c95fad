"""The oracle as a framework, so that it can be timed beside the others: NumPy, with gradients written out by hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import ClassVar, NamedTuple

import numpy as np

from reference import Hyperparameters
from reference.optimizer import BLOCK, RMSProp
from suite.adapters.contract import Array, Framework, Implementation, Tensor, Tensors, Unsupported


class OracleNumpy(Implementation):
    """`reference.optimizer.RMSProp`, which updates in place."""

    native = "reference.optimizer.RMSProp"
    names: ClassVar[Mapping[str, str]] = {field.name: field.name for field in fields(Hyperparameters)}
    unsupported_dtypes: ClassVar[Mapping[str, str]] = {"bfloat16": "NumPy has no bfloat16"}
    unsupported_sparse = "takes dense gradients only"

    def prepare(self) -> None:
        self.optimizer = RMSProp(self.parameters, self.h, self.dialect)

    def update(self, gradients: list[Tensor]) -> None:
        self.optimizer.step(gradients, self.rate_scale)

    def slots(self) -> dict[str, Sequence[Array]]:
        a = self.optimizer.algorithm
        v, m, b = zip(*self.optimizer.states)
        return {
            "square_average": v,
            "mean_gradient": m if a.centered else (),
            "momentum_buffer": b if a.buffered else (),
        }


class Loss(NamedTuple):
    """A loss with its gradients, one for each parameter."""

    value: Array
    gradients: list[Array]


class Adapter(Framework):
    """NumPy, on a CPU."""

    name = "oracle"
    implementations: ClassVar[Mapping[str, type[Implementation]]] = {"numpy": OracleNumpy}

    def versions(self) -> dict[str, str]:
        return {"oracle": np.__version__, "numpy": np.__version__}

    def devices(self) -> list[str]:
        return ["cpu"]

    def set_threads(self, threads: int) -> int:
        """See `Framework`. The update uses one thread; matrix products use those of the environment."""
        return int(os.environ.get("OMP_NUM_THREADS", threads))

    def tensor(self, array: Array, dtype: str) -> Tensor:
        return np.array(array, dtype, order="C")

    parameter = tensor

    def sparse(self, rows: Array, values: Array, shape: tuple[int, int], dtype: str) -> Tensor:  # noqa: ARG002
        raise Unsupported("NumPy has no sparse arrays")

    def full_like(self, parameter: Tensor, value: float) -> Tensor:
        return np.full_like(parameter, value)

    def assign(self, tensors: Tensors, arrays: Sequence[Array]) -> None:
        for tensor, array in zip(tensors, arrays):
            tensor[...] = array

    def strided(self, tensor: Tensor) -> Tensor:  # noqa: ARG002
        raise Unsupported("the oracle changes contiguous parameters only")

    def numpy(self, tensor: Tensor) -> Array:
        return np.array(tensor)

    def dtype(self, tensor: Tensor) -> str:
        return str(tensor.dtype)

    def synchronize(self, tensors: list[Tensor]) -> None:
        """See `Framework`. NumPy's functions return when their work is done."""

    def gradients(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> list[Tensor]:  # noqa: ARG002
        found: Loss = loss()
        return found.gradients

    def quadratic(self, x: Tensor, rotated: bool) -> Tensor:
        c1, c2 = x.dtype.type(0.1), x.dtype.type(2)
        x1, x2 = (x[0] + x[1], x[0] - x[1]) if rotated else (x[0], x[1])
        d1, d2 = 2 * c1 * x1, 2 * c2 * x2
        return Loss(c1 * x1**2 + c2 * x2**2, [np.array([d1 + d2, d1 - d2] if rotated else [d1, d2])])

    def squared_loss(self, w: Tensor, b: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        residual = features @ w + b - labels
        share = residual / residual.dtype.type(len(residual))
        return Loss((residual * share).sum() / 2, [features.T @ share, share.sum(axis=0)])

    def cross_entropy(self, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        hidden = np.maximum(features @ w1 + b1, 0)
        logits = hidden @ w2 + b2
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        p, rows = powers / powers.sum(axis=1, keepdims=True), np.arange(len(labels))
        value = -np.log(p[rows, labels]).mean()
        p[rows, labels] -= 1
        d2 = p / p.dtype.type(len(labels))
        d1 = (d2 @ w2.T) * (hidden > 0)
        return Loss(value, [features.T @ d1, d1.sum(axis=0), hidden.T @ d2, d2.sum(axis=0)])

    def traffic(self, x: Tensor, v: Tensor, g: Tensor) -> Callable[[], None] | None:
        """See `Framework`. Works in blocks, so that the second addition finds g in the cache."""
        length = BLOCK // x.itemsize
        blocks = [(x[i : i + length], v[i : i + length], g[i : i + length]) for i in range(0, x.size, length)]

        def move() -> None:
            for x_, v_, g_ in blocks:
                np.add(x_, g_, out=x_)
                np.add(v_, g_, out=v_)

        return move
