"""The adapters of the installed frameworks, on inputs whose results are exact."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from reference import Hyperparameters
from reference.precision import format_of
from suite.adapters import FRAMEWORKS
from tests.support.replays import FrameworkWorker, H

KERAS = ("builtin", "function")


@pytest.fixture(scope="module")
def worker_of(tmp_path_factory):
    """Return a function that returns a framework's worker, which is started at the first call."""
    workers: dict[str, FrameworkWorker] = {}

    def get(framework: str) -> FrameworkWorker:
        if framework not in workers:
            workers[framework] = FrameworkWorker(framework, tmp_path_factory.mktemp(framework))
        return workers[framework]

    yield get
    for framework_worker in workers.values():
        framework_worker.worker.close()


pytestmark = [pytest.mark.framework(name) for name in FRAMEWORKS]


def steps(size, **more):
    random = np.random.default_rng(0)
    gradients = random.standard_normal((3, size))
    return {"initial": random.standard_normal(size), "gradients": gradients, **more}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_tape_is_rounded_to_nearest_ties_to_even(worker_of, framework, dtype):
    """A step with η = 0 returns the rounded initial parameters."""
    if (framework, dtype) == ("mxnet", "bfloat16"):
        reason = worker_of(framework).request_replay("scratch", steps(2), H, dtype)["reason"]
        assert reason.endswith("does not run in bfloat16: MXNet truncates numbers to it instead of rounding them")
        return
    fmt = format_of(dtype)
    near_one = 1 + np.arange(-8, 9) * fmt.epsilon / 8  # quarters and halves between neighbours, more of them above 1
    subnormals = fmt.smallest_subnormal * (np.arange(33) / 8) if dtype == "float16" else []
    initial = np.concatenate([near_one, -near_one, 3 * near_one, subnormals]).astype(np.float32)
    tape = {"initial": initial, "gradients": np.zeros((1, initial.size), np.float32)}
    trace = worker_of(framework).replay("scratch", tape, Hyperparameters(learning_rate=0.0, epsilon=1.0), dtype)
    assert trace["parameters"].dtype == (np.float16 if dtype == "float16" else np.float32)
    assert np.array_equal(trace["parameters"][0], fmt.round(initial))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize(
    ("framework", "names"),
    [
        ("torch", ("builtin", "foreach")),
        ("tensorflow", ("builtin", "function", "kernel", "v1")),
        ("mxnet", ("builtin", "kernel")),
    ],
)
def test_a_builtin_leaves_gradients_unchanged_in_each_dtype_or_is_unsupported(worker_of, framework, names, dtype):
    mxnet = {"builtin": {"float16", "bfloat16", "float64"}, "kernel": {"bfloat16"}}
    unsupported_dtypes = mxnet if framework == "mxnet" else {}
    for name in names:
        reply = worker_of(framework).request_replay(name, steps(7), H, dtype)
        if dtype in unsupported_dtypes.get(name, ()):
            assert reply["status"] == "unsupported"
            assert f"does not run in {dtype}: " in reply["reason"]
        else:
            assert worker_of(framework).replay(name, steps(7), H, dtype)["changed_gradients"] == 0


@pytest.mark.parametrize(
    ("framework", "name"),
    [*((framework, "scratch") for framework in FRAMEWORKS), *(("tensorflow", name) for name in KERAS)],
)
def test_the_norm_of_each_parameters_gradient_is_clipped(worker_of, framework, name):
    gradients = np.array([[3.0, 4.0, 0.375, -0.5]], np.float32)
    tape = {"initial": np.ones(4, np.float32), "gradients": gradients, "shapes": np.array([[2], [2]])}
    h = Hyperparameters(decay=0.5, clip_norm=2.5)
    halved = np.array([1.5, 2.0, 0.375, 0.5])
    for dtype in ("float32", "float64"):
        trace = worker_of(framework).replay(name, tape, h, dtype)
        assert np.array_equal(trace["square_average"][0], halved**2 / 2)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_norm_is_clipped_before_each_coordinate(worker_of, framework):
    tape = {"initial": np.ones(2), "gradients": np.array([[3.0, 4.0]])}
    h = Hyperparameters(decay=0.5, clip_norm=2.5, clip_gradient=1.75)
    assert worker_of(framework).replay("scratch", tape, h)["square_average"][0].tolist() == [1.5**2 / 2, 1.75**2 / 2]
    if framework == "tensorflow":
        assert (
            worker_of(framework)
            .request_replay("builtin", tape, h)["reason"]
            .endswith("takes clipnorm or clipvalue, not both")
        )


