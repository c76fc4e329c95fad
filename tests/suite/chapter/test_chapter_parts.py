"""What the parts of the section compute, against closed forms and plain loops."""

import math

import numpy as np
import pytest

from reference import Hyperparameters, dialects, replay
from suite.cases import datasets, images, tasks
from suite.chapter import averages, gamma_one, network, regression, rotation, sensitivity, trajectory
from suite.chapter.batched_regression import LeastSquares
from suite.chapter.descent import Method, adagrad, always, descend, gradient_descent, mean_of_squares, rmsprop
from suite.chapter.parts import PARTS, chosen

QUADRATIC = lambda step, x: trajectory.SLOPES * x  # noqa: E731
START = np.array([-5.0, -2.0])


@pytest.fixture(scope="module")
def task():
    return tasks.regression(datasets.generated(), 0)


def by_hand(divide, steps):
    """The loop of the section with a rule for s."""
    x, s, path = START.copy(), np.zeros(2), [START]
    for t in range(1, steps + 1):
        g = trajectory.SLOPES * x
        x, s = divide(x, s, g, t)
        path.append(x)
    return np.stack(path)


def test_rmsprop_ends_where_the_section_prints_it():
    path = descend(QUADRATIC, START, 20, rmsprop(0.4, 0.9, 1e-6))
    assert [f"{abs(x) if abs(x) < 5e-7 else x:.6f}" for x in path[20]] == ["-0.010599", "0.000000"]


def test_a_descent_is_the_oracle_s_replay():
    path = descend(QUADRATIC, START, 30, rmsprop(0.4, 0.9, 1e-6))
    h = Hyperparameters(learning_rate=0.4, decay=0.9, epsilon=1e-6)
    trace = replay(QUADRATIC, START, h, dialects["d2l"], dtype=np.longdouble, steps=30)
    assert np.allclose(path[1:], trace.parameters.astype(float), rtol=1e-12, atol=1e-18)


def test_a_decay_of_one_less_one_over_t_is_the_mean_of_all_squares():
    def plain(x, s, g, t):
        s = s + g**2
        return x - 0.4 / np.sqrt(s / t + 1e-6) * g, s

    assert np.allclose(descend(QUADRATIC, START, 40, mean_of_squares(0.4)), by_hand(plain, 40), rtol=1e-9, atol=1e-15)


def test_adagrad_is_the_same_update_with_numbers_of_its_own():
    def plain(x, s, g, t):
        s = s + g**2
        return x - 0.4 / np.sqrt(s + 1e-6) * g, s

    assert np.allclose(descend(QUADRATIC, START, 40, adagrad(0.4)), by_hand(plain, 40), rtol=1e-9, atol=1e-15)


def test_gamma_one_is_gradient_descent():
    path = descend(QUADRATIC, START, 20, rmsprop(0.4e-3, 1.0, 1e-6))
    assert np.allclose(path, gamma_one.closed_form(0.4, START, 20), rtol=1e-12)
    assert np.allclose(path, descend(QUADRATIC, START, 20, gradient_descent(0.4)), rtol=1e-12)


def test_numbers_may_be_arrays_and_runs_side_by_side():
    rates, decays = np.array([0.1, 0.4]), np.array([0.5, 0.9])[:, None]
    start = np.broadcast_to(START[:, None, None], (2, 2, 2))
    many = descend(lambda step, x: trajectory.SLOPES[:, None, None] * x, start, 10, rmsprop(rates, decays))
    for i, decay in enumerate((0.5, 0.9)):
        for j, rate in enumerate((0.1, 0.4)):
            assert np.array_equal(many[:, :, i, j], descend(QUADRATIC, START, 10, rmsprop(rate, decay)))


def test_the_average_holds_the_weights_of_the_equation():
    for decay in averages.DECAYS:
        expected = (1 - decay) * decay ** np.arange(averages.STEPS)
        assert np.allclose(averages.impulse(decay), expected, rtol=1e-13)


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
def test_the_rate_at_gamma_one_is_that_of_the_oracle_s_first_step(dialect, rate):
    h = Hyperparameters(learning_rate=0.4, decay=1.0, epsilon=1e-6)
    assert gamma_one.descent_rate(h, dialects[dialect]) == pytest.approx(rate, rel=1e-12)
    step = replay([[0.5]], [0.0], h, dialects[dialect]).parameters[0, 0]
    assert -step / 0.5 == pytest.approx(rate, rel=1e-6)


def test_where_a_run_ends_is_told_beside_where_its_square_overflows():
    path = gamma_one.closed_form(400.0, START, 20)
    path[7:] = np.nan
    h = Hyperparameters(learning_rate=0.4, decay=1.0, epsilon=1e-6)
    found = gamma_one.compared(path, h, dialects["d2l"])["found"]
    assert (found["ended"], found["distance"]) == (7, pytest.approx(0, abs=1e-12))
    gradient = 4 * 2 * 1599.0 ** np.arange(21)
    assert found["due"] == 1 + np.argmax(gradient**2 > np.finfo(np.float32).max)


