"""Soundness: what is right, evaluated in any order of operations, must never be said to differ.

It is a test of the derivation in docs/method.md by what it forbids. Beside the false alarms, of which there must be
none, stands how much of its bound an error uses: a bound that is sound because it is wide says little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reference import dialects
from suite.compare.comparison import TraceComparison
from suite.compare.oracle import Oracle, path_length
from suite.diagnosis.mistakes.arithmetic import Array, FormatName, Order, all_orders
from suite.diagnosis.mistakes.evaluation import EvaluationInput, evaluate
from suite.validation.fuzz_inputs import EVALUATIONS, LENGTHS, Draw, drawn

COUNT = 100_000  # evaluations in float32, unless told otherwise
SHARE: Mapping[FormatName, float] = {"float32": 1.0, "float16": 0.1, "bfloat16": 0.1, "float64": 0.1}
"""How many there are in each format, as a share of that."""

QUANTILES = (0.5, 0.9, 0.99, 1.0)


@dataclass
class Spread:
    """Of the evaluations of one format and length: the largest error of each, in bounds, where a step is visible.

    A step is visible where the bound is at most a tenth of the path so far, and no interval ends it. Else error and
    bound may both be the step, which rounding swallows, or both the rounding of the interval's end: a ratio of one that
    says nothing.
    """

    evaluations: int = 0
    ratios: list[Array] = field(default_factory=list)

    def add(self, ratios: Array) -> None:
        """Of some evaluations; NaN for those that show no step."""
        self.evaluations += len(ratios)
        self.ratios.append(ratios[~np.isnan(ratios)].astype(np.float64))

    def to_json(self) -> dict[str, Any]:
        """How many evaluations, in how many a step is visible, and the quantiles of their ratios."""
        seen = np.concatenate([*self.ratios, np.empty(0)])
        quantiles = {f"{q:g}": float(np.quantile(seen, q)) if seen.size else None for q in QUANTILES}
        return {"evaluations": self.evaluations, "visible": int(seen.size), "quantiles": quantiles}


@dataclass
class Soundness:
    """What came of it."""

    seed: int
    spreads: dict[FormatName, dict[int, Spread]] = field(default_factory=dict)
    alarms: list[dict[str, Any]] = field(default_factory=list)

    def count(self, fmt: FormatName) -> int:
        """Evaluations in a format."""
        return sum(spread.evaluations for spread in self.spreads[fmt].values())

    def run(self, plan: Mapping[FormatName, int], stage: Callable[[str], None]) -> None:
        """Put draws to the judge, so many of each format; `stage` hears of each."""
        for fmt, number in plan.items():
            self.spreads[fmt] = {steps: Spread() for steps in LENGTHS}
            for i in range(number):
                self.ask(drawn(self.seed, fmt, i))
                stage(fmt)

    def ask(self, draw: Draw) -> None:
        """Put one draw to the judge."""
        oracle = Oracle(draw.initial, draw.gradients, draw.hyperparameters, draw.format, [draw.dialect])
        prediction = oracle.predict(draw.dialect)
        visible = prediction.bounds.parameters <= path_length(prediction.trace.parameters, oracle.initial) / 10
        if draw.hyperparameters.clip_weights is not None:
            visible[:] = False
        spread = self.spreads[draw.format][len(draw.gradients)]
        given = EvaluationInput(draw.initial, draw.gradients)
        for order in draw.orders:
            trace = evaluate(dialects[draw.dialect], draw.hyperparameters, given, order, draw.format)
            comparison = TraceComparison(trace, oracle, draw.dialect)
            ratios = np.where(visible, comparison.ratios["parameters"], -1).max(axis=0)
            spread.add(np.where(ratios < 0, np.nan, ratios))
            if comparison.result(slice(0, None)).outcome == "differs":
                self.alarms += _alarms(draw, order, comparison)

    def to_json(self) -> dict[str, Any]:
        """What was asked and what came of it.

        seed          of the draws; with the same version of NumPy it makes the same ones
        numpy         that version
        orders        how many orders of operations there are to draw from
        evaluations   format -> how many
        false_alarms  each with format, draw, column, order, dialect, hyper-parameters, the quantity and the step (from
                      1) that are said to differ, error over bound there, initial value and gradients; NaN and
                      infinities are strings
        ratios        format -> length -> {evaluations, visible, quantiles}: see `Spread`
        """
        return {
            "seed": self.seed,
            "numpy": np.__version__,
            "orders": len(all_orders()),
            "evaluations": {fmt: self.count(fmt) for fmt in self.spreads},
            "false_alarms": self.alarms,
            "ratios": {
                fmt: {str(steps): spread.to_json() for steps, spread in lengths.items()}
                for fmt, lengths in self.spreads.items()
            },
        }


def _alarms(draw: Draw, order: Order, comparison: TraceComparison) -> list[dict[str, Any]]:
    """The columns that are said to differ, with all that is needed to ask again."""
    found = []
    for column in range(draw.initial.size):
        result = comparison.result(slice(column, column + 1))
        if result.outcome == "differs":
            found.append(
                {
                    "format": draw.format,
                    "draw": draw.number,
                    "column": column,
                    "order": order.name,
                    "dialect": draw.dialect,
                    "hyperparameters": draw.hyperparameters.to_json(),
                    "quantity": result.quantity,
                    "step": result.first_step,
                    "bound_ratio": _told(result.bound_ratio),
                    "initial": _told(draw.initial[column]),
                    "gradients": [_told(value) for value in draw.gradients[:, column]],
                }
            )
    return found


def _told(value: Any) -> float | str:
    """A number; one that JSON lacks as a string that `float` reads."""
    return float(value) if np.isfinite(value) else str(float(value))


def draws(count: int) -> dict[FormatName, int]:
    """How many draws make so many evaluations in float32, and those of the others: at least one each."""
    return {fmt: max(1, -int(-count * share // EVALUATIONS)) for fmt, share in SHARE.items()}
