"""The regression for many parameter vectors side by side, and the least loss that there is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.objectives import LinearRegression
from suite.cases.tasks import Task

Array = NDArray[np.float64]


class LeastSquares:
    """A regression in double precision.

    Attributes:
        loss: the least, ½ mean (Xw + b - y)² at the solution of the normal equations.
    """

    def __init__(self, objective: LinearRegression) -> None:
        rows = np.asarray(objective.features, np.float64)
        self.design = np.column_stack([rows, np.ones(len(rows))])
        self.labels = np.asarray(objective.labels, np.float64)
        self.batches = objective.batches
        best = np.linalg.lstsq(self.design, self.labels, rcond=None)[0]
        self.loss = float(self.losses(best[None])[0])

    @classmethod
    def of(cls, task: Task) -> LeastSquares:
        """Of the regression's task.

        Raises:
            TypeError: of another.
        """
        if not isinstance(task.objective, LinearRegression):
            raise TypeError(f"{task.id} is no regression")
        return cls(task.objective)

    def gradient(self, step: int, x: Array) -> Array:
        """That of the batch of a step; x has shape (n, …), and each vector along the first axis is one."""
        chosen = self.batches[step % len(self.batches)]
        design = self.design[chosen]
        labels = self.labels[chosen].reshape(-1, *[1] * (x.ndim - 1))
        return np.asarray(np.tensordot(design.T, np.tensordot(design, x, 1) - labels, 1) / len(chosen))

    def losses(self, x: NDArray[Any]) -> Array:
        """Over all rows, of parameter vectors along the last axis: shape (…, n) gives (…)."""
        return np.asarray(np.mean((x @ self.design.T - self.labels) ** 2, axis=-1) / 2)
