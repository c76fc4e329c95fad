"""Who is asked: an optimizer as a function of its input, of which no more is known than what it can be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from reference import SparseGradients

Array = NDArray[Any]


class Refused(Exception):
    """The subject won't do what it was asked for; the message is its own."""


class Subject(Protocol):
    """An optimizer.

    Attributes:
        name: for people.
        accepts: the hyper-parameters that it takes, by the field's names (those of `Hyperparameters`).
        defaults: those of them that need not be given -> what is declared for them.
        scheduled: whether its learning rate can change on the way.
        dtypes: the formats that it may be asked in, the usual one first.
        sparse: whether it takes gradients of few rows.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def accepts(self) -> frozenset[str]: ...  # noqa: D102

    @property
    def defaults(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def scheduled(self) -> bool: ...  # noqa: D102

    @property
    def dtypes(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def sparse(self) -> bool: ...  # noqa: D102

    def answer(
        self,
        initial: NDArray[np.float32],
        gradients: NDArray[np.float32] | SparseGradients,
        given: Mapping[str, Any],
        dtype: str,
    ) -> Array:
        """The parameters after every step, shape (steps, n).

        Args:
            initial: before the first, shape (n,).
            gradients: shape (steps, n), or of few rows.
            given: hyper-parameters, all of them accepted ones; what is left out has its default, if it has one. A
                learning rate may be a sequence, one a step, if it can be scheduled.
            dtype: in which it computes.

        Raises:
            Refused: if it won't.
        """
        ...
