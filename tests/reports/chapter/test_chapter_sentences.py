"""A sentence follows from the numbers: where these turn, it turns."""

import copy

import pytest

from reports.chapter.reading import load
from reports.chapter.sections import build
from tests.support import sample_chapter


@pytest.fixture
def said(tmp_path):
    """What a part says of its made-up rows, after a change to each of them."""

    def of(part, change=lambda row: None):
        made = [copy.deepcopy(row) for row in sample_chapter.rows() if row["part"] == part]
        for row in made:
            change(row)
        (section,) = build(load(sample_chapter.build(tmp_path / f"changed-{len(list(tmp_path.iterdir()))}", made)))
        return " ".join(section.findings)

    return of


def having(name, value, **wanted):
    """A change of a number in rows with these columns."""

    def change(row):
        if all(row.get(column) == word for column, word in wanted.items()):
            row.setdefault("found", {})[name] = value

    return change


def test_a_half_life_that_is_as_printed_is_called_so(said):
    assert "The section's γ⁻¹ is something else" in said("averages")
    assert "which is what the section's γ⁻¹ gives" in said(
        "averages", lambda row: row["found"].update(half_life=row["found"]["printed_half_life"])
    )


def test_weights_that_do_not_follow_the_law_are_said_to_be_off(said):
    assert "as 1 - γⁿ has it" in said("averages")
    assert "off 1 - γⁿ by up to 0.1" in said(
        "averages", lambda row: row["found"].update(added=row["found"]["sum"] + 0.1)
    )


def test_an_update_that_weighs_otherwise_is_said_to(said):
    assert "s holds these very weights" in said("averages")
    assert "what s holds is off these weights by up to 0.5" in said(
        "averages", lambda row: row["series"]["kept"].__setitem__(3, row["series"]["weight"][3] + 0.5)
    )


def test_an_end_that_is_not_the_printed_one_is_said_not_to_be(said):
    assert "to the last digit what the section prints, in the oracle and in all one run" in said("trajectory")
    other = said("trajectory", having("x1", -0.0106, framework="oracle", method="rmsprop"))
    assert "x₁ = -0.010600, x₂ = 0.000000, not what the section prints" in other
    assert "not in torch/scratch" in said("trajectory", having("x1", -0.0107, framework="torch"))


def test_adagrad_that_does_not_slow_down_is_said_not_to(said):
    assert "Adagrad with the same η slows down" in said("trajectory")
    assert "Adagrad with the same η does not slow down" in said(
        "trajectory", having("last_step", 0.39, method="adagrad")
    )


def test_a_run_that_stays_is_said_to_stay(said):
    assert "RMSProp does not stay" in said("trajectory")
    assert "RMSProp stays" in said("trajectory", having("late_loss", 1e-5, method="rmsprop"))


def test_published_losses_outside_of_the_reruns_are_not_explained_away(said):
    assert "lie within, and say nothing about frameworks" in said("regression")
    narrow = said("regression", lambda row: row["found"].update(loss=0.25) if row["method"] == "both" else None)
    assert "do not all lie within" in narrow


def test_losses_of_other_data_are_not_held_against_the_published_ones(said):
    def generated(row):
        if row["method"] == "program":
            row["detail"] = "generated"

    assert "The airfoil data were not at hand" in said("regression", generated)


def test_a_move_that_matters_is_told_from_one_that_does_not(said):
    assert "What do not move a printed digit: the missing ½" in said("regression")
    moved = said("regression", having("loss", 0.26, method="doubled"))
    assert "from a loss of 0.2446: the missing ½ gives 0.2600 to 0.2600" in moved


def test_a_framework_that_refuses_is_named(said):
    assert "No framework refuses γ = 1" in said("gamma-one")

    def refuse(row):
        if row.get("implementation") == "v1":
            row.update(outcome="unsupported", reason="no decay of 1", series={})

    assert "these refuse γ = 1: torch/v1 (no decay of 1)" in said("gamma-one", refuse)


def test_runs_far_from_the_closed_form_are_no_descent(said):
    assert "it is gradient descent with a constant rate" in said("gamma-one")
    assert "it is not gradient descent everywhere" in said(
        "gamma-one", having("distance", 0.1, implementation="builtin")
    )


def test_an_end_that_overflow_does_not_explain_is_named(said):
    assert "Two runs that diverge end after 6 steps, in the very step in which g² overflows" in said("gamma-one")
    other = said("gamma-one", having("due", 9, implementation="builtin"))
    assert "Neither overflow explains where these end: torch/builtin after 6 steps" in other

    def later(row):
        if row.get("implementation") == "builtin":
            row["found"].update(ended=7, due_late=7)

    assert "torch/builtin lasts until x itself overflows, after 7 steps" in said("gamma-one", later)


def test_a_rotation_that_does_not_matter_is_said_not_to(said):
    assert "Rotation slows RMSProp down" in said("rotation")
    assert "It does nothing at all to gradient descent" in said("rotation")

    def flat(row):
        if row["method"] == "rmsprop" and row["setting"] == "over angles":
            row["series"]["loss"] = [1e-5, 1.1e-5, 1e-5]

    assert "Rotation hardly matters to RMSProp" in said("rotation", flat)


def test_the_schedule_that_ends_lowest_is_named(said):
    assert "“cosine” ends with the lowest loss" in said("network")
    assert "“constant” ends with the lowest loss" in said("network", having("mean", 0.01, setting="constant"))


def test_a_constant_rate_that_rests_is_said_to(said):
    assert "With a constant η it does not come to rest" in said("network")
    assert "it comes to rest as well as any" in said("network", having("spread", 0.001, setting="constant"))


def test_the_best_schedule_is_asked_for_at_every_rate(said):
    assert "depends on where it starts: “cosine” from η = 0.01 and “constant” from η = 0.1" in said("network")

    def same(row):
        if row["method"] == "peaks" and row["setting"] == "cosine":
            row["series"]["mean"] = [0.1, 0.1]

    assert "The same schedule is best wherever it starts" in said("network", same)


def test_runs_that_do_not_agree_are_counted(said):
    assert "all 2 runs agree with the oracle" in said("network")

    def differ(row):
        if row["framework"] == "torch" and row["setting"] == "cosine":
            row["outcome"] = "differs"

    assert "1 of 2 runs agree with the oracle (1 differs)" in said("network", differ)


def test_what_matters_more_is_found_in_the_grid(said):
    def by_decay_alone(row):
        if row["method"] == "grid" and row["framework"] == "oracle":
            row["series"]["loss"] = [10 ** row["given"]["decay"]] * 4

    assert "they matter alike" in said("sensitivity")
    assert "γ matters more than η" in said("sensitivity", by_decay_alone)


def test_a_course_of_gamma_that_pays_is_said_to(said):
    assert "here γ may stay as it is" in said("sensitivity")
    assert "here it pays to change γ" in said("sensitivity", having("mean", 0.241, setting="rising"))
