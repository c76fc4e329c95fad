"""Names map both ways, and what can't be expressed is said with its reason."""

from __future__ import annotations

import numpy as np
import pytest

from reference import Hyperparameters
from suite.adapters import load
from suite.adapters.contract import divided, flat, from_native, to_native, used
from tests.suite.numpy_adapter import Claims, Numpy

TORCH = {"learning_rate": "lr", "decay": "alpha", "epsilon": "eps", "momentum": "momentum"}


def test_a_vector_is_divided_into_shapes_and_put_together_again():
    shapes = [(), (0,), (5, 3), (1,), (2, 3, 2)]
    vector = np.arange(29.0)
    parts = divided(vector, shapes)
    assert [part.shape for part in parts] == shapes
    assert np.array_equal(flat(parts), vector)


def test_names_map_both_ways():
    h = Hyperparameters(learning_rate=0.1, decay=0.8, epsilon=1e-3, momentum=0.5)
    native = to_native(TORCH, h, learning_rate=0.1)
    assert native == {"lr": 0.1, "alpha": 0.8, "eps": 1e-3, "momentum": 0.5}
    assert from_native(TORCH, native) == h


def test_a_name_of_another_framework_is_refused_with_the_names_that_there_are():
    with pytest.raises(ValueError, match="no hyper-parameter rho; there are alpha, eps, lr, momentum"):
        from_native(TORCH, {"rho": 0.9})


def test_what_is_set_to_no_effect_is_not_used():
    assert used(Hyperparameters()) == {"learning_rate", "decay", "epsilon"}
    assert "momentum" in used(Hyperparameters(momentum=0.5))


def test_what_has_no_name_in_a_framework_is_unsupported_by_that_name():
    class Narrow(Claims):
        native = "narrow"
        names = TORCH
        dtypes = ("float32",)

    assert Narrow.unsupported(Hyperparameters(momentum=0.5), "float32") is None
    assert Narrow.unsupported(Hyperparameters(centered=True), "float32") == "narrow has no centered"
    assert Narrow.unsupported(Hyperparameters(), "float64") == "narrow runs in float32, not in float64"


def test_an_adapter_that_there_is_not_and_a_device_that_there_is_not_are_named():
    with pytest.raises(LookupError, match="no adapter for 'caffe'; there are torch"):
        load("caffe", "cpu")
    with pytest.raises(LookupError, match="no device 'cuda:0' here, only cpu"):
        Numpy("cuda:0")
