"""Errors stay within the bound in every order of operations; the bound is not much larger than the largest error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from reference import Hyperparameters, dialects, replay
from reference.precision import wider
from suite.diagnosis.mistakes.evaluation import EvaluationInput, evaluate
from tests.reference.strategies import dialect_names, hyperparameters, random_orders, seeds, tapes

STEPS = 24
TAPES = 256  # in one example
EXAMPLES = 40  # 10,240 tapes in total, each evaluated in 24 orders of operations


def ratios(h, name, seed, dtype, count=TAPES):
    """Yield each order and the ratios of error to bound, shape (steps, tapes); 0 where the bound is infinite."""
    gradients, initial = tapes(seed, count, STEPS)
    dialect = replace(dialects[name], subnormals="either")
    trace = replay(gradients, initial, h, dialect, dtype=wider(dtype), precision=dtype)
    bound = trace.bound(dtype)
    for order in random_orders(seed):
        with np.errstate(all="ignore"):
            computed = evaluate(dialects[name], h, EvaluationInput(initial, gradients), order, dtype)["parameters"]
            both_nan = np.isnan(computed) & np.isnan(trace.parameters)
            error = np.where(both_nan, 0, np.abs(computed.astype(bound.dtype) - trace.parameters))
            ratio = np.where((error == 0) | np.isinf(bound), 0, error / bound)
        yield order, np.where(np.isnan(ratio), np.inf, ratio)


@settings(max_examples=EXAMPLES)
@given(hyperparameters, dialect_names, seeds)
def test_float32_errors_are_within_the_bound_in_every_order_of_operations(h, name, seed):
    for order, ratio in ratios(h, name, seed, "float32"):
        assert ratio.max() <= 1, f"{order.name}, {name}, {h}: {ratio.max()} bounds"


@settings(max_examples=10)
@given(hyperparameters, dialect_names, seeds)
def test_float64_errors_are_within_the_bound_in_every_order_of_operations(h, name, seed):
    for order, ratio in ratios(h, name, seed, "float64"):
        assert ratio.max() <= 1, f"{order.name}, {name}, {h}: {ratio.max()} bounds"


@pytest.mark.parametrize("name", ["d2l", "torch", "tf1", "mxnet1"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_largest_error_reaches_a_twentieth_of_the_bound(name, momentum):
    h = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-6, momentum=momentum)
    assert max(ratio.max() for _, ratio in ratios(h, name, 0, "float32", count=2000)) >= 1 / 20


def test_the_bound_is_much_smaller_than_the_effect_of_moving_epsilon():
    gradients, initial = tapes(1, 1000, STEPS)
    h = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-2)
    inside, outside = (replay(gradients, initial, h, dialects[name]) for name in ("d2l", "optax-outside"))
    effect = np.abs(inside.parameters - outside.parameters)
    bounds = inside.bound("float32") + outside.bound("float32")
    positive = bounds > 0
    assert np.median(effect[positive] / bounds[positive]) > 1e2


def test_the_bound_is_zero_for_a_coordinate_without_gradient():
    trace = replay(np.zeros((5, 1)), [3.0], Hyperparameters(), dialects["d2l"])
    assert trace.bound("float32").max() == 0


def test_the_bound_is_infinite_where_a_divisor_may_be_zero():
    h = Hyperparameters(epsilon=0.0)
    trace = replay(np.full((1, 1), 1e-30), [1.0], h, dialects["d2l"])
    assert np.isinf(trace.bound("float32")).all()


def test_the_bound_includes_the_error_of_one_minus_decay_in_float32():
    gradients, initial = tapes(2, 100, 1)
    h = Hyperparameters(decay=0.999)
    exact = replay(gradients, initial, h, dialects["tf-kernel"])
    modelled = replay(gradients, initial, h, dialects["tf-kernel"], precision="float32")
    difference = np.abs(exact.parameters - modelled.parameters)
    assert (difference <= exact.bound("float32")).all()
    differs = difference > 0
    assert np.median(exact.bound("float32")[differs] / modelled.bound("float32")[differs]) > 2


def test_nearly_all_bounds_are_finite_and_most_are_smaller_than_the_effect():
    gradients, initial = tapes(3, 2000, STEPS)
    trace = replay(gradients, initial, Hyperparameters(), dialects["d2l"], precision="float32")
    effect = np.abs(trace.parameters - initial)
    assert np.isfinite(trace.bound("float32")).mean() > 0.99
    assert (trace.bound("float32") < effect)[effect > 0].mean() > 0.8


def test_the_bound_includes_an_underflow_magnified_by_the_second_gradient_factor():
    h = Hyperparameters(decay=1 - 2.0**-24)
    trace = replay(np.full((1, 1), 22.5), [0.0], h, dialects["d2l"], precision="float16")
    complement, g = np.float16(1 - h.decay), np.float16(22.5)
    error = abs(float((complement * g) * g) - trace.square_average[0, 0])
    assert 0 < error <= trace.bounds("float16").square_average[0, 0]
