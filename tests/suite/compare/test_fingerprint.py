"""Fingerprints are equal exactly if the bits are; compact traces show the first step that changed, and how far."""

import numpy as np
import pytest

from suite.compare.fingerprint import CompactTrace, TraceShape, fingerprint, trace_difference, trace_fingerprint
from tests.support.traces import changed_by_ulps, random_trace


def difference(before, after, dtype="float32"):
    return trace_difference(CompactTrace.of(before), CompactTrace.of(after), dtype)


# Fingerprints of parameters, which verdicts contain


def test_equal_bits_give_equal_fingerprints_and_one_ulp_changes_them():
    values = np.array([[1.0, -0.0, np.nan]], np.float32)
    assert fingerprint(values, "float32") == fingerprint(values.copy(), "float32")
    wider = values.astype(np.float64)  # as a worker may return them
    assert fingerprint(values, "float32") == fingerprint(wider, "float32")
    assert fingerprint(values, "float32") != fingerprint(np.nextafter(values, np.float32(2)), "float32")
    assert fingerprint(values, "float32") != fingerprint(np.abs(values), "float32")  # the sign of zero counts
    assert fingerprint(values, "float32") != fingerprint(values.reshape(3, 1), "float32")


def test_all_bit_patterns_of_nan_have_the_same_fingerprint():
    other = np.array([[0x7FC00001]], np.uint32).view(np.float32)
    assert np.isnan(other).all()
    assert fingerprint(other, "float32") == fingerprint(np.full((1, 1), np.nan), "float32")


# Fingerprints of complete traces, which baselines contain


def test_equal_traces_have_equal_fingerprints_and_one_bit_changes_them():
    before = random_trace()
    assert trace_fingerprint(before) == trace_fingerprint(random_trace())
    for quantity in before:
        assert trace_fingerprint(changed_by_ulps(before, 7, 3, quantity=quantity)) != trace_fingerprint(before)
    assert trace_fingerprint({"parameters": before["parameters"]}) != trace_fingerprint(before)


def test_the_fingerprint_of_a_trace_depends_on_signs_of_zero_but_not_on_bits_of_nan():
    before = {"parameters": np.array([[0.0, np.nan]], np.float32)}
    assert trace_fingerprint({"parameters": np.array([[-0.0, np.nan]], np.float32)}) != trace_fingerprint(before)
    other = before["parameters"].copy()
    other.view(np.uint32)[0, 1] ^= 0x80000001
    assert np.isnan(other[0, 1])
    assert trace_fingerprint({"parameters": other}) == trace_fingerprint(before)


# Compact traces


@pytest.mark.parametrize("step", [1, 2, 17, 50])
def test_the_first_step_that_changed_is_exact_in_a_short_trace(step):
    before = random_trace()
    found = difference(before, changed_by_ulps(before, step, 33))
    assert (found.last_equal_step, found.first_step) == (step - 1, step)


def test_the_first_step_that_changed_in_a_long_trace_is_between_two_checksums():
    before = random_trace(steps=1000, size=3)
    found = difference(before, changed_by_ulps(before, 200, 1))
    assert (found.last_equal_step, found.first_step) == (100, 200)
    assert "from a step after 100 on, at the latest 200" in found.words


def test_a_change_of_the_state_alone_is_reported():
    before = random_trace()
    found = difference(before, changed_by_ulps(before, 50, 0, quantity="square_average"))
    assert found.first_step is None
    assert found.words == "in the state alone, by up to 1 ulps (square_average, step 50)"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_distance_is_the_largest_among_kept_values_in_ulps_of_the_format(dtype):
    before = {name: (1 + abs(values) % 0.5).astype(dtype) for name, values in random_trace().items()}  # equal ulps
    after = changed_by_ulps(changed_by_ulps(before, 20, 0, ulps=5), 50, 63, ulps=9)
    found = difference(before, after, np.dtype(dtype).name)
    assert (found.ulps, found.quantity, found.worst_step) == (9, "parameters", 50)


def test_distances_are_in_ulps_of_the_largest_value_of_the_coordinate():
    before = {"parameters": np.array([[1.5], [0.0]], np.float32)}
    after = {"parameters": np.array([[1.5], [2.0**-23]], np.float32)}
    assert difference(before, after).ulps == 1
    became_nan = {"parameters": np.array([[1.5], [np.nan]], np.float32)}
    assert difference(before, became_nan).ulps == np.inf
    assert difference(became_nan, became_nan).ulps == 0


def test_traces_of_different_shapes_are_not_compared():
    assert difference(random_trace(size=3), random_trace(size=4)) is None


@pytest.mark.parametrize("size", [0, 1, 4, 1000])
def test_a_compact_trace_is_small_and_matches_its_shape(size):
    compact = CompactTrace.of(random_trace(steps=1000, size=size))
    assert compact.values.shape == compact.shape.values_shape
    assert compact.values.size <= 2 * 10 * 5
    assert compact.checksums.size == len(compact.shape.checksummed_steps) <= 64 + 4
    assert compact.shape.kept_steps[-1] == compact.shape.checksummed_steps[-1] == 1000
    assert compact.shape == TraceShape(1000, size, ("parameters", "square_average"))
