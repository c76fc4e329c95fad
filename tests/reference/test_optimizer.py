"""The in-place optimizer equals the replay bit for bit, however it divides the parameters into blocks."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings

from reference import Hyperparameters, dialects, replay
from reference.optimizer import BLOCK, RMSProp
from reference.precision import format_of
from tests.reference.strategies import dialect_names, hyperparameters, seeds

PLAIN = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-6)
SEVERAL_BLOCKS = 2 * BLOCK // 4 + 77  # number of float32 values


def random_input(shape, steps, seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape).astype(dtype), rng.standard_normal((steps, *shape)).astype(dtype)


def optimized(x, gradients, h, dialect, scales=None):
    x = x.copy()
    optimizer = RMSProp([x], h, dialects[dialect])
    for g in gradients:
        optimizer.step([g], scales)
    return x, optimizer


@settings(deadline=None, max_examples=60)
@given(hyperparameters, dialect_names, seeds)
def test_the_optimizer_equals_a_replay_in_the_same_precision_bit_for_bit(h, dialect, seed):
    x, gradients = random_input((7,), 20, seed)
    with np.errstate(all="ignore"):
        found, optimizer = optimized(x, gradients, h, dialect)
        trace = replay(gradients, x, h, dialects[dialect], dtype=np.float32)
        exact = replay(gradients.astype(np.float64), x.astype(np.float64), h, dialects[dialect], precision="float32")
        bounds = exact.bounds("float32")
    v = optimizer.states[0].square_average
    if not h.bias_correction:  # NumPy computes the power of a scalar and of an array differently
        assert np.array_equal(found, trace.parameters[-1], equal_nan=True)
    if not (h.bias_correction and optimizer.algorithm.coupled):  # l2 weight decay carries that difference into v
        assert np.array_equal(v, trace.square_average[-1], equal_nan=True)
    for value, quantity in ((found, "parameters"), (v, "square_average")):
        error, bound = np.abs(value - getattr(exact, quantity)[-1]), getattr(bounds, quantity)[-1]
        assert ((error <= bound) | np.isinf(bound)).all()
    assert optimizer.states[0].momentum_buffer.shape == ((7,) if optimizer.algorithm.buffered else ())


@pytest.mark.parametrize("h", [PLAIN, Hyperparameters(momentum=0.9, centered=True, clip_norm=1.0, weight_decay=0.01)])
@pytest.mark.parametrize("shape", [(SEVERAL_BLOCKS,), (), (0,), (3, 1, 5), (BLOCK // 4,)])
def test_results_do_not_depend_on_blocks_and_shapes(h, shape):
    x, gradients = random_input(shape, 3)
    trace = replay(gradients, x, h, dialects["torch"], dtype=np.float32)
    assert np.array_equal(optimized(x, gradients, h, "torch")[0], trace.parameters[-1])


def test_several_parameters_are_updated_separately_with_their_own_rate_scales():
    (x, gx), (y, gy) = random_input((5,), 4, 1), random_input((2, 3), 4, 2)
    together = [x.copy(), y.copy()]
    optimizer = RMSProp(together, PLAIN, dialects["d2l"])
    for gradients in zip(gx, gy, strict=True):
        optimizer.step(gradients, [0.3, 7.0])
    assert np.array_equal(
        together[0], replay(gx, x, PLAIN, dialects["d2l"], dtype=np.float32, rate_scale=0.3).parameters[-1]
    )
    assert np.array_equal(
        together[1], replay(gy, y, PLAIN, dialects["d2l"], dtype=np.float32, rate_scale=7.0).parameters[-1]
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_optimizer_computes_in_the_dtype_of_its_parameters_and_keeps_gradients(dtype):
    x, gradients = random_input((9,), 5, dtype=dtype)
    before = gradients.copy()
    found, optimizer = optimized(x, gradients, PLAIN, "keras3")
    assert found.dtype == optimizer.states[0].square_average.dtype == dtype
    assert np.array_equal(gradients, before)
    wide = np.longdouble if dtype == np.float64 else np.float64
    exact = replay(gradients.astype(wide), x.astype(wide), PLAIN, dialects["keras3"], dtype=wide,
                   precision=np.dtype(dtype).name)  # fmt: skip
    assert (np.abs(found - exact.parameters[-1]) <= exact.bound(format_of(np.dtype(dtype).name))[-1]).all()


def test_no_temporary_array_is_as_large_as_the_parameters():
    n = 1_000_000
    x, g = np.ones(n, np.float32), np.ones(n, np.float32)
    optimizer = RMSProp([x], Hyperparameters(momentum=0.9, centered=True), dialects["torch"])
    optimizer.step([g])
    tracemalloc.start()
    try:
        optimizer.step([g])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * BLOCK < x.nbytes


def test_non_contiguous_parameters_are_refused():
    with pytest.raises(ValueError, match="must be contiguous"):
        RMSProp([np.zeros((4, 4), np.float32).T[::2]], PLAIN, dialects["torch"])


def test_a_step_after_the_end_of_a_schedule_is_refused():
    x, gradients = random_input((3,), 2)
    with pytest.raises(IndexError):
        optimized(x, [*gradients, gradients[0]], Hyperparameters(learning_rate=[0.1, 0.2]), "torch")
