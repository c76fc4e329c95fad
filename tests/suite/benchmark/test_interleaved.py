"""A race: who is judged is timed, who fails costs its own row, and what a row says follows from its samples."""

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


def named(rows):
    return {(row["framework"], row["implementation"], row["instance"]): row for row in rows}


def test_everyone_is_judged_and_has_a_sample_a_round_and_one_of_each_framework_runs_against_itself(options, quiet):
    job, rows = bench(options, quiet)
    found = named(rows)
    who = {("torch", "scratch", 1), ("torch", "builtin", 1), ("torch", "builtin", 2)}
    assert set(found) == who | {("oracle", "numpy", 1), ("oracle", "numpy", 2)}
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


def test_the_noise_floor_is_how_far_equals_come_out_apart(options, quiet):
    _, rows = bench(options, quiet)
    found = named(rows)
    pairs = [[found[(*who, k)]["samples"] for k in (1, 2)] for who in (("torch", "builtin"), ("oracle", "numpy"))]
    floor = max(np.exp(abs(np.log(statistics.paired(*pair).value))) - 1 for pair in pairs)
    assert all(row["noise_floor"] == pytest.approx(floor, rel=1e-12) for row in rows)


def test_others_are_compared_with_the_built_in_one_of_their_framework(options, quiet):
    _, rows = bench(options, quiet)
    found = named(rows)
    scratch, builtin = found["torch", "scratch", 1], found["torch", "builtin", 1]
    assert builtin["baseline"] is None
    assert scratch["baseline"] == "torch/builtin"
    assert scratch["ratio"] == statistics.paired(scratch["samples"], builtin["samples"]).value
    assert found["oracle", "numpy", 2]["baseline"] == "oracle/numpy"


@pytest.mark.parametrize("kind", ["sizes", "tasks"])
def test_what_computes_something_else_than_it_says_is_not_timed(options, quiet, kind):
    given = {"sizes": [10]} if kind == "sizes" else {"sizes": [], "select": "epoch/regression"}
    job, rows = bench(options, quiet, implementations=["wrong-epsilon", "builtin"], **given)
    found = named(rows)
    wrong = found["torch", "wrong-epsilon", 1]
    assert wrong["outcome"] == "differs"
    assert "the error of an update is" in wrong["reason"]
    assert wrong["samples"] == []
    assert found["torch", "builtin", 1]["outcome"] == "agrees"
    assert job.status == 1


@pytest.mark.parametrize("implementation", ["last-parameter-too-large", "last-parameter-too-small"])
def test_one_number_of_many_that_is_wrong_is_enough(options, quiet, implementation):
    _, rows = bench(options, quiet, sizes=[2 * PERIOD + 7], implementations=[implementation])
    found = named(rows)
    assert found["torch", implementation, 1]["outcome"] == "differs"
    assert found["torch", implementation, 1]["samples"] == []


def test_a_crash_costs_its_own_row_and_who_shared_the_worker_enters_anew(options, quiet):
    _, rows = bench(options, quiet, implementations=["builtin", "killed-late"])
    found = named(rows)
    dead = found["torch", "killed-late", 1]
    assert "SIGKILL" in dead["reason"]
    assert dead["samples"] == []
    assert [len(found["torch", "builtin", k]["samples"]) for k in (1, 2)] == [3, 3]
    assert found["torch", "builtin", 1]["outcome"] == "agrees"


def test_what_raises_is_a_row_with_its_reason(options, quiet):
    _, rows = bench(options, quiet, implementations=["raises", "refuses", "builtin"])
    found = named(rows)
    assert found["torch", "raises", 1]["outcome"] == "failed"
    assert "no kernel for" in found["torch", "raises", 1]["reason"]
    assert found["torch", "refuses", 1]["outcome"] == "unsupported"


def test_who_does_not_step_each_time_is_told_by_how_far_it_came(options, quiet):
    _, rows = bench(options, quiet, implementations=["skips-steps", "builtin"])
    found = named(rows)
    assert found["torch", "skips-steps", 1]["outcome"] == "agrees"  # while it was looked at
    assert found["torch", "skips-steps", 1]["missing_steps"] == pytest.approx(0.5, abs=0.1)
    assert "uncounted" in found["torch", "skips-steps", 1]["warnings"]
    assert found["torch", "builtin", 1]["missing_steps"] == 0


def test_work_that_is_left_when_the_clock_stops_is_noticed(options, quiet):
    _, rows = bench(options, quiet, implementations=["unsynchronized", "builtin"])
    found = named(rows)
    assert "unfinished" in found["torch", "unsynchronized", 1]["warnings"]
    assert found["torch", "unsynchronized", 1]["unfinished"] > 0.5


