"""TensorFlow's compiled modes: any dialect, format and shape, and an epoch in one call."""

from __future__ import annotations

import numpy as np
import pytest

from reference import Hyperparameters
from suite.compare.comparison import TraceComparison
from suite.compare.oracle import Oracle
from tests.support.replays import ALL_HYPERPARAMETERS, FrameworkWorker

COMPILED = ("scratch-function", "scratch-xla")
LOOPS = (*COMPILED, "function", "xla", "scratch", "section", "section-concise")
pytestmark = pytest.mark.framework("tensorflow")


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    """TensorFlow's worker."""
    worker = FrameworkWorker("tensorflow", tmp_path_factory.mktemp("tensorflow"))
    yield worker
    worker.worker.close()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_mode_runs_with_all_hyperparameters_and_a_changing_rate(worker, name, dtype):
    random = np.random.default_rng(0)
    initial, gradients = random.standard_normal(6).astype("f4"), random.standard_normal((5, 6)).astype("f4")
    trace = worker.replay(name, {"initial": initial, "gradients": gradients}, ALL_HYPERPARAMETERS, dtype)
    compared = TraceComparison(trace, Oracle(initial, gradients, ALL_HYPERPARAMETERS, dtype, ["d2l"]), "d2l")
    assert compared.result(slice(0, 6)).outcome == "agrees"
    assert set(compared.ratios) == {"parameters", "square_average", "mean_gradient", "momentum_buffer"}


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_mode_accepts_parameters_without_axes_and_empty_ones(worker, name):
    tape = {"initial": np.ones(3), "gradients": np.ones((2, 3)), "shapes": np.array([[-1, -1], [0, -1], [1, 2]])}
    h = Hyperparameters(learning_rate=0.5, decay=0.5, epsilon=0.5)
    trace = worker.replay(name, tape, h, "float64")
    assert trace["square_average"].tolist() == [[0.5] * 3, [0.75] * 3]
    assert np.allclose(trace["parameters"][0], 0.5, rtol=4 * np.finfo(float).eps)


@pytest.mark.parametrize("name", COMPILED)
def test_a_shared_program_uses_the_hyperparameters_of_each_optimizer(worker, name):
    tape = {"initial": np.ones(3), "gradients": np.ones((2, 3))}
    for decay, average in ((0.5, 0.75), (0.25, 0.9375), (0.75, 0.4375)):
        trace = worker.replay(name, tape, Hyperparameters(learning_rate=0.5, decay=decay, epsilon=0.5))
        assert trace["square_average"][-1].tolist() == [average] * 3


@pytest.mark.parametrize("name", LOOPS)
def test_an_epoch_in_one_call_gives_the_same_bits_as_its_steps_one_by_one(worker, name):
    worker.check_epoch_in_one_call(name)
