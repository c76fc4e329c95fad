"""The contract: names of hyper-parameters, reasons for what is unsupported, and the replay of a tape."""

from __future__ import annotations

import numpy as np
import pytest

from reference import Hyperparameters, dialects
from suite.adapters import load
from suite.adapters.contract import Unsupported, effective
from suite.errors import UserError
from suite.workers import replay as replays
from tests.support.numpy_framework.adapter import Numpy
from tests.support.numpy_framework.right import ClaimsD2l

H = Hyperparameters(learning_rate=0.1, decay=0.5, epsilon=1e-2)
TORCH = {"learning_rate": "lr", "decay": "alpha", "epsilon": "eps", "momentum": "momentum"}


def test_hyperparameters_are_passed_under_their_native_names():
    h = Hyperparameters(learning_rate=0.1, decay=0.8, epsilon=1e-3, momentum=0.5)
    implementation = ClaimsD2l([np.zeros(2)], h, dialects["d2l"], Numpy("cpu"))
    implementation.names = TORCH
    assert implementation.native_arguments(0.2) == {"lr": 0.2, "alpha": 0.8, "eps": 1e-3, "momentum": 0.5}


def test_a_hyperparameter_at_its_default_has_no_effect():
    assert effective(Hyperparameters()) == {"learning_rate", "decay", "epsilon"}
    assert "momentum" in effective(Hyperparameters(momentum=0.5))


def test_a_hyperparameter_without_a_native_name_is_unsupported():
    class Narrow(ClaimsD2l):
        native = "narrow"
        names = TORCH
        unsupported_dtypes = {"float64": "it is narrow"}

    assert Narrow.unsupported(Hyperparameters(momentum=0.5), "float32") is None
    assert Narrow.unsupported(Hyperparameters(centered=True), "float32") == "narrow has no centered"
    assert Narrow.unsupported(Hyperparameters(), "float64") == "narrow does not run in float64: it is narrow"


def test_an_unknown_adapter_or_device_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="no adapter for 'caffe'; there are torch"):
        load("caffe", "cpu")
    with pytest.raises(UserError, match="no device 'cuda:0' here, only cpu"):
        Numpy("cuda:0")


def tape(steps=5, size=6, **more):
    random = np.random.default_rng(0)
    return {
        "initial": random.standard_normal(size).astype(np.float32),
        "gradients": random.standard_normal((steps, size)).astype(np.float32),
        **more,
    }


def replay(tape, h=H, name="builtin", dtype="float64"):
    return replays.replay(replays.Setup(Numpy("cpu"), name, "d2l", h, dtype), tape)


def assert_equal_traces(one, other):
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[part], other[part], equal_nan=True) for part in one)


def test_a_limit_that_zero_disables_is_unsupported_at_zero_only():
    class Boundless(ClaimsD2l):
        native = "boundless"
        names = {**TORCH, "clip_gradient": "clip"}
        zero_disables = ("clip_gradient",)

    assert Boundless.unsupported(Hyperparameters(clip_gradient=0.0), "float32") == "boundless takes clip=0 for no bound"
    assert Boundless.unsupported(Hyperparameters(clip_gradient=0.5), "float32") is None
    assert Boundless.unsupported(Hyperparameters(), "float32") is None


def test_the_framework_rounds_the_tape():
    trace = replay(tape(), dtype="float16")
    assert {part: trace[part].dtype for part in ("parameters", "square_average")} == {
        "parameters": np.float16,
        "square_average": np.float16,
    }
    assert trace["parameters"].shape == (5, 6)


def test_steps_at_which_a_rounded_gradient_is_changed_are_counted():
    gradients = np.array([[np.nan, 0.1, 1e-9], [1 / 3, -7.7, -0.0]], np.float32)
    given = tape(2, 3, gradients=gradients)
    assert replay(given, dtype="float16")["changed_gradients"] == 0
    assert replay(given, name="changes-gradients", dtype="float16")["changed_gradients"] == 2
    assert replay({**given, "gradients": 0 * np.ones((2, 3))}, name="changes-gradients")["changed_gradients"] == 0


def test_the_norm_of_each_parameters_gradient_is_clipped_before_its_coordinates():
    h = Hyperparameters(learning_rate=0.0, decay=0.0, clip_norm=1.0)
    gradients = np.array([[3.0, 4.0, 0.3, -0.4, 0.0]])
    given = tape(1, 5, gradients=gradients, shapes=np.array([[2], [2], [1]]))
    squares = np.square([0.6, 0.8, 0.3, 0.4, 0.0])
    assert replay(given, h)["square_average"][0] == pytest.approx(squares, rel=1e-15)
    both = Hyperparameters(learning_rate=0.0, decay=0.0, clip_norm=1.0, clip_gradient=0.7)
    squares = np.square([0.6, 0.7, 0.3, 0.4, 0.0])
    assert replay(given, both)["square_average"][0] == pytest.approx(squares, rel=1e-15)


def test_a_negative_limit_of_the_norm_is_refused():
    with pytest.raises(ValueError, match="clip_norm must be None or at least 0, not -1"):
        Hyperparameters(clip_norm=-1.0)


def test_a_parameters_rate_scale_multiplies_its_learning_rate_in_double_precision():
    shapes = np.array([[2], [4]])
    scaled = replay(tape(shapes=shapes, rate_scale=np.array([0.3, 7.0])))
    for columns, scale in ((slice(0, 2), 0.3), (slice(2, 6), 7.0)):
        alone = replay(tape(), Hyperparameters(learning_rate=0.1 * scale, decay=0.5, epsilon=1e-2))
        assert np.array_equal(scaled["parameters"][:, columns], alone["parameters"][:, columns])


def test_rate_scales_are_kept_when_an_optimizer_is_restored():
    given = tape(shapes=np.array([[2], [4]]), rate_scale=np.array([0.3, 7.0]))
    assert_equal_traces(replay({**given, "restored": np.array(3)}), replay(given))


def test_repeated_rows_of_a_sparse_gradient_are_added_and_padding_is_ignored():
    rows = np.array([[2, 0, 2], [1, -1, -1], [-1, -1, -1]])
    values = np.arange(18, dtype=np.float32).reshape(3, 3, 2)
    dense = np.zeros((3, 3, 2), np.float32)
    dense[0, 2], dense[0, 0], dense[1, 1] = values[0, 0] + values[0, 2], values[0, 1], values[1, 0]
    shapes = np.array([[3, 2]])
    initial = tape()["initial"]
    sparse = {"initial": initial, "rows": rows, "values": values, "shapes": shapes}
    assert_equal_traces(
        replay(sparse), replay({"initial": initial, "gradients": dense.reshape(3, 6), "shapes": shapes})
    )


@pytest.mark.parametrize(
    ("attribute", "given"),
    [
        ("unsupported_sparse", {"rows": np.zeros((1, 1), int), "values": np.ones((1, 1, 2))}),
        ("unsupported_rate_scale", {"gradients": np.ones((1, 6)), "rate_scale": np.ones(1)}),
    ],
)
def test_a_kind_of_tape_that_is_unsupported_is_refused_with_the_reason(monkeypatch, attribute, given):
    monkeypatch.setattr(ClaimsD2l, attribute, "takes others only")
    with pytest.raises(Unsupported, match="numpy takes others only"):
        replay({"initial": np.zeros(6), "shapes": np.array([[3, 2]]), **given})
