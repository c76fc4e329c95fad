"""The oracle as a framework: the update of `reference`, in place, and gradients by the rules of calculus."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import ClassVar, NamedTuple

import numpy as np

from reference import Dialect, Hyperparameters
from reference.optimizer import BLOCK, RMSProp
from suite.adapters.contract import Array, Framework, Implementation, State, Tensor, Unsupported


class OracleNumpy(Implementation):
    """`reference.optimizer.RMSProp`."""

    native = "reference.optimizer.RMSProp"
    names: ClassVar[Mapping[str, str]] = {field.name: field.name for field in fields(Hyperparameters)}
    unsupported_dtypes: ClassVar[Mapping[str, str]] = {"bfloat16": "NumPy has no such numbers"}
    unsupported_sparse = "takes dense gradients only"

    def prepare(self, dialect: Dialect) -> None:
        """Make the state."""
        self.optimizer = RMSProp(self.parameters, self.h, dialect)

    def update(self, gradients: list[Tensor]) -> None:
        """One step."""
        self.optimizer.step(gradients, self.rate_scale)

    def state(self) -> State:
        """All that the algorithm has a use for."""
        a = self.optimizer.algorithm
        v, m, b = zip(*self.optimizer.states)
        return self.named_state(v, m if a.centered else (), b if a.buffered else ())

    def save(self) -> list[list[Array]]:
        """The states."""
        return [[np.array(part) for part in state] for state in self.optimizer.states]

    def restore(self, saved: list[list[Array]]) -> None:
        """Into the states; the optimizer goes on to count where the other one stopped."""
        for state, parts in zip(self.optimizer.states, saved):
            self.framework.assign(state, parts)


class Loss(NamedTuple):
    """A loss, and its gradients with respect to the parameters."""

    value: Array
    gradients: list[Array]


class Adapter(Framework):
    """NumPy, on the processor."""

    name = "oracle"
    implementations: ClassVar[Mapping[str, type[Implementation]]] = {"numpy": OracleNumpy}

    @staticmethod
    def versions() -> dict[str, str]:
        """See `Framework`."""
        return {"oracle": np.__version__, "numpy": np.__version__}

    @staticmethod
    def devices() -> list[str]:
        """See `Framework`."""
        return ["cpu"]

    @staticmethod
    def set_threads(threads: int) -> int:
        """See `Framework`. The update has one thread; products of matrices have those of the environment."""
        return int(os.environ.get("OMP_NUM_THREADS", threads))

    def tensor(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`."""
        return np.array(array, dtype, order="C")

    def parameter(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`."""
        return self.tensor(array, dtype)

    def sparse(self, rows: Array, values: Array, shape: tuple[int, int], dtype: str) -> Tensor:  # noqa: ARG002
        """See `Framework`."""
        raise Unsupported("NumPy has no sparse arrays")

    def full_like(self, parameter: Tensor, value: float) -> Tensor:
        """See `Framework`."""
        return np.full_like(parameter, value)

    def assign(self, tensors: Sequence[Tensor], arrays: Sequence[Array]) -> None:
        """See `Framework`."""
        for tensor, array in zip(tensors, arrays):
            tensor[...] = array

    def strided(self, tensor: Tensor) -> Tensor:  # noqa: ARG002
        """See `Framework`."""
        raise Unsupported("the oracle changes contiguous parameters only")

    def numpy(self, tensor: Tensor) -> Array:
        """See `Framework`."""
        return np.array(tensor)

    def dtype(self, tensor: Tensor) -> str:
        """See `Framework`."""
        return str(tensor.dtype)

    def synchronize(self, tensors: list[Tensor]) -> None:
        """See `Framework`. NumPy returns when it is done."""

    def gradients(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> list[Tensor]:  # noqa: ARG002
        """See `Framework`."""
        found: Loss = loss()
        return found.gradients

    def quadratic(self, x: Tensor, rotated: bool) -> Tensor:
        """See `Framework`."""
        c1, c2 = x.dtype.type(0.1), x.dtype.type(2)
        x1, x2 = (x[0] + x[1], x[0] - x[1]) if rotated else (x[0], x[1])
        d1, d2 = 2 * c1 * x1, 2 * c2 * x2
        return Loss(c1 * x1**2 + c2 * x2**2, [np.array([d1 + d2, d1 - d2] if rotated else [d1, d2])])

    def squared_loss(self, w: Tensor, b: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """See `Framework`."""
        residual = features @ w + b - labels
        share = residual / residual.dtype.type(len(residual))
        return Loss((residual * share).sum() / 2, [features.T @ share, share.sum(axis=0)])

    def cross_entropy(self, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """See `Framework`."""
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
        """See `Framework`. Block by block: what the second addition needs of g is in the cache."""
        length = BLOCK // x.itemsize
        blocks = [(x[i : i + length], v[i : i + length], g[i : i + length]) for i in range(0, x.size, length)]

        def move() -> None:
            for x_, v_, g_ in blocks:
                np.add(x_, g_, out=x_)
                np.add(v_, g_, out=v_)

        return move