SPARSE = {
    "initial": np.ones(8, np.float32),
    "rows": np.array([[2, 0, 2], [0, -1, -1]]),  # row 2 occurs twice, then not at all; rows 1 and 3 never occur
    "values": np.array([[[1.0, 2.0], [2.0, 4.0], [2.0, 4.0]], [[4.0, 8.0], [9.0, 9.0], [9.0, 9.0]]], np.float32),
    "shapes": np.array([[4, 2]]),
}
LAZY = [("tensorflow", "kernel", "in turn"), ("tensorflow", "v1", "merged")]
DENSE = [
    *(("tensorflow", name, "apart") for name in KERAS),
    ("mxnet", "builtin", "merged"),
    ("mxnet", "kernel", "merged"),
]
DUPLICATE_UPDATES = {
    "merged": lambda v: v / 2 + (1 + 2) ** 2 / 2,  # one gradient, the sum
    "apart": lambda v: v / 2 + (1**2 + 2**2) / 2,  # one update with the sum of the squares
    "in turn": lambda v: (v / 2 + 1**2 / 2) / 2 + 2**2 / 2,  # one update for each
}


@pytest.mark.parametrize(("framework", "name", "duplicates"), [*LAZY, *DENSE])
def test_sparse_gradients_with_duplicate_rows_and_with_missing_rows(worker_of, framework, name, duplicates):
    start = 1.0 if name == "v1" else 0.0
    factor = 1.0 if (framework, name, duplicates) in LAZY else 0.5
    once, twice = start / 2 + 2.0, DUPLICATE_UPDATES[duplicates](start)
    first = [once, factor * start, twice, factor * start]
    second = [once / 2 + 8.0, factor**2 * start, factor * twice, factor**2 * start]
    trace = worker_of(framework).replay(name, SPARSE)
    squares = trace["square_average"].reshape(2, 4, 2)
    assert squares[:, :, 0].tolist() == [first, second]
    if start == 0.0:
        assert np.array_equal(squares[:, :, 1], 4 * squares[:, :, 0])
    assert trace["changed_gradients"] == 0


def test_the_reason_for_refusing_sparse_gradients_is_true(worker_of):
    for name in ("builtin", "foreach", "compiled"):
        assert (
            worker_of("torch")
            .request_replay(name, SPARSE)["reason"]
            .endswith('raises RuntimeError("RMSprop does not support sparse gradients")')
        )
    code = (
        "import torch; p = torch.ones(4, 2, requires_grad=True);"
        "p.grad = torch.sparse_coo_tensor([[0]], torch.ones(1, 2), (4, 2), check_invariants=True);"
        "torch.optim.RMSprop([p]).step()"
    )
    done = subprocess.run([worker_of("torch").python, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("RuntimeError: RMSprop does not support sparse gradients")
    for name in ("kernel", "v1"):
        reply = worker_of("tensorflow").request_replay(name, SPARSE, dtype="bfloat16")
        assert reply["reason"] == "TensorFlow has no ResourceSparseApplyRMSProp for bfloat16"


@pytest.mark.parametrize(
    ("framework", "name", "dtype"),
    [
        *((framework, "scratch", "float64") for framework in FRAMEWORKS),
        ("torch", "builtin", "float64"),
        ("torch", "foreach", "float64"),
        ("tensorflow", "kernel", "float64"),
        ("mxnet", "builtin", "float32"),
        ("mxnet", "kernel", "float64"),
    ],
)
def test_a_parameter_with_a_rate_scale_equals_one_with_that_learning_rate(worker_of, framework, name, dtype):
    scaled = steps(6, shapes=np.array([[2], [4]]), rate_scale=np.array([0.3, 7.0]))
    trace = worker_of(framework).replay(name, scaled, H, dtype)
    resumed = worker_of(framework).replay(name, {**scaled, "restored": np.array(2)}, H, dtype)
    assert np.array_equal(trace["parameters"], resumed["parameters"])
    for columns, scale in ((slice(0, 2), 0.3), (slice(2, 6), 7.0)):
        h = Hyperparameters(learning_rate=H.rate(0) * scale, decay=H.decay, epsilon=H.epsilon)
        alone = worker_of(framework).replay(name, steps(6), h, dtype)
        assert np.array_equal(trace["parameters"][:, columns], alone["parameters"][:, columns])


def test_rate_scales_are_refused_where_all_parameters_share_one_learning_rate(worker_of):
    scaled = steps(2, shapes=np.array([[1], [1]]), rate_scale=np.array([1.0, 2.0]))
    for name in (*KERAS, "v1"):
        assert (
            worker_of("tensorflow")
            .request_replay(name, scaled)["reason"]
            .endswith("has one learning rate for all parameters")
        )
