"""Baselines: the files of a folder, the comparison of two baselines, and the reports of their changes."""

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


def record(trace=None, outcome="agrees", fits=INSIDE, dialect="d2l", **more):
    trace = random_trace() if trace is None else trace
    return Record(
        outcome, dialect, trace_fingerprint(trace), fits, bound_ratio=0.3, compact=CompactTrace.of(trace), **more
    )


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


def single_change(before, after, key=KEY, **conditions):
    (change,) = compare(baseline({key: before}), baseline({key: after}, **conditions))
    return change


# Files


def test_a_baseline_is_read_as_it_was_written(tmp_path):
    double, relation = random_trace(dtype=np.float64), Record("agrees", "d2l")
    records = {
        KEY: record(),
        KEY._replace(case="spike/plain"): record(outcome="differs", fits=(), first_step=3, reason="two\nlines"),
        KEY._replace(dtype="float64"): record(double),
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
        expected = records[key].compact
        assert (one.compact is None) == (expected is None)
        if expected is not None:
            assert one.compact.shape == expected.shape
            assert np.array_equal(one.compact.checksums, expected.checksums)
            assert np.array_equal(one.compact.values, expected.values)
            assert one.compact.values.dtype == expected.values.dtype


def test_equal_baselines_have_equal_bytes_and_a_changed_record_changes_one_line(tmp_path):
    keys = [KEY._replace(case=f"decades/{name}") for name in ("a", "b", "c")]
    same = {key: record(random_trace(seed=seed)) for seed, key in enumerate(keys)}
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


def test_equal_traces_of_several_implementations_are_stored_once(tmp_path):
    keys = [KEY._replace(implementation=name, case=f"decades/{number}") for name in "ab" for number in range(20)]
    sizes = []
    for name, count in (("one", 1), ("many", 40)):
        baseline({key: record() for key in keys[:count]}).write(tmp_path / name)
        sizes.append((tmp_path / name / "torch" / "traces.safetensors").stat().st_size)
    assert sizes[0] == sizes[1]


def test_an_invalid_baseline_folder_is_refused_with_the_reason(tmp_path):
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
def test_a_damaged_baseline_is_refused(tmp_path, damage):
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


def test_a_folder_with_other_files_is_not_overwritten(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="is not empty, and there is no baseline in it"):
        baseline({KEY: record()}).write(tmp_path)


def test_writing_a_baseline_again_removes_its_former_files(tmp_path):
    baseline({KEY: record(), KEY._replace(implementation="gone"): record()}).write(tmp_path)
    baseline({KEY: record()}).write(tmp_path)
    assert sorted(path.name for path in (tmp_path / "torch").iterdir()) == ["builtin.jsonl", "traces.safetensors"]


# Comparison


def test_equal_bits_are_the_same_even_if_everything_else_has_changed():
    change = single_change(record(), record(fits=OUTSIDE), version="2.0", kernels="AVX512")
    assert change.kind is ChangeKind.SAME


WITHIN_ROUNDING = record(changed_by_ulps(random_trace(), 50, 63, ulps=2))


@pytest.mark.parametrize(
    ("conditions", "kind"),
    [
        ({}, ChangeKind.ROUNDING),
        ({"version": "2.0"}, ChangeKind.ROUNDING),
        ({"kernels": "AVX512"}, ChangeKind.INSTRUCTIONS),
        ({"flags": ("avx2", "avx512f", "fma")}, ChangeKind.INSTRUCTIONS),
        ({"kernels": "AVX512", "version": "2.0"}, ChangeKind.ROUNDING),  # either can be the cause
    ],
)
def test_a_change_inside_the_bound_of_one_dialect_is_within_rounding(conditions, kind):
    change = single_change(record(), WITHIN_ROUNDING, **conditions)
    assert change.kind is kind
    assert "from step 50 on, by up to 2 ulps (parameters, step 50)" in change.words


def test_one_dialect_that_fits_both_traces_is_enough_for_rounding():
    change = single_change(record(fits=("d2l", "jax")), replace(WITHIN_ROUNDING, fits=("d2l", "optax")))
    assert change.kind is ChangeKind.ROUNDING


def test_a_dialect_that_only_one_baseline_knows_is_ignored():
    old = baseline({KEY: record(fits=("d2l",))}, dialects=["d2l", "torch"])
    new = baseline({KEY: replace(WITHIN_ROUNDING, fits=("d2l", "jax"))})
    assert compare(old, new)[0].kind is ChangeKind.ROUNDING
    unknown = baseline({KEY: record(fits=("torch",))}, dialects=["torch"])
    assert compare(unknown, baseline({KEY: replace(WITHIN_ROUNDING, fits=("jax",))}))[0].kind is ChangeKind.BEYOND


def test_a_change_to_another_dialect_is_moved_beyond_and_the_axis_is_named():
    after = replace(WITHIN_ROUNDING, outcome="differs", fits=OUTSIDE, first_step=1)
    change = single_change(record(), after)
    assert change.kind is ChangeKind.BEYOND
    assert change.axes[0] == {"epsilon": ("inside", "outside")}
    assert change.words.startswith("epsilon outside in place of inside; from step 50 on")
    assert "fits optax-outside, torch; fitted d2l, jax, optax" in change.words


def test_a_change_of_the_declared_dialect_is_moved_beyond_even_if_both_agree():
    """For example, an adapter declares another dialect for a newer release."""
    change = single_change(record(), replace(WITHIN_ROUNDING, fits=OUTSIDE, dialect="torch"), version="2.0")
    assert change.kind is ChangeKind.BEYOND
    assert change.axes == ({"epsilon": ("inside", "outside")},)


def test_axes_that_one_case_can_not_separate_are_separated_by_other_cases():
    """In float32, computing 1-γ from a rounded γ has the same effect as rounding the hyper-parameters to float32."""
    long_memory = KEY._replace(case="decades/long-memory")
    after = replace(WITHIN_ROUNDING, outcome="differs", fits=("caffe2", "tf-kernel"), first_step=1)
    in_float32 = compare(baseline({long_memory: record()}), baseline({long_memory: after}))
    assert [list(one) for one in in_float32[0].axes] == [["hyperparameter_rounding"], ["decay_complement"]]
    double = long_memory._replace(dtype="float64")
    after_double = replace(record(changed_by_ulps(random_trace(), 50, 63), fits=("tf-kernel",)), outcome="differs")
    both = compare(
        baseline({long_memory: record(), double: record()}), baseline({long_memory: after, double: after_double})
    )
    assert [list(one) for one in both[0].axes] == [["decay_complement"]]


def test_a_case_compared_with_one_dialect_only_is_undecided_for_another():
    large = next(case.id for case in catalogue.catalogue({}, 0) if case.tape.large)
    after = replace(WITHIN_ROUNDING, fits=("torch",), dialect="torch")
    change = single_change(record(fits=("d2l",)), after, KEY._replace(case=large))
    assert change.kind is ChangeKind.UNDECIDED
    assert "compared with d2l before and with torch now" in change.words


def nearest(value, fits=True):
    changes = [AxisChange(axis="hyperparameter decay", before=0.9, after=value)]
    return NearestDialect(dialect="d2l", changes=changes, fits=fits, bound_ratio=0.3, first_step=None)


def test_a_changed_dialect_that_fits_both_traces_counts_like_a_named_one():
    before = record(outcome="differs", fits=(), nearest=nearest(0.83))
    after = replace(before, digest="other", compact=WITHIN_ROUNDING.compact)
    assert single_change(before, after).kind is ChangeKind.ROUNDING
    other = single_change(before, replace(after, nearest=nearest(0.5)))
    assert (other.kind, other.axes) == (ChangeKind.BEYOND, ({"hyperparameter decay": (0.83, 0.5)},))
    assert other.words.startswith("decay 0.5 in place of 0.83")


def test_a_change_without_a_fitting_dialect_is_undecided_if_the_errors_are_close():
    before = record(outcome="differs", fits=(), nearest=nearest(0.83, fits=False))
    after = replace(before, digest="other", compact=WITHIN_ROUNDING.compact)
    assert single_change(before, after).kind is ChangeKind.UNDECIDED
    assert single_change(before, replace(after, bound_ratio=2.4)).kind is ChangeKind.BEYOND
    assert single_change(before, replace(after, fits=OUTSIDE)).kind is ChangeKind.BEYOND


def test_a_change_without_a_bound_is_undecided():
    change = single_change(record(outcome="undecided", fits=()), replace(WITHIN_ROUNDING, outcome="undecided", fits=()))
    assert change.kind is ChangeKind.UNDECIDED
    assert "there is no bound that could show whether this is rounding" in change.words
    assert single_change(change.before, change.after, kernels="AVX512").kind is ChangeKind.UNDECIDED_INSTRUCTIONS


def test_a_changed_gradient_of_the_caller_is_broken_not_moved():
    after = replace(WITHIN_ROUNDING, outcome="differs", reason="it changed the caller's gradient in 50 steps")
    change = single_change(record(), after)
    assert change.kind is ChangeKind.BROKEN
    assert change.words == "agreed, now differs: it changed the caller's gradient in 50 steps"
    assert single_change(after, record()).kind is ChangeKind.FIXED


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
    change = single_change(Record(before, reason="before"), Record(after, reason="after"), key)
    assert (change.kind, change.words) == (kind, words)


def test_a_relation_that_depends_on_the_instruction_set_is_not_broken_by_the_release():
    held, violated = Record("agrees"), Record("differs", reason="by 1 ulps")
    assert single_change(held, violated, RELATION, kernels="AVX512").kind is ChangeKind.UNDECIDED_INSTRUCTIONS
    assert single_change(violated, held, RELATION, kernels="AVX512").kind is ChangeKind.UNDECIDED_INSTRUCTIONS
    assert single_change(held, violated, RELATION, kernels="AVX512", version="2.0").kind is ChangeKind.BROKEN
    assert single_change(held, Record("failed"), RELATION, kernels="AVX512").kind is ChangeKind.BROKEN


def test_new_and_missing_implementations_are_reported():
    other = KEY._replace(implementation="foreach")
    changes = compare(baseline({KEY: record()}), baseline({other: record()}))
    assert [(change.key, change.kind, change.words) for change in changes] == [
        (KEY, ChangeKind.GONE, "torch/builtin is missing"),
        (other, ChangeKind.NEW, ""),
    ]
    (gone,) = compare(baseline({KEY: record()}), baseline({}, missing={"torch": "no environment for torch"}))
    assert gone.words == "no environment for torch"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"catalogue": "5"}, "the catalogue has changed: the baseline has version 4, this release has version 5"),
        ({"seed": 1}, "the seed was 0 and is 1"),
        ({"device": "cuda:0"}, "the device was cpu and is cuda:0"),
        ({"data": {"sha256": "e"}}, "the data was d and is e"),
    ],
)
def test_baselines_under_different_conditions_are_refused(other, message):
    with pytest.raises(UserError, match=message):
        compare(baseline({KEY: record()}), baseline({KEY: record()}, **other))


