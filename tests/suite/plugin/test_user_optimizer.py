"""A user's factory: its arguments, the optimizer that it returns, and the replay of a tape."""

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
    """A factory whose optimizer updates its parameters in place."""
    squares = [np.zeros_like(p) for p in params]

    def step(gradients):
        for p, g, v in zip(params, gradients, squares, strict=True):
            v[...] = decay * v + (1 - decay) * g * g
            p -= learning_rate * g / np.sqrt(v + epsilon)

    return step


def out_of_place(params, lr, alpha, eps):
    """A factory whose optimizer returns new parameters, and takes the learning rate of each step."""
    state = {"x": params, "v": [np.zeros_like(p) for p in params]}

    def step(gradients, learning_rate):
        state["v"] = [alpha * v + (1 - alpha) * g * g for v, g in zip(state["v"], gradients, strict=True)]
        tensors = zip(state["x"], gradients, state["v"], strict=True)
        state["x"] = [x - learning_rate * g / np.sqrt(v + eps) for x, g, v in tensors]
        return state["x"]

    return step


def transformation(learning_rate, decay, eps):
    """A factory of a gradient transformation in the form of optax, a pair (init, update)."""

    def init(params):
        return [np.zeros_like(p) for p in params]

    def update(gradients, state, params=None):
        state = [decay * v + (1 - decay) * g * g for v, g in zip(state, gradients, strict=True)]
        return [-learning_rate * g / np.sqrt(v + eps) for g, v in zip(gradients, state, strict=True)], state

    return init, update


def expected_parameters(**h):
    return replay(
        TAPE["gradients"], TAPE["initial"], Hyperparameters(**h), dialects["d2l"], dtype=np.float64
    ).parameters


@pytest.mark.parametrize("factory", [in_place, out_of_place, transformation])
def test_a_replay_gives_the_parameters_after_each_step(factory):
    trace = UserOptimizer(factory).replay(TAPE, Hyperparameters(learning_rate=0.1), "float64")
    np.testing.assert_allclose(trace["parameters"], expected_parameters(learning_rate=0.1), rtol=1e-14)
    assert trace["changed_gradients"] == 0


def test_a_tape_with_shapes_is_divided_into_parameters_of_these_shapes():
    shapes = []

    def make(params, learning_rate, decay, epsilon):
        shapes.extend(p.shape for p in params)
        return in_place(params, learning_rate, decay, epsilon)

    optimizer = UserOptimizer(make, kind="numpy")
    trace = optimizer.replay({**TAPE, "shapes": np.array([[-1, -1], [1, 2]])}, Hyperparameters(), "float32")
    assert shapes == [(), (1, 2)]
    assert trace["parameters"].shape == (3, 3)
    assert trace["parameters"].dtype == np.float32


@pytest.mark.parametrize("factory", [out_of_place, transformation])
def test_a_learning_rate_schedule_is_applied_step_by_step(factory):
    rates = [0.1, 0.2, 0.05]
    trace = UserOptimizer(factory).replay(TAPE, Hyperparameters(learning_rate=rates), "float64")
    np.testing.assert_allclose(trace["parameters"], expected_parameters(learning_rate=rates), rtol=1e-14)


def test_a_schedule_is_unsupported_if_the_learning_rate_is_fixed():
    with pytest.raises(Unsupported, match="takes no argument `learning_rate`"):
        UserOptimizer(in_place).replay(TAPE, Hyperparameters(learning_rate=[0.1, 0.2, 0.05]), "float64")


@pytest.mark.parametrize(("factory", "scheduled"), [(in_place, False), (out_of_place, True), (transformation, True)])
def test_scheduled_is_whether_the_learning_rate_can_change(factory, scheduled):
    assert UserOptimizer(factory).scheduled is scheduled


def test_an_omitted_hyperparameter_has_the_default_of_the_factory():
    def make(params, learning_rate=0.1, decay=0.9, epsilon=1e-6):
        return in_place(params, learning_rate, decay, epsilon)

    trace = UserOptimizer(make).replay(TAPE, {"learning_rate": 0.2}, "float64")
    np.testing.assert_allclose(trace["parameters"], expected_parameters(learning_rate=0.2), rtol=1e-14)


