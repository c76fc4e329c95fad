"""The numbers of the parts of the chapter, compared with closed forms and plain loops."""

import math

import numpy as np
import pytest

from reference import Hyperparameters, dialects, replay
from suite.cases import datasets, tasks
from suite.chapter import averages, gamma_one, network, regression, rotation, sensitivity, trajectory
from suite.chapter.chapter import PARTS, select_parts
from suite.chapter.descent import (
    LeastSquares,
    Method,
    adagrad,
    constant,
    descend,
    gradient_descent,
    mean_of_squares,
    rmsprop,
)
from suite.errors import UserError

QUADRATIC = lambda step, x: trajectory.SLOPES * x  # noqa: E731
START = np.array([-5.0, -2.0])


@pytest.fixture(scope="module")
def task():
    return tasks.regression(datasets.generated(), 0)


def loop(update, steps):
    """Run the section's loop with an update rule."""
    x, s, path = START.copy(), np.zeros(2), [START]
    for t in range(1, steps + 1):
        g = trajectory.SLOPES * x
        x, s = update(x, s, g, t)
        path.append(x)
    return np.stack(path)


def test_rmsprop_ends_at_the_published_point():
    path = descend(QUADRATIC, START, 20, rmsprop(0.4, 0.9, 1e-6))
    assert [f"{abs(x) if abs(x) < 5e-7 else x:.6f}" for x in path[20]] == ["-0.010599", "0.000000"]


def test_descend_equals_a_replay_of_the_oracle():
    path = descend(QUADRATIC, START, 30, rmsprop(0.4, 0.9, 1e-6))
    h = Hyperparameters(learning_rate=0.4, decay=0.9, epsilon=1e-6)
    trace = replay(QUADRATIC, START, h, dialects["d2l"], dtype=np.longdouble, steps=30)
    assert np.allclose(path[1:], trace.parameters.astype(float), rtol=1e-12, atol=1e-18)


def test_a_decay_of_1_minus_1_over_t_gives_the_mean_of_all_squares():
    def plain(x, s, g, t):
        s = s + g**2
        return x - 0.4 / np.sqrt(s / t + 1e-6) * g, s

    assert np.allclose(descend(QUADRATIC, START, 40, mean_of_squares(0.4)), loop(plain, 40), rtol=1e-9, atol=1e-15)


def test_adagrad_is_the_same_update_with_other_hyperparameters():
    def plain(x, s, g, t):
        s = s + g**2
        return x - 0.4 / np.sqrt(s + 1e-6) * g, s

    assert np.allclose(descend(QUADRATIC, START, 40, adagrad(0.4)), loop(plain, 40), rtol=1e-9, atol=1e-15)


def test_gamma_one_is_gradient_descent():
    path = descend(QUADRATIC, START, 20, rmsprop(0.4e-3, 1.0, 1e-6))
    assert np.allclose(path, gamma_one.closed_form(0.4, START, 20), rtol=1e-12)
    assert np.allclose(path, descend(QUADRATIC, START, 20, gradient_descent(0.4)), rtol=1e-12)


def test_arrays_of_hyperparameters_run_many_descents_at_once():
    rates, decays = np.array([0.1, 0.4]), np.array([0.5, 0.9])[:, None]
    start = np.broadcast_to(START[:, None, None], (2, 2, 2))
    many = descend(lambda step, x: trajectory.SLOPES[:, None, None] * x, start, 10, rmsprop(rates, decays))
    for i, decay in enumerate((0.5, 0.9)):
        for j, rate in enumerate((0.1, 0.4)):
            assert np.array_equal(many[:, :, i, j], descend(QUADRATIC, START, 10, rmsprop(rate, decay)))