def test_the_order_of_the_rounds_follows_from_the_seed(options, quiet):
    def order(**given):
        _, rows = bench(options, quiet, **given)
        times = sorted((at, *who) for who, row in named(rows).items() for at in row["started_at"])
        return [who for _, *who in times]

    first = order(output=options().output / "a", seed=3)
    assert order(output=options().output / "b", seed=3) == first
    assert order(output=options().output / "c", seed=4) != first


def test_an_epoch_is_timed_of_every_task_of_the_profile(options, quiet):
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


@pytest.mark.parametrize(("size", "together"), [(1000, True), (10**12, False)])
def test_where_memory_is_too_small_each_framework_races_by_itself(size, together):
    benchmark = replace(step(1000, 1, 0), size=size)
    entered = [
        TimedTarget(framework, name, 1, {}) for framework in ("torch", "mxnet") for name in ("builtin", "scratch")
    ]
    assert groups(entered, benchmark) == ([entered] if together else [entered[:2], entered[2:]])
    assert groups([], benchmark) == []


def test_more_tensors_than_parameters_are_refused():
    with pytest.raises(UserError, match="3 parameters can't be divided among 4 tensors"):
        list(benchmarks(PROFILES["quick"], {}, 0, [3], [4]))


def test_a_profile_begins_with_epochs_and_goes_on_with_steps():
    found = [one.id for one in benchmarks(PROFILES["quick"], tasks(generated(), 0), 0)]
    assert found[:2] == ["epoch/regression", "step/10"]
    assert found[-1] == "step/100000/100"


@pytest.mark.parametrize("sizes", [[7], [3, 4, 11], [1] * 10, [2500, 1, 4099, 9]])
def test_the_envelope_holds_the_extremes_of_each_place_however_the_numbers_are_divided(sizes):
    period = 5
    values = np.random.default_rng(0).standard_normal(sum(sizes)).astype(np.float32)
    blocks = np.split(values, np.cumsum(sizes)[:-1])
    low, high = timer.envelope(blocks, period)
    for place in range(min(period, len(values))):
        assert low[place] == values[place::period].min()
        assert high[place] == values[place::period].max()


def test_a_number_that_is_nan_anywhere_is_nan_in_the_envelope():
    values = np.zeros(20)
    values[13] = np.nan
    low, high = timer.envelope([values], 5)
    assert np.isnan([low[3], high[3]]).all()
    assert not np.isnan(low[[0, 1, 2, 4]]).any()


def moved(calls, parameters):
    return {"calls": calls, "parameters": parameters}


def journey(steps, size=8):
    """Where a fake implementation, made of NumPy in float32, is after so many steps."""
    benchmark = step(size, 1, 0)
    setup = Setup(Numpy("cpu"), "builtin", "d2l", benchmark.hyperparameters, "float32")
    timed = timer.timed_step(setup, benchmark.arrays)
    start = timed.progress()
    for _ in range(steps):
        timed.call()
    return benchmark, start, {**timed.progress(), "calls": start["calls"] + steps}


@pytest.mark.parametrize("steps", [5, 500, 5000])
def test_as_many_steps_as_were_made_are_counted(steps):
    benchmark, start, end = journey(steps)
    assert steps_missing(benchmark, "d2l", start, end) == 0
    told = {**end, "calls": start["calls"] + 2 * steps}
    assert steps_missing(benchmark, "d2l", start, told) > 0.3
    told = {**end, "calls": start["calls"] + steps // 2}
    assert steps_missing(benchmark, "d2l", start, told) < -0.3


def test_steps_are_not_counted_where_nothing_can_be_said():
    benchmark, start, end = journey(5)
    assert steps_missing(benchmark, "d2l", start, {**end, "parameters": [None] * 8}) is None
    assert steps_missing(benchmark, "d2l", start, start) is None
    assert steps_missing(benchmark, "d2l", moved(0, [0.0] * 8), moved(10**9, [1e6] * 8)) is None


def test_a_burden_is_idled_for_its_share_of_each_call(monkeypatch):
    now, calls = [0.0], []

    class Clock:
        @staticmethod
        def perf_counter():
            now[0] += 1  # each look at the clock takes a second
            return now[0]

    def work():
        calls.append(now[0])
        now[0] += 97

    monkeypatch.setattr(timer, "time", Clock)
    timed = timer.TimedOperation(Numpy("cpu"), work, [])
    slow = timer.slowed_down(timed, 0.5)
    slow()
    assert now[0] == 1 + 98 + 49  # the call took 98 s, by the clock, and then it idled for half of that
    slow()
    assert calls == [1, 149]
