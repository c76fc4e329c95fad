"""Clipping by the norm of the gradient, and a learning-rate factor for each parameter."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import Dialect, Hyperparameters, dialects, replay, replay_each
from reference.precision import format_of
from tests.reference.independent import DIGITS, evaluate
from tests.reference.strategies import seeds, tapes

PLAIN = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-6)
CLIPPED = replace(PLAIN, clip_norm=0.5)
ROUNDED = 16 * np.finfo(np.float64).eps  # a norm, a quotient, a square and an average: at most 12 roundings


def test_gradients_above_the_norm_limit_are_scaled_down_and_others_are_unchanged():
    gradients = np.array([[3.0, -4.0], [0.0, 0.0], [0.3, 0.4], [1e-3, 0.0]])
    clipped = np.array([[0.3, -0.4], [0.0, 0.0], [0.3, 0.4], [1e-3, 0.0]])
    found, expected = replay(gradients, [1.0, 1.0], CLIPPED, Dialect()), replay(clipped, [1.0, 1.0], PLAIN, Dialect())
    difference = np.abs(found.parameters - expected.parameters)
    assert (difference <= found.bound("float64") + expected.bound("float64")).all()


@settings(max_examples=20)
@given(seeds, st.sampled_from(["d2l", "torch", "tf1"]))
def test_clipping_by_the_norm_is_within_the_float64_bound_of_fifty_digits(seed, name):
    gradients, initial = tapes(seed, 4, 6)
    trace = replay(gradients, initial, CLIPPED, dialects[name])
    bound = trace.bound("float64")
    with mpmath.workdps(DIGITS):
        exact = [[mpmath.mpf(float(value)) for value in g] for g in gradients]
        factors = [mpmath.mpf(1) / 2 / max(mpmath.sqrt(sum(x * x for x in g)), mpmath.mpf(1) / 2) for g in exact]
        clipped = [[x * factor for x in g] for g, factor in zip(exact, factors, strict=True)]
        for column in range(4):
            exact_values = evaluate([g[column] for g in clipped], initial[column], PLAIN, dialects[name], np.float64)
            for step, value in enumerate(exact_values):
                assert abs(mpmath.mpf(float(trace.parameters[step, column])) - value) <= bound[step, column]


def test_the_norm_is_clipped_before_the_values():
    clipped_twice = replace(CLIPPED, clip_gradient=0.35)
    found = replay(np.array([[3.0, -4.0]]), [1.0, 1.0], clipped_twice, Dialect())
    assert found.square_average[0] == pytest.approx([0.1 * 0.3**2, 0.1 * 0.35**2], rel=ROUNDED)


def test_weight_decay_is_added_before_or_after_the_norm_is_clipped():
    h = replace(CLIPPED, weight_decay=1.0)
    before, after = (
        replay([[0.0, 0.0]], [3.0, 4.0], h, Dialect(clipping=order)) for order in ("before decay", "after decay")
    )
    assert before.square_average[0] == pytest.approx([0.1 * 9, 0.1 * 16], rel=ROUNDED)
    assert after.square_average[0] == pytest.approx([0.1 * 0.09, 0.1 * 0.16], rel=ROUNDED)


def clipped_in_float32(gradients, limit, order):
    """Clip by the norm in float32, with different orders of summation and division."""
    squares = np.square(gradients)
    if order % 2:
        total = np.cumsum(squares, axis=1, dtype=gradients.dtype)[:, -1:]
    else:
        total = np.sum(squares[:, ::-1], axis=1, keepdims=True)
    divisor = np.maximum(np.sqrt(total), limit)
    return gradients * limit / divisor if order < 2 else gradients * (limit / divisor)


@settings(max_examples=60)
@given(seeds, st.sampled_from([1e-3, 0.5, 40.0]))
@pytest.mark.parametrize("order", range(4))
def test_float32_errors_of_the_norm_are_within_the_bound(order, seed, limit):
    gradients, initial = tapes(seed, 33, 6)
    h = replace(PLAIN, clip_norm=limit)
    bound = replay(gradients, initial, h, dialects["d2l"], precision="float32").bounds("float32").square_average
    exact = replay(gradients, initial, h, dialects["d2l"], precision="float32").square_average
    v = np.zeros_like(initial)
    for step, g in enumerate(clipped_in_float32(gradients, np.float32(limit), order)):
        v = np.float32(0.9) * v + np.float32(1 - 0.9) * (g * g)
        inside = (np.abs(v - exact[step]) <= bound[step]) | np.isinf(bound[step])
        assert inside.all()


def test_the_rounding_error_of_a_long_sum_of_squares_is_within_the_bound():
    """100,000 equal squares, summed sequentially in float32: every sum is rounded in the same direction."""
    g = np.full((1, 100_000), 0.1, np.float32)
    h = replace(PLAIN, clip_norm=1.0)
    norm = np.sqrt(np.cumsum(np.square(g[0]), dtype=np.float32)[-1])
    v = np.float32(1 - 0.9) * np.square(g[0, 0] / norm)
    trace = replay(g, np.zeros(g.shape[1]), h, Dialect(), precision="float32")
    error, bound = abs(v - trace.square_average[0, 0]), trace.bounds("float32").square_average[0, 0]
    assert error > 1e3 * np.spacing(v)  # much more than the error of the other operations
    assert error <= bound


def test_dialects_that_are_replayed_together_are_each_clipped_by_the_norm():
    gradients, initial = tapes(0, 10, 8)
    h = replace(CLIPPED, momentum=0.9, weight_decay=0.01)
    together = replay_each(gradients, initial, h, dialects)
    for name, trace in together.items():
        assert np.array_equal(trace.parameters, replay(gradients, initial, h, dialects[name]).parameters)


@pytest.mark.parametrize("name", ["torch", "tf1", "keras3"])
def test_rate_scale_multiplies_the_learning_rate_of_each_coordinate(name):
    gradients, initial = tapes(0, 3, 8)
    scale = np.array([1.0, 0.1, 3.0])
    together = replay(gradients, initial, PLAIN, dialects[name], rate_scale=scale, precision="float64")
    for i, factor in enumerate(scale):
        h = replace(PLAIN, learning_rate=PLAIN.learning_rate * factor)
        alone = replay(gradients[:, [i]], initial[[i]], h, dialects[name], precision="float64")
        assert np.array_equal(together.parameters[:, [i]], alone.parameters)
        assert np.array_equal(together.bound("float32")[:, [i]], alone.bound("float32"))


def test_rate_scale_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="rate_scale has shape"):
        replay(np.ones((2, 3)), np.zeros(3), PLAIN, Dialect(), rate_scale=[1.0, 2.0])


def test_a_negative_norm_is_refused():
    with pytest.raises(ValueError, match="clip_norm"):
        Hyperparameters(clip_norm=-1.0)


def test_the_bound_is_infinite_where_the_sum_of_squares_may_overflow():
    h = replace(PLAIN, clip_norm=1.0)
    trace = replay(np.full((1, 4), 1.2e19), np.zeros(4), h, Dialect())  # only the sum overflows
    assert np.isinf(trace.bound("float32")).all()
    assert (trace.bound("float64") < 1e-14).all()
    assert format_of("float32").largest < 4 * 1.2e19**2


def test_the_bound_is_infinite_where_limit_times_gradient_may_overflow():
    trace = replay(np.array([[6e4, 1.0]]), np.zeros(2), replace(PLAIN, clip_norm=3.0), Dialect(), precision="float16")
    assert np.isinf(trace.bound("float16")).all()  # (3·g)/‖g‖ overflows where 3·(g/‖g‖) does not