def test_the_impulse_response_equals_the_weights_of_the_equation():
    for decay in averages.DECAYS:
        expected = (1 - decay) * decay ** np.arange(averages.STEPS)
        assert np.allclose(averages.impulse_response(decay), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("dialect", "rate"),
    [
        ("d2l", 0.4 / math.sqrt(1e-6)),
        ("torch", 0.4 / 1e-6),
        ("keras-legacy", 0.4 / 1e-6),
        ("tf1", 0.4 / math.sqrt(1 + 1e-6)),
        ("mxnet1", 0.4 / math.sqrt(1e-6)),
    ],
)
def test_the_descent_rate_at_gamma_one_equals_that_of_the_oracle_s_first_step(dialect, rate):
    h = Hyperparameters(learning_rate=0.4, decay=1.0, epsilon=1e-6)
    assert gamma_one.descent_rate(h, dialects[dialect]) == pytest.approx(rate, rel=1e-12)
    step = replay([[0.5]], [0.0], h, dialects[dialect]).parameters[0, 0]
    assert -step / 0.5 == pytest.approx(rate, rel=1e-6)


def test_the_last_step_of_a_run_is_compared_with_the_overflow_of_g_squared():
    path = gamma_one.closed_form(400.0, START, 20)
    path[7:] = np.nan
    h = Hyperparameters(learning_rate=0.4, decay=1.0, epsilon=1e-6)
    found = gamma_one.compare_with_closed_form(path, h, dialects["d2l"])["results"]
    assert (found["ended_after"], found["distance"]) == (7, pytest.approx(0, abs=1e-12))
    gradient = 4 * 2 * 1599.0 ** np.arange(21)
    assert found["square_overflow"] == 1 + np.argmax(gradient**2 > np.finfo(np.float32).max)


def test_a_rotation_affects_rmsprop_but_not_gradient_descent():
    plain, rotated = (rotation.rotated_losses(angle, START, gradient_descent(0.4)) for angle in (0, 35))
    assert np.allclose(plain[:40], rotated[:40], rtol=1e-6)
    plain, rotated = (rotation.rotated_losses(angle, START, rmsprop(0.4, 0.9)) for angle in (0, 35))
    assert rotated[20] > 100 * plain[20]


def test_a_rotation_by_90_degrees_gives_the_losses_along_the_axes():
    plain, rotated = (rotation.rotated_losses(angle, START, rmsprop(0.4, 0.9)) for angle in (0, 90))
    assert np.allclose(plain[:20], rotated[:20], rtol=1e-6)


def test_the_minimum_loss_equals_that_of_the_normal_equations(task):
    least_squares = LeastSquares(task)
    x = np.linalg.solve(least_squares.design.T @ least_squares.design, least_squares.design.T @ least_squares.labels)
    assert least_squares.minimum_loss == pytest.approx(task.objective.loss(x), rel=1e-12)
    with pytest.raises(TypeError, match="quadratic is not a linear regression"):
        LeastSquares(tasks.quadratic())


def test_a_cell_of_the_grid_equals_a_single_replay(task):
    grid = sensitivity.regression_grid(LeastSquares(task), task)
    i, j = 4, 6
    h = Hyperparameters(sensitivity.RATES["regression"][j], sensitivity.DECAYS[i], 1e-6)
    single = replay(lambda k, x: task.objective.gradient(x, k), task.initial, h, dialects["d2l"], steps=task.steps)
    assert grid.shape == (len(sensitivity.DECAYS), len(sensitivity.RATES["regression"]))
    assert grid[i, j] == pytest.approx(task.objective.loss(single.parameters[-1]), rel=1e-9)


def test_both_grids_contain_the_hyperparameters_of_the_section():
    assert 0.9 in sensitivity.DECAYS
    for subject, rate in (("regression", 0.01), ("quadratic", 0.4)):
        assert min(abs(known / rate - 1) for known in sensitivity.RATES[subject]) < 0.02


