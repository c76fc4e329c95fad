"""Every mutant is killed or proven equivalent; a weaker comparison or catalogue leaves survivors."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from reference import Dialect, Hyperparameters, SparseGradients, dialects
from suite.__main__ import main
from suite.compare.comparison import TraceComparison
from suite.diagnosis.mistakes.catalogue import MISTAKES, Mistake, buffered
from suite.diagnosis.mistakes.evaluation import EvaluationInput, evaluate
from suite.validation import mutation
from suite.validation.mutation import OTHER, EquivalenceProofs, KillMatrix, Mutant, axis_mutants, value_cases


def kill_matrix(mutants=(), mistakes=()):
    matrix = KillMatrix(0, mutants, mistakes)
    matrix.fill(lambda case: None)
    return matrix


@pytest.fixture(scope="module")
def complete():
    """The results of all mutants and mistakes on all cases."""
    matrix = KillMatrix.complete(0)
    matrix.fill(lambda case: None)
    return matrix.to_json()


def test_every_mutant_pair_and_mistake_is_killed_or_proven_equivalent(complete):
    assert complete["survivors"] == []
    assert complete["killed"] + complete["proven_same"] == complete["total"]
    assert complete["pairs"]["total"] == len(dialects) * (len(dialects) - 1)


def test_the_published_kill_matrix_is_up_to_date(complete):
    """`rmsuite mutation -o docs` updates it; docs/mutants.json is not committed."""
    published = json.loads((Path(__file__).parents[3] / "docs" / "sharpness.json").read_text("utf-8"))
    assert published == {name: value for name, value in complete.items() if name not in ("cases", "mutants")}
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    killed, total, equivalent = (complete[name] for name in ("killed", "total", "proven_same"))
    summary = f"{killed:,} of {total:,} are killed, {equivalent} proven to be the same function"
    assert f"{summary}, {len(complete['survivors'])} survive {len(complete['cases'])} cases" in readme


def test_every_axis_and_every_mistake_is_tested_in_every_dialect(complete):
    axes = {axis.name for axis in fields(Dialect) if axis.compare}
    assert {name: set(counts) for name, counts in complete["dialects"].items()} == dict.fromkeys(dialects, axes)
    assert len(complete["mistakes"]) == len(MISTAKES) >= 40
    assert all(counts["total"] == len(dialects) for counts in complete["mistakes"].values())
    assert all(counts["killed"] > 0 and counts["reason"] for counts in complete["mistakes"].values())


def test_killed_mutants_have_cases_and_equivalent_ones_a_proof(complete):
    assert json.loads(json.dumps(complete, allow_nan=False)) == complete
    for row in complete["mutants"]:
        if row["outcome"] == "killed":
            assert row["cases"]
            assert all(0 <= number < len(complete["cases"]) for number in row["cases"])
        else:
            assert row["proof"]


def test_no_case_kills_a_correct_dialect():
    found = kill_matrix([Mutant(name, OTHER, name, dialect) for name, dialect in dialects.items()])
    assert [result for result in found.results if result.cases] == []


def test_a_comparison_that_detects_only_large_errors_leaves_survivors(monkeypatch):
    class WeakComparison(TraceComparison):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.ratios = {name: ratio * 1e-6 for name, ratio in self.ratios.items()}

    monkeypatch.setattr(mutation, "TraceComparison", WeakComparison)
    found = kill_matrix(
        [mutant for mutant in axis_mutants() if mutant.claimed == "d2l" and mutant.axis == "decay_complement"]
    )
    assert [result.outcome for result in found.results] == ["survives"]
    assert found.to_json()["survivors"] == [
        {
            "dialect": "d2l",
            "kind": "axis",
            "wrong": "decay_complement",
            "value": "working",
            "outcome": "survives",
            "proof": None,
        }
    ]


def test_a_catalogue_without_the_distinguishing_cases_leaves_survivors(monkeypatch):
    remaining = [case for case in value_cases(0) if not case.setting.id.startswith("centered-schedule")]
    monkeypatch.setattr(mutation, "value_cases", lambda seed: remaining)
    mutants = [mutant for mutant in axis_mutants() if mutant.claimed == "mxnet1" and mutant.axis == "learning_rate"]
    assert [result.outcome for result in kill_matrix(mutants).results] == ["survives"]


def test_a_new_axis_has_mutants():
    @dataclass(frozen=True)
    class DialectWithColour(Dialect):
        colour: Literal["red", "green", "blue"] = "red"

    found = [mutant for mutant in axis_mutants({"test": DialectWithColour(colour="green")}) if mutant.axis == "colour"]
    assert [(mutant.value, mutant.dialect) for mutant in found] == [
        ("red", DialectWithColour(colour="red")),
        ("blue", DialectWithColour(colour="blue")),
    ]


def test_equivalent_dialects_are_proven_equivalent_and_others_are_not():
    proofs = EquivalenceProofs([])
    torch, kernel = dialects["torch"], dialects["tf-kernel"]
    without_buffer = dialects["mlx"]
    assert "no effect" in proofs.proof(without_buffer, replace(without_buffer, learning_rate="outside"))
    assert "rounding it once" in proofs.proof(kernel, replace(kernel, hyperparameter_rounding="float32"))
    assert "allows both treatments" in proofs.proof(torch, replace(torch, subnormals="either"))
    assert proofs.proof(torch, replace(torch, subnormals="flushed")) is None
    assert proofs.proof(torch, replace(torch, decay_complement="working")) is None
    assert all(proofs.proof(torch, dialects[name]) is None for name in ("d2l", "optax-outside", "tf1"))


def test_a_mistake_that_does_not_apply_to_a_dialect_is_proven_equivalent():
    mistake = next(mistake for mistake in MISTAKES if mistake.name == "momentum ignored")
    assert mistake.applies is buffered
    outcomes = {result.claimed: result.outcome for result in kill_matrix(mistakes=[mistake]).results}
    assert (outcomes["torch"], outcomes["mxnet1"], outcomes["mlx"]) == ("killed", "killed", "same")


def test_mistakes_have_unique_names_and_reasons():
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)
    assert all(mistake.reason and not mistake.reason.endswith(".") for mistake in MISTAKES)


@pytest.mark.parametrize(("mistakes", "code"), [((), 0), ((Mistake("none", "no mistake", lambda formula: True),), 1)])
def test_the_command_prints_the_matrix_and_fails_if_a_mutant_survives(mistakes, code, monkeypatch, tmp_path, capsys):
    cases = [case for case in value_cases(0) if case.id == "decades/large-epsilon"]
    monkeypatch.setattr(mutation, "value_cases", lambda seed: cases)
    mutants = [mutant for mutant in axis_mutants() if mutant.axis == "epsilon" and mutant.value == "outside"]
    monkeypatch.setattr(mutation, "axis_mutants", lambda: [mutant for mutant in mutants if mutant.claimed == "d2l"])
    monkeypatch.setattr(mutation, "pair_mutants", list)
    monkeypatch.setattr(mutation, "MISTAKES", mistakes)
    assert main(["mutation", "-o", str(tmp_path / "new")]) == code
    assert "survive" in capsys.readouterr().out
    matrix = json.loads((tmp_path / "new" / "sharpness.json").read_text())
    details = json.loads((tmp_path / "new" / "mutants.json").read_text())
    assert details["cases"] == ["decades/large-epsilon"]
    assert {row["outcome"] for row in details["mutants"]} == {"killed"} | ({"survives"} if mistakes else set())
    assert matrix["dialects"] == {"d2l": {"epsilon": {"killed": 1, "proven_same": 0, "total": 1}}}
    assert len(matrix["survivors"]) == len(mistakes) * len(dialects)


def test_duplicate_rows_are_combined_as_the_dialect_specifies():
    gradients = SparseGradients(np.array([[1, 1]]), np.array([[[3.0], [4.0]]]), 2)
    h = Hyperparameters(learning_rate=0.0, decay=0.5)
    found = {
        value: evaluate(Dialect(duplicates=value), h, EvaluationInput(np.zeros(2), gradients))["square_average"][0, 1]
        for value in ("merged", "apart", "in turn")
    }
    assert found == {"merged": 24.5, "apart": 12.5, "in turn": 0.5 * 4.5 + 8.0}
