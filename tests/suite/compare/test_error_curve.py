"""What is kept of a trace: digests that are equal where the bits are, the course of its error, and when it leaves."""

import numpy as np
import pytest

from reference import Hyperparameters
from suite.compare.comparison import TraceComparison
from suite.compare.error_curve import course, digest, leaves
from suite.compare.oracle import Oracle

ALL = slice(None)
H = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-2)


@pytest.fixture(scope="module")
def oracle():
    generator = np.random.Generator(np.random.PCG64(0))
    gradients = generator.normal(0, 0.1, (60, 5))
    return Oracle(np.ones(5), gradients, H, "float32", ["d2l", "torch", "tf1"])


def answered(oracle, dialect):
    """A trace as a right implementation of a dialect gives it: rounded, and without any state."""
    return {"parameters": oracle.predict(dialect).trace.parameters.astype(np.float32)}


def test_equal_bits_have_equal_digests_and_one_ulp_has_another():
    one = np.array([[1.0, -0.0, np.nan]], np.float32)
    assert digest(one, "float32") == digest(one.copy(), "float32")
    assert digest(one, "float32") == digest(one.astype(np.float64), "float32")  # as a framework hands it over
    assert digest(one, "float32") != digest(np.nextafter(one, np.float32(2)), "float32")
    assert digest(one, "float32") != digest(np.abs(one), "float32")  # a zero keeps its sign
    assert digest(one, "float32") != digest(one.reshape(3, 1), "float32")


def test_a_nan_is_a_nan_whatever_its_bits():
    other = np.array([[0x7FC00001]], np.uint32).view(np.float32)
    assert np.isnan(other).all()
    assert digest(other, "float32") == digest(np.full((1, 1), np.nan), "float32")


def test_a_course_goes_from_the_first_step_to_the_last_and_stays_under_the_bound_of_what_agrees(oracle):
    found = course(TraceComparison(answered(oracle, "torch"), oracle, "torch"), ALL)
    assert [step for step, _, _ in found] == [1, 2, 5, 10, 20, 50, 60]
    assert all(0 <= ulps <= bound for _, ulps, bound in found)


def test_the_course_of_another_dialect_is_over_the_bound(oracle):
    found = course(TraceComparison(answered(oracle, "tf1"), oracle, "torch"), ALL)
    assert all(ulps > bound for _, ulps, bound in found)


def test_there_is_no_course_of_nothing(oracle):
    assert course(TraceComparison(answered(oracle, "torch"), oracle, "torch"), slice(0, 0)) == []


def test_a_trace_leaves_each_dialect_that_it_is_not_and_the_step_is_the_first(oracle):
    observed = answered(oracle, "torch")
    found = leaves(observed, oracle, ALL, ["d2l", "torch", "tf1"])
    assert set(found) == {"d2l", "tf1"}
    for name, step in found.items():
        prediction = oracle.predict(name)
        error = np.abs(observed["parameters"] - prediction.trace.parameters)
        out = (error > prediction.bounds.parameters).any(axis=1)
        assert out[step - 1]
        assert not out[: step - 1].any()
