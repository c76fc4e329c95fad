"""Tests of the comparison of timings of two runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rich.console import Console

from suite.benchmark.comparison import compare, show, to_json
from suite.errors import UserError
from suite.results.rows import SCHEMA

MANIFEST = {"schema": SCHEMA, "device": "cpu", "threads": 1, "data": {"sha256": "d"}, "machine": {"cpu": "a processor"}}


def row(implementation, median, *, spread=0.005, seed=0, **more):
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
def folder(tmp_path):
    def make(name, *rows, **manifest):
        path = tmp_path / name
        path.mkdir()
        (path / "manifest.json").write_text(json.dumps({**MANIFEST, **manifest}))
        (path / "timings.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
        return path

    return make


def test_each_is_faster_slower_the_same_or_unclear(folder):
    names = ("scratch", "builtin", "foreach", "compiled")
    before = folder("a", *(row(name, 1.0, seed=k) for k, name in enumerate(names)))
    spreads = (0.005, 0.005, 0.005, 0.2)
    after = folder(
        "b",
        *(
            row(name, median, spread=spread, seed=9 + k)
            for k, (name, median, spread) in enumerate(zip(names, (0.8, 1.2, 1.0, 1.0), spreads, strict=True))
        ),
    )
    found = {one.name: one for one in compare(before, after)}
    calls = {name: one.conclusion for name, one in found.items()}
    assert calls == {
        "torch/scratch": "faster",
        "torch/builtin": "slower",
        "torch/foreach": "same",
        "torch/compiled": "unclear",
    }
    assert found["torch/builtin"].ratio == pytest.approx(1.2, rel=0.02)


def test_a_difference_below_the_noise_of_either_machine_is_not_claimed(folder):
    before, after = folder("a", row("builtin", 1.0, noise_floor=0.15)), folder("b", row("builtin", 1.1, seed=1))
    (found,) = compare(before, after)
    assert found.noise_floor == 0.15
    assert found.conclusion == "same"


def test_the_same_two_runs_compare_the_same_way_each_time(folder):
    before, after = folder("a", row("builtin", 1.0)), folder("b", row("builtin", 1.01, seed=1))
    assert to_json(compare(before, after)) == to_json(compare(before, after))
    (said,) = json.loads(to_json(compare(before, after)))
    assert said["interval"][0] <= said["ratio"] <= said["interval"][1]


@pytest.mark.parametrize(
    ("manifest", "what"),
    [
        ({"device": "cuda:0"}, "their device differs, cpu and cuda:0"),
        ({"threads": 2}, "their number of threads differs, 1 and 2"),
        ({"data": {"sha256": "other"}}, "their data differs, d and other"),
        ({"machine": {"cpu": "another"}}, "their processor differs, a processor and another"),
    ],
)
def test_unlike_runs_are_refused_with_what_is_unlike(folder, manifest, what):
    with pytest.raises(UserError, match=what):
        compare(folder("a", row("builtin", 1.0)), folder("b", row("builtin", 1.0), **manifest))


@pytest.mark.parametrize(
    ("part", "other", "what"),
    [
        ("dtype", "float64", "format"),
        ("sha256", "other", "data"),
        ("threads", 7, "number of threads"),
        ("dialect", "d2l", "dialect"),
    ],
)
def test_rows_of_different_conditions_are_refused(folder, part, other, what):
    with pytest.raises(UserError, match=f"the {what} of torch/builtin at step/1000 differs"):
        compare(
            folder("a", row("builtin", 1.0)),
            folder("b", row("builtin", 1.0, **{part: other})),
        )


def test_what_has_no_timings_or_nothing_in_common_is_said(folder, tmp_path):
    some = folder("a", row("builtin", 1.0))
    with pytest.raises(UserError, match=r"has no timings; make some with `rmsuite bench"):
        compare(some, folder("b"))
    with pytest.raises(UserError, match="no implementation was timed at the same benchmark in both"):
        compare(some, folder("c", row("scratch", 1.0)))
    with pytest.raises(UserError, match="is not a results folder"):
        compare(some, tmp_path / "nowhere")


@pytest.mark.parametrize("manifest", ["{", "[]"])
def test_a_manifest_that_is_none_is_said(folder, manifest):
    broken = folder("a", row("builtin", 1.0))
    (broken / "manifest.json").write_text(manifest)
    with pytest.raises(UserError, match=r"manifest.json can't be read"):
        compare(broken, broken)


def test_what_failed_in_one_run_is_not_timed_and_says_why(folder):
    failed = {**row("builtin", 1.0), "samples": [], "median": None, "reason": "it died"}
    (found,) = compare(folder("a", row("builtin", 1.0)), folder("b", failed))
    assert (found.conclusion, found.ratio, found.reason) == (None, None, "it died")
    with (console := Console(width=120)).capture() as said:
        show([found], console)
    assert "not timed: it died" in said.get()
    assert "nothing was timed in both" in said.get()


def test_results_of_an_earlier_schema_are_refused_in_one_line(folder):
    old = folder("a", row("builtin", 1.0), schema=1)
    with pytest.raises(UserError, match=r"has results of schema 1, written by an earlier release") as failure:
        compare(old, folder("b", row("builtin", 1.0)))
    assert "\n" not in str(failure.value)


def test_the_second_of_a_pair_is_not_compared(folder):
    rows = [row("builtin", 1.0), row("builtin", 1.0, instance=2, seed=1)]
    assert len(compare(folder("a", *rows), folder("b", *rows))) == 1
