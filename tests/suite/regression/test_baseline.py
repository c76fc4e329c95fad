"""Baselines as data: what is kept of a trace, what a folder holds, and what two of them say side by side."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from reference import dialects
from suite.cases import catalogue
from suite.compare.fingerprint import CompactTrace, trace_fingerprint
from suite.errors import UserError
from suite.regression.baseline import Baseline, Key, Record
from suite.regression.comparison import FAILING_KINDS, ChangeKind, compare, failing
from suite.regression.recording import BaselineSelection
from suite.regression.report import details, summary, to_json
from suite.results.rows import AxisChange, NearestDialect
from tests.support.traces import changed_by_ulps, random_trace

KEY = Key("torch", "builtin", "decades/plain", "float32", "")
INSIDE, OUTSIDE = ("d2l", "jax", "optax"), ("optax-outside", "torch")


def record(of=None, outcome="agrees", fits=INSIDE, dialect="d2l", **more):
    of = random_trace() if of is None else of
    return Record(outcome, dialect, trace_fingerprint(of), fits, bound_ratio=0.3, compact=CompactTrace.of(of), **more)


def baseline(records, version="1.0", kernels="AVX2", flags=("avx2", "fma"), **more):
    manifest = {
        "created": "now",
        "commit": None,
        "catalogue": "4",
        "seed": 0,
        "device": "cpu",
        "threads": 1,
        "data": {"sha256": "d"},
        "machine": {"cpu": "a processor", "instructions": list(flags)},
        "frameworks": {"torch": {"versions": {"torch": version}, "threads": 1, "instructions": {"kernels": kernels}}},
        "missing": {},
        "dialects": sorted(dialects),
    }
    return Baseline({**manifest, **more}, records)


def only(before, after, key=KEY, **conditions):
    (change,) = compare(baseline({key: before}), baseline({key: after}, **conditions))
    return change


# The folder


def test_a_baseline_is_read_as_it_was_written(tmp_path):
    wide, relation = random_trace(dtype=np.float64), Record("agrees", "d2l")
    records = {
        KEY: record(),
        KEY._replace(case="spike/plain"): record(outcome="differs", fits=(), first_step=3, reason="of\nthis"),
        KEY._replace(dtype="float64"): record(wide),
        KEY._replace(implementation="scratch", requested_dialect="torch"): record(random_trace(seed=1)),
        KEY._replace(case="law/twin"): relation,
        KEY._replace(case="shape/empty/plain"): record(random_trace(size=0)),
        KEY._replace(case="grid/1"): Record("unsupported", "d2l", reason="it has no kernel"),
    }
    before = baseline(records)
    before.write(tmp_path / "b")
    after = Baseline.read(tmp_path / "b")
    assert after.records == records
    assert after.manifest == before.manifest
    for key, one in after.records.items():
        given = records[key].compact
        assert (one.compact is None) == (given is None)
        if given is not None:
            assert one.compact.shape == given.shape
            assert np.array_equal(one.compact.checksums, given.checksums)
            assert np.array_equal(one.compact.values, given.values)
            assert one.compact.values.dtype == given.values.dtype


def test_the_same_baseline_is_the_same_bytes_and_another_differs_in_its_lines_alone(tmp_path):
    keys = [KEY._replace(case=f"decades/{name}") for name in ("a", "b", "c")]
    same = {key: record(random_trace(seed=place)) for place, key in enumerate(keys)}
    files = {}
    for name, records in (("1", same), ("2", dict(reversed(same.items()))), ("3", {**same, keys[1]: record()})):
        baseline(records).write(tmp_path / name)
        files[name] = [
            (tmp_path / name / "torch" / file).read_bytes() for file in ("builtin.jsonl", "traces.safetensors")
        ]
    assert files["1"] == files["2"]
    lines = [files[name][0].splitlines() for name in ("1", "3")]
    assert [one == other for one, other in zip(*lines, strict=True)] == [True, False, True]
    assert [json.loads(line)["case"] for line in lines[0]] == sorted(key.case for key in keys)


def test_equal_traces_are_kept_once_in_whichever_implementation(tmp_path):
    keys = [KEY._replace(implementation=name, case=f"decades/{number}") for name in "ab" for number in range(20)]
    sizes = []
    for name, count in (("one", 1), ("many", 40)):
        baseline({key: record() for key in keys[:count]}).write(tmp_path / name)
        sizes.append((tmp_path / name / "torch" / "traces.safetensors").stat().st_size)
    assert sizes[0] == sizes[1]


def test_what_is_no_baseline_is_said(tmp_path):
    with pytest.raises(UserError, match=r"is not a baseline: it has no baseline.json; `rmsuite baseline record`"):
        Baseline.read(tmp_path)
    (tmp_path / "baseline.json").write_text("{")
    with pytest.raises(UserError, match="can't be read"):
        Baseline.read(tmp_path)
    (tmp_path / "baseline.json").write_text('{"format": 0, "files": []}')
    with pytest.raises(UserError, match="has another format than 1"):
        Baseline.read(tmp_path)
    (tmp_path / "baseline.json").write_text('{"format": 1, "files": ["../elsewhere.jsonl"]}')
    with pytest.raises(UserError, match="is not a file of a baseline"):
        Baseline.read(tmp_path)


@pytest.mark.parametrize("damage", ["line", "trace", "missing"])
def test_a_damaged_baseline_is_said(tmp_path, damage):
    baseline({KEY: record()}).write(tmp_path)
    lines, traces = (tmp_path / "torch" / file for file in ("builtin.jsonl", "traces.safetensors"))
    if damage == "line":
        lines.write_text("[]\n")
    elif damage == "trace":
        lines.write_text(lines.read_text().replace("[50, 64]", "[50, 3]"))
    else:
        traces.unlink()
    with pytest.raises(UserError, match="torch can't be read"):
        Baseline.read(tmp_path)


def test_what_else_is_in_a_folder_is_not_written_over(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="is not empty, and there is no baseline in it"):
        baseline({KEY: record()}).write(tmp_path)


def test_writing_again_leaves_nothing_of_what_was_there(tmp_path):
    baseline({KEY: record(), KEY._replace(implementation="gone"): record()}).write(tmp_path)
    baseline({KEY: record()}).write(tmp_path)
    assert sorted(path.name for path in (tmp_path / "torch").iterdir()) == ["builtin.jsonl", "traces.safetensors"]


# Side by side


def test_the_same_bits_are_the_same_whatever_else_has_changed():
    change = only(record(), record(fits=OUTSIDE), version="2.0", kernels="AVX512")
    assert change.kind is ChangeKind.SAME


NEAR = record(changed_by_ulps(random_trace(), 50, 63, ulps=2))


@pytest.mark.parametrize(
    ("conditions", "kind"),
    [
        ({}, ChangeKind.ROUNDING),
        ({"version": "2.0"}, ChangeKind.ROUNDING),
        ({"kernels": "AVX512"}, ChangeKind.INSTRUCTIONS),
        ({"flags": ("avx2", "avx512f", "fma")}, ChangeKind.INSTRUCTIONS),
        ({"kernels": "AVX512", "version": "2.0"}, ChangeKind.ROUNDING),  # which of the two it was can't be told
    ],
)
def test_what_moved_inside_the_bound_of_one_dialect_moved_within_rounding(conditions, kind):
    change = only(record(), NEAR, **conditions)
    assert change.kind is kind
    assert "from step 50 on, by up to 2 ulps (parameters, step 50)" in change.words


def test_it_takes_only_one_dialect_inside_whose_bound_both_lie():
    assert only(record(fits=("d2l", "jax")), replace(NEAR, fits=("d2l", "optax"))).kind is ChangeKind.ROUNDING


def test_a_dialect_that_one_of_the_two_did_not_know_says_nothing():
    old = baseline({KEY: record(fits=("d2l",))}, dialects=["d2l", "torch"])
    new = baseline({KEY: replace(NEAR, fits=("d2l", "jax"))})
    assert compare(old, new)[0].kind is ChangeKind.ROUNDING
    unknown = baseline({KEY: record(fits=("torch",))}, dialects=["torch"])
    assert compare(unknown, baseline({KEY: replace(NEAR, fits=("jax",))}))[0].kind is ChangeKind.BEYOND


def test_another_dialect_is_moved_beyond_and_the_axis_is_named():
    after = replace(NEAR, outcome="differs", fits=OUTSIDE, first_step=1)
    change = only(record(), after)
    assert change.kind is ChangeKind.BEYOND
    assert change.axes[0] == {"epsilon": ("inside", "outside")}
    assert change.words.startswith("epsilon outside in place of inside; from step 50 on")
    assert "fits optax-outside, torch; fitted d2l, jax, optax" in change.words


def test_another_dialect_that_is_declared_too_is_moved_beyond_though_both_agree():
    """As when an adapter knows that a release computes something else."""
    change = only(record(), replace(NEAR, fits=OUTSIDE, dialect="torch"), version="2.0")
    assert change.kind is ChangeKind.BEYOND
    assert change.axes == ({"epsilon": ("inside", "outside")},)


def test_what_can_not_be_told_apart_is_told_by_the_other_cases():
    """Of 1-γ from a rounded γ, and of hyper-parameters rounded to float32, float32 shows the same."""
    long = KEY._replace(case="decades/long-memory")
    after = replace(NEAR, outcome="differs", fits=("caffe2", "tf-kernel"), first_step=1)
    alone = compare(baseline({long: record()}), baseline({long: after}))
    assert [list(one) for one in alone[0].axes] == [["hyperparameter_rounding"], ["decay_complement"]]
    wide = long._replace(dtype="float64")
    more = replace(record(changed_by_ulps(random_trace(), 50, 63), fits=("tf-kernel",)), outcome="differs")
    both = compare(baseline({long: record(), wide: record()}), baseline({long: after, wide: more}))
    assert [list(one) for one in both[0].axes] == [["decay_complement"]]


def test_a_case_that_is_held_against_one_dialect_alone_does_not_tell_of_another():
    large = next(case.id for case in catalogue.catalogue({}, 0) if case.tape.large)
    after = replace(NEAR, fits=("torch",), dialect="torch")
    change = only(record(fits=("d2l",)), after, KEY._replace(case=large))
    assert change.kind is ChangeKind.UNDECIDED
    assert "compared with d2l before and with torch now" in change.words


def nearest(value, fits=True):
    changes = [AxisChange(axis="hyperparameter decay", before=0.9, after=value)]
    return NearestDialect(dialect="d2l", changes=changes, fits=fits, bound_ratio=0.3, first_step=None)


def test_a_change_of_the_dialect_that_fits_both_is_as_good_as_a_dialect():
    before = record(outcome="differs", fits=(), nearest=nearest(0.83))
    after = replace(before, digest="other", compact=NEAR.compact)
    assert only(before, after).kind is ChangeKind.ROUNDING
    other = only(before, replace(after, nearest=nearest(0.5)))
    assert (other.kind, other.axes) == (ChangeKind.BEYOND, ({"hyperparameter decay": (0.83, 0.5)},))
    assert other.words.startswith("decay 0.5 in place of 0.83")


def test_where_nothing_fits_it_is_undecided_unless_the_errors_are_too_far_apart():
    before = record(outcome="differs", fits=(), nearest=nearest(0.83, fits=False))
    after = replace(before, digest="other", compact=NEAR.compact)
    assert only(before, after).kind is ChangeKind.UNDECIDED
    assert only(before, replace(after, bound_ratio=2.4)).kind is ChangeKind.BEYOND
    assert only(before, replace(after, fits=OUTSIDE)).kind is ChangeKind.BEYOND


def test_where_there_is_no_bound_it_is_undecided():
    change = only(record(outcome="undecided", fits=()), replace(NEAR, outcome="undecided", fits=()))
    assert change.kind is ChangeKind.UNDECIDED
    assert "no bound says whether that is rounding" in change.words
    assert only(change.before, change.after, kernels="AVX512").kind is ChangeKind.UNDECIDED_INSTRUCTIONS


def test_a_caller_s_gradient_that_is_changed_is_broken_not_moved():
    after = replace(NEAR, outcome="differs", reason="it changed the caller's gradient in 50 steps")
    change = only(record(), after)
    assert change.kind is ChangeKind.BROKEN
    assert change.words == "agreed, now differs: it changed the caller's gradient in 50 steps"
    assert only(after, record()).kind is ChangeKind.FIXED


RELATION = KEY._replace(case="law/twin")


@pytest.mark.parametrize(
    ("key", "before", "after", "kind", "words"),
    [
        (RELATION, "agrees", "agrees", ChangeKind.SAME, ""),
        (RELATION, "differs", "differs", ChangeKind.SAME, ""),
        (RELATION, "agrees", "differs", ChangeKind.BROKEN, "held, now does not hold: after"),
        (RELATION, "differs", "agrees", ChangeKind.FIXED, "did not hold, now holds: before"),
        (RELATION, "differs", "failed", ChangeKind.BROKEN, "did not hold, now fails: after"),
        (KEY, "failed", "failed", ChangeKind.SAME, ""),
        (KEY, "agrees", "failed", ChangeKind.BROKEN, "agreed, now fails: after"),
        (KEY, "differs", "unsupported", ChangeKind.BROKEN, "differed, now is unsupported: after"),
        (KEY, "unsupported", "failed", ChangeKind.BROKEN, "was unsupported, now fails: after"),
        (KEY, "failed", "agrees", ChangeKind.FIXED, "failed, now agrees: before"),
        (KEY, "failed", "unsupported", ChangeKind.FIXED, "failed, now is unsupported: before"),
    ],
)
def test_metamorphic_relations_and_failures_are_compared_by_their_outcomes(key, before, after, kind, words):
    change = only(Record(before, reason="before"), Record(after, reason="after"), key)
    assert (change.kind, change.words) == (kind, words)


def test_a_relation_that_holds_on_one_instruction_set_alone_is_not_broken_by_the_release():
    held, violated = Record("agrees"), Record("differs", reason="by 1 ulps")
    assert only(held, violated, RELATION, kernels="AVX512").kind is ChangeKind.UNDECIDED_INSTRUCTIONS
    assert only(violated, held, RELATION, kernels="AVX512").kind is ChangeKind.UNDECIDED_INSTRUCTIONS
    assert only(held, violated, RELATION, kernels="AVX512", version="2.0").kind is ChangeKind.BROKEN
    assert only(held, Record("failed"), RELATION, kernels="AVX512").kind is ChangeKind.BROKEN


def test_what_is_new_and_what_is_gone_is_said():
    other = KEY._replace(implementation="foreach")
    changes = compare(baseline({KEY: record()}), baseline({other: record()}))
    assert [(change.key, change.kind, change.words) for change in changes] == [
        (KEY, ChangeKind.GONE, "torch/builtin is missing"),
        (other, ChangeKind.NEW, ""),
    ]
    (gone,) = compare(baseline({KEY: record()}), baseline({}, missing={"torch": "no environment for torch"}))
    assert gone.words == "no environment for torch"


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"catalogue": "5"}, "the catalogue has changed: the baseline has version 4, this release has version 5"),
        ({"seed": 1}, "the seed was 0 and is 1"),
        ({"device": "cuda:0"}, "the device was cpu and is cuda:0"),
        ({"data": {"sha256": "e"}}, "the data was d and is e"),
    ],
)
def test_unlike_baselines_are_refused(other, what):
    with pytest.raises(UserError, match=what):
        compare(baseline({KEY: record()}), baseline({KEY: record()}, **other))


def test_baselines_without_a_dtype_in_common_are_refused():
    with pytest.raises(UserError, match="one has float32, the other float64"):
        compare(baseline({KEY: record()}), baseline({KEY._replace(dtype="float64"): record()}))


def selection_of(frameworks=(), implementations=(), cases=(), dtypes=(), select=""):
    selection = {"implementations": [], "cases": ["decades"], "dtypes": ["float32"], "dialects": ["d2l"]}
    keys = [KEY, KEY._replace(case="decades/momentum"), KEY._replace(implementation="foreach")]
    of = baseline({key: record() for key in keys}, selection={**selection, "claim": None, "select": "decades"})
    return BaselineSelection(of, frameworks, implementations, cases, dtypes, select)


@pytest.mark.parametrize(
    ("named", "what"),
    [
        ({"dtypes": ["float64"]}, "float64 is not in this baseline; there are float32"),
        ({"frameworks": ["mxnet"]}, "mxnet is not in this baseline; there are torch"),
        ({"cases": ["spike"]}, "no case of this baseline matches 'spike'"),
    ],
)
def test_what_was_not_recorded_can_not_be_checked(named, what):
    with pytest.raises(UserError, match=what):
        selection_of(**named).require("cpu")
    with pytest.raises(UserError, match="recorded on cpu, not on cuda:0"):
        selection_of().require("cuda:0")


def test_a_selection_from_a_baseline_keeps_the_selected_records_and_repeats_only_these():
    assert len(selection_of().narrowed().records) == 3
    assert list(selection_of(cases=["momentum"]).narrowed().records) == [KEY._replace(case="decades/momentum")]
    assert len(selection_of(implementations=["torch/builtin"]).narrowed().records) == 2
    part = selection_of(select="foreach", cases=["*/plain"])
    assert list(part.narrowed().records) == [KEY._replace(implementation="foreach")]
    assert part.selection()["select"] == "(decades) and (foreach)"
    assert part.selection()["cases"] == ["decades/plain"]
    assert part.selection()["frameworks"] == ["torch"]


def test_each_threshold_fails_what_a_stricter_one_fails_or_less():
    assert FAILING_KINDS["dialect"] < FAILING_KINDS["rounding"] < FAILING_KINDS["bits"]
    assert FAILING_KINDS["bits"] == set(ChangeKind) - {ChangeKind.SAME, ChangeKind.NEW}
    assert FAILING_KINDS["bits"] - FAILING_KINDS["rounding"] == {
        ChangeKind.INSTRUCTIONS,
        ChangeKind.UNDECIDED_INSTRUCTIONS,
    }
    change = only(record(), NEAR)
    assert [len(failing([change], threshold)) for threshold in ("bits", "rounding", "dialect")] == [1, 1, 0]


# In words


def test_one_line_says_it_all():
    keys = [KEY._replace(case=f"decades/{name}") for name in ("large-epsilon", "momentum", "plain", "schedule")]
    before = baseline({key: record() for key in keys})
    gone = replace(NEAR, outcome="differs", fits=OUTSIDE, first_step=1)
    after = baseline(dict(zip(keys, [gone, gone, NEAR, record()], strict=True)), version="2.0")
    assert summary(compare(before, after)) == (
        "torch 1.0 to 2.0: 1 same bits, 1 moved within rounding (up to 2 ulps), 2 moved beyond (epsilon)"
    )


def test_cases_that_moved_the_same_way_share_a_line_and_the_most_severe_comes_first():
    keys = [KEY._replace(case=f"decades/{name}") for name in ("clipping", "large-epsilon", "plain")]
    before = baseline({key: record() for key in keys})
    gone = replace(NEAR, outcome="differs", fits=("optax-outside",), first_step=1)
    lines = list(details(compare(before, baseline(dict(zip(keys, [NEAR, gone, gone], strict=True))))))
    assert len(lines) == 2
    assert lines[0].startswith("torch/builtin: moved beyond in 2 cases, as in decades/large-epsilon float32: epsilon")
    assert lines[1].startswith("torch/builtin: moved within rounding in decades/clipping float32: from step 50")


def test_json_has_all_that_is_not_the_same():
    other = KEY._replace(case="decades/momentum")
    old, new = baseline({KEY: record(), other: record()}), baseline({KEY: NEAR, other: record()})
    changes = compare(old, new)
    found = json.loads(to_json(changes, old, new, failing(changes, "rounding")))
    assert (found["failing"], found["counts"]) == (1, {"moved within rounding": 1, "same bits": 1})
    (entry,) = found["changes"]
    assert (entry["case"], entry["ulps"], entry["first_step"]) == ("decades/plain", 2, 50)
