"""The bound is sound in float16, bfloat16 and in float64 judged by float64, and says where it can't tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from reference import Hyperparameters, dialects, replay
from reference.precision import format_of
from tests.reference.emulated import Emulated
from tests.reference.orders import ORDERS, evaluate
from tests.reference.strategies import hyperparameters, names, seeds, tapes

STEPS = 24
TAPES = 64  # side by side in one example
IN_FLOAT16 = [order for order in ORDERS if not order.flush]  # whose subnormals are normal numbers where it is computed
IN_BFLOAT16 = [order for order in IN_FLOAT16 if not order.average.__name__.startswith("fused")]
BFLOAT16 = Emulated(format_of("bfloat16"))


def worst(orders, number, dtype, h, name, seed):
    """The largest error over bound, and the order in which it is met."""
    fmt = format_of(dtype)
    with np.errstate(all="ignore"):
        gradients, initial = (fmt.round(array.astype(np.float64)) for array in tapes(seed, TAPES, STEPS))
        trace = replay(gradients, initial, h, replace(dialects[name], subnormals="either"), precision=dtype)
        found = {}
        for order in orders:
            path = evaluate(order, gradients, initial, h, dialects[name], number)
            values = np.stack([np.asarray(x, np.float64) for x in path])
            error = np.where(np.isnan(values) & np.isnan(trace.parameters), 0, np.abs(values - trace.parameters))
            ratio = np.where((error == 0) | np.isinf(trace.bound(dtype)), 0, error / trace.bound(dtype))
            found[order.name] = float(np.where(np.isnan(ratio), np.inf, ratio).max())
    order = max(found, key=found.__getitem__)
    return found[order], f"{order}, {name}, {h}"


@settings(max_examples=60)
@given(hyperparameters, names, seeds)
def test_no_float16_evaluation_leaves_the_bound_in_any_order(h, name, seed):
    ratio, where = worst(IN_FLOAT16, np.float16, "float16", h, name, seed)
    assert ratio <= 1, where


@settings(max_examples=15)
@given(hyperparameters, names, seeds)
def test_no_bfloat16_evaluation_leaves_the_bound_in_any_order(h, name, seed):
    ratio, where = worst(IN_BFLOAT16, BFLOAT16, "bfloat16", h, name, seed)
    assert ratio <= 1, where


@settings(max_examples=10)
@given(hyperparameters, names, seeds)
def test_a_float64_oracle_judges_float64_where_there_is_nothing_wider(h, name, seed):
    ratio, where = worst(ORDERS, np.float64, "float64", h, name, seed)
    assert ratio <= 1, where


@pytest.mark.parametrize(("dtype", "number"), [("float16", np.float16), ("bfloat16", BFLOAT16)])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_largest_error_reaches_a_twentieth_of_the_bound_where_a_step_is_visible(dtype, number, momentum):
    h = Hyperparameters(learning_rate=0.25, decay=0.9, epsilon=1e-2, momentum=momentum)
    ratio, _ = worst(IN_BFLOAT16, number, dtype, h, "d2l", 0)
    assert ratio >= 1 / 20


def test_a_zero_gradient_has_no_bound_where_epsilon_may_round_to_zero():
    h = Hyperparameters(epsilon=1e-8)
    trace = replay(np.zeros((1, 1)), [1.0], h, dialects["torch"], precision="float16")
    assert np.isinf(trace.bound("float16")).all()  # 0/0: PyTorch and optax make it NaN
    assert (trace.bound("bfloat16") == 0).all()


@pytest.mark.parametrize(("epsilon", "bounded"), [(1e-4, True), (1e-5, False)])
def test_there_is_no_bound_where_the_reciprocal_of_the_root_may_overflow(epsilon, bounded):
    h = Hyperparameters(epsilon=epsilon)  # 1e5 is more than the largest number
    trace = replay(np.zeros((1, 1)), [1.0], h, dialects["torch"], precision="float16")
    assert np.isfinite(trace.bound("float16")).all() == bounded