def test_baselines_without_a_dtype_in_common_are_refused():
    with pytest.raises(UserError, match="one has float32, the other float64"):
        compare(baseline({KEY: record()}), baseline({KEY._replace(dtype="float64"): record()}))


def selection_of(frameworks=(), implementations=(), cases=(), dtypes=(), select=""):
    selection = {"implementations": [], "cases": ["decades"], "dtypes": ["float32"], "dialects": ["d2l"]}
    keys = [KEY, KEY._replace(case="decades/momentum"), KEY._replace(implementation="foreach")]
    recorded = baseline({key: record() for key in keys}, selection={**selection, "claim": None, "select": "decades"})
    return BaselineSelection(recorded, frameworks, implementations, cases, dtypes, select)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"dtypes": ["float64"]}, "float64 is not in this baseline; there are float32"),
        ({"frameworks": ["mxnet"]}, "mxnet is not in this baseline; there are torch"),
        ({"cases": ["spike"]}, "no case of this baseline matches 'spike'"),
    ],
)
def test_a_selection_that_was_not_recorded_is_refused(named, message):
    with pytest.raises(UserError, match=message):
        selection_of(**named).require("cpu")
    with pytest.raises(UserError, match="recorded on cpu, not on cuda:0"):
        selection_of().require("cuda:0")


