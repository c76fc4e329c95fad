"""The tables of a report: agreement, training and timing."""

import dataclasses

import pytest

from reports.tables import report
from reports.tables.outcomes import Counts
from reports.tables.published import published_run
from suite.results.rows import VerdictRow
from tests.support import sample_results


@pytest.fixture(scope="module")
def built_report(complete_results):
    return report.build(complete_results)


def test_the_summary_sentence_counts_every_verdict_once(built_report):
    total = len(sample_results.verdicts())
    agree = sum(row["outcome"] == "agrees" for row in sample_results.verdicts())
    assert built_report.agreement.sentence == (
        f"{agree} of {total} verdicts agree; 3 differ, 2 undecided, 48 unsupported, 1 failed."
    )


def test_an_implementation_has_one_row_over_all_its_dialects_and_one_group_for_each(built_report):
    found = {item.overall.name: item for item in built_report.agreement.implementations}
    assert len(found) == len(sample_results.implementations())
    scratch = found["torch/scratch"]
    assert scratch.overall.dialect == "d2l + 11"
    assert next(iter(scratch.groups)) == "d2l"
    assert sum(group.counts.total for group in scratch.groups.values()) == scratch.overall.counts.total == 120
    assert found["torch/builtin"].overall.dialect == "torch"
    assert "d2l" not in found["torch/builtin"].groups


def test_the_largest_error_is_the_largest_finite_one(built_report):
    overall = next(i.overall for i in built_report.agreement.implementations if i.overall.name == "tensorflow-2.15/v1")
    assert overall.ulps == 1.9e6
    assert overall.bound_ratio == 4.1e5 + sample_results.CASES.index("long")


def test_a_finding_has_a_location_a_cause_and_a_command_that_repeats_it(built_report):
    finding = built_report.agreement.findings[0]
    assert finding.title == "tensorflow-2.15/v1, dialect tf1, 2 cases"
    assert finding.location.startswith("first outside the bound at step 1; largest error at step ")
    assert "of square_average; 1.9e6 ulps; 4.1e5 × the bound" in finding.location
    assert finding.cause == "fits keras-legacy, timm-tf"
    assert finding.row.repeat.endswith("--dialect tf1 --case long")


def test_findings_are_sorted_by_urgency(built_report):
    assert [finding.outcome.name for finding in built_report.agreement.urgent] == [
        "differs",
        "differs",
        "failed",
        "undecided",
    ]
    assert built_report.agreement.findings[-1].outcome.name == "unsupported"


@pytest.mark.parametrize(
    ("outcomes", "worst"),
    [
        ("agrees unsupported", "agrees"),
        ("agrees undecided", "undecided"),
        ("undecided failed", "failed"),
        ("failed differs agrees", "differs"),
        ("unsupported", "unsupported"),
        ("", "unsupported"),
    ],
)
def test_the_outcome_of_a_group_is_the_worst_one_apart_from_unsupported(outcomes, worst):
    assert Counts.of(outcomes.split()).worst.name == worst


def test_training_runs_are_grouped_by_dialect_and_d2l_comes_first(built_report):
    assert [task.name for task in built_report.training] == ["quadratic", "rotated", "regression"]
    assert all(task.sections[0].dialect == "d2l" for task in built_report.training)


def test_the_published_loss_is_shown_only_with_the_regression(built_report):
    shown = {(task.name, run.name): run.published for task in built_report.training for run in task.sections[0].runs}
    assert shown["regression", "torch/scratch"].loss == 0.244
    assert shown["regression", "jax/scratch"] is None
    assert shown["quadratic", "torch/scratch"] is None


@pytest.mark.parametrize(
    ("framework", "implementation", "dialect", "seconds"),
    [
        ("mxnet", "scratch", "d2l", 0.169),
        ("mxnet-2.0", "builtin", "mxnet2", 0.086),
        ("torch", "builtin", "torch", 0.014),
        ("pytorch", "scratch", "d2l", 0.015),
        ("tensorflow-2.15", "keras", "keras2", 0.139),
        ("tensorflow", "section", "d2l", 0.113),
        ("torch", "section-concise", "torch", 0.014),
    ],
)
def test_published_numbers_are_matched_by_framework_and_program(framework, implementation, dialect, seconds):
    assert published_run(framework, implementation, dialect).seconds == seconds


def test_other_frameworks_programs_and_dialects_have_no_published_numbers():
    assert published_run("tensorflow.js", "builtin", "keras2") is None
    assert published_run("torch", "builtin-foreach", "torch") is None
    assert published_run("torch", "scratch", "keras3") is None


def test_an_empty_folder_has_three_empty_tables(complete_results):
    empty = dict.fromkeys(("verdicts", "training", "timings"), ())
    results = dataclasses.replace(complete_results, **empty)
    built_report = report.build(results)
    assert built_report.agreement.sentence == "Agreement was not run."
    assert built_report.training == built_report.timing == ()


def test_missing_numbers_stay_missing_in_rows(complete_results):
    assert {type(row) for row in complete_results.verdicts} == {VerdictRow}
    assert {type(row.ulps) for row in complete_results.verdicts} == {float, type(None)}
    missing = sum(row["ulps"] is None for row in sample_results.verdicts())
    assert sum(row.ulps is None for row in complete_results.verdicts) == missing
