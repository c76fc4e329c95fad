"""Error curves, the growth of errors, and the first step that rules out another dialect."""

import numpy as np
import pytest

from reference import Hyperparameters
from suite.compare.comparison import TraceComparison, ruled_out_at, step_series
from suite.compare.oracle import Oracle

ALL = slice(None)
H = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-2)


@pytest.fixture(scope="module")
def oracle():
    generator = np.random.Generator(np.random.PCG64(0))
    gradients = generator.normal(0, 0.1, (60, 5))
    return Oracle(np.ones(5), gradients, H, "float32", ["d2l", "torch", "tf1"])


def observed(oracle, dialect, dtype=np.float32):
    """Return the trace of a correct implementation that does not return its state: the oracle's, rounded."""
    return {"parameters": oracle.predict(dialect).trace.parameters.astype(dtype)}


@pytest.mark.parametrize(("last", "steps"), [(0, []), (1, [1]), (2, [1, 2]), (7, [1, 2, 5, 7]), (10, [1, 2, 5, 10])])
def test_the_step_series_ends_with_the_last_step(last, steps):
    assert step_series(last) == steps


def test_the_error_curve_of_a_correct_trace_is_below_the_bound_at_every_step(oracle):
    curve = TraceComparison(observed(oracle, "torch"), oracle, "torch").error_curve(ALL)
    assert [step for step, _, _ in curve] == [1, 2, 5, 10, 20, 50, 60]
    assert all(0 <= ulps <= bound for _, ulps, bound in curve)


def test_the_error_curve_of_another_dialect_is_above_the_bound(oracle):
    curve = TraceComparison(observed(oracle, "tf1"), oracle, "torch").error_curve(ALL)
    assert all(ulps > bound for _, ulps, bound in curve)


def test_the_error_curve_of_no_columns_is_empty(oracle):
    assert TraceComparison(observed(oracle, "torch"), oracle, "torch").error_curve(slice(0, 0)) == []


def test_other_dialects_are_ruled_out_at_the_first_step_outside_their_bounds(oracle):
    trace = observed(oracle, "torch")
    found = ruled_out_at(trace, oracle, ALL, ["d2l", "torch", "tf1"])
    assert set(found) == {"d2l", "tf1"}
    for name, step in found.items():
        prediction = oracle.predict(name)
        error = np.abs(trace["parameters"] - prediction.trace.parameters)
        outside = (error > prediction.bounds.parameters).any(axis=1)
        assert outside[step - 1]
        assert not outside[: step - 1].any()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (lambda n: n**-0.5, "fading"),
        (lambda n: np.ones_like(n), "constant"),
        (lambda n: n**0.5, "growing slower than linearly"),
        (lambda n: n, "growing linearly"),
        (lambda n: n**2, "growing faster than linearly"),
        (lambda n: 1.1**n, "growing faster than linearly"),
    ],
)
def test_the_growth_of_an_error_is_classified_and_sampled_in_a_short_series(error, kind):
    constant = Oracle(np.ones(4), np.tile([0.1, -1.0, 3.0, 10.0], (100, 1)), H, "float64", ["d2l"])
    wrong = observed(constant, "d2l", np.float64)
    wrong["parameters"][4:, 2] += 1e-9 * error(np.arange(1.0, 97.0))
    comparison = TraceComparison(wrong, constant, "d2l")
    result = comparison.result(ALL)
    found = comparison.growth(ALL, result.first_step)
    assert (result.first_step, found.quantity, found.index) == (5, "parameters", 2)
    assert found.kind == kind
    assert [step for step, _, _ in found.series] == [5, 6, 9, 14, 24, 54, 100]
    assert found.words == f"the error is {kind}"


def test_an_error_that_is_not_finite_is_not_classified(oracle):
    wrong = observed(oracle, "d2l")
    wrong["parameters"][50:, 1] = np.nan
    comparison = TraceComparison(wrong, oracle, "d2l")
    found = comparison.growth(ALL, comparison.result(ALL).first_step)
    assert (found.kind, found.words) == (None, None)
