"""Comparisons of traces with the oracle's: state is compared too, and values without a finite bound are undecided."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import pytest

from reference import Hyperparameters, dialects, replay
from suite.cases.catalogue import catalogue
from suite.cases.datasets import generated
from suite.cases.tapes import REDUCED, WIDE
from suite.cases.tasks import tasks
from suite.compare.comparison import TraceComparison, TraceError, fitting_dialects
from suite.compare.oracle import Oracle
from suite.conformance.targets import tape_batches
from suite.results.expectations import Expectations
from suite.run import SECTION_DIALECTS

UNDECIDABLE = {entry.cases for entry in Expectations.read().entries if "undecided" in entry.outcomes}
STARTS_AT_ONE = {name for name, dialect in dialects.items() if dialect.initial_accumulator == 1}  # so √v is not zero
PLAIN = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-2)
ALL = slice(0, None)


def make_oracle(gradients, h=PLAIN, dtype="float32"):
    gradients = np.asarray(gradients, np.float32)
    return Oracle(np.zeros(gradients.shape[1], np.float32), gradients, h, dtype)


def observed(oracle, dialect="d2l", **changes):
    """Return the trace of a correct implementation: computed in float64 and rounded once."""
    trace = oracle.predict(dialect).trace
    series = {"parameters": trace.parameters, "square_average": trace.square_average}
    with np.errstate(over="ignore"):
        return {**{name: values.astype(np.float32) for name, values in series.items()}, **changes}


def compared(oracle, trace, dialect="d2l"):
    return TraceComparison(trace, oracle, dialect).result(ALL)


CONSTANT = np.full((5, 3), [[0.1, -2.0, 30.0]])


def test_a_correct_trace_agrees_and_every_coordinate_is_decided():
    oracle = make_oracle(CONSTANT)
    result = compared(oracle, observed(oracle))
    assert (result.outcome, result.decided) == ("agrees", 1.0)


def test_wrong_state_differs_even_if_the_parameters_are_correct():
    oracle = make_oracle(CONSTANT)
    wrong = observed(oracle)["square_average"].copy()
    wrong[3, 1] *= np.float32(1.001)
    result = compared(oracle, observed(oracle, square_average=wrong))
    assert (result.outcome, result.quantity) == ("differs", "square_average")
    assert (result.worst_step, result.worst_index, result.first_step) == (4, [1], 4)


def test_the_first_step_outside_and_the_worst_step_are_both_reported():
    oracle = make_oracle(CONSTANT)
    wrong = observed(oracle)["parameters"].copy()
    wrong[2:, 0] += np.float32(1e-4)
    wrong[4, 2] += np.float32(1.0)
    result = compared(oracle, observed(oracle, parameters=wrong))
    assert (result.first_step, result.worst_step, result.worst_index) == (3, 5, [2])


@pytest.mark.parametrize("value", [np.nan, np.inf, 777.0])
def test_any_value_without_a_bound_is_undecided(value):
    oracle = make_oracle([[1.0], [1e20], [1.0], [1.0]])  # g² overflows, so v depends on the order of operations
    trace = observed(oracle)["parameters"].copy()
    trace[2:] = value
    result = compared(oracle, {"parameters": trace})
    assert result.outcome == "undecided"
    assert result.decided == 0.0
    assert "no bound" in result.reason


def test_a_step_smaller_than_the_rounding_error_is_undecided():
    gradients = np.full((3, 1), 1e-6, np.float32)
    oracle = Oracle(np.full(1, 1e3, np.float32), gradients, PLAIN, "float32")
    result = compared(oracle, {"parameters": np.full((3, 1), 1e3, np.float32)})
    assert result.outcome == "undecided"


def test_one_undecided_coordinate_makes_the_result_undecided():
    oracle = make_oracle(np.column_stack([np.ones(4), [1.0, 1e20, 1.0, 1.0]]))
    result = compared(oracle, {"parameters": observed(oracle)["parameters"]})
    assert (result.outcome, result.decided) == ("undecided", 0.5)


def test_nan_differs_from_a_number():
    oracle = make_oracle(CONSTANT)
    wrong = observed(oracle)["parameters"].copy()
    wrong[4, 0] = np.nan
    assert compared(oracle, observed(oracle, parameters=wrong)).outcome == "differs"


def test_an_undecided_trace_fits_no_dialect():
    oracle = make_oracle([[1.0], [1e20], [1.0]])
    assert fitting_dialects({"parameters": observed(oracle)["parameters"]}, oracle, [ALL]) == [[]]


def test_dialects_that_the_input_cannot_distinguish_all_fit():
    oracle = make_oracle(CONSTANT)
    (fits,) = fitting_dialects(observed(oracle, "torch"), oracle, [ALL])
    assert {"torch", "mlx", "optax-outside"} <= set(fits)
    assert not {"d2l", "keras3", "tf1"} & set(fits)


@pytest.mark.parametrize(
    ("trace", "message"),
    [({}, "no parameters"), ({"parameters": np.zeros((5, 2), np.float32)}, r"shape \(5, 2\), expected \(5, 3\)")],
)
def test_a_trace_without_parameters_or_of_another_shape_is_an_error(trace, message):
    with pytest.raises(TraceError, match=message):
        TraceComparison(trace, make_oracle(CONSTANT), "d2l")


@pytest.mark.parametrize("dtype", [*WIDE, *REDUCED])
def test_every_case_of_the_catalogue_is_decided_in_every_dialect(dtype, tmp_path):
    for tape_batch in tape_batches(catalogue(tasks(generated(), 0), 0), tmp_path):
        tape = tape_batch.tape
        if dtype not in tape.dtypes or (tape.lean and dtype != WIDE[0]):
            continue
        names = SECTION_DIALECTS if tape.lean else dialects
        known = [name for name in names if not tape.subnormals or dialects[name].subnormals != "either"]
        gradients = tape.sparse or tape.gradients
        oracle = Oracle(
            tape.initial,
            gradients,
            tape_batch.hyperparameters,
            dtype,
            known,
            rate_scale=tape.rate_scale(),
            subnormals=tape.subnormals,
        )
        for names in oracle.groups():
            comparison = TraceComparison({"parameters": oracle.predict(names[0]).trace.parameters}, oracle, names[0])
            for case, columns in tape_batch.cases:
                result = comparison.result(columns)
                if any(fnmatchcase(case.id, pattern) for pattern in UNDECIDABLE):
                    assert result.outcome == "undecided" or names[0] in STARTS_AT_ONE
                    continue
                assert (result.outcome, result.decided) == ("agrees", 1.0), (case.id, names)


def test_another_position_of_epsilon_differs():
    moved = replay(CONSTANT, np.zeros(3), PLAIN, replace(dialects["d2l"], epsilon="outside"))
    assert compared(make_oracle(CONSTANT), {"parameters": moved.parameters.astype(np.float32)}).outcome == "differs"


def test_state_is_ignored_where_the_parameter_is_nan():
    oracle = make_oracle([[np.nan, 1.0], [1.0, 1.0]])
    trace = observed(oracle)
    trace["square_average"] = trace["square_average"].copy()
    trace["square_average"][1, 0] = 0.1
    assert compared(oracle, trace).outcome == "agrees"
    trace["parameters"] = trace["parameters"].copy()
    trace["parameters"][1, 0] = 0.1
    assert compared(oracle, trace).outcome == "differs"
