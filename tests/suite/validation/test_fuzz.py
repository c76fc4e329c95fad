"""Fuzzing finds no difference in correct evaluations, and finds false alarms if bounds are too narrow."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from reference import Hyperparameters, dialects
from reference.bound import Arithmetic as Model
from suite.__main__ import main
from suite.compare.comparison import TraceComparison
from suite.compare.oracle import Oracle
from suite.diagnosis.mistakes.arithmetic import FORMATS, PLAIN, all_orders
from suite.diagnosis.mistakes.evaluation import EvaluationInput, evaluate
from suite.validation.fuzz import (
    EVALUATIONS,
    LENGTHS,
    TAPES,
    FuzzSample,
    FuzzTest,
    sample_counts,
    special_values,
)


def fuzzed(samples, seed=0):
    found = FuzzTest(seed)
    found.run(samples, lambda fmt: None)
    return found


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("fmt", FORMATS)
def test_correct_evaluations_never_differ_from_their_dialect(fmt, seed):
    found = fuzzed({fmt: 25}, seed)
    assert found.count(fmt) == 25 * EVALUATIONS
    assert found.alarms == []


def test_the_bound_is_at_most_3_times_the_largest_and_20_times_the_median_error():
    ratios = fuzzed({"float32": 100}).to_json()["ratios"]["float32"]
    assert all(usage["visible"] > usage["evaluations"] / 5 for usage in ratios.values())
    assert max(usage["quantiles"]["1"] for usage in ratios.values()) > 1 / 3
    assert ratios["10"]["quantiles"]["0.5"] > 1 / 20


@pytest.mark.parametrize("factor", [0.01, 0.1])
def test_bounds_that_are_too_narrow_raise_false_alarms(factor, monkeypatch):
    predict = Oracle.predict

    def narrowed(self, dialect):
        found = predict(self, dialect)
        bounds = replace(found.bounds, parameters=found.bounds.parameters * factor)
        return replace(found, bounds=bounds)

    monkeypatch.setattr(Oracle, "predict", narrowed)
    assert fuzzed({"float32": 5}).alarms


@pytest.mark.parametrize(("attribute", "factor"), [("epsilon", 0.25), ("underflow", 0.01)])
def test_a_model_of_arithmetic_that_is_too_accurate_raises_false_alarms(attribute, factor, monkeypatch):
    original = Model.__init__

    def too_accurate(self, *arguments):
        original(self, *arguments)
        setattr(self, attribute, getattr(self, attribute) * factor)

    monkeypatch.setattr(Model, "__init__", too_accurate)
    assert fuzzed({"float32": 60}).alarms


def test_a_false_alarm_can_be_reproduced_from_its_record(monkeypatch):
    wrong = replace(dialects["torch"], epsilon="inside")
    monkeypatch.setattr("suite.validation.fuzz.dialects", {"torch": wrong})
    found = json.loads(json.dumps([asdict(alarm) for alarm in fuzzed({"float32": 3}).alarms]))
    alarm = next(alarm for alarm in found if alarm["hyperparameters"]["clip_norm"] is None)
    h = Hyperparameters.from_json(alarm["hyperparameters"])
    initial, gradients = np.array([alarm["initial"]]), np.array([[float(value)] for value in alarm["gradients"]])
    order = next(order for order in all_orders() if order.name == alarm["order"])
    oracle = Oracle(initial, gradients, h, alarm["format"], [alarm["dialect"]])
    trace = evaluate(wrong, h, EvaluationInput(initial, gradients), order)
    result = TraceComparison(trace, oracle, alarm["dialect"]).result(slice(0, None))
    assert (result.outcome, result.quantity) == ("differs", alarm["quantity"])
    assert (result.first_step, result.bound_ratio) == (alarm["step"], float(alarm["bound_ratio"]))


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_sample_depends_only_on_its_seed_format_and_number(fmt):
    first, repeated, other = (FuzzSample.generate(3, fmt, number) for number in (7, 7, 8))
    assert np.array_equal(first.gradients, repeated.gradients, equal_nan=True)
    assert first.hyperparameters == repeated.hyperparameters
    assert (first.dialect, first.orders) == (repeated.dialect, repeated.orders)
    assert not np.array_equal(first.initial, other.initial)
    assert first.initial.shape == (TAPES,)


def test_samples_cover_every_dialect_every_length_and_the_ends_of_every_range():
    found = [FuzzSample.generate(0, "float32", number) for number in range(400)]
    hs = [sample.hyperparameters for sample in found]
    assert {sample.dialect for sample in found} == set(dialects)
    assert {len(sample.gradients) for sample in found} == set(LENGTHS)
    assert {0.0, 1.0} <= {h.decay for h in hs}
    assert {0.0, 1e-10, 1.0} <= {h.epsilon for h in hs}
    assert {0.0, 0.99} <= {h.momentum for h in hs}
    for switch in ("centered", "nesterov", "maximize", "bias_correction", "scheduled"):
        assert {getattr(h, switch) for h in hs} == {False, True}
    assert any(np.isnan(sample.gradients).any() for sample in found)
    assert not all(np.isnan(sample.gradients).any() for sample in found)


def test_there_are_more_than_10_000_orders_of_operations_with_unique_names():
    names = [order.name for order in all_orders()]
    assert len(set(names)) == len(names) > 10_000
    assert PLAIN in all_orders()


def test_orders_of_operations_give_different_rounding_errors():
    sample = next(d for d in (FuzzSample.generate(0, "float32", i) for i in range(99)) if len(d.gradients) == 10)
    h = Hyperparameters(momentum=0.9, centered=True, epsilon=1e-3)
    inputs = EvaluationInput(sample.initial, np.nan_to_num(sample.gradients, posinf=1.0, neginf=-1.0))
    orders = [all_orders()[i] for i in range(0, len(all_orders()), 997)]
    found = {evaluate(dialects["d2l"], h, inputs, order)["parameters"].astype(np.float64).tobytes() for order in orders}
    assert len(found) > len(orders) / 2


def test_there_are_enough_samples_for_the_requested_evaluations():
    samples = sample_counts(100_000)
    assert samples["float32"] * EVALUATIONS >= 100_000
    assert all(samples[fmt] * EVALUATIONS >= 10_000 for fmt in FORMATS)
    assert set(sample_counts(1).values()) == {1}


@pytest.mark.parametrize(("correct", "code"), [(True, 0), (False, 1)])
def test_the_command_prints_counts_and_seed_and_fails_on_a_false_alarm(correct, code, monkeypatch, tmp_path, capsys):
    if not correct:
        wrong = {name: replace(dialect, initial_accumulator=0.5) for name, dialect in dialects.items()}
        monkeypatch.setattr("suite.validation.fuzz.dialects", wrong)
    assert main(["fuzz", "--count", "1", "--seed", "5", "-o", str(tmp_path)]) == code
    found = json.loads((tmp_path / "soundness.json").read_text())
    assert found["seed"] == 5
    assert found["evaluations"] == dict.fromkeys(FORMATS, EVALUATIONS)
    assert bool(found["false_alarms"]) is not correct
    counts = f"{len(found['false_alarms']):,} false alarms in {4 * EVALUATIONS:,} evaluations (seed 5)"
    assert counts in capsys.readouterr().out
    assert set(found["ratios"]["float32"]) == {str(steps) for steps in LENGTHS}


def test_special_values_contain_one_nan_and_both_infinities():
    for fmt in FORMATS:
        found = special_values(fmt)
        assert np.isnan(found).sum() == 1
        assert np.isinf(found).sum() == 2
