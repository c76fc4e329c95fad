"""The three main tables."""

import dataclasses

import pytest

from reports.tables import report
from reports.tables.outcomes import Counts
from reports.tables.published import published_run
from suite.results.rows import VerdictRow
from tests.support import sample_results


@pytest.fixture(scope="module")
def built(complete):
    return report.build(complete)


def test_the_sentence_counts_every_verdict_once(built):
    total = len(sample_results.verdicts())
    agree = sum(row["outcome"] == "agrees" for row in sample_results.verdicts())
    assert built.agreement.sentence == (
        f"{agree} of {total} verdicts agree; 3 differ, 2 undecided, 48 unsupported, 1 failed."
    )


def test_an_implementation_has_one_row_over_all_its_dialects_and_one_group_for_each(built):
    found = {item.whole.name: item for item in built.agreement.implementations}
    assert len(found) == len(sample_results.implementations())
    scratch = found["torch/scratch"]
    assert scratch.whole.dialect == "d2l + 11"
    assert next(iter(scratch.groups)) == "d2l"
    assert sum(group.counts.total for group in scratch.groups.values()) == scratch.whole.counts.total == 120
    assert found["torch/builtin"].whole.dialect == "torch"
    assert "d2l" not in found["torch/builtin"].groups


def test_the_largest_error_is_the_largest_finite_one(built):
    whole = next(i.whole for i in built.agreement.implementations if i.whole.name == "tensorflow-2.15/v1")
    assert whole.ulps == 1.9e6
    assert whole.bound_ratio == 4.1e5 + sample_results.CASES.index("long")


def test_a_finding_says_where_it_starts_what_fits_and_how_to_repeat_it(built):
    finding = built.agreement.findings[0]
    assert finding.title == "tensorflow-2.15/v1, dialect tf1, 2 cases"
    assert finding.location.startswith("first outside the bound at step 1; largest error at step ")
    assert "of square_average; 1.9e6 ulps; 4.1e5 × the bound" in finding.location
    assert finding.cause == "fits keras-legacy, timm-tf"
    assert finding.row.repeat.endswith("--dialect tf1 --case long")


def test_findings_come_most_urgent_first_and_the_unsupported_last(built):
    assert [finding.outcome.name for finding in built.agreement.urgent] == ["differs", "differs", "failed", "undecided"]
    assert built.agreement.findings[-1].outcome.name == "unsupported"


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
def test_only_unsupported_verdicts_do_not_hide_an_agreement(outcomes, worst):
    assert Counts.of(outcomes.split()).worst.name == worst


def test_tasks_are_grouped_by_dialect_the_book_s_first(built):
    assert [task.name for task in built.training] == ["quadratic", "rotated", "regression"]
    assert all(task.sections[0].dialect == "d2l" for task in built.training)


def test_the_book_s_loss_is_shown_with_the_regression_only(built):
    shown = {(task.name, run.name): run.published for task in built.training for run in task.sections[0].runs}
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
def test_the_book_s_numbers_are_matched_by_framework_and_program(framework, implementation, dialect, seconds):
    assert published_run(framework, implementation, dialect).seconds == seconds


def test_the_book_prints_nothing_for_other_frameworks_programs_and_dialects():
    assert published_run("tensorflow.js", "builtin", "keras2") is None
    assert published_run("torch", "builtin-foreach", "torch") is None
    assert published_run("torch", "scratch", "keras3") is None


def test_an_empty_folder_has_three_empty_tables(complete):
    empty = dict.fromkeys(("verdicts", "training", "timings"), ())
    none = dataclasses.replace(complete, **empty)
    built = report.build(none)
    assert built.agreement.sentence == "Agreement was not run."
    assert built.training == built.timing == ()


def test_rows_keep_missing_numbers_missing(complete):
    assert {type(row) for row in complete.verdicts} == {VerdictRow}
    assert {type(row.ulps) for row in complete.verdicts} == {float, type(None)}
    missing = sum(row["ulps"] is None for row in sample_results.verdicts())
    assert sum(row.ulps is None for row in complete.verdicts) == missing
