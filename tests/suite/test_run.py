"""Jobs end to end with the NumPy framework: right, wrong and misbehaving implementations."""

from __future__ import annotations

import json
import sys

import pytest

from suite.errors import UserError
from suite.run import Job
from tests.suite.conftest import script


def rows(options, table):
    return [json.loads(line) for line in (options.output / f"{table}.jsonl").read_text().splitlines()]


def footer(options):
    return json.loads((options.output / "footer.json").read_text())


def run(options, quiet, *stages):
    with Job(options, quiet) as job:
        for stage in stages:
            getattr(job, stage)()
    return job


def verdict_count(tape):
    """Return the number of float32 verdicts on a case: scratch in two dialects, and one built-in implementation."""
    if "float32" not in tape.dtypes or tape.subnormals:  # neither scratch nor d2l claims a treatment of subnormals
        return 0
    return 3 if tape.shapes is None else 2  # scratch runs cases of shapes in its first dialect only


def test_right_implementations_agree_in_every_case_and_dialect(options, quiet):
    chosen = options()
    job = run(chosen, quiet, "agree")
    found = rows(chosen, "verdicts")
    ran = [row for row in found if row["outcome"] != "unsupported"]
    assert {row["case"] for row in ran if row["outcome"] == "undecided"} == {"edge/steady/centered-tiny-epsilon"}
    assert {row["outcome"] for row in ran} == {"agrees", "undecided"}
    relations = 3 * (len(job.relations) - 1)  # neither implementation has a twin
    assert len(found) == sum(verdict_count(case.tape) for case in job.cases) + relations
    assert all(0 < row["bound_ratio"] <= 1 or row["ulps"] == 0 for row in ran if row["outcome"] == "agrees")


@pytest.mark.parametrize(
    ("implementation", "case", "fits"),
    [
        ("wrong-epsilon", "decades/large-epsilon", "optax-outside"),
        ("accumulator-from-one", "decades/plain", "timm-tf"),
        ("momentum-ignored", "decades/momentum", "lasagne"),
        ("two-mistakes", "decades/plain", None),
        ("negated-weight-decay", "decades/weight-decay", None),
        ("clipping-ignored", "decades/clipping", None),
        ("fixed-decay", "decades/plain", None),
        ("missing-complement", "decades/plain", None),
        ("stale-state", "decades/plain", None),
    ],
)
def test_a_wrong_implementation_differs_and_the_dialect_that_fits_is_named(options, quiet, implementation, case, fits):
    chosen = options(implementations=[implementation], cases=[case])
    job = run(chosen, quiet, "agree")
    (row,) = rows(chosen, "verdicts")
    assert job.status == 1
    assert row["outcome"] == "differs"
    assert row["first_step"] is not None
    assert row["bound_ratio"] > 1
    assert (fits in row["fits"]) if fits else row["fits"] == []
    assert (chosen.output / "traces" / row["trace"]).exists()
    assert f"-i torch/{implementation} -c {case}" in row["repeat"]
    assert row["error_growth"][0][0] == row["first_step"]
    assert row["first_quantity"] in row["reason"]
    assert (row["nearest"] is None) == bool(fits)


EXPECTED_REASONS = {
    ("wrong-epsilon", "decades/large-epsilon"): "is d2l with epsilon outside in place of inside",
    ("accumulator-from-one", "decades/plain"): "is d2l with initial_accumulator 1 in place of 0",
    ("accumulator-from-one", "shape/one/centered-momentum"): "is d2l with initial_accumulator 1 in place of 0",
    ("wrong-epsilon", "steps/10/large-epsilon"): "is d2l with epsilon outside in place of inside",
    ("momentum-ignored", "decades/momentum"): "is d2l with momentum never in place of always",
    (
        "two-mistakes",
        "decades/plain",
    ): "but d2l with initial_accumulator 1 in place of 0 and epsilon outside in place of inside",
    ("negated-weight-decay", "decades/weight-decay"): "but d2l with weight_decay -0.01 in place of 0.01",
    ("clipping-ignored", "decades/clipping"): "but d2l with clip_gradient ignored",
    ("fixed-decay", "decades/plain"): "but d2l with decay 0.83 in place of 0.9",
    ("becomes-nan", "decades/plain"): "and no change of one or two axes brings it nearer",
}