def test_schedules_of_gamma_have_the_documented_values():
    schedules = sensitivity.decay_schedules(300)
    assert (schedules["rising, 0.5 to 0.99"](1), schedules["rising, 0.5 to 0.99"](300)) == (0.5, 0.99)
    assert schedules["falling, 0.99 to 0.5"](300) == pytest.approx(0.5)
    assert [schedules["0.9, then 0.99"](t) for t in (150, 151)] == [0.9, 0.99]
    assert schedules["1 - 1/t"](1) == 0


def test_reordering_or_lengthening_a_task_changes_nothing_else(task):
    other = tasks.regression(datasets.generated(), 1)
    order = regression.reordered(task, other.data["batches"])
    assert np.array_equal(order.initial, task.initial)
    assert np.array_equal(order.data["batches"], other.data["batches"])
    assert order.objective.batches is order.data["batches"]
    assert order.hyperparameters == task.hyperparameters
    longer = regression.lengthened(task, 4)
    assert longer.steps == 600
    assert np.array_equal(longer.objective.batches[:300], task.objective.batches)
    assert np.array_equal(longer.objective.batches[300:], task.objective.batches)
    assert regression.lengthened(task, 1).steps == 150


def test_a_loss_without_the_factor_one_half_doubles_the_gradient(task):
    h = regression.with_hyperparameters(task, rescale_gradient=2.0).hyperparameters
    twice = replay(lambda k, x: task.objective.gradient(x, k), task.initial, h, dialects["d2l"], steps=5)
    plain = replay(
        lambda k, x: 2 * task.objective.gradient(x, k), task.initial, task.hyperparameters, dialects["d2l"], steps=5
    )
    assert np.array_equal(twice.parameters, plain.parameters)


@pytest.mark.parametrize(
    ("name", "first", "middle", "last"),
    [
        ("constant", 1, 1, 1),
        ("step", 1, 0.1, 0.01),
        ("cosine", 1, 0.5, 0.5 * (1 + math.cos(math.pi * 79 / 80))),
        ("inverse square root", 1, 1 / math.sqrt(5), 1 / math.sqrt(1 + 79 / 10)),
        ("warm-up, then cosine", 0.1, 0.5 * (1 + math.cos(math.pi * 30 / 70)), 0.5 * (1 + math.cos(math.pi * 69 / 70))),
    ],
)
def test_schedules_of_the_learning_rate_have_the_documented_values(name, first, middle, last):
    schedule = network.SCHEDULES[name]
    assert [schedule(t, 10, 80) for t in (0, 40, 79)] == pytest.approx([first, middle, last])
    assert all(0 <= schedule(t, 10, 80) <= 1 for t in range(80))


def test_schedules_share_images_initial_weights_and_batch_order():
    first, *others = network.scheduled_tasks(datasets.digit_images(), 0)
    assert len(others) == 4
    for other in others:
        assert other.arrays().keys() == first.arrays().keys()
        assert all(np.array_equal(other.arrays()[name], array) for name, array in first.arrays().items())
        assert other.hyperparameters != first.hyperparameters


def test_the_predicted_class_has_the_largest_logit():
    task = next(iter(network.scheduled_tasks(datasets.digit_images(), 0)))
    x = np.zeros(task.initial.size)
    x[-4] = 1.0  # the bias of class 6
    assert set(network.predicted_classes(task, x, datasets.digit_images())) == {6}


def test_parts_are_selected_by_number_or_name_in_the_order_of_the_section():
    assert [part.heading.number for part in PARTS] == [1, 2, 3, 4, 5, 6, 7]
    assert [part.heading.name for part in select_parts(["7", "gamma-one", "4"])] == ["gamma-one", "sensitivity"]
    assert select_parts([]) == list(PARTS)
    with pytest.raises(UserError, match=r"no part 'eight'; there are 1 \(averages\), 2"):
        select_parts(["eight"])


def test_hyperparameters_are_evaluated_at_every_step():
    seen = []
    method = Method(lambda t: seen.append(t) or 0.1, constant(0.9), constant(1e-6))
    descend(QUADRATIC, START, 3, method)
    assert seen == [1, 2, 3]
