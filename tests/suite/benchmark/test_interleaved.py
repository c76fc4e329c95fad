"""Interleaved runs: checks before the timing, failures, warnings, and columns that are computed from samples."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from suite.benchmark import statistics
from suite.benchmark.checks import steps_missing
from suite.benchmark.interleaved import TimedTarget, groups
from suite.cases.benchmarks import PERIOD, PROFILES, benchmarks, step
from suite.cases.datasets import generated
from suite.cases.tasks import tasks
from suite.errors import UserError
from suite.run import Job
from suite.workers import timer
from suite.workers.replay import Setup
from tests.support.numpy_framework.adapter import Numpy


def bench(options, quiet, **given):
    chosen = options(rounds=3, **{"sizes": [10], **given})
    with Job(chosen, quiet) as job:
        job.bench()
    lines = (chosen.output / "timings.jsonl").read_text().splitlines()
    return job, [json.loads(line) for line in lines]


def by_instance(rows):
    return {(row["framework"], row["implementation"], row["instance"]): row for row in rows}


def test_all_implementations_are_checked_and_timed_and_one_per_framework_twice(options, quiet):
    job, rows = bench(options, quiet)
    found = by_instance(rows)
    instances = {("torch", "scratch", 1), ("torch", "builtin", 1), ("torch", "builtin", 2)}
    assert set(found) == instances | {("oracle", "numpy", 1), ("oracle", "numpy", 2)}
    assert job.status == 0
    for row in rows:
        assert row["outcome"] == "agrees"
        assert row["bound_ratio"] <= 1
        assert len(row["samples"]) == len(row["started_at"]) == 3
        assert row["started_at"] == sorted(row["started_at"])
        assert row["median"] == np.median(row["samples"])
        assert row["interval"][0] <= row["median"] <= row["interval"][1]
        assert row["loops"] >= 1
        assert len(row["warm_up"]) >= 1
        assert row["first_call"] > 0


def test_the_noise_floor_is_the_largest_ratio_between_equal_instances(options, quiet):
    _, rows = bench(options, quiet)
    found = by_instance(rows)
    pairs = [[found[(*pair, k)]["samples"] for k in (1, 2)] for pair in (("torch", "builtin"), ("oracle", "numpy"))]
    floor = max(np.exp(abs(np.log(statistics.paired(*samples).value))) - 1 for samples in pairs)
    assert all(row["noise_floor"] == pytest.approx(floor, rel=1e-12) for row in rows)


def test_implementations_are_compared_with_the_builtin_of_their_framework(options, quiet):
    _, rows = bench(options, quiet)
    found = by_instance(rows)
    scratch, builtin = found["torch", "scratch", 1], found["torch", "builtin", 1]
    assert builtin["baseline"] is None
    assert scratch["baseline"] == "torch/builtin"
    assert scratch["ratio"] == statistics.paired(scratch["samples"], builtin["samples"]).value
    assert found["oracle", "numpy", 2]["baseline"] == "oracle/numpy"


@pytest.mark.parametrize("kind", ["sizes", "tasks"])
def test_an_implementation_that_differs_from_its_dialect_is_not_timed(options, quiet, kind):
    given = {"sizes": [10]} if kind == "sizes" else {"sizes": [], "select": "epoch/regression"}
    job, rows = bench(options, quiet, implementations=["wrong-epsilon", "builtin"], **given)
    found = by_instance(rows)
    wrong = found["torch", "wrong-epsilon", 1]
    assert wrong["outcome"] == "differs"
    assert "the error of an update is" in wrong["reason"]
    assert wrong["samples"] == []
    assert found["torch", "builtin", 1]["outcome"] == "agrees"
    assert job.status == 1


@pytest.mark.parametrize("implementation", ["last-parameter-too-large", "last-parameter-too-small"])
def test_one_wrong_parameter_among_many_is_detected(options, quiet, implementation):
    _, rows = bench(options, quiet, sizes=[2 * PERIOD + 7], implementations=[implementation])
    found = by_instance(rows)
    assert found["torch", implementation, 1]["outcome"] == "differs"
    assert found["torch", implementation, 1]["samples"] == []


def test_a_crash_fails_its_own_row_and_the_others_are_timed_in_a_new_worker(options, quiet):
    _, rows = bench(options, quiet, implementations=["builtin", "killed-late"])
    found = by_instance(rows)
    crashed = found["torch", "killed-late", 1]
    assert "SIGKILL" in crashed["reason"]
    assert crashed["samples"] == []
    assert [len(found["torch", "builtin", k]["samples"]) for k in (1, 2)] == [3, 3]
    assert found["torch", "builtin", 1]["outcome"] == "agrees"


def test_an_implementation_that_raises_has_a_row_with_the_reason(options, quiet):
    _, rows = bench(options, quiet, implementations=["raises", "refuses", "builtin"])
    found = by_instance(rows)
    assert found["torch", "raises", 1]["outcome"] == "failed"
    assert "no kernel for" in found["torch", "raises", 1]["reason"]
    assert found["torch", "refuses", 1]["outcome"] == "unsupported"


def test_skipped_steps_are_detected_from_the_final_parameters(options, quiet):
    _, rows = bench(options, quiet, implementations=["skips-steps", "builtin"])
    found = by_instance(rows)
    assert found["torch", "skips-steps", 1]["outcome"] == "agrees"  # it makes every step during the check
    assert found["torch", "skips-steps", 1]["missing_steps"] == pytest.approx(0.5, abs=0.1)
    assert "uncounted" in found["torch", "skips-steps", 1]["warnings"]
    assert found["torch", "builtin", 1]["missing_steps"] == 0


def test_work_that_is_unfinished_when_the_clock_stops_gives_a_warning(options, quiet):
    _, rows = bench(options, quiet, implementations=["unsynchronized", "builtin"])
    found = by_instance(rows)
    assert "unfinished" in found["torch", "unsynchronized", 1]["warnings"]
    assert found["torch", "unsynchronized", 1]["unfinished"] > 0.5


def test_the_order_of_the_samples_is_determined_by_the_seed(options, quiet):
    def order(**given):
        _, rows = bench(options, quiet, **given)
        times = sorted((start, *key) for key, row in by_instance(rows).items() for start in row["started_at"])
        return [key for _, *key in times]

    first = order(output=options().output / "a", seed=3)
    assert order(output=options().output / "b", seed=3) == first
    assert order(output=options().output / "c", seed=4) != first


def test_an_epoch_of_every_task_of_the_profile_is_timed(options, quiet):
    _, rows = bench(options, quiet, sizes=[], select="scratch and epoch", profile="default")
    timed = {row["benchmark"] for row in rows if row["implementation"] == "scratch"}
    assert timed == {"epoch/regression", "epoch/digits"}
    assert all(row["outcome"] == "agrees" for row in rows if row["samples"])


def test_a_tape_is_repeated_to_its_size_and_divided_evenly():
    tape = step(10_007, 10, 0).arrays
    parts = timer.parts(tape, "gradient")
    assert [len(part) for part in parts] == [1001] * 7 + [1000] * 3
    assert np.array_equal(np.concatenate(parts), np.resize(tape["gradient"], 10_007))
    assert len(tape["gradient"]) == PERIOD


@pytest.mark.parametrize(("size", "one_group"), [(1000, True), (10**12, False)])
def test_frameworks_are_timed_in_separate_groups_if_memory_is_too_small(size, one_group):
    benchmark = replace(step(1000, 1, 0), size=size)
    targets = [
        TimedTarget(framework, name, 1, {}) for framework in ("torch", "mxnet") for name in ("builtin", "scratch")
    ]
    assert groups(targets, benchmark) == ([targets] if one_group else [targets[:2], targets[2:]])
    assert groups([], benchmark) == []


def test_more_tensors_than_parameters_are_refused():
    with pytest.raises(UserError, match="3 parameters can't be divided among 4 tensors"):
        list(benchmarks(PROFILES["quick"], {}, 0, [3], [4]))


def test_a_profile_lists_epochs_before_steps():
    found = [one.id for one in benchmarks(PROFILES["quick"], tasks(generated(), 0), 0)]
    assert found[:2] == ["epoch/regression", "step/10"]
    assert found[-1] == "step/100000/100"


@pytest.mark.parametrize("sizes", [[7], [3, 4, 11], [1] * 10, [2500, 1, 4099, 9]])
def test_the_envelope_has_the_extremes_of_each_position_for_any_division(sizes):
    period = 5
    values = np.random.default_rng(0).standard_normal(sum(sizes)).astype(np.float32)
    blocks = np.split(values, np.cumsum(sizes)[:-1])
    low, high = timer.envelope(blocks, period)
    for position in range(min(period, len(values))):
        assert low[position] == values[position::period].min()
        assert high[position] == values[position::period].max()


def test_a_nan_among_the_values_of_a_position_is_nan_in_the_envelope():
    values = np.zeros(20)
    values[13] = np.nan
    low, high = timer.envelope([values], 5)
    assert np.isnan([low[3], high[3]]).all()
    assert not np.isnan(low[[0, 1, 2, 4]]).any()


def progress(calls, parameters):
    return {"calls": calls, "parameters": parameters}


def run_steps(steps, size=8):
    """Return a benchmark and the progress of a NumPy implementation in float32 before and after `steps` steps."""
    benchmark = step(size, 1, 0)
    setup = Setup(Numpy("cpu"), "builtin", "d2l", benchmark.hyperparameters, "float32")
    timed = timer.timed_step(setup, benchmark.arrays)
    start = timed.progress()
    for _ in range(steps):
        timed.call()
    return benchmark, start, {**timed.progress(), "calls": start["calls"] + steps}


@pytest.mark.parametrize("steps", [5, 500, 5000])
def test_a_reported_number_of_steps_that_were_not_made_is_detected(steps):
    benchmark, start, end = run_steps(steps)
    assert steps_missing(benchmark, "d2l", start, end) == 0
    reported = {**end, "calls": start["calls"] + 2 * steps}
    assert steps_missing(benchmark, "d2l", start, reported) > 0.3
    reported = {**end, "calls": start["calls"] + steps // 2}
    assert steps_missing(benchmark, "d2l", start, reported) < -0.3


def test_the_share_of_missing_steps_is_none_if_it_can_not_be_estimated():
    benchmark, start, end = run_steps(5)
    assert steps_missing(benchmark, "d2l", start, {**end, "parameters": [None] * 8}) is None
    assert steps_missing(benchmark, "d2l", start, start) is None
    assert steps_missing(benchmark, "d2l", progress(0, [0.0] * 8), progress(10**9, [1e6] * 8)) is None


def test_a_slowed_down_operation_idles_for_its_share_of_each_call(monkeypatch):
    now, calls = [0.0], []

    class Clock:
        @staticmethod
        def perf_counter():
            now[0] += 1  # reading the clock takes a second
            return now[0]

    def work():
        calls.append(now[0])
        now[0] += 97

    monkeypatch.setattr(timer, "time", Clock)
    timed = timer.TimedOperation(Numpy("cpu"), work, [])
    slow = timer.slowed_down(timed, 0.5)
    slow()
    assert now[0] == 1 + 98 + 49  # the call took 98 s by the clock; then it idled for half of that
    slow()
    assert calls == [1, 149]
