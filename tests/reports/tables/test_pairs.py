"""Pairs of implementations, the axes on which built-ins differ, known deviations, and the overview matrix."""

import pytest

import reports
from reports.tables import pairs, report
from reports.tables.findings import known_deviations
from reports.tables.report import PROPERTIES, property_of
from suite.results.decoding import decode
from suite.results.rows import VERDICTS
from tests.support import sample_results


def row(name, case="decades/plain", dialect="torch", outcome="agrees", digest="a", fits=None, **columns):
    """Return the row of a verdict."""
    framework, implementation = name.split("/")
    return {
        "framework": framework,
        "implementation": implementation,
        "version": "1.0",
        "device": "cpu",
        "dtype": "float32",
        "case": case,
        "dialect": dialect,
        "requested_dialect": dialect if implementation == "scratch" else None,
        "outcome": outcome,
        "fits": [dialect] if fits is None and outcome == "agrees" else fits or [],
        "trace_sha256": digest,
        **columns,
    }


@pytest.fixture
def load_verdicts(folder):
    """Return a function that writes these verdicts to a folder and reads it."""

    def load(*rows):
        (folder / "verdicts.jsonl").write_text(sample_results.json_lines(rows), encoding="utf-8")
        return reports.load(folder)

    return load


def pair_counts(built, one, other):
    return dict(built.pairs[one, other].counts)


def test_two_agreeing_traces_have_equal_bits_or_differ_within_rounding(load_verdicts):
    built = pairs.build(
        load_verdicts(
            row("a/builtin"),
            row("b/builtin"),
            row("c/builtin", digest="c"),
            row("c/builtin", case="steps/1", digest="d"),
        )
    )
    assert pair_counts(built, "a/builtin", "b/builtin") == {"equal": 1}
    assert pair_counts(built, "c/builtin", "b/builtin") == {"rounding": 1}
    assert built.groups == (("a/builtin", "b/builtin"),)


def test_traces_without_fingerprints_are_not_counted_as_equal(load_verdicts):
    built = pairs.build(load_verdicts(row("a/builtin", digest=None), row("b/builtin", digest=None)))
    assert pair_counts(built, "a/builtin", "b/builtin") == {"rounding": 1}


def test_implementations_of_different_dialects_are_compared_by_the_dialects_that_fit(load_verdicts):
    built = pairs.build(
        load_verdicts(
            row("a/builtin"),
            row("b/builtin", dialect="keras3", digest="b"),
            row("a/builtin", case="decades/momentum", fits=["torch", "keras3"]),
            row("b/builtin", case="decades/momentum", dialect="keras3", digest="b"),
        )
    )
    pair = built.pairs["a/builtin", "b/builtin"]
    assert dict(pair.counts) == {"different": 1, "rounding": 1}
    assert pair.dialects == ()
    assert pair.closeness == "different"


def test_a_pair_is_compared_in_the_dialects_that_both_implementations_ran(load_verdicts):
    built = pairs.build(
        load_verdicts(row("a/scratch"), row("a/scratch", dialect="d2l", digest="x"), row("b/builtin", digest="b"))
    )
    assert built.pairs["a/scratch", "b/builtin"].dialects == ("torch",)
    assert built.pairs["a/scratch", "b/builtin"].counts.total() == 1


def test_undecided_verdicts_and_metamorphic_relations_are_not_compared(load_verdicts):
    built = pairs.build(
        load_verdicts(
            row("a/builtin", outcome="undecided"),
            row("b/builtin"),
            row("a/builtin", case="law/twin"),
            row("b/builtin", case="law/twin"),
            row("a/builtin", case="steps/1", digest="x"),
        )
    )
    assert built.pairs["a/builtin", "b/builtin"].closeness is None
    assert built.compared == []


def test_a_wrong_trace_equals_only_traces_with_the_same_bits(load_verdicts):
    wrong = {"outcome": "differs", "digest": "w"}
    built = pairs.build(load_verdicts(row("a/builtin"), row("b/builtin", **wrong), row("c/builtin", **wrong)))
    assert pair_counts(built, "a/builtin", "b/builtin") == {"different": 1}
    assert pair_counts(built, "b/builtin", "c/builtin") == {"equal": 1}


def test_only_cases_in_which_the_dialects_were_compared_are_counted(load_verdicts):
    loaded = load_verdicts(
        row("mxnet/builtin", ruled_out_at={"torch": 3}),
        row("mxnet/builtin", case="decades/momentum", ruled_out_at={}),
        row("mxnet/builtin", case="steps/1", dtype="float64"),
        row("mxnet/builtin", case="law/negation"),
        row("torch/builtin"),
    )
    (difference,) = pairs.builtin_axes(loaded).differences
    assert (difference.one, difference.other) == ("mxnet", "torch")
    assert (difference.separated, difference.compared, difference.step) == (1, 2, 3)


def test_differences_between_built_ins_have_an_axis_and_a_first_step(complete_results):
    found = pairs.builtin_axes(complete_results)
    assert list(found.builtins) == ["mlx", "mxnet", "paddle", "torch"]
    assert found.rows == (("ε", ("outside √", "inside √", "inside √", "outside √")),)
    assert {(p.one, p.other) for p in found.differences} == {
        ("mlx", "mxnet"), ("mlx", "paddle"), ("mxnet", "paddle"), ("mxnet", "torch"), ("paddle", "torch"),
    }  # fmt: skip
    assert found.differences[0].sentence.endswith("from step 1 of constant/torch")


def test_a_known_deviation_links_only_to_web_addresses(load_verdicts):
    known = {"outcome": "differs", "expected": True}
    found = known_deviations(
        load_verdicts(
            row("a/builtin", **known, expectation="differs or agrees: 0/0 is NaN (https://example.org/1)"),
            row("b/builtin", **known, expectation="differs or agrees: 0/0 is NaN (https://example.org/1)"),
            row("c/builtin", **known, expectation="differs: rounding (javascript:alert(1))"),
            row("d/builtin", expected=True, expectation="undecided: it agrees by chance"),
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
        ("law/twin", "float64", "metamorphic"),
        ("rows/lazy/plain", "float32", "sparse rows"),
    ],
)
def test_every_case_belongs_to_one_property(case, dtype, expected):
    found = decode(VERDICTS, row("a/builtin", case) | {"dtype": dtype})
    assert property_of(found) == expected
    assert expected in PROPERTIES


def test_the_matrix_lists_built_ins_first_and_counts_every_verdict_once(complete_results):
    built = report.build(complete_results).matrix
    names = [row.full_name for row in built.rows]
    assert names == sorted(names, key=lambda name: (name.split("/")[0], name.split("/")[1] != "builtin", name))
    properties = sum(counts.total for row in built.rows for counts in row.properties.values())
    assert properties == len(complete_results.verdicts) + len(complete_results.training)
    assert built.sentence.startswith("4 of 15 have unexpected verdicts")


def test_a_finding_names_the_axes_on_which_the_fitting_dialect_differs(complete_results):
    findings = report.build(complete_results).agreement.unexpected
    differences = [pairs.axis_differences(finding, complete_results.manifest.dialects) for finding in findings]
    assert (
        differences[0] == "ε outside √, not inside √; weight decay decoupled, not in the gradient"
    )  # keras-legacy in place of tf1
    assert differences[1] == ""  # no dialect fits