def test_a_selection_keeps_and_repeats_only_the_selected_records():
    assert len(selection_of().narrowed().records) == 3
    assert list(selection_of(cases=["momentum"]).narrowed().records) == [KEY._replace(case="decades/momentum")]
    assert len(selection_of(implementations=["torch/builtin"]).narrowed().records) == 2
    part = selection_of(select="foreach", cases=["*/plain"])
    assert list(part.narrowed().records) == [KEY._replace(implementation="foreach")]
    assert part.selection()["select"] == "(decades) and (foreach)"
    assert part.selection()["cases"] == ["decades/plain"]
    assert part.selection()["frameworks"] == ["torch"]


def test_each_threshold_fails_a_subset_of_what_a_stricter_one_fails():
    assert FAILING_KINDS["dialect"] < FAILING_KINDS["rounding"] < FAILING_KINDS["bits"]
    assert FAILING_KINDS["bits"] == set(ChangeKind) - {ChangeKind.SAME, ChangeKind.NEW}
    assert FAILING_KINDS["bits"] - FAILING_KINDS["rounding"] == {
        ChangeKind.INSTRUCTIONS,
        ChangeKind.UNDECIDED_INSTRUCTIONS,
    }
    change = single_change(record(), WITHIN_ROUNDING)
    assert [len(failing([change], threshold)) for threshold in ("bits", "rounding", "dialect")] == [1, 1, 0]


