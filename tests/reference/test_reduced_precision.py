"""Rounding errors stay within the bound in float16, in bfloat16, and in float64 with a float64 oracle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from reference import Hyperparameters, dialects, replay
from reference.precision import format_of
from suite.diagnosis.mistakes.arithmetic import Arithmetic, to_bfloat16
from suite.diagnosis.mistakes.evaluation import EvaluationInput, evaluate
from tests.reference.strategies import dialect_names, hyperparameters, random_orders, seeds, tapes

STEPS = 24
TAPES = 64  # in one example


def largest_ratio(dtype, h, name, seed):
    """Return the largest ratio of error to bound, and a description of the evaluation in which it occurs."""
    fmt = format_of(dtype)
    with np.errstate(all="ignore"):
        gradients, initial = (fmt.round(array.astype(np.float64)) for array in tapes(seed, TAPES, STEPS))
        trace = replay(gradients, initial, h, replace(dialects[name], subnormals="either"), precision=dtype)
        found = {}
        for order in random_orders(seed, 12):
            path = evaluate(dialects[name], h, EvaluationInput(initial, gradients), order, dtype)["parameters"]
            values = path.astype(np.float64)
            error = np.where(np.isnan(values) & np.isnan(trace.parameters), 0, np.abs(values - trace.parameters))
            ratio = np.where((error == 0) | np.isinf(trace.bound(dtype)), 0, error / trace.bound(dtype))
            found[order.name] = float(np.where(np.isnan(ratio), np.inf, ratio).max())
    order = max(found, key=found.__getitem__)
    return found[order], f"{order}, {name}, {h}"


@settings(max_examples=60)
@given(hyperparameters, dialect_names, seeds)
def test_float16_errors_are_within_the_bound_in_every_order_of_operations(h, name, seed):
    ratio, evaluation = largest_ratio("float16", h, name, seed)
    assert ratio <= 1, evaluation


@settings(max_examples=15)
@given(hyperparameters, dialect_names, seeds)
def test_bfloat16_errors_are_within_the_bound_in_every_order_of_operations(h, name, seed):
    ratio, evaluation = largest_ratio("bfloat16", h, name, seed)
    assert ratio <= 1, evaluation


@settings(max_examples=10)
@given(hyperparameters, dialect_names, seeds)
def test_float64_errors_are_within_the_bound_of_a_float64_oracle(h, name, seed):
    ratio, evaluation = largest_ratio("float64", h, name, seed)
    assert ratio <= 1, evaluation


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_largest_error_reaches_a_twentieth_of_the_bound_where_a_step_is_visible(dtype, momentum):
    h = Hyperparameters(learning_rate=0.25, decay=0.9, epsilon=1e-2, momentum=momentum)
    ratio, _ = largest_ratio(dtype, h, "d2l", 0)
    assert ratio >= 1 / 20


def test_the_bound_of_a_zero_gradient_is_infinite_where_epsilon_may_round_to_zero():
    h = Hyperparameters(epsilon=1e-8)
    trace = replay(np.zeros((1, 1)), [1.0], h, dialects["torch"], precision="float16")
    assert np.isinf(trace.bound("float16")).all()  # 0/0 is NaN in PyTorch and optax
    assert (trace.bound("bfloat16") == 0).all()


@pytest.mark.parametrize(("epsilon", "bounded"), [(1e-4, True), (1e-5, False)])
def test_the_bound_is_infinite_where_the_reciprocal_of_the_root_may_overflow(epsilon, bounded):
    h = Hyperparameters(epsilon=epsilon)  # 1e5 exceeds the largest float16 number
    trace = replay(np.zeros((1, 1)), [1.0], h, dialects["torch"], precision="float16")
    assert np.isfinite(trace.bound("float16")).all() == bounded


def test_rounding_to_bfloat16_matches_the_format():
    values = np.random.default_rng(0).normal(size=10_000) * 10.0 ** np.random.default_rng(1).uniform(-30, 30, 10_000)
    values = np.concatenate([values, [0.0, -0.0, np.inf, 1 + 2.0**-8, 1 + 3 * 2.0**-8, 3.4e38]]).astype(np.float32)
    with np.errstate(over="ignore"):
        assert np.array_equal(to_bfloat16(values), format_of("bfloat16").round(values))
    assert np.isnan(to_bfloat16(np.array([np.nan])))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("direction", [-1, 1])
def test_a_faithfully_rounded_root_is_within_an_ulp_and_exact_where_possible(dtype, direction):
    arithmetic, fmt = Arithmetic(dtype, towards=direction), format_of(dtype)
    values = arithmetic.array(np.random.default_rng(2).uniform(0.25, 4, 1000))
    exact = np.sqrt(np.asarray(values, np.longdouble))
    found = np.asarray(arithmetic.root(values), np.longdouble)
    assert ((found - exact) * direction >= 0).all()
    assert (np.abs(found - exact) < fmt.ulp(exact)).all()
    assert np.array_equal(arithmetic.root(arithmetic.array([0.0, 0.25, 1.0, 4.0])), [0.0, 0.5, 1.0, 2.0])
