"""Hyper-parameters, dialects, formats, leaky averages and objectives."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import Dialect, Hyperparameters, dialects, effective_window, half_life, leaky_weights, weight_sum
from reference.algorithm import Algorithm
from reference.objectives import LinearRegression, Network, Quadratic, flatten, unflatten
from reference.precision import format_of, wider
from suite.adapters.oracle import Adapter

EPS = np.finfo(np.float64).eps


def test_hyperparameters_are_restored_from_json():
    h = Hyperparameters(learning_rate=[0.1, 0.2], momentum=0.5, clip_gradient=1.0, centered=True)
    assert Hyperparameters.from_json(h.to_json()) == h


def test_a_learning_rate_is_one_number_or_one_for_each_step():
    assert Hyperparameters(learning_rate=0.1).rate(7) == 0.1
    scheduled = Hyperparameters(learning_rate=[0.1, 0.2])
    assert scheduled.rate(1) == 0.2
    with pytest.raises(IndexError):
        scheduled.rate(2)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"decay": math.nan}, "decay"), ({"clip_gradient": -1.0}, "clip_gradient"), ({"alpha": 0.9}, "alpha")],
)
def test_an_error_names_the_invalid_hyperparameter(values, message):
    with pytest.raises(ValueError, match=message):
        Hyperparameters.from_json(values)


def test_every_named_dialect_has_a_source_and_cannot_be_changed():
    assert all(dialect.source for dialect in dialects.values())
    with pytest.raises(FrozenInstanceError):
        dialects["torch"].epsilon = "inside"
    with pytest.raises(TypeError):
        dialects["mine"] = Dialect()


def test_the_learning_rate_is_not_rounded_if_the_dialect_exempts_it():
    h, burn = Hyperparameters(learning_rate=0.1, decay=0.9), dialects["burn"]
    algorithm = Algorithm.of(burn, h, "float64")
    assert algorithm.rate(0.1) == np.longdouble(0.1)
    assert algorithm.decay == np.longdouble(np.float32(0.9))
    assert Algorithm.of(replace(burn, hyperparameter_rounding="float32"), h, "float64").rate(0.1) == np.float32(0.1)


def test_differences_of_two_dialects_are_listed_by_axis():
    assert dialects["torch"].differences(dialects["d2l"]) == {
        "epsilon": ("outside", "inside"),
        "learning_rate": ("outside", "inside"),
        "subnormals": ("kept", "either"),
    }


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_constants_of_a_format_equal_those_of_numpy(dtype):
    fmt, limits = format_of(dtype), np.finfo(dtype)
    assert fmt.epsilon == limits.eps
    assert fmt.largest == limits.max
    assert fmt.smallest_normal == limits.smallest_normal
    assert fmt.smallest_subnormal == np.longdouble(limits.smallest_subnormal)


@given(st.floats(width=64, allow_nan=False))
def test_rounding_to_float32_equals_that_of_numpy(value):
    with np.errstate(over="ignore"):
        expected = np.float32(value)
    assert np.float32(format_of("float32").round(np.float64(value))) == expected


def test_an_ulp_is_the_distance_to_the_next_number():
    values = np.array([1.0, 1.5, 2.0, 1e-40, 0.0, 3e38], np.float32)
    assert np.array_equal(format_of("float32").ulp(values), np.spacing(values))
    assert np.isnan(format_of("float32").ulp(np.inf))


def test_bfloat16_has_eight_significant_bits_and_the_range_of_float32():
    fmt = format_of("bfloat16")
    assert fmt.round(np.float64(1 + 2.0**-9)) == 1.0
    assert fmt.round(np.float64(1 + 3 * 2.0**-9)) == 1 + 2.0**-7
    assert fmt.smallest_normal == format_of("float32").smallest_normal


def test_the_oracle_computes_in_a_wider_type_than_the_tested_format():
    assert wider("float32") is np.float64
    assert wider("float64") is np.longdouble
    with pytest.raises(ValueError, match="int32"):
        wider("int32")


@pytest.mark.parametrize("decay", [0.95, 0.9, 0.8, 0.7])
def test_the_sum_of_leaky_weights_equals_the_closed_form(decay):
    weights = leaky_weights(decay, 40)
    assert weights[0] == 1 - decay
    assert weights.sum() == pytest.approx(weight_sum(decay, 40), rel=40 * EPS)
    assert weight_sum(decay) == 1.0
    assert effective_window(decay) == 1 / (1 - decay)


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.99])
def test_after_a_half_life_the_weight_is_halved(decay):
    assert decay ** half_life(decay) == pytest.approx(0.5, rel=8 * EPS)
    assert half_life(0.0) == 0.0
    with pytest.raises(ValueError, match="less than 1"):
        half_life(1.0)


@pytest.mark.parametrize("rotated", [False, True])
def test_the_gradient_of_a_quadratic_equals_the_central_difference(rotated):
    objective, x, h = Quadratic(rotated), np.array([-5.0, -2.0], np.longdouble), np.longdouble(2.0**-10)
    for i, slope in enumerate(objective.gradient(x, 0)):
        above, below = (x + sign * h * np.eye(2, dtype=x.dtype)[i] for sign in (1, -1))
        difference = (objective.loss(above) - objective.loss(below)) / (2 * float(h))
        # exact for a quadratic, except for the rounding to float64 of two losses of at most 30
        assert abs(difference - float(slope)) <= 30 * EPS / float(h)


def test_the_quadratics_are_those_of_the_book():
    x1, x2 = 3.0, -1.0
    assert Quadratic(rotated=True).loss(np.array([x1, x2])) == pytest.approx(
        0.1 * (x1 + x2) ** 2 + 2 * (x1 - x2) ** 2, rel=4 * EPS
    )
    assert Quadratic().loss(np.array([x1, x2])) == pytest.approx(0.1 * x1**2 + 2 * x2**2, rel=4 * EPS)


def regression(seed=0):
    rng = np.random.default_rng(seed)
    features, labels = rng.normal(size=(40, 3)).astype(np.float32), rng.normal(size=40).astype(np.float32)
    return LinearRegression(features, labels, rng.permutation(40).reshape(4, 10)), rng.normal(size=4)


def test_the_mean_gradient_over_all_batches_is_the_gradient_of_the_loss():
    objective, x = regression()
    mean = np.mean([objective.gradient(x, step) for step in range(4)], axis=0)
    h = 2.0**-12
    for i in range(4):
        above, below = x.copy(), x.copy()
        above[i] += h
        below[i] -= h
        difference = (objective.loss(above) - objective.loss(below)) / (2 * h)
        assert abs(difference - mean[i]) <= 50 * EPS / h  # exact for a quadratic except for rounding


@pytest.mark.parametrize("seed", range(20))
def test_a_float32_gradient_of_a_regression_is_within_its_bound(seed):
    objective, x = regression(seed)
    x = x.astype(np.float32)
    for step in range(4):
        rows = objective.batches[step]
        residual = objective.features[rows] @ x[:-1] + x[-1] - objective.labels[rows]
        found = np.append(objective.features[rows].T @ residual, residual.sum()) / np.float32(10)
        exact = objective.gradient(x.astype(np.float64), step)
        assert (np.abs(found - exact) <= objective.gradient_bound(x.astype(np.float64), step, "float32")).all()


def network(seed=0):
    rng = np.random.default_rng(seed)
    features, labels = rng.random((24, 6)).astype(np.float32), rng.integers(0, 3, 24)
    objective = Network(features, labels, rng.permutation(24).reshape(3, 8), hidden=5, classes=3)
    return objective, rng.normal(size=sum(int(np.prod(shape)) for shape in objective.shapes))


def test_the_mean_gradient_of_a_network_over_all_batches_is_the_gradient_of_its_loss():
    objective, x = network()
    mean = np.mean([objective.gradient(x, step) for step in range(3)], axis=0)
    h = 2.0**-16  # truncation and rounding error of the central difference are both about 1e-10
    for i in range(x.size):
        above, below = x.copy(), x.copy()
        above[i] += h
        below[i] -= h
        assert (objective.loss(above) - objective.loss(below)) / (2 * h) == pytest.approx(mean[i], abs=1e-8)


@pytest.mark.parametrize("seed", range(20))
def test_a_float32_gradient_of_a_network_is_within_its_bound(seed):
    objective, x = network(seed)
    single = x.astype(np.float32)
    adapter = Adapter("cpu")
    parts = unflatten(single, objective.shapes)
    for step, rows in enumerate(objective.batches):
        loss = adapter.cross_entropy(*parts, objective.features[rows], objective.labels[rows])
        exact = objective.gradient(single.astype(np.float64), step)
        bound = objective.gradient_bound(single.astype(np.float64), step, "float32")
        for found in (flatten(loss.gradients), objective.gradient(single, step)):
            assert (np.abs(found - exact) <= bound).all()
        assert bound.max() < 1e-3 * np.abs(exact).max()


def test_the_bound_allows_both_gradients_of_a_hidden_unit_near_zero():
    objective, x = network()
    features = np.tile(objective.features[:1], (24, 1))
    repeated = replace(objective, features=features)
    w1 = unflatten(x, objective.shapes)[0]
    x = x.copy()
    x[w1.size] = -(features[0].astype(np.float64) @ w1[:, 0]) + 1e-9  # above zero by less than rounding
    bound = unflatten(repeated.gradient_bound(x, 0, "float32"), objective.shapes)[0]
    gradient = unflatten(repeated.gradient(x, 0), objective.shapes)[0]
    assert (bound[:, 0] >= np.abs(gradient[:, 0])).all()
    assert (bound[:, 1:] < 1e-2 * np.abs(gradient[:, 1:]).max()).all()


def test_the_gradient_of_another_loss_is_outside_the_bound():
    objective, x = regression()
    doubled = 2 * objective.gradient(x, 0)  # of the loss without the factor ½
    assert (np.abs(doubled - objective.gradient(x, 0)) > 1e3 * objective.gradient_bound(x, 0, "float32")).any()


def test_unflatten_divides_a_vector_into_shapes_and_flatten_is_its_inverse():
    shapes = [(), (0,), (5, 3), (1,), (2, 3, 2)]
    vector = np.arange(29.0)
    parts = unflatten(vector, shapes)
    assert [part.shape for part in parts] == shapes
    assert np.array_equal(flatten(parts), vector)
