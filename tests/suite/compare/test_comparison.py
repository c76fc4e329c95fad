"""A verdict says no more than what is known: state counts, no bound is no pass, and what can't be told fits nothing."""

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
from suite.conformance.tape_batches import tape_batches
from suite.results.expectations import Expectations
from suite.run import SECTION_DIALECTS

UNDECIDABLE = {entry.cases for entry in Expectations.read().entries if "undecided" in entry.outcomes}
FROM_ONE = {name for name, dialect in dialects.items() if dialect.initial_accumulator == 1}  # where √v is no zero
PLAIN = Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-2)
ALL = slice(0, None)


def oracle(gradients, h=PLAIN, dtype="float32"):
    gradients = np.asarray(gradients, np.float32)
    return Oracle(np.zeros(gradients.shape[1], np.float32), gradients, h, dtype)


def observed(asked, dialect="d2l", **changes):
    """What an implementation of a dialect shows, computed in float64 and rounded once."""
    trace = asked.predict(dialect).trace
    found = {"parameters": trace.parameters, "square_average": trace.square_average}
    with np.errstate(over="ignore"):
        return {**{name: series.astype(np.float32) for name, series in found.items()}, **changes}


def judged(asked, trace, dialect="d2l"):
    return TraceComparison(trace, asked, dialect).result(ALL)


STEADY = np.full((5, 3), [[0.1, -2.0, 30.0]])


def test_what_is_right_agrees_and_every_coordinate_is_decided():
    asked = oracle(STEADY)
    verdict = judged(asked, observed(asked))
    assert (verdict.outcome, verdict.decided) == ("agrees", 1.0)


def test_a_wrong_state_differs_though_the_parameters_are_right():
    asked = oracle(STEADY)
    wrong = observed(asked)["square_average"].copy()
    wrong[3, 1] *= np.float32(1.001)
    verdict = judged(asked, observed(asked, square_average=wrong))
    assert (verdict.outcome, verdict.quantity) == ("differs", "square_average")
    assert (verdict.worst_step, verdict.worst_index, verdict.first_step) == (4, [1], 4)


def test_the_first_step_and_the_worst_one_are_both_named():
    asked = oracle(STEADY)
    wrong = observed(asked)["parameters"].copy()
    wrong[2:, 0] += np.float32(1e-4)
    wrong[4, 2] += np.float32(1.0)
    verdict = judged(asked, observed(asked, parameters=wrong))
    assert (verdict.first_step, verdict.worst_step, verdict.worst_index) == (3, 5, [2])


@pytest.mark.parametrize("value", [np.nan, np.inf, 777.0])
def test_what_has_no_bound_is_undecided_whatever_is_there(value):
    asked = oracle(
        [[1.0], [1e20], [1.0], [1.0]]
    )  # the square overflows, and what then becomes of v depends on the order
    trace = observed(asked)["parameters"].copy()
    trace[2:] = value
    verdict = judged(asked, {"parameters": trace})
    assert verdict.outcome == "undecided"
    assert verdict.decided == 0.0
    assert "no bound" in verdict.reason


def test_a_step_that_rounding_may_hide_is_undecided():
    gradients = np.full((3, 1), 1e-6, np.float32)
    asked = Oracle(np.full(1, 1e3, np.float32), gradients, PLAIN, "float32")
    verdict = judged(asked, {"parameters": np.full((3, 1), 1e3, np.float32)})
    assert verdict.outcome == "undecided"


def test_one_undecided_coordinate_is_enough():
    asked = oracle(np.column_stack([np.ones(4), [1.0, 1e20, 1.0, 1.0]]))
    verdict = judged(asked, {"parameters": observed(asked)["parameters"]})
    assert (verdict.outcome, verdict.decided) == ("undecided", 0.5)


def test_not_a_number_where_the_oracle_has_one_differs():
    asked = oracle(STEADY)
    wrong = observed(asked)["parameters"].copy()
    wrong[4, 0] = np.nan
    assert judged(asked, observed(asked, parameters=wrong)).outcome == "differs"


def test_a_dialect_that_could_not_be_compared_fits_nothing():
    asked = oracle([[1.0], [1e20], [1.0]])
    assert fitting_dialects({"parameters": observed(asked)["parameters"]}, asked, [ALL]) == [[]]


def test_the_dialects_that_fit_are_those_that_the_input_cannot_tell_apart():
    asked = oracle(STEADY)
    (fits,) = fitting_dialects(observed(asked, "torch"), asked, [ALL])
    assert {"torch", "mlx", "optax-outside"} <= set(fits)
    assert not {"d2l", "keras3", "tf1"} & set(fits)


@pytest.mark.parametrize(
    ("trace", "words"),
    [({}, "no parameters"), ({"parameters": np.zeros((5, 2), np.float32)}, r"shape \(5, 2\), expected \(5, 3\)")],
)
def test_a_trace_that_lacks_what_it_must_have_is_refused(trace, words):
    with pytest.raises(TraceError, match=words):
        TraceComparison(trace, oracle(STEADY), "d2l")


@pytest.mark.parametrize("dtype", [*WIDE, *REDUCED])
def test_the_catalogue_decides_every_case_in_every_dialect(dtype, tmp_path):
    for tape_batch in tape_batches(catalogue(tasks(generated(), 0), 0), tmp_path):
        tape = tape_batch.tape
        if dtype not in tape.dtypes or (tape.lean and dtype != WIDE[0]):
            continue
        names = SECTION_DIALECTS if tape.lean else dialects
        known = [name for name in names if not tape.subnormals or dialects[name].subnormals != "either"]
        gradients, special = tape.sparse or tape.gradients, {"subnormals": tape.subnormals}
        asked = Oracle(
            tape.initial, gradients, tape_batch.hyperparameters, dtype, known, rate_scale=tape.rate_scale(), **special
        )
        for names in asked.groups():
            comparison = TraceComparison({"parameters": asked.predict(names[0]).trace.parameters}, asked, names[0])
            for case, columns in tape_batch.cases:
                verdict = comparison.result(columns)
                if any(fnmatchcase(case.id, pattern) for pattern in UNDECIDABLE):
                    assert verdict.outcome == "undecided" or names[0] in FROM_ONE
                    continue
                assert (verdict.outcome, verdict.decided) == ("agrees", 1.0), (case.id, names)


def test_moving_epsilon_is_seen_wherever_it_weighs():
    moved = replay(STEADY, np.zeros(3), PLAIN, replace(dialects["d2l"], epsilon="outside"))
    assert judged(oracle(STEADY), {"parameters": moved.parameters.astype(np.float32)}).outcome == "differs"


def test_state_is_not_judged_where_its_parameter_is_nan():
    asked = oracle([[np.nan, 1.0], [1.0, 1.0]])
    trace = observed(asked)
    trace["square_average"] = trace["square_average"].copy()
    trace["square_average"][1, 0] = 0.1
    assert judged(asked, trace).outcome == "agrees"
    trace["parameters"] = trace["parameters"].copy()
    trace["parameters"][1, 0] = 0.1
    assert judged(asked, trace).outcome == "differs"
