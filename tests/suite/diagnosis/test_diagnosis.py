"""Explanations of a difference: fitting and nearest dialects, intermediate values, and the case that would decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reference import Dialect, Hyperparameters, dialects
from suite.cases.catalogue import Case, catalogue
from suite.cases.datasets import generated
from suite.cases.tapes import Tape
from suite.cases.tasks import tasks
from suite.compare.comparison import TraceComparison
from suite.compare.oracle import Oracle
from suite.diagnosis import reasons
from suite.diagnosis.candidate_search import ExplanationSearch, ReplayInput
from suite.diagnosis.candidates import CHANGES, Candidate, restore_candidate
from suite.diagnosis.explanation import StepLocation, intermediate_values, step_breakdown
from suite.diagnosis.reasons import DistinguishingCases
from suite.results.rows import AxisChange, NearestDialect

CASES = {case.id: case for case in catalogue(tasks(generated(), 0), 0)}
ALL = slice(0, None)


def case_of(gradients, h) -> Case:
    gradients = np.asarray(gradients, np.float32)
    tape = Tape("test", "for a test", np.ones(gradients.shape[1], np.float32), gradients)
    return Case(tape, replace(CASES["decades/plain"].setting, hyperparameters=h))


def trace_of(case: Case, candidate: Candidate, dtype: str = "float32"):
    """Return the trace of a correct implementation of a candidate: computed in a wider type and rounded once."""
    trace = Oracle.of(case.tape, candidate.hyperparameters, dtype, {"": candidate.dialect}).predict("").trace
    quantities = ("parameters", "square_average", "mean_gradient", "momentum_buffer")
    return {name: getattr(trace, name).astype(dtype) for name in quantities if getattr(trace, name) is not None}


def changed(claimed: str, h: Hyperparameters, **changes) -> Candidate:
    """Return a dialect with changed axes or hyper-parameters; names of hyper-parameters have the prefix `h_`."""
    changes_of_h = {name.removeprefix("h_"): value for name, value in changes.items() if name.startswith("h_")}
    axes = {name: value for name, value in changes.items() if not name.startswith("h_")}
    return Candidate(claimed, replace(dialects[claimed], **axes), replace(h, **changes_of_h), h)


def find_nearest(
    case: Case, claimed: str, observed, dtype: str = "float32", search: ExplanationSearch | None = None, **options
):
    h = case.setting.hyperparameters
    result = TraceComparison(observed, Oracle.of(case.tape, h, dtype, [claimed]), claimed).result(ALL)
    assert result.outcome == "differs"
    return (search or ExplanationSearch()).nearest(
        observed, ReplayInput(case.tape, h, dtype), claimed, result, "torch/builtin", **options
    )


@pytest.mark.parametrize(
    ("case", "claimed", "changes", "description"),
    [
        ("decades/plain", "d2l", {"initial_accumulator": 1.0}, "d2l with initial_accumulator 1 in place of 0"),
        ("decades/plain", "torch", {"epsilon": "inside"}, "torch with epsilon inside in place of outside"),
        ("decades/momentum", "keras3", {"momentum": "never"}, "keras3 with momentum never in place of always"),
        ("decades/momentum", "torch", {"h_nesterov": True}, "torch with nesterov on in place of off"),
        ("decades/nesterov", "torch", {"h_nesterov": False}, "torch with nesterov ignored"),
        ("decades/centered", "torch", {"h_centered": False}, "torch with centered ignored"),
        ("decades/clipping", "d2l", {"h_clip_gradient": None}, "d2l with clip_gradient ignored"),
        ("decades/weight-decay", "d2l", {"h_weight_decay": -0.01}, "d2l with weight_decay -0.01 in place of 0.01"),
        ("decades/weight-decay", "d2l", {"h_weight_decay": 0.0}, "d2l with weight_decay ignored"),
        ("decades/maximize", "d2l", {"h_maximize": False}, "d2l with maximize ignored"),
        ("decades/plain", "d2l", {"h_maximize": True}, "d2l with maximize on in place of off"),
        ("decades/bias-correction", "d2l", {"h_bias_correction": False}, "d2l with bias_correction ignored"),
        ("decades/schedule", "d2l", {"h_learning_rate": 0.02}, "d2l with learning_rate 0.02 at every step"),
        ("norm/clip-norm", "d2l", {"h_clip_norm": None}, "d2l with clip_norm ignored"),
        ("rows/lazy/plain", "d2l", {"sparse": "lazy"}, "d2l with sparse lazy in place of dense"),
        ("long-memory", "d2l", {"decay_complement": "working"}, "d2l with decay_complement working in place of exact"),
    ],
)
def test_a_changed_axis_or_hyperparameter_is_reported(case, claimed, changes, description):
    case = CASES[case if "/" in case else f"decades/{case}"]
    wrong = changed(claimed, case.setting.hyperparameters, **changes)
    nearest = find_nearest(case, claimed, trace_of(case, wrong))
    assert nearest.fits
    assert description in [one.description for one in (nearest.candidate, *nearest.alternatives)]
    assert nearest.describe(claimed).startswith("but ")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_changes_are_reported_if_no_single_change_fits(dtype):
    case = CASES["decades/plain"]
    wrong = changed("d2l", case.setting.hyperparameters, initial_accumulator=1.0, epsilon="outside")
    nearest = find_nearest(case, "d2l", trace_of(case, wrong, dtype), dtype)
    assert nearest.fits
    assert nearest.candidate.differences() == {
        "initial_accumulator": (0.0, 1.0),
        "epsilon": ("inside", "outside"),
    }
    assert nearest.row() == NearestDialect(
        dialect="d2l",
        changes=[
            AxisChange(axis="initial_accumulator", before=0.0, after=1.0),
            AxisChange(axis="epsilon", before="inside", after="outside"),
        ],
        fits=True,
        bound_ratio=nearest.bound_ratio,
        first_step=None,
    )


@pytest.mark.parametrize(
    ("case", "changes", "axis", "number"),
    [
        ("decades/plain", {"h_decay": 0.83}, "hyperparameter decay", 0.83),
        ("decades/plain", {"h_epsilon": 3e-4}, "hyperparameter epsilon", 3e-4),
        ("decades/plain", {"h_learning_rate": 0.003}, "hyperparameter learning_rate", 0.003),
        ("decades/plain", {"initial_accumulator": 0.25}, "initial_accumulator", 0.25),
        ("decades/momentum", {"h_momentum": 0.81}, "hyperparameter momentum", 0.81),
        ("decades/rescaled", {"h_rescale_gradient": 0.3}, "hyperparameter rescale_gradient", 0.3),
    ],
)
def test_an_unusual_number_is_estimated_from_the_trace(case, changes, axis, number):
    case = CASES[case]
    nearest = find_nearest(case, "d2l", trace_of(case, changed("d2l", case.setting.hyperparameters, **changes)))
    assert nearest.fits
    ((axis_found, (_, value)),) = nearest.candidate.differences().items()
    assert (axis_found, value) == (axis, pytest.approx(number, rel=1e-12))


def test_the_explanation_of_one_case_is_tried_first_in_the_next():
    search, first, second = ExplanationSearch(), CASES["decades/clipping"], CASES["spike/clipping-weight-decay"]
    for case in (first, second):
        wrong = changed("d2l", case.setting.hyperparameters, h_clip_gradient=None)
        nearest = find_nearest(case, "d2l", trace_of(case, wrong), search=search)
        assert nearest.candidate.description == "d2l with clip_gradient ignored"


def test_no_change_is_reported_if_none_reduces_the_error():
    case = CASES["decades/plain"]
    correct = trace_of(case, Candidate.named("d2l", case.setting.hyperparameters))
    broken = correct["parameters"].copy()
    broken[19:] = np.nan
    nearest = find_nearest(case, "d2l", {**correct, "parameters": broken})
    assert not nearest.fits
    assert nearest.candidate.changes == ()
    assert nearest.describe("d2l") == "and no change of one or two axes brings it nearer"


def test_a_change_that_reduces_the_error_without_fitting_is_reported_with_its_factor():
    case = CASES["decades/plain"]
    wrong = trace_of(case, changed("d2l", case.setting.hyperparameters, initial_accumulator=1.0))
    wrong["parameters"] = wrong["parameters"] * np.float32(1.01)
    nearest = find_nearest(case, "d2l", wrong)
    assert not nearest.fits
    best = nearest.best_change
    assert (best.axis, best.before, best.after) == ("initial_accumulator", 0.0, 1.0)
    assert best.factor > 1e3
    assert "the best single change of d2l is initial_accumulator 1 in place of 0" in nearest.describe("d2l")
    assert nearest.row().best_change.axis == "initial_accumulator"


def test_unchanged_dialects_are_tried_if_they_were_not_compared_before():
    case = CASES["steps/10/large-epsilon"]
    nearest = find_nearest(case, "d2l", trace_of(case, Candidate.named("optax-outside", case.setting.hyperparameters)),
                    untried=True)  # fmt: skip
    assert nearest.fits
    assert nearest.candidate.changes == ()
    assert "optax-outside" in [one.base for one in (nearest.candidate, *nearest.alternatives)]


def test_changes_cover_every_value_of_every_axis():
    axes = {change.axis for change in CHANGES}
    assert set(Dialect().axes()) <= axes
    covered = {(change.axis, change.value(Hyperparameters())) for change in CHANGES if change.axis in Dialect().axes()}
    for dialect in dialects.values():
        for axis, value in dialect.axes().items():
            assert (axis, value) in covered


def test_a_candidate_is_restored_from_its_differences():
    h = CASES["decades/schedule"].setting.hyperparameters
    candidate = restore_candidate("torch", {"epsilon": ["outside", "inside"], "hyperparameter momentum": [0.0, 0.5]}, h)
    assert candidate.dialect.epsilon == "inside"
    assert candidate.hyperparameters.momentum == 0.5
    assert candidate.description == "torch with epsilon inside in place of outside and momentum 0.5 in place of 0"


def test_the_reason_of_an_undecided_case_names_a_case_that_would_decide():
    plain = CASES["decades/plain"].setting.hyperparameters
    largest = np.sqrt(np.finfo(np.float32).max)  # whether its square overflows depends on rounding
    case = case_of(np.column_stack([np.ones(4), [1.0, largest, 1.0, 1.0], np.full(4, 1e-6)]), plain)
    case.tape.initial[2] = 1e5  # an ulp of it is larger than the path length
    oracle = Oracle.of(case.tape, plain, "float32", ["d2l"])
    comparison = TraceComparison(trace_of(case, Candidate.named("d2l", plain)), oracle, "d2l")
    assert comparison.result(ALL).outcome == "undecided"
    deciding = DistinguishingCases(CASES.values()).deciding(case, "d2l", "float32")
    reason = reasons.undecided(comparison, oracle.predict("d2l"), ALL, deciding)
    assert "in 1 of 3 coordinates there is no bound, first at step 2, for " in reason
    assert "in 1 of 3 coordinates the bound is larger than the path length" in reason
    tapes = ("decades", "constant", "alternating", "zeros", "spike", "drifting")
    assert deciding in {f"{tape}/plain" for tape in tapes}
    assert reason.endswith(f"; {deciding} would decide it")


def test_no_deciding_case_is_named_if_no_other_tape_has_the_setting():
    case = case_of(np.ones((4, 1)), Hyperparameters(epsilon=0.123))
    assert DistinguishingCases(CASES.values()).deciding(case, "d2l", "float32") is None
    h = case.setting.hyperparameters
    oracle = Oracle.of(case.tape, h, "float32", ["d2l"])
    comparison = TraceComparison(trace_of(case, Candidate.named("d2l", h)), oracle, "d2l")
    assert "no other tape of this setting" in reasons.undecided(comparison, oracle.predict("d2l"), ALL, None)


def test_a_case_that_separates_fitting_dialects_is_found():
    distinguishing = DistinguishingCases(CASES.values())
    separating = distinguishing.separating(["torch", "optax-outside", "mlx"], "float32")
    case_id, _, groups = separating.partition(" would: ")
    assert groups == "torch | optax-outside | mlx"
    assert CASES[case_id].setting.hyperparameters.momentum > 0
    assert distinguishing.separating(["d2l", "optax", "jax"], "float32") is None  # equal on every axis


def test_a_fitting_dialect_is_described_as_a_change_of_the_claimed_one():
    case = CASES["decades/plain"]
    reason = reasons.fitting(["tf1", "timm-tf"], "d2l", case, "float32", "long-memory would: tf1 | timm-tf")
    assert reason == (
        "fits tf1, timm-tf; timm-tf is d2l with initial_accumulator 1 in place of 0; "
        "this case can't tell them apart, long-memory would: tf1 | timm-tf"
    )


@pytest.mark.parametrize("name", ["d2l", "torch", "keras3", "keras-legacy", "tf1", "mxnet1"])
@pytest.mark.parametrize(
    "case",
    ["decades/plain", "decades/centered-momentum", "decades/bias-correction", "decades/clipping-weight-decay",
     "decades/schedule-momentum", "decades/nesterov", "norm/clip-norm", "rates/plain", "decades/clip-weights"],
)  # fmt: skip
def test_the_intermediate_values_of_a_step_are_consistent(case, name):
    case = CASES[case]
    h = case.setting.hyperparameters
    location = StepLocation(case.tape, h, "float32", len(case.tape.gradients), 3)
    values = {
        key: float(amount.value) for key, amount in intermediate_values(location, Candidate.named(name, h)).items()
    }
    trace = Oracle.of(case.tape, h, "float32", [name]).predict(name).trace
    assert values["x after"] == float(trace.parameters[-1, 3])
    assert values["x before"] == float(trace.parameters[-2, 3])
    assert values["x before - x after"] == pytest.approx(values["x before"] - values["x after"], rel=1e-12)
    g = next(values[key] for key in ("g, clipped", "g, decayed", "g, scaled", "g, as given") if key in values)
    g = values["g, decayed"] if "g, decayed" in values and dialects[name].clipping == "before decay" else g
    assert values["g²"] == pytest.approx(g**2)
    rate = values["η"] if "u = η g / denominator" in values else 1.0
    u = values.get("u = η g / denominator", values.get("u = g / denominator"))
    assert u == pytest.approx(rate * g / values["denominator"])
    if h.centered:
        variance = values["v ← γ v + (1-γ) g²"] - values["m ← γ m + (1-γ) g"] ** 2
        assert values["v - m²"] == pytest.approx(variance, rel=1e-6)
    if h.bias_correction:
        assert values["v / (1 - γ^t)"] == pytest.approx(values["v ← γ v + (1-γ) g²"] / (1 - h.decay**location.step))
    if "b ← μ b + u" not in values and not h.weight_decay and h.clip_weights is None:
        assert values["x before - x after"] == pytest.approx(u, rel=1e-6, abs=1e-12)


def test_a_step_breakdown_shows_oracle_implementation_and_fitting_dialect():
    case = CASES["decades/large-epsilon"]
    h = case.setting.hyperparameters
    other = Candidate.named("optax-outside", h)
    location = StepLocation(case.tape, h, "float32", 1, 4)
    lines = {line.name: line for line in step_breakdown(location, "d2l", trace_of(case, other), other)}
    denominator = lines["denominator"]
    assert float(denominator.oracle) == pytest.approx(np.sqrt(lines["v ← γ v + (1-γ) g²"].oracle + 1e-2))
    assert float(denominator.other) == pytest.approx(np.sqrt(lines["v ← γ v + (1-γ) g²"].oracle) + 1e-2)
    assert denominator.implied
    assert denominator.implementation == pytest.approx(float(denominator.other), rel=1e-6)
    after = lines["x after"]
    assert not after.implied
    assert after.bound_ratio() > 1
    assert after.ulps("float32") > 1
    assert lines["v ← γ v + (1-γ) g²"].bound_ratio() < 1
