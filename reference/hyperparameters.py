"""The numbers that a user chooses, under the names that the field uses.

Nothing here knows a framework's spelling (`alpha`, `rho`, `gamma1`): adapters translate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, Union

LearningRate = Union[float, Sequence[float]]


@dataclass(frozen=True)
class Hyperparameters:
    """The hyper-parameters of one run.

    Attributes:
        learning_rate: η; one number, or one a step (then no step may go beyond the last).
        decay: γ, the decay of the averages (torch `alpha`, TensorFlow `rho`, MXNet `gamma1`).
        epsilon: ε, which keeps the denominator away from zero; where it stands is the dialect's.
        momentum: μ, the decay of the momentum buffer; 0 means that there is no buffer.
        centered: divide by the standard deviation of the gradient in place of its root mean square.
        weight_decay: λ; how it acts (l2 or decoupled) is the dialect's.
        nesterov: look ahead by one step of momentum.
        clip_norm: bound on the Euclidean norm of the gradient of each parameter, or None; g becomes g·c / max(‖g‖, c).
        clip_gradient: bound on each coordinate of the gradient, or None; after that on the norm, if there are both.
        clip_weights: bound on each coordinate of the parameters after the update, or None.
        rescale_gradient: factor on the gradient, before everything else.
        maximize: climb in place of descending.
        bias_correction: divide the averages by 1 - γ^t.

    Raises:
        ValueError: if a value is no number, or a bound is negative. Values outside the useful range (a decay
            above 1, say) are allowed: frameworks accept them, and what they compute then is a fair question.
    """

    learning_rate: LearningRate = 0.01
    decay: float = 0.9
    epsilon: float = 1e-6
    momentum: float = 0.0
    centered: bool = False
    weight_decay: float = 0.0
    nesterov: bool = False
    clip_norm: float | None = None
    clip_gradient: float | None = None
    clip_weights: float | None = None
    rescale_gradient: float = 1.0
    maximize: bool = False
    bias_correction: bool = False

    def __post_init__(self) -> None:
        rate = self.learning_rate
        single = isinstance(rate, Real) or getattr(rate, "ndim", 1) == 0
        value = float(rate) if single else tuple(float(number) for number in rate)  # type: ignore[arg-type, union-attr]
        object.__setattr__(self, "learning_rate", value)
        for field in fields(self):
            value = getattr(self, field.name)
            numbers = value if isinstance(value, tuple) else (value,)
            if any(isinstance(number, float) and math.isnan(number) for number in numbers):
                raise ValueError(f"{field.name} must be a number, not NaN")
        for name in ("clip_norm", "clip_gradient", "clip_weights"):
            bound = getattr(self, name)
            if bound is not None and bound < 0:
                raise ValueError(f"{name} must be None or at least 0, not {bound}")

    def rate(self, step: int) -> float:
        """η of a step, counted from 0.

        Raises:
            IndexError: if there is one learning rate a step, and the step lies beyond the last.
        """
        rate = self.learning_rate
        return float(rate) if isinstance(rate, (int, float)) else rate[step]

    @property
    def scheduled(self) -> bool:
        """Whether the learning rate is given step by step."""
        return isinstance(self.learning_rate, tuple)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back to an equal value."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Hyperparameters:
        """The value that `to_json` wrote.

        Raises:
            ValueError: if a name is unknown or a value can't be right.
        """
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown hyper-parameters: {', '.join(sorted(unknown))}")
        return cls(**values)
