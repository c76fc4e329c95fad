"""The hyper-parameters, under the names of the literature.

Adapters translate them into the names of a framework (`alpha`, `rho`, `gamma1`); this module knows none of those.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any


@dataclass(frozen=True)
class Hyperparameters:
    """The hyper-parameters of one run.

    Attributes:
        learning_rate: η; one number, or a sequence with one number for each step.
        decay: γ, the decay of the averages (torch `alpha`, TensorFlow `rho`, MXNet `gamma1`).
        epsilon: ε, which keeps the denominator away from zero; the dialect says where it is added.
        momentum: μ, the decay of the momentum buffer; with 0 there is no buffer.
        centered: divide by the standard deviation of the gradient instead of its root mean square.
        weight_decay: λ; the dialect says how it acts (l2 or decoupled).
        nesterov: look ahead by one step of momentum.
        clip_norm: bound on the Euclidean norm of the gradient of each parameter, or None; g becomes g·c / max(‖g‖, c).
        clip_gradient: bound on each coordinate of the gradient, or None; applied after `clip_norm`.
        clip_weights: bound on each coordinate of the parameters after the update, or None.
        rescale_gradient: factor on the gradient, before everything else.
        maximize: ascend instead of descending.
        bias_correction: divide the averages by 1 - γ^t.

    Raises:
        ValueError: if a value is NaN, or a bound is negative. Values outside the useful range (for example a decay
            above 1) are allowed, because frameworks accept them.
    """

    learning_rate: float | Sequence[float] = 0.01
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
        for name, value in vars(self).items():
            numbers = value if isinstance(value, tuple) else (value,)
            if any(isinstance(number, float) and math.isnan(number) for number in numbers):
                raise ValueError(f"{name} must be a number, not NaN")
            if name.startswith("clip_") and value is not None and value < 0:
                raise ValueError(f"{name} must be None or at least 0, not {value}")

    def rate(self, step: int) -> float:
        """Return η of a step, counted from 0.

        Raises:
            IndexError: if the learning rate is a sequence that ends before the step.
        """
        rate = self.learning_rate
        return float(rate) if isinstance(rate, (int, float)) else rate[step]

    @property
    def scheduled(self) -> bool:
        """Whether the learning rate is a sequence with one number for each step."""
        return isinstance(self.learning_rate, tuple)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object that `from_json` converts back to an equal value."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Hyperparameters:
        """Convert a JSON object made by `to_json`.

        Raises:
            ValueError: if a name is unknown or a value is invalid.
        """
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown hyper-parameters: {', '.join(sorted(unknown))}")
        return cls(**values)