@pytest.mark.parametrize(("implementation", "case"), EXPECTED_REASONS, ids="-".join)
def test_a_reason_names_only_the_changes_that_were_made(options, quiet, implementation, case):
    chosen = options(implementations=[implementation], cases=[case])
    run(chosen, quiet, "agree")
    (row,) = rows(chosen, "verdicts")
    assert EXPECTED_REASONS[implementation, case] in row["reason"]
    assert "\n" not in row["reason"]


def test_only_the_rows_that_an_expression_selects_are_run(options, quiet):
    chosen = options(select="(builtin and decades/plain) or (scratch and torch/scratch and spike/momentum and d2l)")
    run(chosen, quiet, "agree")
    found = {(row["implementation"], row["case"], row["requested_dialect"]) for row in rows(chosen, "verdicts")}
    assert found == {("builtin", "decades/plain", None), ("scratch", "spike/momentum", "d2l")}


def test_an_expression_selects_by_the_declared_dialect_in_every_table(options, quiet):
    chosen = options(select="d2l and (decades/plain or quadratic or epoch) and not law")
    run(chosen, quiet, "agree", "train", "bench")
    assert {row["dialect"] for row in rows(chosen, "verdicts")} == {"d2l"}
    tapes = {row["case"] for row in rows(chosen, "verdicts")}
    assert tapes == {"decades/plain", "quadratic/plain"}
    trained = {(row["implementation"], row["task"], row["dialect"]) for row in rows(chosen, "training")}
    assert trained == {("scratch", "quadratic", "d2l"), ("builtin", "quadratic", "d2l")}
    assert {row["benchmark"] for row in rows(chosen, "timings") if row["framework"] == "torch"} == {"epoch/regression"}


def test_an_expression_without_a_match_is_refused_before_anything_is_written(options, quiet):
    with pytest.raises(UserError, match=r"-k 'mxnet' selects nothing; .* 'torch/scratch decades/plain float32 d2l'"):
        Job(options(select="mxnet"), quiet)
    with pytest.raises(UserError, match="selects nothing"):
        Job(options(select="decades", tables=["training"]), quiet)
    assert not options().output.exists()


def test_scratch_runs_cases_of_shapes_in_the_first_selected_dialect(options, quiet):
    chosen = options(select="scratch and shape/one and not d2l", dialects=["d2l", "torch", "keras3"])
    run(chosen, quiet, "agree")
    assert [row["requested_dialect"] for row in rows(chosen, "verdicts")] == ["torch"]


def test_only_frameworks_that_match_a_pattern_are_started(options, quiet, tmp_path, numpy_python):
    pythons = {"torch": numpy_python, "mxnet": tmp_path / "nowhere"}
    named = {"frameworks": ["torch", "mxnet"], "pythons": pythons, "cases": ["decades/plain"]}
    job = run(options(**named, implementations=["torch/builtin"]), quiet, "agree")
    assert (job.status, job.missing) == (0, {})


def test_shape_memory_layout_and_length_have_verdicts_of_their_own(options, quiet):
    chosen = options(implementations=["copies-strided"], cases=["shape", "steps"], dtypes=["float32", "float64"])
    run(chosen, quiet, "agree")
    found = rows(chosen, "verdicts")
    not_agreeing = {row["case"].rpartition("/")[0]: row for row in found if row["outcome"] != "agrees"}
    assert {case: row["outcome"] for case, row in not_agreeing.items()} == {
        "shape/strided": "differs",
        "shape/empty": "unsupported",
        "steps/10000": "unsupported",
    }
    assert not_agreeing["shape/empty"]["reason"] == "numpy takes no empty parameters"
    assert not_agreeing["steps/10000"]["reason"] == "numpy is too slow for more than 1000 steps"


def test_a_case_that_needs_one_dtype_or_one_dialect_is_replayed_in_the_first(options, quiet):
    cases = ["shape/empty", "shape/one", "decades/plain"]
    chosen = options(implementations=["scratch"], cases=cases, dtypes=["float64", "float32"])
    run(chosen, quiet, "agree")
    replayed = {
        (row["case"].rpartition("/")[0], row["dtype"], row["requested_dialect"]) for row in rows(chosen, "verdicts")
    }
    pairs = [("float64", "d2l"), ("float32", "d2l")]
    assert replayed == {
        ("shape/empty", "float64", "d2l"),
        *(("shape/one", *pair) for pair in pairs),
        *(("decades", dtype, dialect) for dtype, _ in pairs for dialect in ("d2l", "torch")),
    }