# Reports


def test_the_summary_is_one_line_with_counts_ulps_and_axes():
    keys = [KEY._replace(case=f"decades/{name}") for name in ("large-epsilon", "momentum", "plain", "schedule")]
    before = baseline({key: record() for key in keys})
    beyond = replace(WITHIN_ROUNDING, outcome="differs", fits=OUTSIDE, first_step=1)
    after = baseline(dict(zip(keys, [beyond, beyond, WITHIN_ROUNDING, record()], strict=True)), version="2.0")
    assert summary(compare(before, after)) == (
        "torch 1.0 to 2.0: 1 same bits, 1 moved within rounding (up to 2 ulps), 2 moved beyond (epsilon)"
    )


def test_equal_changes_share_a_line_and_the_most_severe_comes_first():
    keys = [KEY._replace(case=f"decades/{name}") for name in ("clipping", "large-epsilon", "plain")]
    before = baseline({key: record() for key in keys})
    beyond = replace(WITHIN_ROUNDING, outcome="differs", fits=("optax-outside",), first_step=1)
    lines = list(details(compare(before, baseline(dict(zip(keys, [WITHIN_ROUNDING, beyond, beyond], strict=True))))))
    assert len(lines) == 2
    assert lines[0].startswith("torch/builtin: moved beyond in 2 cases, as in decades/large-epsilon float32: epsilon")
    assert lines[1].startswith("torch/builtin: moved within rounding in decades/clipping float32: from step 50")


def test_json_has_every_change_except_equal_bits():
    other = KEY._replace(case="decades/momentum")
    old, new = baseline({KEY: record(), other: record()}), baseline({KEY: WITHIN_ROUNDING, other: record()})
    changes = compare(old, new)
    found = json.loads(to_json(changes, old, new, failing(changes, "rounding")))
    assert (found["failing"], found["counts"]) == (1, {"moved within rounding": 1, "same bits": 1})
    (entry,) = found["changes"]
    assert (entry["case"], entry["ulps"], entry["first_step"]) == ("decades/plain", 2, 50)