def test_gradient_descent_does_not_notice_a_rotation_and_rmsprop_does():
    plain, turned = (rotation.turned(angle, START, gradient_descent(0.4)) for angle in (0, 35))
    assert np.allclose(plain[:40], turned[:40], rtol=1e-6)
    plain, turned = (rotation.turned(angle, START, rmsprop(0.4, 0.9)) for angle in (0, 35))
    assert turned[20] > 100 * plain[20]


def test_a_quarter_turn_gives_the_axes_again():
    plain, turned = (rotation.turned(angle, START, rmsprop(0.4, 0.9)) for angle in (0, 90))
    assert np.allclose(plain[:20], turned[:20], rtol=1e-6)


def test_least_is_the_loss_of_the_normal_equations(task):
    least = LeastSquares.of(task)
    x = np.linalg.solve(least.design.T @ least.design, least.design.T @ least.labels)
    assert least.loss == pytest.approx(task.objective.loss(x), rel=1e-12)
    with pytest.raises(TypeError, match="quadratic is no regression"):
        LeastSquares.of(tasks.quadratic())


def test_a_cell_of_the_grid_is_a_run_of_its_own(task):
    grid = sensitivity.regression_grid(LeastSquares.of(task), task)
    i, j = 4, 6
    h = Hyperparameters(sensitivity.RATES["regression"][j], sensitivity.DECAYS[i], 1e-6)
    own = replay(lambda k, x: task.objective.gradient(x, k), task.initial, h, dialects["d2l"], steps=task.steps)
    assert grid.shape == (len(sensitivity.DECAYS), len(sensitivity.RATES["regression"]))
    assert grid[i, j] == pytest.approx(task.objective.loss(own.parameters[-1]), rel=1e-9)


def test_the_section_s_pair_is_in_both_grids():
    assert 0.9 in sensitivity.DECAYS
    for subject, rate in (("regression", 0.01), ("quadratic", 0.4)):
        assert min(abs(known / rate - 1) for known in sensitivity.RATES[subject]) < 0.02


def test_courses_of_gamma_begin_and_end_where_they_say():
    courses = sensitivity.schedules(300)
    assert (courses["rising, 0.5 to 0.99"](1), courses["rising, 0.5 to 0.99"](300)) == (0.5, 0.99)
    assert courses["falling, 0.99 to 0.5"](300) == pytest.approx(0.5)
    assert [courses["0.9, then 0.99"](t) for t in (150, 151)] == [0.9, 0.99]
    assert courses["1 - 1/t"](1) == 0


def test_a_move_leaves_all_else_where_it_was(task):
    other = tasks.regression(datasets.generated(), 1)
    order = regression.reordered(task, other)
    assert np.array_equal(order.initial, task.initial)
    assert np.array_equal(order.arrays["batches"], other.arrays["batches"])
    assert order.objective.batches is order.arrays["batches"]
    assert order.hyperparameters == task.hyperparameters
    longer = regression.lengthened(task, 4)
    assert longer.steps == 600
    assert np.array_equal(longer.objective.batches[:300], task.objective.batches)
    assert np.array_equal(longer.objective.batches[300:], task.objective.batches)
    assert regression.lengthened(task, 1).steps == 150


def test_a_loss_without_the_half_is_the_gradient_doubled(task):
    h = regression.doubled(task).hyperparameters
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
def test_a_schedule_is_what_it_is_called(name, first, middle, last):
    schedule = network.SCHEDULES[name]
    assert [schedule(t, 10, 80) for t in (0, 40, 79)] == pytest.approx([first, middle, last])
    assert all(0 <= schedule(t, 10, 80) <= 1 for t in range(80))


def test_schedules_share_images_start_and_order():
    first, *others = network.scheduled(images.digits(), 0)
    assert len(others) == 4
    for other in others:
        assert other.arrays().keys() == first.arrays().keys()
        assert all(np.array_equal(other.arrays()[name], array) for name, array in first.arrays().items())
        assert other.hyperparameters != first.hyperparameters


def test_the_class_is_that_of_the_largest_logit():
    task = next(iter(network.scheduled(images.digits(), 0)))
    x = np.zeros(task.initial.size)
    x[-4] = 1.0  # the bias of class 6
    assert set(network.predicted(task, x, images.digits())) == {6}


def test_parts_are_chosen_by_number_or_name_in_the_section_s_order():
    assert [part.number for part in PARTS] == [1, 2, 3, 4, 5, 6, 7]
    assert [part.name for part in chosen(["7", "gamma-one", "4"])] == ["gamma-one", "sensitivity"]
    assert chosen([]) == list(PARTS)
    with pytest.raises(LookupError, match=r"no part 'eight'; there are 1 \(averages\), 2"):
        chosen(["eight"])


def test_a_method_s_numbers_are_those_of_the_step():
    seen = []
    method = Method(lambda t: seen.append(t) or 0.1, always(0.9), always(1e-6))
    descend(QUADRATIC, START, 3, method)
    assert seen == [1, 2, 3]