def test_a_claim_of_the_other_epsilon_differs_and_the_right_dialect_is_named(options, quiet):
    chosen = options(implementations=["builtin"], cases=["decades/large-epsilon"], claim="torch")
    run(chosen, quiet, "agree")
    (row,) = rows(chosen, "verdicts")
    assert row["outcome"] == "differs"
    assert "d2l" in row["fits"]
    assert "torch" not in row["fits"]
    assert "--claim torch" in row["repeat"]


def test_an_implementation_that_changes_the_callers_gradient_differs(options, quiet):
    chosen = options(implementations=["changes-gradients"], cases=["decades/plain"])
    run(chosen, quiet, "agree")
    (row,) = rows(chosen, "verdicts")
    assert row["outcome"] == "differs"
    assert "caller's gradient" in row["reason"]


@pytest.mark.parametrize(
    ("implementation", "outcome", "words"),
    [
        ("raises", "failed", "RuntimeError: no kernel for\nthis <shape>"),
        ("segfaults", "failed", "SIGSEGV"),
        ("killed", "failed", "SIGKILL"),
        ("hangs", "failed", "no answer within"),
        ("writes-to-channel", "failed", "not JSON"),
        ("refuses", "unsupported", "supports nothing"),
        ("chatty", "agrees", ""),
    ],
)
def test_a_misbehaving_implementation_affects_only_its_own_rows(options, quiet, implementation, outcome, words):
    chosen = options(
        implementations=[implementation, "builtin"],
        cases=["decades/plain", "spike/plain", "quadratic/plain"],
        timeout=3.0 if implementation == "hangs" else 20.0,
    )
    run(chosen, quiet, "agree")
    found = rows(chosen, "verdicts")
    own = [row for row in found if row["implementation"] == implementation]
    others = [row for row in found if row["implementation"] == "builtin"]
    assert len(own) == len(others) > 0
    assert {row["outcome"] for row in own} == {outcome}
    assert all(words in (row["reason"] or "") for row in own)
    assert {row["outcome"] for row in others} == {"agrees"}
    assert footer(chosen)["status"] == "complete"


def test_training_is_checked_in_two_halves_and_the_losses_are_the_oracles(options, quiet):
    chosen = options()
    job = run(chosen, quiet, "train")
    found = rows(chosen, "training")
    assert job.status == 0
    assert {row["task"] for row in found} == {"quadratic", "rotated", "regression", "digits"}
    assert all(row["gradient_ratio"] <= 1 and row["update_ratio"] <= 1 for row in found)
    quadratic = [row for row in found if row["task"] == "quadratic" and row["dialect"] == "d2l"]
    assert {tuple(f"{x:.6f}" for x in row["final"]) for row in quadratic} == {("-0.010599", "0.000000")}
    losses = {f"{row['loss']:.6e}" for row in found if row["task"] == "regression" and row["dialect"] == "d2l"}
    assert len(losses) == 1


def test_a_wrong_update_is_found_in_training(options, quiet):
    chosen = options(implementations=["stale-state"], tasks=["quadratic"])
    job = run(chosen, quiet, "train")
    (row,) = rows(chosen, "training")
    assert job.status == 1
    assert row["outcome"] == "differs"
    assert row["gradient_ratio"] <= 1 < row["update_ratio"]
    assert "the error of an update is" in row["reason"]


@pytest.mark.parametrize(("mistake", "ratio"), [("doubled", "finite"), ("nan", "infinite")])
def test_a_wrong_gradient_is_found_in_training_for_finite_and_nan_gradients(
    options, quiet, monkeypatch, mistake, ratio
):
    monkeypatch.setenv("MISTAKE", mistake)
    chosen = options(implementations=["builtin"], tasks=["quadratic"])
    job = run(chosen, quiet, "train")
    (row,) = rows(chosen, "training")
    assert job.status == 1
    assert row["outcome"] == "differs"
    assert "the error of a gradient is" in row["reason"]
    assert row["gradient_ratio"] is None if ratio == "infinite" else row["gradient_ratio"] > 1  # JSON has no infinity


def test_parameters_that_become_nan_differ_in_training(options, quiet):
    chosen = options(implementations=["becomes-nan"], tasks=["quadratic"])
    run(chosen, quiet, "train")
    (row,) = rows(chosen, "training")
    assert row["outcome"] == "differs"
    assert "the error of an update is" in row["reason"]


