"""The fidelity experiments: the summary of their rows, and the minimal loop."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from suite.adapters import FRAMEWORKS
from suite.cases.benchmarks import PROFILES
from suite.errors import UserError
from suite.results import provenance
from suite.validation import timing_fidelity
from suite.validation.timing_fidelity import (
    CopiesRow,
    CopiesSummary,
    CopyComparison,
    Fidelity,
    FidelityResult,
    LoopRow,
    LoopSummary,
    MinimalLoop,
)
from suite.workers.coordinator import Coordinator
from suite.workers.environments import Environment, Release, environments
from tests.suite.conftest import script


def loop_row(size, worker_seconds, loop_seconds, **peaks):
    return LoopRow(framework="torch", size=size, worker_seconds=worker_seconds, loop_seconds=loop_seconds, **peaks)


def copies_row(framework, equal, slower, noise_floor=0.02, reason=None):
    equal, slower = (CopyComparison(None, None, None, conclusion) for conclusion in (equal, slower))
    return CopiesRow(framework=framework, reason=reason, noise_floor=noise_floor, equal=equal, slower=slower)


def summary(rows):
    return FidelityResult.of(rows, {}, threads=1, seed=0)


def test_the_ratio_to_the_minimal_loop_is_the_median_over_restarts_with_its_range():
    rows = [loop_row(10, [ratio] * 3, [1.0] * 3) for ratio in (1.1, 0.9, 1.02)]
    (found,) = summary(rows).overhead
    assert (found.ratio, found.low, found.high) == pytest.approx((1.02, 0.9, 1.1))


def test_additional_memory_is_measured_in_copies_of_the_parameters():
    rows = [loop_row(1_000_000, [1.0], [1.0], worker_peak=50_000_000, loop_peak=48_000_000)]
    assert summary(rows).overhead[0].copies == 0.5


def test_runs_with_copies_are_counted_by_conclusion_without_failed_runs():
    rows = [
        copies_row("mxnet", "same", "slower"),
        copies_row("mxnet", "faster", "unclear"),
        copies_row("mxnet", "slower", "slower"),
        copies_row("mxnet", None, None, reason="the worker crashed"),
    ]
    (found,) = summary(rows).calls
    assert (found.runs, found.slower, found.different) == (3, 2, 2)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_minimal_loop_returns_seconds_and_ends_with_its_context(framework):
    environment = environments({})[framework]
    if not environment.exists:
        pytest.skip(f"there is no environment for {framework}: `rmsuite envs --build`")
    with MinimalLoop(environment, 10, 1) as loop:
        assert 0 < loop.sample(10) < 1
    assert loop.process.returncode is not None


def test_a_minimal_loop_that_ends_early_raises_an_error(tmp_path):
    python = script(tmp_path, "broken", f"{sys.executable} -c 'pass'")
    with pytest.raises(UserError, match="the minimal loop of torch at 10 parameters has ended"):
        MinimalLoop(Environment(Release("torch"), python, user_supplied=True), 10, 1)


def test_a_run_with_copies_has_conclusions_about_the_equal_and_the_slower_one(tmp_path, numpy_python, monkeypatch):
    monkeypatch.setattr(timing_fidelity, "COPIES_SIZE", 10)
    known = {"torch": Environment(Release("torch"), numpy_python, user_supplied=True)}
    with Coordinator(known, "cpu", 1, 60.0) as coordinator:
        hellos = coordinator.hello()
        experiment = Fidelity(coordinator, hellos, tmp_path, 0)
        experiment.profile = PROFILES["quick"]
        row = experiment.copies("torch", 0)
    assert row.reason is None
    assert row.slower.ratio > 0
    assert row.equal.conclusion in ("same", "unclear", "faster", "slower")
    assert row.noise_floor >= 0
    written = json.loads(json.dumps(asdict(FidelityResult.of([row], hellos, threads=1, seed=0))))
    assert written["copy_runs"] == [asdict(row)]


@pytest.mark.parametrize("file", ["fidelity.json", "fidelity-mxnet.json"])
def test_the_published_results_have_the_current_keys(file):
    def keys(row_type):
        return {field.name for field in fields(row_type)}

    published = json.loads((Path(__file__).parents[3] / "docs" / file).read_text("utf-8"))
    assert published.keys() == keys(FidelityResult)
    assert published["machine"].keys() == provenance.machine().keys()
    for name, row_type in {"overhead": LoopSummary, "calls": CopiesSummary, "copy_runs": CopiesRow}.items():
        assert published[name]
        assert all(row.keys() == keys(row_type) for row in published[name])
    assert all(
        row[name].keys() == keys(CopyComparison) for row in published["copy_runs"] for name in ("equal", "slower")
    )