def test_steps_that_change_a_gradient_are_counted():
    def make(params, learning_rate, decay, epsilon):
        def step(gradients):
            gradients[0] *= 2

        return step

    assert UserOptimizer(make).replay(TAPE, Hyperparameters(), "float32")["changed_gradients"] == 3


def arguments_for(factory, **h):
    """Return the named arguments that a factory receives for these hyper-parameters."""
    calls = []
    signature = UserOptimizer(factory, kind="numpy").signature
    signature.call(lambda *_, **named: calls.append(named), [], signature.chosen(Hyperparameters(**h)))
    return calls[0]


def test_hyperparameters_are_passed_under_the_names_of_the_factory():
    def make(params, lr, gamma1, eps, gamma2, wd):
        pass

    assert arguments_for(make, learning_rate=0.5, momentum=0.9) == {
        "lr": 0.5, "gamma1": 0.9, "eps": 1e-6, "gamma2": 0.9, "wd": 0.0,
    }  # fmt: skip


def test_a_hyperparameter_that_is_off_is_omitted_only_if_it_is_off_by_default():
    def make(lr, rho, epsilon, momentum=0.5, weight_decay=None, clipvalue=None, decay=0.1):
        pass

    assert arguments_for(make) == {"lr": 0.01, "rho": 0.9, "epsilon": 1e-6, "momentum": 0.0}


def test_the_arguments_of_a_base_class_are_recognised():
    class Base:
        def __init__(self, learning_rate=0.1, wd=0.0, clip_gradient=None):
            pass

    class Derived(Base):
        def __init__(self, learning_rate=0.01, gamma1=0.9, epsilon=1e-8, **kwargs):
            super().__init__(learning_rate, **kwargs)

    optimizer = UserOptimizer(Derived)
    assert optimizer.accepts == {"learning_rate", "decay", "epsilon", "weight_decay", "clip_gradient"}
    assert optimizer.defaults["epsilon"] == 1e-8


def test_keyword_arguments_receive_the_hyperparameters_that_are_set():
    def make(params, **hyper):
        return hyper

    assert arguments_for(make, momentum=0.5) == {"learning_rate": 0.01, "decay": 0.9, "epsilon": 1e-6, "momentum": 0.5}


def test_hyperparameters_without_an_argument_are_the_reason_why_a_replay_is_unsupported():
    reason = UserOptimizer(in_place, "my_factory").unsupported(Hyperparameters(momentum=0.9, centered=True))
    assert reason == "my_factory takes no momentum, centered"
    assert UserOptimizer(in_place).unsupported(Hyperparameters()) is None


class TorchLike:
    """An optimizer with the attributes by which those of PyTorch are recognised."""

    param_groups = ()

    def step(self):
        pass


def test_a_factory_that_ignores_parameters_of_another_kind_needs_a_named_kind(monkeypatch):
    """For example one that imports torch when it is called, and makes its own parameters."""

    def make(params, learning_rate, decay, epsilon):
        return TorchLike()

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    with pytest.raises(UserError, match=r"made a torch optimizer from numpy parameters.*`--kind torch`") as error:
        _ = UserOptimizer(make).kind
    assert "\n" not in str(error.value)
    assert UserOptimizer(make, kind="torch").kind == "torch"


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (lambda params, learning_rate, decay, epsilon, model: None, "its argument 'model'"),
        (lambda learning_rate: 1, "made int; expected a torch.optim.Optimizer"),
        (lambda learning_rate: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_an_invalid_factory_raises_a_user_error(factory, message):
    with pytest.raises(UserError, match=message):
        _ = UserOptimizer(factory).kind


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("math", "name it as MODULE:FACTORY"),
        ("no_such_module:make", "No module named 'no_such_module'"),
        ("math:cos.no", "it has no attribute 'no'"),
        ("math:pi", "a factory is a function or a class, not float"),
    ],
)
def test_an_invalid_factory_name_raises_a_user_error(name, message):
    with pytest.raises(UserError, match=message):
        UserOptimizer.named(name)


def test_importing_the_plugin_imports_no_framework_and_no_pytest():
    """It imports no package named `reference`, `suite` or `reports` either, because a user may have one."""
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'suite')!r}); import plugin; print(*sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    imported = {module.partition(".")[0] for module in process.stdout.split()}
    assert not imported & {"reference", "suite", "reports", "torch", "tensorflow", "keras", "mxnet", "jax", "pytest"}
