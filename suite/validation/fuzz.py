"""Fuzzing: correct evaluations, in any order of operations, must never be reported as differing.

This tests the derivation of the rounding bound (docs/method.md). There must be no false alarms. It also
reports how much of its bound an error uses, since a bound may also be sound because it is far too wide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from reference import Hyperparameters, dialects
from reports.tables.table import Table, columns
from suite.compare.comparison import TraceComparison
from suite.compare.oracle import Oracle, path_length
from suite.diagnosis.mistakes.arithmetic import FORMATS, Array, FormatName, Order, all_orders
from suite.diagnosis.mistakes.evaluation import EvaluationInput, evaluate

SHARE: Mapping[FormatName, float] = {"float32": 1.0, "float16": 0.1, "bfloat16": 0.1, "float64": 0.1}
"""Evaluations in each format, relative to those in float32."""

LENGTHS = (1, 10, 100)  # steps
TAPES, ORDERS = 32, 5  # of a sample; each tape is evaluated in each order
EVALUATIONS = TAPES * ORDERS
QUANTILES = (0.5, 0.9, 0.99, 1.0)

_RANGES = {"float16": (-3, 1), "bfloat16": (-16, 14), "float32": (-16, 14), "float64": (-150, 140)}
"""Powers of ten by which some gradients are multiplied, so that squares underflow or almost overflow."""


@dataclass(frozen=True, eq=False)
class FuzzSample:
    """A random input with the orders of operations in which it is evaluated."""

    format: FormatName
    number: int  # with the seed and the format it determines the rest
    dialect: str
    hyperparameters: Hyperparameters
    initial: Array  # shape (TAPES,)
    gradients: Array  # shape (steps, TAPES)
    orders: tuple[Order, ...]

    @classmethod
    def generate(cls, seed: int, fmt: FormatName, number: int) -> FuzzSample:
        """Generate a sample from its seed, format and number alone."""
        rng = np.random.default_rng([seed, FORMATS.index(fmt), number])
        steps = _pick(rng, *LENGTHS)
        gradients, initial = random_tapes(rng, TAPES, steps)
        gradients *= 10.0 ** _pick(rng, 0, 0, 0, *_RANGES[fmt])
        if _pick(rng, True, False, False, False):
            replaced = rng.random(gradients.shape) < 0.1
            gradients = np.where(replaced, rng.choice(special_values(fmt), gradients.shape), gradients)
        return cls(
            format=fmt,
            number=number,
            dialect=_pick(rng, *dialects),
            hyperparameters=random_hyperparameters(rng, steps),
            initial=initial,
            gradients=gradients,
            orders=tuple(all_orders()[i] for i in rng.integers(0, len(all_orders()), ORDERS)),
        )


@dataclass(frozen=True)
class FalseAlarm:
    """A correct evaluation that is reported as differing, with everything that is needed to repeat it.

    Numbers that are not finite are strings that `float` reads. `step` is the first one outside the bound, from 1.
    """

    format: FormatName
    sample: int
    column: int
    order: str
    dialect: str
    hyperparameters: Mapping[str, Any]
    quantity: str
    step: int | None
    bound_ratio: float | str
    initial: float | str
    gradients: tuple[float | str, ...]


@dataclass
class FuzzTest:
    """A fuzzing run: its false alarms, and the ratio of error and bound of each evaluation.

    The ratio of an evaluation is its largest error over the bound, among the steps at which the bound is at most a
    tenth of the path length and parameters are not clipped. At other steps error and bound may both equal the step,
    which rounding absorbs, or the rounding of a clipping limit, and the ratio of 1 would say nothing.
    """

    seed: int
    ratios: dict[FormatName, dict[int, list[Array]]] = field(default_factory=dict)
    """Format -> number of steps -> ratios of each sample, NaN for evaluations without such a step."""
    alarms: list[FalseAlarm] = field(default_factory=list)

    def count(self, fmt: FormatName) -> int:
        """Return the number of evaluations in a format."""
        return sum(len(ratios) for found in self.ratios[fmt].values() for ratios in found)

    def run(self, samples: Mapping[FormatName, int], progress: Callable[[str], None]) -> None:
        """Compare a number of samples of each format; `progress` is called with the format after each."""
        for fmt, number in samples.items():
            self.ratios[fmt] = {steps: [] for steps in LENGTHS}
            for i in range(number):
                self.compare(FuzzSample.generate(self.seed, fmt, i))
                progress(fmt)

    def compare(self, sample: FuzzSample) -> None:
        """Evaluate a sample in its orders of operations, and compare each trace with the oracle."""
        oracle = Oracle(sample.initial, sample.gradients, sample.hyperparameters, sample.format, [sample.dialect])
        prediction = oracle.predict(sample.dialect)
        visible = prediction.bounds.parameters <= path_length(prediction.trace.parameters, oracle.initial) / 10
        if sample.hyperparameters.clip_weights is not None:
            visible[:] = False
        given = EvaluationInput(sample.initial, sample.gradients)
        for order in sample.orders:
            trace = evaluate(dialects[sample.dialect], sample.hyperparameters, given, order, sample.format)
            comparison = TraceComparison(trace, oracle, sample.dialect)
            ratios = np.where(visible, comparison.ratios["parameters"], -1).max(axis=0)
            self.ratios[sample.format][len(sample.gradients)].append(np.where(ratios < 0, np.nan, ratios))
            if comparison.result(slice(0, None)).outcome == "differs":
                self.alarms += _alarms(sample, order, comparison)

    def to_json(self) -> dict[str, Any]:
        """Return the results.

        seed          the seed of the samples; the same version of NumPy generates the same samples from it
        numpy         that version
        orders        the number of orders of operations from which samples choose
        evaluations   format -> number of evaluations
        false_alarms  list of `FalseAlarm`
        ratios        format -> number of steps -> {evaluations, visible, quantiles}: the number of evaluations, the
                      number of those that have a ratio, and quantiles of the ratios
        """
        return {
            "seed": self.seed,
            "numpy": np.__version__,
            "orders": len(all_orders()),
            "evaluations": {fmt: self.count(fmt) for fmt in self.ratios},
            "false_alarms": [asdict(alarm) for alarm in self.alarms],
            "ratios": {
                fmt: {str(steps): _usage(ratios) for steps, ratios in lengths.items()}
                for fmt, lengths in self.ratios.items()
            },
        }


def _usage(found: list[Array]) -> dict[str, Any]:
    every = np.concatenate([np.empty(0), *found]).astype(np.float64)
    ratios = every[~np.isnan(every)]
    quantiles = {f"{q:g}": float(np.quantile(ratios, q)) if ratios.size else None for q in QUANTILES}
    return {"evaluations": every.size, "visible": ratios.size, "quantiles": quantiles}


def _alarms(sample: FuzzSample, order: Order, comparison: TraceComparison) -> list[FalseAlarm]:
    """Return a false alarm for each column that is reported as differing."""
    results = ((column, comparison.result(slice(column, column + 1))) for column in range(sample.initial.size))
    return [
        FalseAlarm(
            format=sample.format,
            sample=sample.number,
            column=column,
            order=order.name,
            dialect=sample.dialect,
            hyperparameters=sample.hyperparameters.to_json(),
            quantity=result.quantity,
            step=result.first_step,
            bound_ratio=_json_number(result.bound_ratio),
            initial=_json_number(sample.initial[column]),
            gradients=tuple(_json_number(value) for value in sample.gradients[:, column]),
        )
        for column, result in results
        if result.outcome == "differs"
    ]


def _json_number(value: Any) -> float | str:
    return float(value) if np.isfinite(value) else str(float(value))


def sample_counts(evaluations: int) -> dict[FormatName, int]:
    """Return the samples of each format for at least so many evaluations in float32, and their share in the others."""
    return {fmt: max(1, -int(-evaluations * share // EVALUATIONS)) for fmt, share in SHARE.items()}


def random_tapes(rng: np.random.Generator, count: int, steps: int) -> tuple[Array, Array]:
    """Return gradients (steps, count) and initial parameters (count,) of one-coordinate tapes of all scales and signs.

    Kinds of gradients: normal deviates, constants, and deviates that are mostly zero, whose scale changes by decades
    between steps, or whose squares underflow in float32.
    """
    scale = 10.0 ** rng.uniform(-6, 4, count)
    gradients = rng.normal(size=(steps, count)) * scale
    kind = rng.integers(0, 6, count)
    gradients[:, kind == 1] = scale[kind == 1]
    gradients[:, kind == 2] *= rng.random((steps, int((kind == 2).sum()))) < 0.3
    gradients[:, kind == 3] *= (10.0 ** rng.uniform(-3, 3, steps))[:, None]
    gradients[:, kind == 4] *= 1e-22
    initial = np.where(rng.random(count) < 0.3, 0.0, rng.normal(size=count) * 10.0 ** rng.uniform(-3, 2, count))
    return gradients, initial


def special_values(fmt: FormatName) -> Array:
    """Return zeros, infinities, NaN, and values that lie, or whose squares lie, at an end of the range of a format."""
    limits = np.finfo("float32" if fmt == "bfloat16" else fmt)
    least, most = float(limits.smallest_normal), float(limits.max)
    squares = least**0.5 / 2, least**0.5, most**0.5 / 2, most**0.5 * 2
    sizes = np.array([0.0, np.inf, least / 4, least, *squares, most / 2])
    return np.concatenate([sizes, -sizes, [np.nan]])


def random_hyperparameters(rng: np.random.Generator, steps: int) -> Hyperparameters:
    """Return independent hyper-parameters, from their useful ranges and the ends of these."""
    rate = _pick(rng, 0.0, 1.0, _log_uniform(rng, -4), _log_uniform(rng, -4),
                 [_log_uniform(rng, -4) for _ in range(steps)])  # fmt: skip
    return Hyperparameters(
        learning_rate=rate,
        decay=_pick(rng, 0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0, float(rng.random()), float(rng.random())),
        epsilon=_pick(rng, 0.0, 1e-10, 1e-8, 1e-6, 1e-3, 1.0, _log_uniform(rng, -10), _log_uniform(rng, -10)),
        momentum=_pick(rng, 0.0, 0.0, 0.5, 0.9, 0.99),
        centered=_pick(rng, False, True),
        weight_decay=_pick(rng, 0.0, 0.0, _log_uniform(rng, -4)),
        nesterov=_pick(rng, False, True),
        clip_norm=_pick(rng, None, None, None, None, _log_uniform(rng, -3)),
        clip_gradient=_pick(rng, None, None, _log_uniform(rng, -3)),
        clip_weights=_pick(rng, None, None, _log_uniform(rng, -2)),
        rescale_gradient=_pick(rng, 1.0, 1.0, 0.125, 8.0, _log_uniform(rng, -3)),
        maximize=_pick(rng, False, True),
        bias_correction=_pick(rng, False, True),
    )


def _pick(rng: np.random.Generator, *choices: Any) -> Any:
    return choices[rng.integers(len(choices))]


def _log_uniform(rng: np.random.Generator, exponent: float) -> float:
    """Return a number between 10**exponent and 1, uniform in its logarithm."""
    return float(10.0 ** rng.uniform(exponent, 0))


def table(found: Mapping[str, Any]) -> Table:
    """Return the quantiles of error over bound, where a step is visible."""
    lengths = [(fmt, steps, spread) for fmt, lengths in found["ratios"].items() for steps, spread in lengths.items()]
    quantiles = [f"{float(quantile):.0%}" for quantile in lengths[0][2]["quantiles"]]
    rows = []
    for fmt, steps, spread in lengths:
        ratios = ("" if value is None else f"{value:.2f}" for value in spread["quantiles"].values())
        rows.append((fmt, steps, f"{spread['evaluations']:,}", f"{spread['visible']:,}", *ratios))
    return Table.of(columns("format", numbers=("steps", "evaluations", "visible", *quantiles)), rows)
