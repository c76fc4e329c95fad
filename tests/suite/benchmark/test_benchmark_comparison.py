"""The comparison of the timings of two runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rich.console import Console

from suite.benchmark.comparison import compare, show, to_json
from suite.errors import UserError
from suite.results.rows import SCHEMA

MANIFEST = {"schema": SCHEMA, "device": "cpu", "threads": 1, "data": {"sha256": "d"}, "machine": {"cpu": "a processor"}}


def timing_row(implementation, median, *, spread=0.005, seed=0, **more):
    samples = (median * (1 + spread * np.random.default_rng(seed).standard_normal(15))).tolist()
    return {
        "framework": "torch",
        "implementation": implementation,
        "instance": 1,
        "version": "1.0",
        "device": "cpu",
        "dtype": "float32",
        "dialect": "torch",
        "benchmark": "step/1000",
        "threads": 1,
        "sha256": "t",
        "samples": samples,
        "median": float(np.median(samples)),
        "noise_floor": 0.01,
        "reason": None,
        **more,
    }


@pytest.fixture
def make_folder(tmp_path):
    """Return a function that writes a results folder with timings."""

    def make(name, *rows, **manifest):
        path = tmp_path / name
        path.mkdir()
        (path / "manifest.json").write_text(json.dumps({**MANIFEST, **manifest}))
        (path / "timings.jsonl").write_text("".join(json.dumps(line) + "\n" for line in rows))
        return path

    return make


def test_a_time_is_faster_slower_the_same_or_unclear(make_folder):
    names = ("scratch", "builtin", "foreach", "compiled")
    before = make_folder("a", *(timing_row(name, 1.0, seed=k) for k, name in enumerate(names)))
    spreads = (0.005, 0.005, 0.005, 0.2)
    after = make_folder(
        "b",
        *(
            timing_row(name, median, spread=spread, seed=9 + k)
            for k, (name, median, spread) in enumerate(zip(names, (0.8, 1.2, 1.0, 1.0), spreads, strict=True))
        ),
    )
    found = {entry.name: entry for entry in compare(before, after)}
    conclusions = {name: entry.conclusion for name, entry in found.items()}
    assert conclusions == {
        "torch/scratch": "faster",
        "torch/builtin": "slower",
        "torch/foreach": "same",
        "torch/compiled": "unclear",
    }
    assert found["torch/builtin"].ratio == pytest.approx(1.2, rel=0.02)


def test_a_difference_below_the_noise_floor_of_either_run_is_not_claimed(make_folder):
    before = make_folder("a", timing_row("builtin", 1.0, noise_floor=0.15))
    after = make_folder("b", timing_row("builtin", 1.1, seed=1))
    (found,) = compare(before, after)
    assert found.noise_floor == 0.15
    assert found.conclusion == "same"


def test_a_comparison_of_two_runs_is_deterministic(make_folder):
    before, after = make_folder("a", timing_row("builtin", 1.0)), make_folder("b", timing_row("builtin", 1.01, seed=1))
    assert to_json(compare(before, after)) == to_json(compare(before, after))
    (entry,) = json.loads(to_json(compare(before, after)))
    assert entry["interval"][0] <= entry["ratio"] <= entry["interval"][1]


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({"device": "cuda:0"}, "their device differs, cpu and cuda:0"),
        ({"threads": 2}, "their number of threads differs, 1 and 2"),
        ({"data": {"sha256": "other"}}, "their data differs, d and other"),
        ({"machine": {"cpu": "another"}}, "their processor differs, a processor and another"),
    ],
)
def test_runs_under_different_conditions_are_refused_with_the_condition(make_folder, manifest, message):
    with pytest.raises(UserError, match=message):
        compare(make_folder("a", timing_row("builtin", 1.0)), make_folder("b", timing_row("builtin", 1.0), **manifest))


@pytest.mark.parametrize(
    ("column", "other", "quantity"),
    [
        ("dtype", "float64", "format"),
        ("sha256", "other", "data"),
        ("threads", 7, "number of threads"),
        ("dialect", "d2l", "dialect"),
    ],
)
def test_rows_of_different_conditions_are_refused(make_folder, column, other, quantity):
    with pytest.raises(UserError, match=f"the {quantity} of torch/builtin at step/1000 differs"):
        compare(
            make_folder("a", timing_row("builtin", 1.0)),
            make_folder("b", timing_row("builtin", 1.0, **{column: other})),
        )


def test_runs_without_timings_or_without_a_common_timing_are_refused(make_folder, tmp_path):
    some = make_folder("a", timing_row("builtin", 1.0))
    with pytest.raises(UserError, match=r"has no timings; make some with `rmsuite bench"):
        compare(some, make_folder("b"))
    with pytest.raises(UserError, match="no implementation was timed at the same benchmark in both"):
        compare(some, make_folder("c", timing_row("scratch", 1.0)))
    with pytest.raises(UserError, match="is not a results folder"):
        compare(some, tmp_path / "nowhere")


@pytest.mark.parametrize("manifest", ["{", "[]"])
def test_an_invalid_manifest_is_refused(make_folder, manifest):
    broken = make_folder("a", timing_row("builtin", 1.0))
    (broken / "manifest.json").write_text(manifest)
    with pytest.raises(UserError, match=r"manifest.json can't be read"):
        compare(broken, broken)


def test_an_implementation_that_failed_in_one_run_is_not_timed_and_has_the_reason(make_folder):
    failed = {**timing_row("builtin", 1.0), "samples": [], "median": None, "reason": "the worker crashed"}
    (found,) = compare(make_folder("a", timing_row("builtin", 1.0)), make_folder("b", failed))
    assert (found.conclusion, found.ratio, found.reason) == (None, None, "the worker crashed")
    with (console := Console(width=120)).capture() as printed:
        show([found], console)
    assert "not timed: the worker crashed" in printed.get()
    assert "nothing was timed in both" in printed.get()


def test_results_of_an_earlier_schema_are_refused_in_one_line(make_folder):
    old = make_folder("a", timing_row("builtin", 1.0), schema=1)
    with pytest.raises(UserError, match=r"has results of schema 1, written by an earlier release") as failure:
        compare(old, make_folder("b", timing_row("builtin", 1.0)))
    assert "\n" not in str(failure.value)


def test_the_second_instance_of_an_implementation_is_not_compared(make_folder):
    rows = [timing_row("builtin", 1.0), timing_row("builtin", 1.0, instance=2, seed=1)]
    assert len(compare(make_folder("a", *rows), make_folder("b", *rows))) == 1
