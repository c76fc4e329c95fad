"""The oracle agrees with the book and with 50-digit arithmetic, and metamorphic relations hold."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings

from reference import Dialect, Hyperparameters, dialects, replay, replay_each
from reference.objectives import Quadratic
from tests.reference.independent import DIGITS, evaluate
from tests.reference.strategies import dialect_names, hyperparameters, seeds, tapes

PLAIN = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-6)


def test_the_two_dimensional_example_of_the_book_gives_the_published_digits():
    h = Hyperparameters(learning_rate=0.4, decay=0.9, epsilon=1e-6)
    objective = Quadratic()
    trace = replay(lambda step, x: objective.gradient(x, step), [-5.0, -2.0], h, dialects["d2l"], steps=20)
    assert [f"{value:.6f}" for value in trace.parameters[-1]] == ["-0.010599", "0.000000"]


@settings(max_examples=60)
@given(hyperparameters, dialect_names, seeds)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_float64_replay_is_within_its_bound_of_fifty_digits(precision, h, name, seed):
    gradients, initial = tapes(seed, 4, 24)
    trace = replay(gradients, initial, h, dialects[name], precision=precision)
    bounds = trace.bound("float64")
    with mpmath.workdps(DIGITS):
        for column in range(4):
            exact = evaluate(gradients[:, column], initial[column], h, dialects[name], np.dtype(precision).type)
            for step, (value, bound) in enumerate(zip(trace.parameters[:, column], bounds[:, column], strict=True)):
                if np.isfinite(bound) and not mpmath.isnan(exact[step]):
                    assert abs(mpmath.mpf(float(value)) - exact[step]) <= bound, (name, h, step)


@pytest.mark.parametrize("name", dialects)
def test_dialects_that_are_replayed_together_give_the_same_traces_as_alone(name):
    gradients, initial = tapes(0, 10, 8)
    h = replace(PLAIN, momentum=0.9, weight_decay=0.01)
    together = replay_each(gradients, initial, h, dialects)[name]
    alone = replay(gradients, initial, h, dialects[name])
    assert np.array_equal(together.parameters, alone.parameters)
    assert np.array_equal(together.bound("float32"), alone.bound("float32"))


def test_dialects_that_reduce_to_the_same_algorithm_share_a_trace():
    found = replay_each(*tapes(0, 3, 4), PLAIN, dialects)
    assert found["d2l"] is found["chainer-graves"]
    assert found["mlx"] is found["jittor"]
    assert found["d2l"] is not found["mlx"]


def test_a_trace_contains_only_the_state_that_the_algorithm_has():
    gradients, initial = tapes(0, 3, 4)
    plain = replay(gradients, initial, PLAIN, dialects["torch"])
    full = replay(gradients, initial, replace(PLAIN, centered=True, momentum=0.5), dialects["torch"])
    assert plain.momentum_buffer is None
    assert plain.mean_gradient is None
    assert full.momentum_buffer.shape == full.mean_gradient.shape == full.square_average.shape == gradients.shape


def test_the_square_average_is_the_leaky_average_of_the_book():
    gradients = np.array([[1.0], [2.0], [3.0]])
    trace = replay(gradients, [0.0], PLAIN, dialects["d2l"])
    assert trace.square_average[-1, 0] == pytest.approx(0.1 * (9 + 0.9 * 4 + 0.81 * 1), rel=4 * np.finfo(float).eps)


def test_momentum_without_centering_is_ignored_by_mxnet_1():
    gradients, initial = tapes(0, 3, 6)
    plain, with_momentum = (
        replay(gradients, initial, replace(PLAIN, momentum=mu), dialects["mxnet1"]) for mu in (0, 0.9)
    )
    assert np.array_equal(plain.parameters, with_momentum.parameters)


@pytest.mark.parametrize("name", ["mlx", "chainer", "caffe", "nd4j", "bitsandbytes", "jittor", "oneflow", "lasagne"])
@pytest.mark.parametrize("centered", [False, True])
def test_a_dialect_without_a_buffer_ignores_momentum(name, centered):
    gradients, initial = tapes(0, 3, 6)
    h = replace(PLAIN, centered=centered, epsilon=1e-3)
    plain, with_momentum = (replay(gradients, initial, replace(h, momentum=mu), dialects[name]) for mu in (0, 0.9))
    assert np.array_equal(plain.parameters, with_momentum.parameters)
    assert with_momentum.momentum_buffer is None


def test_keras_legacy_moves_epsilon_inside_when_there_is_momentum():
    gradients, initial = tapes(0, 3, 6)
    legacy = dialects["keras-legacy"]
    inside, outside = (replace(legacy, epsilon=where) for where in ("inside", "outside"))
    for momentum, expected in ((0.0, outside), (0.5, inside)):
        h = replace(PLAIN, momentum=momentum, epsilon=1e-2)
        assert np.array_equal(
            replay(gradients, initial, h, legacy).parameters, replay(gradients, initial, h, expected).parameters
        )


def test_learning_rate_inside_or_outside_the_buffer_differs_only_with_a_schedule():
    gradients, initial = tapes(4, 50, 12)
    inside, outside = Dialect(learning_rate="inside"), Dialect(learning_rate="outside")
    steady = replace(PLAIN, momentum=0.9)
    falling = replace(steady, learning_rate=[0.01 * 0.5**step for step in range(12)])
    for h, equal in ((steady, True), (falling, False)):
        a, b = (replay(gradients, initial, h, dialect) for dialect in (inside, outside))
        difference, bound = np.abs(a.parameters - b.parameters), a.bound("float64") + b.bound("float64")
        assert bool(np.all(difference <= bound)) is equal


def test_negated_gradients_and_initial_parameters_give_exactly_the_negated_trace():
    gradients, initial = tapes(5, 20, 12)
    h = replace(PLAIN, momentum=0.9, centered=True, epsilon=1e-3)
    plus, minus = (replay(sign * gradients, sign * initial, h, dialects["torch"]).parameters for sign in (1, -1))
    assert np.array_equal(plus, -minus)


def test_nan_does_not_spread_to_other_coordinates():
    gradients, initial = tapes(6, 5, 8)
    gradients[3, 2] = np.nan
    trace = replay(gradients, initial, PLAIN, dialects["d2l"])
    assert np.isnan(trace.parameters[3:, 2]).all()
    assert np.isfinite(np.delete(trace.parameters, 2, axis=1)).all()
    assert np.isfinite(np.delete(trace.bound("float32"), 2, axis=1)).all()


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 2), (2, 1, 2, 2)])
def test_parameters_of_any_shape_are_replayed(shape):
    trace = replay(np.ones((3, *shape)), np.zeros(shape), PLAIN, dialects["d2l"])
    assert trace.parameters.shape == trace.bound("float32").shape == (3, *shape)


def test_no_steps_give_an_empty_trace():
    assert replay(np.ones((0, 2)), np.zeros(2), PLAIN, dialects["d2l"]).parameters.shape == (0, 2)


@pytest.mark.parametrize(
    ("gradients", "steps", "message"),
    [
        (np.ones((3, 2)), None, "expected"),
        (np.ones((3, 3)), 4, "4 steps need 4 gradients; there are 3"),
        (lambda step, x: x, None, "needs the number of steps"),
    ],
)
def test_inconsistent_arguments_are_refused_with_a_message(gradients, steps, message):
    with pytest.raises(ValueError, match=message):
        replay(gradients, np.zeros(3), PLAIN, dialects["d2l"], steps=steps)


def test_a_closed_loop_accepts_only_one_dialect():
    with pytest.raises(ValueError, match="one dialect"):
        replay_each(lambda step, x: x, np.zeros(1), PLAIN, dialects, steps=1)
