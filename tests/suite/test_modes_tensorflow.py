"""TensorFlow's compiled modes: any dialect, format and shape; and an epoch in one call is its steps one by one."""

from __future__ import annotations

import numpy as np
import pytest

from reference import Hyperparameters
from suite.agreement.judge import Comparison
from suite.agreement.oracle import Oracle
from suite.cases import datasets, tasks
from suite.runner import arrays
from tests.suite.test_adapters_real import Asked

COMPILED = ("scratch-function", "scratch-xla")
LOOPS = (*COMPILED, "function", "xla", "scratch", "section", "section-concise")
EVERYTHING = Hyperparameters(
    learning_rate=[0.0625, 0.125, 0.0625, 0.25, 0.125],
    decay=0.75,
    epsilon=1.0,  # the first v - m² is 0 but for rounding, which in bfloat16 is not small
    momentum=0.5,
    centered=True,
    nesterov=True,
    bias_correction=True,
    weight_decay=0.125,
    clip_norm=3.0,
    clip_gradient=1.5,
    clip_weights=2.0,
    rescale_gradient=0.5,
    maximize=True,
)

pytestmark = pytest.mark.framework("tensorflow")


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    """TensorFlow's."""
    asked = Asked("tensorflow", tmp_path_factory.mktemp("tensorflow"))
    yield asked
    asked.worker.close()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_mode_runs_with_all_there_is_to_an_algorithm_and_a_rate_that_changes(worker, name, dtype):
    random = np.random.default_rng(0)
    initial, gradients = random.standard_normal(6).astype("f4"), random.standard_normal((5, 6)).astype("f4")
    trace = worker.replay(name, {"initial": initial, "gradients": gradients}, EVERYTHING, dtype)
    compared = Comparison(trace, Oracle(initial, gradients, EVERYTHING, dtype, ["d2l"]), "d2l")
    assert compared.judge(slice(0, 6)).outcome == "agrees"
    assert set(compared.ratios) == {"parameters", "square_average", "mean_gradient", "momentum_buffer"}


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_mode_changes_parameters_without_axes_and_bears_those_without_numbers(worker, name):
    tape = {"initial": np.ones(3), "gradients": np.ones((2, 3)), "shapes": np.array([[-1, -1], [0, -1], [1, 2]])}
    h = Hyperparameters(learning_rate=0.5, decay=0.5, epsilon=0.5)
    trace = worker.replay(name, tape, h, "float64")
    assert trace["square_average"].tolist() == [[0.5] * 3, [0.75] * 3]
    assert np.allclose(trace["parameters"][0], 0.5, rtol=4 * np.finfo(float).eps)


@pytest.mark.parametrize("name", COMPILED)
def test_programs_that_are_shared_still_have_each_their_own_numbers(worker, name):
    tape = {"initial": np.ones(3), "gradients": np.ones((2, 3))}
    for decay, average in ((0.5, 0.75), (0.25, 0.9375), (0.75, 0.4375)):
        trace = worker.replay(name, tape, Hyperparameters(learning_rate=0.5, decay=decay, epsilon=0.5))
        assert trace["square_average"][-1].tolist() == [average] * 3


@pytest.mark.parametrize("name", LOOPS)
def test_an_epoch_in_one_call_leaves_the_bits_of_its_steps_one_by_one(worker, name):
    task = tasks.regression(datasets.generated(), 0)
    given, made = worker.folder / "task.safetensors", worker.folder / "made.safetensors"
    arrays.write(given, task.file())
    asked = {
        "implementation": name,
        "dialect": "d2l",
        "hyperparameters": task.hyperparameters.to_json(),
        "dtype": "float32",
        "input": str(given),
        "output": str(made),
    }
    assert worker.worker.ask({"ask": "train", **asked}, 120.0)["status"] == "ok"
    trace = arrays.read(made)[0]["parameters"]
    opened = worker.worker.ask({"ask": "open", "benchmark": "epoch", **asked}, 120.0)  # an epoch step by step, and one
    assert opened["status"] == "ok", opened
    assert np.array_equal(arrays.read(made)[0]["parameters"], trace[: task.steps_per_epoch])
    closed = worker.worker.ask({"ask": "close", "opened": opened["id"]}, 120.0)
    assert closed["calls"] == 1
    weights = len(closed["parameters"])
    assert closed["parameters"] == trace[2 * task.steps_per_epoch - 1, :weights].tolist()
    assert not np.array_equal(trace[-1], trace[task.steps_per_epoch - 1])
