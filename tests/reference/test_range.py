"""Overflow, underflow and NaN: exact values where all orders of operations agree, infinite bounds elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import Dialect, Hyperparameters, dialects, replay, replay_each
from reference.precision import wider
from reference.replay import QUANTITIES, Replays
from suite.diagnosis.mistakes.evaluation import EvaluationInput, evaluate
from tests.reference.strategies import dialect_names, random_orders, seeds

STEPS, TAPES = 6, 64
EPS = np.finfo(np.float64).eps
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 1e-38, 1e-22, 1e-20, 1e19, -3e19, 1e25, 3e38])

extreme_hyperparameters = st.builds(
    Hyperparameters,
    learning_rate=st.sampled_from([0.0, 1e-4, 0.03125, 1.0]),
    decay=st.sampled_from([0.0, 0.5, 0.9, 0.999, 1.0]),
    epsilon=st.sampled_from([0.0, 1e-10, 1e-6, 1e-2]),
    momentum=st.sampled_from([0.0, 0.0, 0.9]),
    centered=st.sampled_from([False, False, True]),
    weight_decay=st.sampled_from([0.0, 0.0, 1e-2]),
    clip_gradient=st.sampled_from([None, None, 0.5]),
    clip_weights=st.sampled_from([None, None, 1.0]),
    rescale_gradient=st.sampled_from([1.0, 0.3, 8.0]),
    maximize=st.booleans(),
)


def tapes(seed, share=0.3):
    """Normal deviates over 24 decades, mixed with NaN, infinities, zeros and values near the ends of the range."""
    rng = np.random.default_rng(seed)
    gradients = rng.normal(size=(STEPS, TAPES)) * 10.0 ** rng.uniform(-12, 12, TAPES)
    special = rng.choice(SPECIAL, size=gradients.shape)
    gradients = np.where(rng.random(gradients.shape) < share, special, gradients)
    return gradients.astype(np.float32), rng.normal(size=TAPES).astype(np.float32)


def count_outside(limits, found):
    """Return the number of values outside their bounds; state is ignored where the parameter is NaN."""
    count = 0
    for quantity in QUANTITIES:
        value, error = getattr(limits.values, quantity), getattr(limits.errors, quantity)
        if value is None:
            continue
        assert not np.isnan(error).any()
        with np.errstate(invalid="ignore"):
            same = (found[quantity] == value) | (np.isnan(found[quantity]) & np.isnan(value))
            inside = same | np.isinf(error) | (np.abs(found[quantity] - value) <= error)
        ignored = np.isnan(limits.values.parameters) & (quantity != "parameters")
        count += int(np.sum(~(inside | ignored)))
    return count


@settings(max_examples=150)
@given(extreme_hyperparameters, dialect_names, seeds)
def test_predicted_infinities_and_nan_occur_in_every_order_of_operations(h, name, seed):
    gradients, initial = tapes(seed)
    dialect = replace(dialects[name], subnormals="either")
    limits = replay(gradients, initial, h, dialect, precision="float32").within("float32")
    for order in random_orders(seed):
        found = evaluate(dialect, h, EvaluationInput(initial, gradients), order)
        assert count_outside(limits, found) == 0, f"{order.name}, {name}, {h}"


@settings(max_examples=60)
@given(extreme_hyperparameters, seeds)
@pytest.mark.parametrize("subnormals", ["kept", "flushed"])
def test_subnormals_are_kept_or_flushed_as_the_dialect_specifies(subnormals, h, seed):
    gradients, initial = tapes(seed)
    dialect = Dialect(subnormals=subnormals)
    limits = replay(gradients, initial, h, dialect, precision="float32").within("float32")
    for order in random_orders(seed):
        order = replace(order, flushed=subnormals == "flushed")
        found = evaluate(dialect, h, EvaluationInput(initial, gradients), order)
        assert count_outside(limits, found) == 0, f"{order.name}, {h}"


def step_from_a_subnormal_square(subnormals):
    """One step from v = 0 with g = 1e-20 and ε = 0, so that v = 1e-41."""
    h = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=0.0)
    trace = replay(np.full((1, 1), np.float32(1e-20)), [1.0], h, Dialect(subnormals=subnormals))
    values, errors = trace.within("float32")
    return values.parameters.item(), errors.parameters.item()


def test_a_subnormal_square_is_kept_or_makes_the_parameter_infinite():
    value, error = step_from_a_subnormal_square("kept")  # as in PyTorch and MXNet on a CPU
    assert abs(value - 0.96838) <= error + 0.5e-5  # 0.5e-5 is half a unit of the last digit
    assert error < 1e-3
    assert step_from_a_subnormal_square("flushed") == (-np.inf, 0)  # as in TensorFlow and JAX
    assert step_from_a_subnormal_square("either")[1] == np.inf


@pytest.mark.parametrize(("gradient", "expected"), [(np.nan, np.nan), (np.inf, np.nan), (-np.inf, np.nan), (1e25, 1.0)])
@pytest.mark.parametrize("name", ["d2l", "torch"])
def test_nan_and_infinity_do_not_spread_to_other_coordinates(name, gradient, expected):
    gradients = np.full((2, 3), 0.5)
    gradients[1, 1] = gradient
    h = Hyperparameters(learning_rate=0.5, decay=0.75, epsilon=1e-6)
    trace = replay(gradients, np.ones(3), h, dialects[name])
    values, errors = trace.within("float32")
    x = values.parameters[:, 1]
    assert np.isnan(x[1]) if np.isnan(expected) else x[1] == x[0]  # g/∞ = 0: the parameter is unchanged
    assert np.isfinite(errors.parameters).all()
    assert (errors.parameters[:, [0, 2]] < 1e-5).all()


def test_bounds_include_the_effect_of_an_overflow_in_the_format():
    trace = replay(np.full((1, 1), 1e25), [1.0], Hyperparameters(learning_rate=0.5), dialects["d2l"])
    change = 1 - trace.parameters.item()
    assert change == pytest.approx(0.5 / np.sqrt(0.1), rel=8 * EPS)  # seven operations in float64
    underflow = 4 * np.finfo(np.float32).tiny * 1e25  # of g/d, before and after it is multiplied by η
    # where g² overflows, the parameter does not change
    assert change <= trace.bound("float32").item() <= change + underflow
    assert trace.bound("float64").item() < 1e-14
    assert np.isinf(trace.bounds("float32").square_average)


def test_the_bound_is_infinite_where_only_some_orders_of_operations_overflow():
    h = replace(Hyperparameters(learning_rate=0.5), decay=0.999)
    trace = replay(np.full((1, 1), 1e20), [1.0], h, dialects["d2l"])  # g² overflows, (1-γ)·g·g does not
    assert np.isinf(trace.within("float32").errors.parameters).all()


@pytest.mark.parametrize(("decay", "certain"), [(0.5, False), (0.75, True)])
def test_the_bound_of_the_square_average_is_infinite_where_only_some_orders_give_nan(decay, certain):
    h = Hyperparameters(learning_rate=0.5, decay=decay)
    for gradient in (1e25, np.inf):
        values, errors = replay(np.full((1, 1), gradient), [1.0], h, dialects["d2l"]).within("float32")
        assert np.isinf(values.square_average.item())
        assert (errors.square_average.item() == 0) is certain  # ∞ - γ(∞ - v) is NaN, and v + (1-γ)(∞ - v) is not


@pytest.mark.parametrize(
    ("gradients", "changes"),
    [
        ([1e4], {"rescale_gradient": 8.0}),  # 8g/√∞ is NaN if 8g overflows, and 0 otherwise
        ([1e4], {"rescale_gradient": 8.0, "weight_decay": 0.01}),
        ([200.0], {"decay": 1.0, "learning_rate": 0.0}),  # η(g/d) is 0·∞
        ([50.0, -50.0], {"decay": 1.0, "learning_rate": 2.0}),  # the parameter is infinite, and so is the step: ∞ - ∞
        ([1e-4], {"decay": 1.0, "epsilon": 1e-6}),  # 1/d overflows
        ([36.0], {"decay": 1.0, "learning_rate": 0.0, "momentum": 0.9, "nesterov": True}),  # 0·(u + μb) is 0·∞
    ],
)
@pytest.mark.parametrize("other_gradient", [0.0, 60.0, 6e4])
def test_the_bound_is_infinite_where_an_intermediate_result_may_overflow(gradients, changes, other_gradient):
    h = replace(Hyperparameters(learning_rate=1.0, decay=0.9, epsilon=1e-3), **changes)
    dialect = Dialect(epsilon="outside", learning_rate="outside")
    tape = np.column_stack([gradients, np.zeros(len(gradients))])
    tape[-1, 1] = other_gradient
    limits = replay(tape, [0.5, 0.5], h, dialect, precision="float16").within("float16")
    assert np.isinf(limits.errors.parameters[-1, 0])


def test_a_certain_overflow_does_not_hide_an_uncertain_one_elsewhere():
    g = 255.9375  # whether g² overflows depends on rounding
    for gradients in ([[g]], [[g, 1e4]]):
        trace = replay(gradients, np.zeros(len(gradients[0])), Hyperparameters(), Dialect(), precision="float16")
        assert np.isinf(trace.within("float16").errors.square_average[0, 0])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_limits_of_replays_equal_those_of_their_traces(dtype):
    gradients, initial = tapes(7)
    h = Hyperparameters(momentum=0.5, centered=True, epsilon=1e-3, decay=0.999)
    limits = Replays(gradients, initial, h, dialects, dtype=wider(dtype), precision=dtype).limits(dtype)
    traces = replay_each(gradients, initial, h, dialects, dtype=wider(dtype), precision=dtype)
    for name, trace in traces.items():
        for one, other in zip(limits[name], trace.within(dtype), strict=True):
            for quantity in QUANTITIES:
                a, b = getattr(one, quantity), getattr(other, quantity)
                assert (a is None and b is None) or np.array_equal(a, b, equal_nan=True)


def test_the_limits_of_a_closed_loop_are_refused_because_its_trace_has_the_gradients():
    replays = Replays(lambda step, x: x, np.ones(2), Hyperparameters(), {"": Dialect()}, steps=2)
    with pytest.raises(TypeError, match="use `within` of the trace"):
        replays.limits("float32")


@pytest.mark.parametrize(("subnormals", "threshold"), [("flushed", 2.0**-126), ("kept", 2.0**-150)])
@pytest.mark.parametrize(("factor", "is_zero"), [(0.7, True), (1.1, False), (2.0, False)])
def test_a_product_is_zero_below_the_smallest_number_of_the_format(subnormals, threshold, factor, is_zero):
    """The threshold for v = g²/10 is the smallest normal number if subnormals are flushed, else half of the smallest
    subnormal number. The factor 0.7 leaves room for the rounding of g².
    """
    g = np.sqrt(10 * threshold * factor)
    trace = replay([[g]], [1.0], Hyperparameters(decay=0.9), Dialect(subnormals=subnormals))
    values, errors = trace.within("float32")
    known_zero = (values.square_average.item(), errors.square_average.item()) == (0, 0)
    assert known_zero is is_zero
    if not is_zero:
        assert values.square_average.item() == trace.square_average.item()


def test_the_bound_is_infinite_where_weight_decay_shrinks_an_infinite_parameter():
    """x (1 - ηλ) is infinite, but x - ηλ x is NaN."""
    h = Hyperparameters(learning_rate=0.5, decay=1.0, epsilon=0.0, weight_decay=0.5)
    trace = replay(np.ones((2, 1)), [1.0], h, Dialect(weight_decay="decoupled"))
    values, errors = trace.within("float32")
    assert (values.parameters[0].item(), errors.parameters[0].item()) == (-np.inf, 0)
    assert errors.parameters[1].item() == np.inf


def test_limits_have_every_quantity_of_the_trace():
    h = Hyperparameters(momentum=0.5, centered=True, epsilon=1e-3)
    values, errors = replay(np.ones((2, 3)), np.zeros(3), h, dialects["torch"]).within("float32")
    assert all(getattr(of, quantity).shape == (2, 3) for quantity in QUANTITIES for of in (values, errors))
