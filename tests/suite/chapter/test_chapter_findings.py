"""The findings of the chapter are derived from its rows: other numbers give other sentences."""

import copy

import pytest

from suite.chapter.chapter import describe, load
from tests.support import sample_chapter


@pytest.fixture
def findings(tmp_path):
    """Return a function that gives the findings of a part from the sample rows, after a change to each row."""

    def findings_of_part(part, change=lambda row: None):
        rows = [copy.deepcopy(row) for row in sample_chapter.rows() if row["part"] == part]
        for row in rows:
            change(row)
        (section,) = describe(load(sample_chapter.build(tmp_path / f"changed-{len(list(tmp_path.iterdir()))}", rows)))
        return " ".join(section.findings)

    return findings_of_part


def with_result(name, value, **columns):
    """Return a change of one result in the rows with these values in these columns."""

    def change(row):
        if all(row.get(column) == wanted for column, wanted in columns.items()):
            row.setdefault("results", {})[name] = value

    return change


def test_half_lives_that_equal_the_printed_ones_are_accepted(findings):
    assert "The section prints γ⁻¹ instead" in findings("averages")
    assert "which is the γ⁻¹ that the section prints" in findings(
        "averages", lambda row: row["results"].update(half_life=row["results"]["printed_half_life"])
    )


def test_sums_of_weights_are_compared_with_the_formula(findings):
    assert "This is 1 - γⁿ" in findings("averages")
    assert "This differs from 1 - γⁿ by up to 0.1" in findings(
        "averages", lambda row: row["results"].update(numerical_sum=row["results"]["weight_sum"] + 0.1)
    )


def test_the_impulse_response_is_compared_with_the_weights(findings):
    assert "s takes exactly their values" in findings("averages")
    assert "s differs from these weights by up to 0.5" in findings(
        "averages", lambda row: row["series"]["impulse_response"].__setitem__(3, row["series"]["weight"][3] + 0.5)
    )


def test_an_end_point_other_than_the_printed_one_is_reported(findings):
    assert "as the section prints it, to the last digit, in the oracle and in all one run" in findings("trajectory")
    other = findings("trajectory", with_result("x1", -0.0106, framework="oracle", method="rmsprop"))
    assert "x₁ = -0.010600, x₂ = 0.000000, not as the section prints it" in other
    assert "torch/scratch ends at another point" in findings(
        "trajectory", with_result("x1", -0.0107, framework="torch")
    )


def test_adagrad_without_shrinking_steps_does_not_slow_down(findings):
    assert "Adagrad with the same η slows down" in findings("trajectory")
    assert "Adagrad with the same η does not slow down" in findings(
        "trajectory", with_result("last_step_size", 0.39, method="adagrad")
    )


def test_a_run_with_a_small_late_loss_stays_near_the_minimum(findings):
    assert "RMSProp does not stay near the minimum" in findings("trajectory")
    assert "RMSProp stays near the minimum" in findings("trajectory", with_result("late_loss", 1e-5, method="rmsprop"))


def test_published_losses_outside_the_range_of_the_reruns_are_reported(findings):
    assert "are within this range, so they show no difference" in findings("regression")
    narrow = findings("regression", lambda row: row["results"].update(loss=0.25) if row["method"] == "both" else None)
    assert "are not all within this range" in narrow


def test_losses_of_other_data_are_not_compared_with_the_published_ones(findings):
    def generated(row):
        if row["method"] == "program":
            row["detail"] = "generated"

    assert "The airfoil data were not available" in findings("regression", generated)


def test_changes_with_and_without_an_effect_on_the_loss_are_listed_separately(findings):
    assert "These changes alone do not move a printed digit: the factor ½ of the loss" in findings("regression")
    moved = findings("regression", with_result("loss", 0.26, method="doubled"))
    assert "Changing the factor ½ of the loss alone gives losses from 0.2600 to 0.2600 instead of 0.2446" in moved


def test_a_framework_that_rejects_gamma_one_is_named(findings):
    assert "No framework rejects γ = 1" in findings("gamma-one")

    def reject(row):
        if row.get("implementation") == "v1":
            row.update(outcome="unsupported", reason="no decay of 1", series={})

    assert "these reject γ = 1: torch/v1 (no decay of 1)" in findings("gamma-one", reject)


def test_runs_far_from_the_closed_form_are_not_gradient_descent(findings):
    assert "γ = 1 is gradient descent with a constant learning rate" in findings("gamma-one")
    assert "γ = 1 is not always gradient descent" in findings(
        "gamma-one", with_result("distance", 0.1, implementation="builtin")
    )


def test_a_run_that_ends_without_an_overflow_is_reported(findings):
    assert "Two diverging runs end after 6 steps, in the step in which g² overflows" in findings("gamma-one")
    other = findings("gamma-one", with_result("square_overflow", 9, implementation="builtin"))
    assert "Neither overflow explains where these runs end: torch/builtin after 6 steps" in other

    def later(row):
        if row.get("implementation") == "builtin":
            row["results"].update(ended_after=7, parameter_overflow=7)

    assert "torch/builtin ends only when the parameters overflow, after 7 steps" in findings("gamma-one", later)


def test_a_rotation_with_a_small_effect_is_reported_as_such(findings):
    assert "Rotation slows RMSProp down" in findings("rotation")
    assert "Rotation does not affect gradient descent" in findings("rotation")

    def flat(row):
        if row["method"] == "rmsprop" and row["setting"] == "over angles":
            row["series"]["loss"] = [1e-5, 1.1e-5, 1e-5]

    assert "Rotation hardly affects RMSProp" in findings("rotation", flat)


def test_the_schedule_with_the_lowest_loss_is_named(findings):
    assert "“cosine” has the lowest mean loss" in findings("network")
    assert "“constant” has the lowest mean loss" in findings(
        "network", with_result("mean_loss", 0.01, setting="constant")
    )


def test_a_constant_rate_with_a_small_loss_range_settles(findings):
    assert "With a constant η the loss does not settle" in findings("network")
    assert "With a constant η the loss settles" in findings(
        "network", with_result("loss_range", 0.001, setting="constant")
    )


def test_the_best_schedule_is_determined_at_every_rate(findings):
    best = "depends on the largest η: “cosine” for a largest η of 0.01 and “constant” for a largest η of 0.1"
    assert best in findings("network")

    def same(row):
        if row["method"] == "peaks" and row["setting"] == "cosine":
            row["series"]["mean_loss"] = [0.1, 0.1]

    assert "The best schedule does not depend on the largest η" in findings("network", same)


def test_runs_that_do_not_agree_are_counted(findings):
    assert "all 2 runs agree with the oracle" in findings("network")

    def differ(row):
        if row["framework"] == "torch" and row["setting"] == "cosine":
            row["outcome"] = "differs"

    assert "1 of 2 runs agree with the oracle (1 differs)" in findings("network", differ)


def test_the_more_important_parameter_is_determined_from_the_grid(findings):
    def by_decay_alone(row):
        if row["method"] == "grid" and row["framework"] == "oracle":
            row["series"]["loss"] = [10 ** row["inputs"]["decay"]] * 4

    assert "both matter equally" in findings("sensitivity")
    assert "γ matters more than η" in findings("sensitivity", by_decay_alone)


def test_a_changing_decay_that_improves_the_loss_is_recommended(findings):
    assert "here γ can stay constant" in findings("sensitivity")
    assert "changing γ helps here" in findings("sensitivity", with_result("mean_loss", 0.241, setting="rising"))
