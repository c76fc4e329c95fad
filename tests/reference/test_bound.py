"""The bound holds in every order of operations and is not much larger than the largest error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from reference import Hyperparameters, dialects, replay
from reference.precision import wider
from suite.diagnosis.mistakes.evaluation import EvaluationInput, evaluate
from tests.reference.strategies import hyperparameters, names, seeds, some_orders, tapes

STEPS = 24
SIDE_BY_SIDE = 256  # tapes in one example
EXAMPLES = 40  # so 10,240 tapes, each in 24 of the orders


def ratios(h, name, seed, dtype, count=SIDE_BY_SIDE):
    """Error over bound for each order: shape (steps, tapes); 0 where there is no bound."""
    gradients, initial = tapes(seed, count, STEPS)
    dialect = replace(dialects[name], subnormals="either")
    trace = replay(gradients, initial, h, dialect, dtype=wider(dtype), precision=dtype)
    bound = trace.bound(dtype)
    for order in some_orders(seed):
        with np.errstate(all="ignore"):
            found = evaluate(dialects[name], h, EvaluationInput(initial, gradients), order, dtype)["parameters"]
            both = np.isnan(found) & np.isnan(trace.parameters)
            error = np.where(both, 0, np.abs(found.astype(bound.dtype) - trace.parameters))
            ratio = np.where((error == 0) | np.isinf(bound), 0, error / bound)
        yield order, np.where(np.isnan(ratio), np.inf, ratio)


@settings(max_examples=EXAMPLES)
@given(hyperparameters, names, seeds)
def test_no_float32_evaluation_leaves_the_bound_in_any_order(h, name, seed):
    for order, ratio in ratios(h, name, seed, "float32"):
        assert ratio.max() <= 1, f"{order.name}, {name}, {h}: {ratio.max()} bounds"


@settings(max_examples=10)
@given(hyperparameters, names, seeds)
def test_no_float64_evaluation_leaves_the_bound_in_any_order(h, name, seed):
    for order, ratio in ratios(h, name, seed, "float64"):
        assert ratio.max() <= 1, f"{order.name}, {name}, {h}: {ratio.max()} bounds"


@pytest.mark.parametrize("name", ["d2l", "torch", "tf1", "mxnet1"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_largest_error_reaches_a_twentieth_of_the_bound(name, momentum):
    h = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-6, momentum=momentum)
    assert max(ratio.max() for _, ratio in ratios(h, name, 0, "float32", count=2000)) >= 1 / 20


def test_the_bound_stays_far_below_the_effect_of_moving_epsilon():
    gradients, initial = tapes(1, 1000, STEPS)
    h = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-2)
    inside, outside = (replay(gradients, initial, h, dialects[name]) for name in ("d2l", "optax-outside"))
    moved = np.abs(inside.parameters - outside.parameters)
    together = inside.bound("float32") + outside.bound("float32")
    free = together > 0
    assert np.median(moved[free] / together[free]) > 1e2


def test_the_bound_is_zero_for_a_coordinate_without_gradient():
    trace = replay(np.zeros((5, 1)), [3.0], Hyperparameters(), dialects["d2l"])
    assert trace.bound("float32").max() == 0


def test_there_is_no_bound_where_a_divisor_may_be_zero():
    h = Hyperparameters(epsilon=0.0)
    trace = replay(np.full((1, 1), 1e-30), [1.0], h, dialects["d2l"])
    assert np.isinf(trace.bound("float32")).all()


def test_the_bound_includes_the_error_of_one_minus_decay_in_float32():
    gradients, initial = tapes(2, 100, 1)
    h = Hyperparameters(decay=0.999)
    exact = replay(gradients, initial, h, dialects["tf-kernel"])
    modelled = replay(gradients, initial, h, dialects["tf-kernel"], precision="float32")
    gap = np.abs(exact.parameters - modelled.parameters)
    assert (gap <= exact.bound("float32")).all()
    visible = gap > 0
    assert np.median(exact.bound("float32")[visible] / modelled.bound("float32")[visible]) > 2


def test_nearly_every_value_has_a_bound_and_most_bounds_are_smaller_than_the_effect():
    gradients, initial = tapes(3, 2000, STEPS)
    trace = replay(gradients, initial, Hyperparameters(), dialects["d2l"], precision="float32")
    moved = np.abs(trace.parameters - initial)
    assert np.isfinite(trace.bound("float32")).mean() > 0.99
    assert (trace.bound("float32") < moved)[moved > 0].mean() > 0.8


def test_the_bound_includes_an_underflow_that_the_second_gradient_factor_magnifies():
    h = Hyperparameters(decay=1 - 2.0**-24)
    trace = replay(np.full((1, 1), 22.5), [0.0], h, dialects["d2l"], precision="float16")
    complement, g = np.float16(1 - h.decay), np.float16(22.5)
    error = abs(float((complement * g) * g) - trace.square_average[0, 0])
    assert 0 < error <= trace.bounds("float16").square_average[0, 0]
