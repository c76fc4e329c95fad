"""What is wrong is told from what is right, unless it is proven to be the same; and a blunt judge is found out."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from typer.testing import CliRunner

from reference import Dialect, Hyperparameters, SparseGradients, dialects
from suite.cli.commands import app
from suite.compare.comparison import TraceComparison
from suite.diagnosis.mistakes import MISTAKES, Mistake
from suite.diagnosis.mistakes.evaluation import EvaluationInput, evaluate
from suite.diagnosis.mistakes.state_mistakes import buffered
from suite.validation import mutation as matrices
from suite.validation.mutants import OTHER, Mutant, Proofs, of_one_axis
from suite.validation.mutation import Matrix


def filled(mutants=(), mistakes=()):
    found = Matrix(0, mutants, mistakes)
    found.fill(lambda case: None)
    return found


@pytest.fixture(scope="module")
def whole():
    """Everything wrong over every case."""
    found = Matrix.whole(0)
    found.fill(lambda case: None)
    return found.to_json()


def test_every_mutant_pair_and_mistake_is_killed_or_proven_to_be_the_same_function(whole):
    assert whole["survivors"] == []
    assert whole["killed"] + whole["proven_same"] == whole["total"]
    assert whole["pairs"]["total"] == len(dialects) * (len(dialects) - 1)


def test_the_figure_that_reports_show_is_that_of_this_catalogue(whole):
    """`rmsuite sharpness -o docs` brings it up to date; its details need not be kept."""
    shown = json.loads((Path(__file__).parents[3] / "docs" / "sharpness.json").read_text("utf-8"))
    assert shown == {name: value for name, value in whole.items() if name not in ("cases", "mutants")}
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    words = (
        f"{whole['killed']:,} of {whole['total']:,} are killed, {whole['proven_same']} proven to be the same function"
    )
    assert f"{words}, {len(whole['survivors'])} survive {len(whole['cases'])} cases" in readme


def test_every_axis_of_every_dialect_is_tried_and_every_mistake_in_every_dialect(whole):
    axes = {axis.name for axis in fields(Dialect) if axis.compare}
    assert {name: set(counts) for name, counts in whole["dialects"].items()} == dict.fromkeys(dialects, axes)
    assert len(whole["mistakes"]) == len(MISTAKES) >= 40
    assert all(counts["total"] == len(dialects) for counts in whole["mistakes"].values())
    assert all(counts["killed"] > 0 and counts["reason"] for counts in whole["mistakes"].values())


def test_whatever_was_killed_names_its_cases_and_the_rest_its_proof(whole):
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole
    for row in whole["mutants"]:
        if row["outcome"] == "killed":
            assert row["cases"]
            assert all(0 <= number < len(whole["cases"]) for number in row["cases"])
        else:
            assert row["proof"]


def test_what_a_dialect_computes_is_not_killed_by_any_case():
    found = filled([Mutant(name, OTHER, name, dialect) for name, dialect in dialects.items()])
    assert [fate for fate in found.fates if fate.cases] == []


def test_a_judge_that_sees_only_gross_errors_leaves_survivors(monkeypatch):
    class Blunt(TraceComparison):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.ratios = {name: ratio * 1e-6 for name, ratio in self.ratios.items()}

    monkeypatch.setattr(matrices, "TraceComparison", Blunt)
    blind = filled([mutant for mutant in of_one_axis() if mutant.of == "d2l" and mutant.axis == "decay_complement"])
    assert [fate.outcome for fate in blind.fates] == ["survives"]
    assert blind.to_json()["survivors"] == [
        {
            "dialect": "d2l",
            "kind": "axis",
            "wrong": "decay_complement",
            "value": "working",
            "outcome": "survives",
            "proof": None,
        }
    ]


def test_a_catalogue_without_the_case_that_tells_leaves_survivors(monkeypatch):
    lacking = [case for case in matrices.ridden(0) if not case.setting.id.startswith("centered-schedule")]
    monkeypatch.setattr(matrices, "ridden", lambda seed: lacking)
    mutants = [mutant for mutant in of_one_axis() if mutant.of == "mxnet1" and mutant.axis == "learning_rate"]
    assert [fate.outcome for fate in filled(mutants).fates] == ["survives"]


def test_an_axis_that_is_added_brings_its_mutants():
    @dataclass(frozen=True)
    class Wider(Dialect):
        colour: Literal["red", "green", "blue"] = "red"

    found = [m for m in of_one_axis({"mine": Wider(colour="green")}) if m.axis == "colour"]
    assert [(mutant.value, mutant.dialect) for mutant in found] == [
        ("red", Wider(colour="red")),
        ("blue", Wider(colour="blue")),
    ]


def test_what_is_the_same_function_is_proven_and_what_is_not_is_not():
    proofs = Proofs([])
    torch, kernel = dialects["torch"], dialects["tf-kernel"]
    without_buffer = dialects["mlx"]
    assert "no effect" in proofs.of(without_buffer, replace(without_buffer, learning_rate="outside"))
    assert "rounded once" in proofs.of(kernel, replace(kernel, hyperparameter_rounding="float32"))
    assert "leaves open" in proofs.of(torch, replace(torch, subnormals="either"))
    assert proofs.of(torch, replace(torch, subnormals="flushed")) is None
    assert proofs.of(torch, replace(torch, decay_complement="working")) is None
    assert all(proofs.of(torch, dialects[name]) is None for name in ("d2l", "optax-outside", "tf1"))


def test_a_mistake_without_a_place_in_a_dialect_is_proven_to_have_none():
    mistake = next(mistake for mistake in MISTAKES if mistake.name == "momentum ignored")
    assert mistake.applies is buffered
    outcomes = {fate.of: fate.outcome for fate in filled(mistakes=[mistake]).fates}
    assert (outcomes["torch"], outcomes["mxnet1"], outcomes["mlx"]) == ("killed", "killed", "same")


def test_mistakes_have_names_of_their_own_and_reasons():
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)
    assert all(mistake.reason and not mistake.reason.endswith(".") for mistake in MISTAKES)


@pytest.mark.parametrize(("mistakes", "code"), [((), 0), ((Mistake("none", "it is right", lambda formula: True),), 1)])
def test_the_command_prints_the_matrix_and_fails_if_something_survives(mistakes, code, monkeypatch, tmp_path):
    few = [case for case in matrices.ridden(0) if case.id == "decades/large-epsilon"]
    monkeypatch.setattr(matrices, "ridden", lambda seed: few)
    mutants = [mutant for mutant in of_one_axis() if mutant.axis == "epsilon" and mutant.value == "outside"]
    monkeypatch.setattr(matrices, "of_one_axis", lambda: [mutant for mutant in mutants if mutant.of == "d2l"])
    monkeypatch.setattr(matrices, "pairs", list)
    monkeypatch.setattr(matrices, "MISTAKES", mistakes)
    result = CliRunner().invoke(app, ["sharpness", "-o", str(tmp_path / "new")])
    assert result.exit_code == code
    assert "survive" in result.stdout
    found = json.loads((tmp_path / "new" / "sharpness.json").read_text())
    details = json.loads((tmp_path / "new" / "mutants.json").read_text())
    assert details["cases"] == ["decades/large-epsilon"]
    assert {row["outcome"] for row in details["mutants"]} == {"killed"} | ({"survives"} if mistakes else set())
    assert found["dialects"] == {"d2l": {"epsilon": {"killed": 1, "proven_same": 0, "total": 1}}}
    assert len(found["survivors"]) == len(mistakes) * len(dialects)


def test_rows_that_are_named_twice_are_added_squared_apart_or_taken_in_turn():
    gradients = SparseGradients(np.array([[1, 1]]), np.array([[[3.0], [4.0]]]), 2)
    h = Hyperparameters(learning_rate=0.0, decay=0.5)
    found = {
        how: evaluate(Dialect(duplicates=how), h, EvaluationInput(np.zeros(2), gradients))["square_average"][0, 1]
        for how in ("merged", "apart", "in turn")
    }
    assert found == {"merged": 24.5, "apart": 12.5, "in turn": 0.5 * 4.5 + 8.0}
