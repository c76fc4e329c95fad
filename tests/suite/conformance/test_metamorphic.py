"""Metamorphic relations: right implementations satisfy them to the bit, wrong ones violate them."""

from __future__ import annotations

import numpy as np
import pytest

from reference import dialects, replay
from suite.cases.metamorphic import HYPERPARAMETERS, RELATIONS, first_tape
from suite.compare.comparison import TraceError
from suite.conformance.metamorphic import compare_bits
from tests.suite.test_run import rows, run


def compared_bits(one, other, dtype):
    return compare_bits(one, other, dtype)[0]


RELATION_IDS = {relation.id for relation in RELATIONS}


def outcomes(options, quiet, implementation, **given):
    chosen = options(implementations=[implementation], cases=["law"], **given)
    job = run(chosen, quiet, "agree")
    found = {row["case"]: row for row in rows(chosen, "verdicts")}
    assert job.status == (1 if any(row["outcome"] == "differs" for row in found.values()) else 0)
    return found


def test_a_right_implementation_satisfies_every_relation(options, quiet):
    found = outcomes(options, quiet, "builtin")
    assert set(found) == RELATION_IDS - {"law/twin"}
    assert {row["outcome"] for row in found.values()} == {"agrees"}


def test_scratch_is_tested_in_its_first_two_dialects(options, quiet):
    chosen = options(implementations=["scratch"], cases=["law"], dialects=["d2l", "torch", "keras3"])
    run(chosen, quiet, "agree")
    found = rows(chosen, "verdicts")
    assert {row["requested_dialect"] for row in found} == {"d2l", "torch"}
    assert {row["outcome"] for row in found} == {"agrees"}


@pytest.mark.parametrize(
    ("implementation", "relations"),
    [
        ("changes-gradients", {"gradient"}),
        ("momentum-not-saved", {"restoration"}),
        ("random", {"repetition"}),
        ("couples-coordinates", {"permutation", "splitting"}),
        ("shared-state", {"splitting"}),
        ("enlarges-negative-gradients", {"negation"}),
        ("added-epsilon", {"scaling"}),
        ("one-ulp-off", {"twin"}),
    ],
)
def test_an_implementation_that_violates_a_relation_differs_in_it(options, quiet, implementation, relations):
    found = outcomes(options, quiet, implementation)
    violated = {row["case"].partition("/")[2] for row in found.values() if row["outcome"] == "differs"}
    assert relations <= violated
    assert len(violated) < len(found)
    for name in relations:
        row = found[f"law/{name}"]
        assert ("caller's gradient" if name == "gradient" else "at step") in row["reason"]
        assert f"-c law/{name}" in row["repeat"]
        assert "bound" not in row["reason"]
        if name != "gradient":
            mismatch = min(row["mismatches"], key=lambda mismatch: mismatch["step"])
            assert f"{mismatch['quantity']} differ" in row["reason"]
            assert f"at step {mismatch['step']}, coordinate {mismatch['index']}" in row["reason"]
            assert mismatch["expected"] != mismatch["observed"]


def test_a_relation_that_does_not_hold_in_a_dialect_is_unsupported_with_the_reason(options, quiet):
    found = outcomes(options, quiet, "accumulator-from-one", claim="tf1")
    assert found["law/scaling"]["outcome"] == "unsupported"
    assert "the average starts at a constant" in found["law/scaling"]["reason"]


def test_an_implementation_that_refuses_or_crashes_has_a_verdict_on_each_relation(options, quiet):
    for implementation, outcome in (("refuses", "unsupported"), ("segfaults", "failed")):
        chosen = options(implementations=[implementation], cases=["law"], output=options().output / implementation)
        run(chosen, quiet, "agree")
        assert {(row["case"], row["outcome"]) for row in rows(chosen, "verdicts")} == {
            (relation, outcome) for relation in RELATION_IDS - {"law/twin"}
        }


@pytest.mark.parametrize(
    "relation", [one for one in RELATIONS if one.tape and not one.twin], ids=lambda relation: relation.id
)
@pytest.mark.parametrize("dialect", ["d2l", "torch", "mxnet1", "keras-legacy"])
def test_the_oracle_satisfies_every_relation_in_every_kind_of_dialect(relation, dialect):
    def trace(tape, h):
        found = replay(tape.gradients, tape.initial, h, dialects[dialect])
        return {name: getattr(found, name) for name in ("parameters", "square_average", "momentum_buffer")}

    start = first_tape(0)
    second = relation.tape(start)
    expected = relation.trace(trace(start, HYPERPARAMETERS))
    assert (
        compared_bits(expected, trace(second, relation.hyperparameters(dialects[dialect])), "float64").outcome
        == "agrees"
    )


def test_zeros_of_either_sign_are_equal_and_so_are_nans():
    one, other = {"parameters": np.array([[0.0, np.nan]])}, {"parameters": np.array([[-0.0, np.nan]])}
    assert compared_bits(one, other, "float32").outcome == "agrees"


def test_a_mismatch_has_step_coordinate_and_ulps():
    one = np.ones((3, 4), np.float32)
    other = one.copy()
    other[1, 2] += 3 * np.finfo(np.float32).eps
    found = compared_bits({"parameters": one}, {"parameters": other}, "float32")
    assert (found.outcome, found.first_step, found.worst_index, found.ulps) == ("differs", 2, [2], 3)
    assert found.reason == "parameters differ at step 2, coordinate 2, by 3 ulps; 1 of 12 values differ"
    other[1, 2] = np.nan
    assert compared_bits({"parameters": one}, {"parameters": other}, "float32").ulps == np.inf


def test_a_trace_that_lacks_a_quantity_of_the_first_is_refused():
    with pytest.raises(TraceError, match="square_average is missing in the second trace"):
        compared_bits({"square_average": np.ones((1, 1))}, {"parameters": np.ones((1, 1))}, "float32")
