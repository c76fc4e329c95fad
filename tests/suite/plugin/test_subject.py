"""A user's factory: what it is given, what it makes, and what comes of a tape."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reference import Hyperparameters, dialects, replay
from suite.plugin import FactoryError, Subject, Unsupported

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
def test_a_factory_is_put_through_a_tape(factory):
    trace = Subject(factory).answer(TAPE, Hyperparameters(learning_rate=0.1), "float64")
    np.testing.assert_allclose(trace["parameters"], expected(learning_rate=0.1), rtol=1e-14)
    assert trace["spoiled"] == 0


def test_a_tape_is_divided_into_the_parameters_that_it_names():
    seen = []

    def make(params, learning_rate, decay, epsilon):
        seen.extend(p.shape for p in params)
        return in_place(params, learning_rate, decay, epsilon)

    subject = Subject(make, kind="numpy")
    trace = subject.answer({**TAPE, "shapes": np.array([[-1, -1], [1, 2]])}, Hyperparameters(), "float32")
    assert seen == [(), (1, 2)]
    assert trace["parameters"].shape == (3, 3)
    assert trace["parameters"].dtype == np.float32


@pytest.mark.parametrize("factory", [anew, transformation])
def test_a_learning_rate_changes_where_there_is_a_way_to_change_it(factory):
    rates = [0.1, 0.2, 0.05]
    trace = Subject(factory).answer(TAPE, Hyperparameters(learning_rate=rates), "float64")
    np.testing.assert_allclose(trace["parameters"], expected(learning_rate=rates), rtol=1e-14)


def test_where_there_is_none_it_says_so():
    with pytest.raises(Unsupported, match="takes no `learning_rate`"):
        Subject(in_place).answer(TAPE, Hyperparameters(learning_rate=[0.1, 0.2, 0.05]), "float64")


@pytest.mark.parametrize(("factory", "can"), [(in_place, False), (anew, True), (transformation, True)])
def test_whether_there_is_one_is_known_beforehand(factory, can):
    assert Subject(factory).scheduled is can


def test_what_is_not_given_has_the_factorys_default():
    def make(params, learning_rate=0.1, decay=0.9, epsilon=1e-6):
        return in_place(params, learning_rate, decay, epsilon)

    trace = Subject(make).answer(TAPE, {"learning_rate": 0.2}, "float64")
    np.testing.assert_allclose(trace["parameters"], expected(learning_rate=0.2), rtol=1e-14)


def test_a_changed_gradient_is_noticed():
    def make(params, learning_rate, decay, epsilon):
        def step(gradients):
            gradients[0] *= 2

        return step

    assert Subject(make).answer(TAPE, Hyperparameters(), "float32")["spoiled"] == 3


def given(factory, **h):
    seen = []
    signature = Subject(factory, kind="numpy").signature
    signature.call(lambda *_, **named: seen.append(named), [], signature.chosen(Hyperparameters(**h)))
    return seen[0]


def test_hyperparameters_are_given_by_the_names_that_a_factory_has_for_them():
    def make(params, lr, gamma1, eps, gamma2, wd):
        pass

    assert given(make, learning_rate=0.5, momentum=0.9) == {
        "lr": 0.5, "gamma1": 0.9, "eps": 1e-6, "gamma2": 0.9, "wd": 0.0,
    }  # fmt: skip


def test_what_is_off_is_left_out_if_it_is_off_by_default_and_given_if_it_is_not():
    def make(lr, rho, epsilon, momentum=0.5, weight_decay=None, clipvalue=None, decay=0.1):
        pass

    assert given(make) == {"lr": 0.01, "rho": 0.9, "epsilon": 1e-6, "momentum": 0.0}


def test_a_class_hands_on_to_its_base_what_it_does_not_name():
    class Base:
        def __init__(self, learning_rate=0.1, wd=0.0, clip_gradient=None):
            pass

    class Derived(Base):
        def __init__(self, learning_rate=0.01, gamma1=0.9, epsilon=1e-8, **kwargs):
            super().__init__(learning_rate, **kwargs)

    subject = Subject(Derived)
    assert subject.accepts == {"learning_rate", "decay", "epsilon", "weight_decay", "clip_gradient"}
    assert subject.defaults["epsilon"] == 1e-8


def test_what_takes_anything_is_given_what_is_set():
    def make(params, **hyper):
        return hyper

    assert given(make, momentum=0.5) == {"learning_rate": 0.01, "decay": 0.9, "epsilon": 1e-6, "momentum": 0.5}


def test_what_a_factory_does_not_take_is_a_reason():
    reason = Subject(in_place, "mine").unsupported(Hyperparameters(momentum=0.9, centered=True))
    assert reason == "mine takes no momentum, centered"
    assert Subject(in_place).unsupported(Hyperparameters()) is None


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        (lambda params, learning_rate, decay, epsilon, model: None, "nothing to give for its argument 'model'"),
        (lambda learning_rate: 1, "made int, where a torch.optim.Optimizer"),
        (lambda learning_rate: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_a_factory_that_is_none_is_refused_in_words(factory, words):
    with pytest.raises(FactoryError, match=words):
        _ = Subject(factory).kind


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("math", "is named as MODULE:FACTORY"),
        ("no_such_module:make", "No module named 'no_such_module'"),
        ("math:cos.no", "there is no 'no' in it"),
        ("math:pi", "a factory is a function or a class, not float"),
    ],
)
def test_a_name_that_is_none_is_refused_in_words(name, words):
    with pytest.raises(FactoryError, match=words):
        Subject.named(name)


def test_importing_the_users_side_brings_neither_the_house_nor_a_framework_nor_pytest():
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'suite')!r}); import plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    found = {module.partition(".")[0] for module in done.stdout.split()}
    assert not found & {"reference", "suite", "reports", "torch", "tensorflow", "keras", "mxnet", "jax", "pytest"}
