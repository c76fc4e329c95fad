"""A user's factory: its arguments, the optimizer that it makes, and the replay of a tape."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reference import Hyperparameters, dialects, replay
from suite.plugin import Unsupported, UserError, UserOptimizer

ROOT = Path(__file__).resolve().parents[3]
TAPE = {
    "initial": np.array([0.0, 1.0, -2.0], np.float32),
    "gradients": np.array([[1.0, -2.0, 0.5], [0.25, 3.0, -1.0], [0.0, 1.0, 2.0]], np.float32),
}


def in_place(params, learning_rate, decay, epsilon):
    squares = [np.zeros_like(p) for p in params]

    def step(gradients):
        for p, g, v in zip(params, gradients, squares, strict=True):
            v[...] = decay * v + (1 - decay) * g * g
            p -= learning_rate * g / np.sqrt(v + epsilon)

    return step


def anew(params, lr, alpha, eps):
    held = {"x": params, "v": [np.zeros_like(p) for p in params]}

    def step(gradients, learning_rate):
        held["v"] = [alpha * v + (1 - alpha) * g * g for v, g in zip(held["v"], gradients, strict=True)]
        parts = zip(held["x"], gradients, held["v"], strict=True)
        held["x"] = [x - learning_rate * g / np.sqrt(v + eps) for x, g, v in parts]
        return held["x"]

    return step


def transformation(learning_rate, decay, eps):
    def init(params):
        return [np.zeros_like(p) for p in params]

    def update(gradients, state, params=None):
        state = [decay * v + (1 - decay) * g * g for v, g in zip(state, gradients, strict=True)]
        return [-learning_rate * g / np.sqrt(v + eps) for g, v in zip(gradients, state, strict=True)], state

    return init, update


def expected(**h):
    return replay(
        TAPE["gradients"], TAPE["initial"], Hyperparameters(**h), dialects["d2l"], dtype=np.float64
    ).parameters


@pytest.mark.parametrize("factory", [in_place, anew, transformation])
def test_a_tape_is_replayed(factory):
    trace = UserOptimizer(factory).replay(TAPE, Hyperparameters(learning_rate=0.1), "float64")
    np.testing.assert_allclose(trace["parameters"], expected(learning_rate=0.1), rtol=1e-14)
    assert trace["changed_gradients"] == 0


def test_a_tape_is_divided_into_its_parameters():
    seen = []

    def make(params, learning_rate, decay, epsilon):
        seen.extend(p.shape for p in params)
        return in_place(params, learning_rate, decay, epsilon)

    optimizer = UserOptimizer(make, kind="numpy")
    trace = optimizer.replay({**TAPE, "shapes": np.array([[-1, -1], [1, 2]])}, Hyperparameters(), "float32")
    assert seen == [(), (1, 2)]
    assert trace["parameters"].shape == (3, 3)
    assert trace["parameters"].dtype == np.float32


@pytest.mark.parametrize("factory", [anew, transformation])
def test_a_schedule_is_followed(factory):
    rates = [0.1, 0.2, 0.05]
    trace = UserOptimizer(factory).replay(TAPE, Hyperparameters(learning_rate=rates), "float64")
    np.testing.assert_allclose(trace["parameters"], expected(learning_rate=rates), rtol=1e-14)


def test_a_fixed_learning_rate_is_unsupported():
    with pytest.raises(Unsupported, match="takes no argument `learning_rate`"):
        UserOptimizer(in_place).replay(TAPE, Hyperparameters(learning_rate=[0.1, 0.2, 0.05]), "float64")


@pytest.mark.parametrize(("factory", "can"), [(in_place, False), (anew, True), (transformation, True)])
def test_scheduled_says_whether_the_learning_rate_can_change(factory, can):
    assert UserOptimizer(factory).scheduled is can


def test_an_omitted_hyperparameter_has_the_factorys_default():
    def make(params, learning_rate=0.1, decay=0.9, epsilon=1e-6):
        return in_place(params, learning_rate, decay, epsilon)

    trace = UserOptimizer(make).replay(TAPE, {"learning_rate": 0.2}, "float64")
    np.testing.assert_allclose(trace["parameters"], expected(learning_rate=0.2), rtol=1e-14)


def test_steps_that_change_a_gradient_are_counted():
    def make(params, learning_rate, decay, epsilon):
        def step(gradients):
            gradients[0] *= 2

        return step

    assert UserOptimizer(make).replay(TAPE, Hyperparameters(), "float32")["changed_gradients"] == 3


def given(factory, **h):
    seen = []
    signature = UserOptimizer(factory, kind="numpy").signature
    signature.call(lambda *_, **named: seen.append(named), [], signature.chosen(Hyperparameters(**h)))
    return seen[0]


def test_hyperparameters_are_passed_under_the_names_of_the_factory():
    def make(params, lr, gamma1, eps, gamma2, wd):
        pass

    assert given(make, learning_rate=0.5, momentum=0.9) == {
        "lr": 0.5, "gamma1": 0.9, "eps": 1e-6, "gamma2": 0.9, "wd": 0.0,
    }  # fmt: skip


def test_a_hyperparameter_that_is_off_is_omitted_only_if_it_is_off_by_default():
    def make(lr, rho, epsilon, momentum=0.5, weight_decay=None, clipvalue=None, decay=0.1):
        pass

    assert given(make) == {"lr": 0.01, "rho": 0.9, "epsilon": 1e-6, "momentum": 0.0}


def test_the_arguments_of_a_base_class_are_found():
    class Base:
        def __init__(self, learning_rate=0.1, wd=0.0, clip_gradient=None):
            pass

    class Derived(Base):
        def __init__(self, learning_rate=0.01, gamma1=0.9, epsilon=1e-8, **kwargs):
            super().__init__(learning_rate, **kwargs)

    optimizer = UserOptimizer(Derived)
    assert optimizer.accepts == {"learning_rate", "decay", "epsilon", "weight_decay", "clip_gradient"}
    assert optimizer.defaults["epsilon"] == 1e-8


def test_an_open_signature_receives_the_hyperparameters_that_are_set():
    def make(params, **hyper):
        return hyper

    assert given(make, momentum=0.5) == {"learning_rate": 0.01, "decay": 0.9, "epsilon": 1e-6, "momentum": 0.5}


def test_a_missing_argument_is_a_reason():
    reason = UserOptimizer(in_place, "mine").unsupported(Hyperparameters(momentum=0.9, centered=True))
    assert reason == "mine takes no momentum, centered"
    assert UserOptimizer(in_place).unsupported(Hyperparameters()) is None


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        (lambda params, learning_rate, decay, epsilon, model: None, "its argument 'model'"),
        (lambda learning_rate: 1, "made int; expected a torch.optim.Optimizer"),
        (lambda learning_rate: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_an_invalid_factory_is_refused_with_a_message(factory, words):
    with pytest.raises(UserError, match=words):
        _ = UserOptimizer(factory).kind


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("math", "name it as MODULE:FACTORY"),
        ("no_such_module:make", "No module named 'no_such_module'"),
        ("math:cos.no", "it has no attribute 'no'"),
        ("math:pi", "a factory is a function or a class, not float"),
    ],
)
def test_an_invalid_name_is_refused_with_a_message(name, words):
    with pytest.raises(UserError, match=words):
        UserOptimizer.named(name)


def test_importing_the_plugin_imports_no_framework_nor_pytest_nor_this_projects_packages():
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'suite')!r}); import plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    found = {module.partition(".")[0] for module in done.stdout.split()}
    assert not found & {"reference", "suite", "reports", "torch", "tensorflow", "keras", "mxnet", "jax", "pytest"}
