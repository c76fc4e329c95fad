"""Statistics of samples: intervals, conclusions, outliers, drift, the noise floor and measurement warnings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from suite.benchmark import statistics
from suite.benchmark.statistics import Conclusion, Ratio, measurement_warnings
from suite.results.rows import TimingRow
from suite.results.wording import WARNING_ADVICE


def samples(median, spread=0.01, count=15, seed=0):
    return (median * (1 + spread * np.random.default_rng(seed).standard_normal(count))).tolist()


def test_the_interval_of_a_median_contains_it_and_narrows_with_more_samples():
    few, many = samples(1.0, 0.1, 10), samples(1.0, 0.1, 1000)
    (a, b), (c, d) = statistics.interval(few, 0), statistics.interval(many, 0)
    assert a <= np.median(few) <= b
    assert c <= np.median(many) <= d
    assert d - c < b - a


def test_the_interval_of_a_median_has_its_nominal_coverage():
    hits = 0
    for seed in range(200):
        low, high = statistics.interval(samples(1.0, 0.1, 25, seed), seed)
        hits += low <= 1.0 <= high
    # the 0.1 % quantile of the binomial at 92 %, which is the coverage of a percentile interval at 95 %
    assert hits >= 178


@pytest.mark.parametrize(
    ("ours", "theirs", "floor", "conclusion"),
    [
        (1.10, 1.0, 0.0, Conclusion.SLOWER),
        (0.90, 1.0, 0.0, Conclusion.FASTER),
        (1.10, 1.0, 0.2, Conclusion.SAME),
        (1.00, 1.0, 0.0, Conclusion.SAME),
        (1.06, 1.0, 0.08, Conclusion.SAME),
    ],
)
def test_the_conclusion_follows_from_the_interval_and_the_noise_floor(ours, theirs, floor, conclusion):
    found = statistics.paired(samples(ours, seed=1), samples(theirs, seed=2))
    assert found.conclusion(floor) is conclusion


def test_a_ratio_that_is_neither_different_nor_the_same_is_unclear():
    assert Ratio(1.02, 0.9, 1.15, 0.5).conclusion(0.0) is Conclusion.UNCLEAR
    # the interval is above what counts as the same, but includes the noise floor
    assert Ratio(1.06, 1.04, 1.08, 1e-6).conclusion(0.05) is Conclusion.UNCLEAR
    assert Ratio(1.2, 1.1, 1.3, 0.2).conclusion(0.0) is Conclusion.UNCLEAR  # p is too large


def test_a_slow_phase_of_the_machine_does_not_hide_a_difference_within_rounds():
    drift = np.linspace(1, 3, 31)
    ours, theirs = (drift * 1.05).tolist(), drift.tolist()
    found = statistics.paired(ours, theirs)
    assert (found.low, found.value, found.high) == pytest.approx((1.05, 1.05, 1.05))
    assert found.conclusion(0.0) is Conclusion.SLOWER
    unpaired = statistics.unpaired(ours, theirs, 0)
    assert unpaired.low < 1 < unpaired.high


def test_the_interval_of_a_ratio_contains_exactly_what_its_test_accepts():
    random = np.random.default_rng(0)
    for count in (6, 15, 50):
        for shift in (0.0, 0.02, 0.05):
            ours = np.exp(shift + 0.05 * random.standard_normal(count)).tolist()
            found = statistics.paired(ours, [1.0] * count)
            assert (found.p >= 0.05) == (found.low <= 1 <= found.high)
            assert found.low <= found.value <= found.high
            lower, upper = (
                statistics.paired(ours, [edge] * count).p for edge in (found.low / 1.001, found.high * 1.001)
            )
            assert max(lower, upper) < 0.05


def test_the_interval_of_a_ratio_has_its_nominal_coverage():
    random, hits = np.random.default_rng(1), 0
    for _ in range(400):
        found = statistics.paired(np.exp(0.1 * random.standard_t(2, 15)).tolist(), [1.0] * 15)
        hits += found.low <= 1 <= found.high
    assert hits >= 365  # the 0.1 % quantile of the binomial at 95 %


def test_the_interval_of_a_ratio_of_few_rounds_is_the_observed_range():
    found = statistics.paired([1.0, 1.1, 1.2], [1.0, 1.0, 1.0])
    assert (found.low, found.high) == pytest.approx((1.0, 1.2))
    assert found.conclusion(0.0) is Conclusion.UNCLEAR


def test_different_numbers_of_rounds_can_not_be_paired():
    with pytest.raises(ValueError, match="3 rounds can't be paired with 2"):
        statistics.paired([1.0, 2.0, 3.0], [1.0, 2.0])


def test_outliers_are_detected_if_there_are_enough_samples():
    quiet = samples(1.0, count=20)
    assert statistics.outliers(quiet) == []
    assert statistics.outliers([*quiet[:7], 2.0, *quiet[7:], 0.5]) == [7, 21]
    assert statistics.outliers([1.0, 1.0, 1.0, 9.0]) == []


def test_a_trend_is_drift_and_noise_is_not():
    rising = np.linspace(1.0, 1.2, 30)
    assert statistics.drift(rising.tolist()) == pytest.approx(0.2 / 1.1)
    assert statistics.drift(rising[::-1].tolist()) == pytest.approx(-0.2 / 1.1)
    assert statistics.drift(samples(1.0, count=30)) == 0
    assert statistics.drift(rising[:5].tolist()) == 0


def test_the_noise_floor_is_the_largest_ratio_between_equal_instances():
    pairs = [
        ([1.0, 1.0], [1.0, 1.02]),
        ([2.0, 2.0], [1.9, 1.9]),
        ([], [1.0]),
    ]  # the last has an instance without samples
    assert statistics.noise(pairs) == pytest.approx(2 / 1.9 - 1)
    assert statistics.noise([]) is None


QUIET = {"others": 0.0, "stolen": 0.0, "pace": 0.0}
ROW = TimingRow(
    framework="torch",
    implementation="builtin",
    version="1.0",
    device="cpu",
    dtype="float32",
    benchmark="step/10",
    size=10,
    seed=0,
    profile="quick",
    median=1.0,
    steady=True,
    spread=0.01,
    drift=0.0,
    unfinished=0.0,
    cpu_share=1.0,
    threads=1,
    sample_seconds=0.005,
    missing_steps=0.0,
    machine_load=QUIET,
)


@pytest.mark.parametrize(
    ("warning", "change"),
    [
        ("unsteady", {"steady": False}),
        ("spread", {"spread": 0.2}),
        ("outliers", {"outliers": [3]}),
        ("drift", {"drift": -0.1}),
        ("unfinished", {"unfinished": 0.05}),
        ("threads", {"cpu_share": 1.9}),
        ("short", {"sample_seconds": 0.0005}),
        ("uncounted", {"missing_steps": -0.5}),
        ("busy", {"machine_load": {**QUIET, "others": 0.3}}),
        ("stolen", {"machine_load": {**QUIET, "stolen": 0.05}}),
        ("throttled", {"machine_load": {**QUIET, "pace": 0.2}}),
    ],
)
def test_each_quantity_over_its_limit_gives_its_warning_and_no_other(warning, change):
    assert list(measurement_warnings(ROW)) == []
    assert list(measurement_warnings(replace(ROW, **change))) == [warning]
    assert WARNING_ADVICE[warning]


def test_two_requested_threads_give_no_warning():
    assert list(measurement_warnings(replace(ROW, cpu_share=1.9, threads=2))) == []


def test_a_row_without_a_median_has_no_warnings():
    assert list(measurement_warnings(replace(ROW, median=None, steady=None))) == []
