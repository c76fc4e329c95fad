"""MXNet's modes, eager and hybrid: any dialect, format and shape, and an epoch in one call."""

from __future__ import annotations

import numpy as np
import pytest

from reference import Hyperparameters
from suite.compare.comparison import TraceComparison
from suite.compare.oracle import Oracle
from tests.support.replays import ALL_HYPERPARAMETERS, FrameworkWorker

SCRATCH = ("scratch", "scratch-hybrid")
LOOPS = (*SCRATCH, "builtin", "optimizer", "kernel", "hybrid", "section", "section-concise")
BLOCK = 65536  # numbers that the scratch implementations update at a time
H = Hyperparameters(learning_rate=0.5, decay=0.5, epsilon=0.5)
pytestmark = pytest.mark.framework("mxnet")


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    """MXNet's worker."""
    worker = FrameworkWorker("mxnet", tmp_path_factory.mktemp("mxnet"))
    yield worker
    worker.worker.close()


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype("f4")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", SCRATCH)
def test_scratch_runs_with_all_hyperparameters_and_a_changing_rate(worker, name, dtype):
    initial, gradients = normal(6), normal(5, 6)
    trace = worker.replay(name, {"initial": initial, "gradients": gradients}, ALL_HYPERPARAMETERS, dtype)
    compared = TraceComparison(trace, Oracle(initial, gradients, ALL_HYPERPARAMETERS, dtype, ["d2l"]), "d2l")
    assert compared.result(slice(0, 6)).outcome == "agrees"
    assert set(compared.ratios) == {"parameters", "square_average", "mean_gradient", "momentum_buffer"}


@pytest.mark.parametrize("name", SCRATCH)
def test_scratch_accepts_parameters_without_axes_and_empty_ones(worker, name):
    tape = {"initial": np.ones(3), "gradients": np.ones((2, 3)), "shapes": np.array([[-1, -1], [0, -1], [1, 2]])}
    trace = worker.replay(name, tape, H, "float64")
    assert trace["square_average"].tolist() == [[0.5] * 3, [0.75] * 3]
    assert np.allclose(trace["parameters"][0], 0.5, rtol=4 * np.finfo(float).eps)


@pytest.mark.parametrize("clip_norm", [None, 1e9])
@pytest.mark.parametrize("name", SCRATCH)
def test_a_block_of_a_large_parameter_gives_the_same_bits_as_a_small_parameter(worker, name, clip_norm):
    """The last block is shorter. With a limit on the norm, 1e9 so that nothing is clipped, there is only one block."""
    initial, gradients = normal(2 * BLOCK + 3), normal(2, 2 * BLOCK + 3)
    h = Hyperparameters(momentum=0.5, centered=True, epsilon=1.0, clip_norm=clip_norm)
    full = worker.replay(name, {"initial": initial, "gradients": gradients}, h)
    for columns in (slice(0, 3), slice(BLOCK - 1, BLOCK + 1), slice(2 * BLOCK, None)):
        block = worker.replay(name, {"initial": initial[columns], "gradients": gradients[:, columns]}, h)
        for part, series in block.items():
            if part != "changed_gradients":
                assert np.array_equal(full[part][:, columns], series), part
    assert full["changed_gradients"] == 0


def test_both_modes_of_scratch_give_the_same_bits(worker):
    tape = {"initial": normal(50), "gradients": normal(20, 50), "shapes": np.array([[2, 5], [40, -1]])}
    eager, hybrid = (worker.replay(name, tape, Hyperparameters()) for name in SCRATCH)
    for part in eager:
        assert np.array_equal(eager[part], hybrid[part]), part


@pytest.mark.parametrize("centered", [False, True])
def test_a_hybrid_kernel_gives_the_bits_of_the_kernel_with_a_changing_rate(worker, centered):
    h = Hyperparameters(learning_rate=[0.1, 0.01, 0.1], centered=centered, epsilon=0.5)
    tape = {"initial": normal(7), "gradients": normal(3, 7), "shapes": np.array([[3], [4]])}
    scaled = {**tape, "rate_scale": np.array([0.25, 4.0])}
    for given in (tape, scaled, {**scaled, "restored": np.array(2)}):
        kernel, hybrid = (worker.replay(name, given, h) for name in ("kernel", "hybrid"))
        for part in kernel:
            assert np.array_equal(kernel[part], hybrid[part]), part


def test_the_section_refuses_parameters_without_axes_with_the_reason(worker):
    tape = {"initial": np.ones(1), "gradients": np.ones((1, 1)), "shapes": np.array([[-1]])}
    reason = worker.request_replay("section", tape, H)["reason"]
    assert reason == "p[:] -= … of an mx.np array without axes raises IndexError"


@pytest.mark.parametrize("name", LOOPS)
def test_an_epoch_in_one_call_gives_the_same_bits_as_its_steps_one_by_one(worker, name):
    worker.check_epoch_in_one_call(name)


@pytest.mark.parametrize("name", ["builtin", "kernel", "scratch"])
def test_tensors_in_mxnets_own_memory_give_the_same_bits(worker, name):
    """From 4 MiB on, numbers are copied to MXNet's memory; fewer stay in NumPy's."""
    initial, gradients = normal(2**20 + 3), normal(2, 2**20 + 3)
    full = worker.replay(name, {"initial": initial, "gradients": gradients})
    for columns in (slice(0, 2**19), slice(2**19, None)):
        part = worker.replay(name, {"initial": initial[columns], "gradients": gradients[:, columns]})
        assert full["parameters"][:, columns].tobytes() == part["parameters"].tobytes()
