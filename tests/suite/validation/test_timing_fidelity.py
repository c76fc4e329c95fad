"""Tests of the fidelity experiments: the summary of their rows, and the minimal loop."""

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


def beside(framework, size, ours, theirs, peak=None, bare_peak=None):
    return LoopRow(framework=framework, size=size, ours=ours, theirs=theirs, peak=peak, bare_peak=bare_peak)


def called(framework, equal, slower, noise_floor=0.02, reason=None):
    equal, slower = (CopyComparison(None, None, None, conclusion) for conclusion in (equal, slower))
    return CopiesRow(framework=framework, reason=reason, noise_floor=noise_floor, equal=equal, slower=slower)


def summary(rows):
    return FidelityResult.of(rows, {}, threads=1, seed=0)


def test_the_ratio_is_the_median_over_beginnings_and_its_range_stands_beside():
    rows = [beside("torch", 10, [r, r, r], [1.0, 1.0, 1.0]) for r in (1.1, 0.9, 1.02)]
    (found,) = summary(rows).beside
    assert (found.ratio, found.low, found.high) == pytest.approx((1.02, 0.9, 1.1))


def test_memory_is_counted_in_copies_of_the_parameters():
    rows = [beside("torch", 1_000_000, [1.0], [1.0], peak=50_000_000, bare_peak=48_000_000)]
    assert summary(rows).beside[0].copies == 0.5


def test_calls_are_counted_and_what_failed_is_not():
    rows = [
        called("mxnet", "same", "slower"),
        called("mxnet", "faster", "unclear"),
        called("mxnet", "slower", "slower"),
        called("mxnet", None, None, reason="it died"),
    ]
    (found,) = summary(rows).calls
    assert (found.races, found.slower, found.different) == (3, 2, 2)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_minimal_loop_answers_with_seconds_and_ends_with_its_context(framework):
    environment = environments({})[framework]
    if not environment.exists:
        pytest.skip(f"there is no environment for {framework}: `rmsuite envs --build`")
    with MinimalLoop(environment, 10, 1) as loop:
        assert 0 < loop.sample(10) < 1
    assert loop.process.returncode is not None


def test_a_minimal_loop_that_ends_says_so(tmp_path):
    python = script(tmp_path, "broken", f"{sys.executable} -c 'pass'")
    with pytest.raises(UserError, match="the minimal loop of torch at 10 parameters has ended"):
        MinimalLoop(Environment(Release("torch"), python, user_supplied=True), 10, 1)


def test_a_run_with_an_equal_and_a_slower_copy_has_the_ratios_of_both(tmp_path, numpy_python, monkeypatch):
    monkeypatch.setattr(timing_fidelity, "CALLED_AT", 10)
    known = {"torch": Environment(Release("torch"), numpy_python, user_supplied=True)}
    with Coordinator(known, "cpu", 1, 60.0) as coordinator:
        hellos = coordinator.hello()
        experiment = Fidelity(coordinator, hellos, tmp_path, 0)
        experiment.careful = PROFILES["quick"]
        row = experiment.called("torch", 0)
    assert row.reason is None
    assert row.slower.ratio > 0
    assert row.equal.conclusion in ("same", "unclear", "faster", "slower")
    assert row.noise_floor >= 0
    written = json.loads(json.dumps(asdict(FidelityResult.of([row], hellos, threads=1, seed=0))))
    assert written["races"] == [asdict(row)]


@pytest.mark.parametrize("file", ["fidelity.json", "fidelity-mxnet.json"])
def test_the_published_results_have_the_keys_that_are_written_now(file):
    def keys(kind):
        return {field.name for field in fields(kind)}

    found = json.loads((Path(__file__).parents[3] / "docs" / file).read_text("utf-8"))
    assert found.keys() == keys(FidelityResult)
    assert found["machine"].keys() == provenance.machine().keys()
    for name, kind in {"beside": LoopSummary, "calls": CopiesSummary, "races": CopiesRow}.items():
        assert found[name]
        assert all(row.keys() == keys(kind) for row in found[name])
    assert all(row[name].keys() == keys(CopyComparison) for row in found["races"] for name in ("equal", "slower"))
