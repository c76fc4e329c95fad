"""Row-sparse gradients: dense and lazy updates, and duplicate row indices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import Dialect, Hyperparameters, SparseGradients, dialects, replay
from tests.reference.strategies import seeds

PLAIN = Hyperparameters(learning_rate=0.1, decay=0.9, epsilon=1e-6)
INITIAL = np.ones((3, 2))
ROUNDED = 4 * np.finfo(np.float64).eps  # a complement, a square, a product and a sum, in float64
FOUR_DIGITS = 0.5e-4  # half a unit of the fourth digit


def sparse(rows, values=None):
    rows = np.array(rows)
    values = np.ones((*rows.shape, 2)) if values is None else np.array(values, float)
    return SparseGradients(rows, values, 3)


def test_sparse_gradients_of_all_rows_equal_dense_gradients():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 3, 2))
    for name in ("d2l", "tf-kernel", "keras3"):
        sparse_trace = replay(sparse([[0, 1, 2]] * 4, values), INITIAL, PLAIN, dialects[name])
        dense_trace = replay(values, INITIAL, PLAIN, dialects[name])
        assert np.array_equal(sparse_trace.parameters, dense_trace.parameters)
        assert np.allclose(sparse_trace.square_average, dense_trace.square_average, rtol=ROUNDED, atol=0)


@pytest.mark.parametrize(("policy", "expected"), [("dense", 0.1 * 0.9), ("lazy", 0.1)])
def test_a_row_without_gradient_decays_if_dense_and_is_kept_if_lazy(policy, expected):
    trace = replay(sparse([[0], [1]]), INITIAL, PLAIN, Dialect(sparse=policy))
    assert trace.square_average[1, 0] == pytest.approx([expected] * 2, rel=ROUNDED)
    assert (trace.parameters[1, 0] == trace.parameters[0, 0]).all()
    assert (trace.parameters[:, 2] == 1).all()


def test_a_lazy_row_depends_on_its_own_gradients_only():
    rng = np.random.default_rng(1)
    rows, values = np.array([[0], [1], [0], [2], [0]]), rng.normal(size=(5, 1, 2))
    h = replace(PLAIN, momentum=0.9, centered=True, epsilon=1e-3)
    lazy = replay(SparseGradients(rows, values, 3), INITIAL, h, Dialect(sparse="lazy"))
    alone = replay(values[rows[:, 0] == 0, 0], INITIAL[0], h, Dialect())
    assert np.array_equal(lazy.parameters[rows[:, 0] == 0, 0], alone.parameters)
    assert np.array_equal(lazy.bound("float32")[rows[:, 0] == 0, 0], alone.bound("float32"))


def test_momentum_moves_a_row_without_gradient_only_if_dense():
    h = replace(PLAIN, momentum=0.5)
    lazy, dense = (replay(sparse([[0], [1]]), INITIAL, h, Dialect(sparse=policy)) for policy in ("lazy", "dense"))
    assert (lazy.parameters[1, 0] == lazy.parameters[0, 0]).all()
    assert (dense.parameters[1, 0] < dense.parameters[0, 0]).all()


def test_legacy_keras_is_lazy_only_with_momentum():
    for momentum, policy in ((0.0, "dense"), (0.5, "lazy")):
        h, legacy = replace(PLAIN, momentum=momentum), dialects["keras-legacy"]
        found = replay(sparse([[0], [1]]), INITIAL, h, legacy)
        expected = replay(sparse([[0], [1]]), INITIAL, h, replace(legacy, sparse=policy))
        assert np.array_equal(found.square_average, expected.square_average)


def test_duplicates_are_summed_before_or_after_squaring():
    """Values observed in Keras 3 and in other frameworks: indices [0, 0], values [1, 2], γ 0.9, η 0.1, parameter 1."""
    gradients = sparse([[0, 0]], [[[1.0, 1.0], [2.0, 2.0]]])
    h = Hyperparameters(learning_rate=0.1, decay=0.9, epsilon=1e-7)
    apart = replay(gradients, INITIAL, h, dialects["keras3"])
    merged = replay(gradients, INITIAL, h, dialects["keras2"])
    assert apart.square_average[0, 0] == pytest.approx([0.1 * (1 + 4)] * 2, rel=ROUNDED)
    assert apart.parameters[0, 0] == pytest.approx([0.5757] * 2, abs=FOUR_DIGITS)
    assert merged.parameters[0, 0] == pytest.approx([0.6838] * 2, abs=FOUR_DIGITS)


def test_duplicates_applied_in_turn_are_separate_steps():
    h = replace(PLAIN, momentum=0.5)
    values = [[[1.0, 1.0], [2.0, -2.0], [0.5, 0.5]], [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]]
    in_turn = replay(sparse([[0, 0, 1], [1, 2, 1]], values), INITIAL, h, Dialect(sparse="lazy", duplicates="in turn"))
    first, second = values
    order = [[0], [0], [1], [1], [2], [1]]
    one_by_one = sparse(order, [[value] for value in (*first, *second)])
    expected = replay(one_by_one, INITIAL, h, Dialect(sparse="lazy"))
    assert np.array_equal(in_turn.parameters[-1], expected.parameters[-1])
    assert np.array_equal(in_turn.bound("float32")[-1], expected.bound("float32")[-1])


def test_row_index_minus_one_is_skipped():
    with_skipped = replay(sparse([[0, -1]]), INITIAL, PLAIN, Dialect(sparse="lazy"))
    without = replay(sparse([[0]]), INITIAL, PLAIN, Dialect(sparse="lazy"))
    assert np.array_equal(with_skipped.parameters, without.parameters)


def evaluate_in_float32(rows, values, initial, h, dialect, order):
    """Yield the float32 parameters after each step; if `order` is 1, the rows of a step are added in reverse."""
    single = np.float32
    x, v, b = (np.array(z, single) for z in (initial, np.zeros_like(initial), np.zeros_like(initial)))
    decay, complement = single(h.decay), single(1 - h.decay)
    rate, epsilon, momentum = single(h.learning_rate), single(h.epsilon), single(h.momentum)
    for indices, gradients in zip(rows, np.asarray(values, single), strict=True):
        sequence = list(zip(indices, gradients, strict=True))[:: -1 if order else 1]
        g, square = np.zeros_like(x), np.zeros_like(x)
        for row, value in sequence:
            g[row] += value
            square[row] += value * value * complement
        touched = np.isin(np.arange(len(x)), indices)[:, None]
        lazy = dialect.sparse == "lazy"
        new = decay * v + (square if dialect.duplicates == "apart" else complement * g * g)
        v = np.where(touched | (not lazy), new, v)
        d = np.sqrt(v + epsilon)
        moved = momentum * b if h.momentum else x.copy()
        if dialect.duplicates == "apart":
            for row, value in sequence:
                moved[row] += (1 if h.momentum else -1) * (rate * value / d[row])
        else:
            moved = moved + rate * g / d if h.momentum else moved - rate * g / d
        if h.momentum:
            b = np.where(touched | (not lazy), moved, b)
            moved = x - b
        x = np.where(touched | (not lazy), moved, x)
        yield x


@settings(max_examples=80)
@given(seeds, st.sampled_from([0.0, 0.9]), st.sampled_from(["dense", "lazy"]), st.sampled_from(["merged", "apart"]))
@pytest.mark.parametrize("order", [0, 1])
def test_float32_errors_of_sparse_gradients_are_within_the_bound(order, seed, momentum, policy, duplicates):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 5, (8, 6))
    values = (rng.normal(size=(8, 6, 3)) * 10.0 ** rng.uniform(-3, 3)).astype(np.float32)
    initial = rng.normal(size=(5, 3)).astype(np.float32)
    h = replace(PLAIN, momentum=momentum)
    dialect = Dialect(sparse=policy, duplicates=duplicates)
    trace = replay(SparseGradients(rows, values, 5), initial, h, dialect, precision="float32")
    bound = trace.bound("float32")
    for step, x in enumerate(evaluate_in_float32(rows, values, initial, h, dialect, order)):
        assert (np.abs(x - trace.parameters[step]) <= bound[step]).all()
    assert np.isfinite(bound).all()


@pytest.mark.parametrize("duplicates", ["merged", "apart"])
def test_the_rounding_error_of_a_long_sum_of_duplicates_is_within_the_bound(duplicates):
    """100,000 equal gradients, summed sequentially in float32: every sum is rounded in the same direction."""
    count, g = 100_000, np.float32(0.1)
    values = np.full((1, count, 1), g)
    trace = replay(SparseGradients(np.zeros((1, count), int), values, 1), np.ones((1, 1)), PLAIN,
                   Dialect(duplicates=duplicates), precision="float32")  # fmt: skip
    terms = np.full(count, g if duplicates == "merged" else g * g)
    total = np.cumsum(terms, dtype=np.float32)[-1]
    v = np.float32(1 - 0.9) * (total * total if duplicates == "merged" else total)
    error, bound = abs(v - trace.square_average.item()), trace.bounds("float32").square_average.item()
    assert error > 1e3 * np.spacing(v)  # much more than the error of the other operations
    assert error <= bound


def test_the_bound_includes_steps_that_are_each_rounded_to_zero():
    """The sum of 64 steps of 0.4 ulps is 26 ulps; applied one after another, each is lost in rounding."""
    count, one = 64, np.float32(1)
    h = Hyperparameters(learning_rate=0.4 * 2.0**-24 * count**0.5, decay=0.0, epsilon=1e-12)
    gradients = SparseGradients(np.zeros((1, count), int), np.ones((1, count, 1)), 1)
    dialect = Dialect(duplicates="apart")
    trace = replay(gradients, np.ones((1, 1)), h, dialect, precision="float32")
    expected = 0.4 * 2.0**-24 * count  # 1.5e-6, so that 1 - expected in float64 has a relative error of 1e-10
    assert 1 - trace.parameters.item() == pytest.approx(expected, rel=1e-9)
    step = np.float32(h.learning_rate) / np.sqrt(np.float32(count))
    assert one - step == one
    assert one - trace.parameters.item() <= trace.bound("float32").item()
    assert replay(gradients, np.ones((1, 1)), h, Dialect(), precision="float32").bound("float32").item() < 1e-6


@pytest.mark.parametrize(
    ("rows", "values", "message"),
    [
        ([[0]], np.ones((1, 2, 2)), "need values of shape"),
        ([[3]], np.ones((1, 1, 2)), "from 0 to 2, or -1"),
    ],
)
def test_row_indices_out_of_range_are_refused(rows, values, message):
    with pytest.raises(ValueError, match=message):
        SparseGradients(np.array(rows), values, 3)


def test_hyperparameters_that_need_dense_gradients_are_refused():
    with pytest.raises(ValueError, match="weight_decay"):
        replay(sparse([[0]]), INITIAL, replace(PLAIN, weight_decay=0.1), Dialect())