def test_an_unavailable_framework_is_left_out_and_the_status_is_1(options, quiet, tmp_path, numpy_python):
    broken = script(tmp_path, "broken", f"{sys.executable} -c 'import sys; sys.exit(\"No module named mxnet\")'")
    pythons = {"torch": numpy_python, "mxnet": broken, "tensorflow": tmp_path / "nowhere"}
    chosen = options(frameworks=["torch", "mxnet", "tensorflow"], pythons=pythons, cases=["decades/plain"])
    job = run(chosen, quiet, "agree")
    assert job.status == 1
    assert "No module named mxnet" in job.missing["mxnet"]
    assert "does not exist" in job.missing["tensorflow"]
    assert {row["outcome"] for row in rows(chosen, "verdicts")} == {"agrees"}


def test_a_missing_device_is_refused_before_anything_is_written(options, quiet):
    with pytest.raises(UserError, match="no framework is available") as failure:
        Job(options(device="cuda:7"), quiet)
    assert failure
    assert not options().output.exists()


def test_an_interrupted_job_resumes_where_it_stopped(options, quiet, monkeypatch):
    chosen = options(cases=["decades"])
    write, written = Job._write, []

    def interrupted(self, row):
        write(self, row)
        written.append(row)
        if len(written) == 7:
            raise KeyboardInterrupt

    monkeypatch.setattr(Job, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(chosen, quiet, "agree")
    assert footer(chosen)["status"] == "interrupted"
    before = (chosen.output / "verdicts.jsonl").read_text()
    assert len(before.splitlines()) == 7

    monkeypatch.setattr(Job, "_write", write)
    with (chosen.output / "verdicts.jsonl").open("a") as file:
        file.write('{"framework": "tor')  # a row that was cut off
    job = run(options(cases=["decades"], resume=True), quiet, "agree")
    after = rows(chosen, "verdicts")
    assert (chosen.output / "verdicts.jsonl").read_text().startswith(before)
    assert (
        len(after)
        == len({(r["implementation"], r["case"], r["requested_dialect"]) for r in after})
        == 3 * len(job.cases)
    )
    assert footer(chosen)["status"] == "complete"


def test_resuming_a_complete_job_changes_nothing(options, quiet):
    chosen = options(cases=["decades/plain"], sizes=[10])
    run(chosen, quiet, "agree", "train", "bench")
    tables = {name: (chosen.output / f"{name}.jsonl").read_bytes() for name in ("verdicts", "training", "timings")}
    job = run(options(cases=["decades/plain"], sizes=[10], resume=True), quiet, "agree", "train", "bench")
    assert tables == {name: (chosen.output / f"{name}.jsonl").read_bytes() for name in tables}
    assert job.status == 0


def test_results_are_not_overwritten_or_mixed_with_others(options, quiet):
    run(options(cases=["decades/plain"]), quiet, "agree")
    with pytest.raises(UserError, match="has results already"):
        Job(options(), quiet)
    with pytest.raises(UserError, match="seed was 0 and is now 1"):
        Job(options(seed=1, resume=True), quiet)


def test_a_result_from_other_data_is_refused(options, quiet, monkeypatch):
    from suite.conformance import targets as module

    write = module.arrays.write
    monkeypatch.setattr(module.arrays, "write", lambda path, arrays: write(path, arrays)[::-1])
    chosen = options(implementations=["builtin"], cases=["decades/plain"])
    run(chosen, quiet, "agree")
    (row,) = rows(chosen, "verdicts")
    assert row["outcome"] == "failed"
    assert "other data" in row["reason"]


INVALID_REPLIES = {
    "deeply nested": "[" * 200000,
    "without the fields of a handshake": '{"id": 1, "status": "ok", "seconds": 0}',
    "not JSON": '{"id": 1, "status": "ok", "seconds": NaN}',
    "without id": "{}",
}


@pytest.mark.parametrize("kind", INVALID_REPLIES)
def test_an_invalid_handshake_leaves_out_only_that_framework(options, quiet, tmp_path, numpy_python, kind):
    (tmp_path / "reply").write_text(INVALID_REPLIES[kind] + "\n")
    invalid = script(tmp_path, "invalid", f"cat {tmp_path / 'reply'} - #")
    pythons = {"torch": numpy_python, "mxnet": invalid}
    chosen = options(frameworks=["torch", "mxnet"], pythons=pythons, cases=["decades/plain"])
    job = run(chosen, quiet, "agree")
    assert list(job.missing) == ["mxnet"]
    assert {row["outcome"] for row in rows(chosen, "verdicts")} == {"agrees"}
