"""Every two implementations against each other, why the built-ins part, and what was known to deviate."""

import pytest

import reports
from reports.tables import deviations, dialect_axes, matrix, pairs, report
from reports.tables.properties import PROPERTIES, about
from tests.support import sample_results


def row(name, case="decades/plain", dialect="torch", outcome="agrees", digest="a", fits=None, **more):
    """A verdict."""
    framework, implementation = name.split("/")
    return {
        "framework": framework,
        "implementation": implementation,
        "version": "1.0",
        "device": "cpu",
        "dtype": "float32",
        "case": case,
        "dialect": dialect,
        "outcome": outcome,
        "fits": [dialect] if fits is None and outcome == "agrees" else fits or [],
        "trace_sha256": digest,
        **more,
    }


@pytest.fixture
def loaded(folder):
    """Reads a folder with these verdicts."""

    def load(*rows):
        (folder / "verdicts.jsonl").write_text(sample_results.lines(rows), encoding="utf-8")
        return reports.load(folder)

    return load


def kinds(built, one, other):
    return dict(built.pairs[one, other].counts)


def test_equal_digests_are_equal_bits_and_two_inside_one_bound_are_within_rounding(loaded):
    built = pairs.build(
        loaded(
            row("a/builtin"),
            row("b/builtin"),
            row("c/builtin", digest="c"),
            row("c/builtin", case="steps/1", digest="d"),
        )
    )
    assert kinds(built, "a/builtin", "b/builtin") == {"equal": 1}
    assert kinds(built, "c/builtin", "b/builtin") == {"rounding": 1}
    assert built.groups == (("a/builtin", "b/builtin"),)


def test_digests_that_are_not_known_prove_nothing(loaded):
    built = pairs.build(loaded(row("a/builtin", digest=None), row("b/builtin", digest=None)))
    assert kinds(built, "a/builtin", "b/builtin") == {"rounding": 1}


def test_dialects_that_fit_both_decide_between_two_that_claim_different_ones(loaded):
    built = pairs.build(
        loaded(
            row("a/builtin"),
            row("b/builtin", dialect="keras3", digest="b"),
            row("a/builtin", case="decades/momentum", fits=["torch", "keras3"]),
            row("b/builtin", case="decades/momentum", dialect="keras3", digest="b"),
        )
    )
    pair = built.pairs["a/builtin", "b/builtin"]
    assert dict(pair.counts) == {"different": 1, "rounding": 1}
    assert pair.dialects == ()
    assert pair.kind == "different"


def test_what_ran_several_dialects_is_compared_in_those_that_both_ran(loaded):
    built = pairs.build(
        loaded(row("a/scratch"), row("a/scratch", dialect="d2l", digest="x"), row("b/builtin", digest="b"))
    )
    assert built.pairs["a/scratch", "b/builtin"].dialects == ("torch",)
    assert built.pairs["a/scratch", "b/builtin"].total == 1


def test_what_is_undecided_or_failed_or_a_law_says_nothing_of_a_pair(loaded):
    built = pairs.build(
        loaded(
            row("a/builtin", outcome="undecided"),
            row("b/builtin"),
            row("a/builtin", case="law/twin"),
            row("b/builtin", case="law/twin"),
            row("a/builtin", case="steps/1", digest="x"),
        )
    )
    assert built.pairs["a/builtin", "b/builtin"].kind is None
    assert built.each == []


def test_one_that_differs_is_different_from_one_that_agrees_and_equal_to_one_with_its_bits(loaded):
    wrong = {"outcome": "differs", "digest": "w"}
    built = pairs.build(loaded(row("a/builtin"), row("b/builtin", **wrong), row("c/builtin", **wrong)))
    assert kinds(built, "a/builtin", "b/builtin") == {"different": 1}
    assert kinds(built, "b/builtin", "c/builtin") == {"equal": 1}


def test_the_built_ins_part_on_the_axes_of_their_dialects_and_the_first_step_is_told(complete):
    found = dialect_axes.build(complete)
    assert [own.framework for own in found.owns] == ["mlx", "mxnet", "paddle", "torch"]
    assert found.rows == (("ε stands", ("outside √", "inside √", "inside √", "outside √")),)
    assert {(p.one.framework, p.other.framework) for p in found.partings} == {
        ("mlx", "mxnet"), ("mlx", "paddle"), ("mxnet", "paddle"), ("mxnet", "torch"), ("paddle", "torch"),
    }  # fmt: skip
    assert found.partings[0].sentence.endswith("from step 1 of constant/torch")


def test_a_known_deviation_is_told_with_its_link_and_only_a_link_on_the_web_is_one(loaded):
    known = {"outcome": "differs", "expected": True}
    found = deviations.build(
        loaded(
            row("a/builtin", **known, expectation="differs or agrees: 0/0 is NaN (https://example.org/1)"),
            row("b/builtin", **known, expectation="differs or agrees: 0/0 is NaN (https://example.org/1)"),
            row("c/builtin", **known, expectation="differs: rounding (javascript:alert(1))"),
            row("d/builtin", expected=True, expectation="undecided: it agrees all the same"),
        )
    )
    assert [(one.reason, one.link, one.size) for one in found] == [
        ("0/0 is NaN", "https://example.org/1", 2),
        ("rounding (javascript:alert(1))", None, 1),
    ]
    assert found[0].names == ("a/builtin", "b/builtin")


@pytest.mark.parametrize(
    ("case", "dtype", "expected"),
    [
        ("decades/plain", "float32", "plain update"),
        ("decades/centered-schedule-momentum", "float64", "centered"),
        ("zeros/nesterov", "float32", "momentum"),
        ("norm/clip-norm-weight-decay", "float32", "clipping"),
        ("zeros/clipping-weight-decay", "float32", "weight decay"),
        ("edge/nan/momentum", "float32", "extremes"),
        ("edge/reduced/momentum", "bfloat16", "16 bits"),
        ("shape/4d/centered-momentum", "float32", "shapes"),
        ("law/twin", "float64", "laws"),
        ("rows/lazy/plain", "float32", "sparse rows"),
    ],
)
def test_a_case_is_about_one_thing(case, dtype, expected):
    assert about({"case": case, "dtype": dtype}) == expected
    assert expected in PROPERTIES


def test_the_matrix_has_a_line_for_each_implementation_the_built_in_first_and_counts_everything_once(complete):
    built = matrix.build(complete, report.build(complete).agreement)
    names = [line.full for line in built.lines]
    assert names == sorted(names, key=lambda name: (name.split("/")[0], name.split("/")[1] != "builtin", name))
    properties = sum(counts.total for line in built.lines for name, counts in line.properties.items())
    assert properties == len(complete.verdicts) + len(complete.training)
    assert built.verdict.startswith("4 of 15 are not what they claim")


def test_a_difference_is_told_in_words_that_name_the_axis(complete):
    findings = report.build(complete).agreement.surprising
    told = [dialect_axes.why(finding, complete.manifest.dialects) for finding in findings]
    assert told[0] == "ε stands outside √, not inside √; weight decay decoupled, not ℓ₂"  # keras-legacy in place of tf1
    assert told[1] == ""  # no dialect fits: nothing is made up
