"""Benchmarks, with their noise floor and memory limit, and the tables of times."""

from __future__ import annotations

import dataclasses

import pytest

from reports.tables import timing_tables
from reports.tables.numbers import duration, share, significant
from reports.tables.timing import Timing
from suite.benchmark.statistics import WARNINGS
from suite.results.decoding import decode
from suite.results.rows import TIMINGS
from suite.results.wording import WARNING_ADVICE
from tests.support import sample_results
from tests.support.timings import column, headings, rows_in, timing_of, torch_rows


def test_epochs_come_before_steps_which_are_sorted_by_tensors_and_size(benchmarks):
    assert list(benchmarks) == [
        "epoch/regression", "step/10", "step/1000", "step/1000000", "step/10000000", "step/1000000/100",
    ]  # fmt: skip


def test_timings_are_sorted_by_median_and_failed_ones_come_last_with_their_outcome(benchmarks):
    epoch = benchmarks["epoch/regression"]
    medians = [timing.median for timing in epoch.timings[:-1]]
    assert medians == sorted(medians)
    assert epoch.timings[-1].name == "tensorflow/keras"
    assert column(epoch, "Median, ms")["tensorflow/keras"] == "! failed"
    assert column(epoch, "Remark")["tensorflow/keras"] == "the process was killed"


def test_second_copies_and_traffic_are_shown_as_noise_floor_and_memory_limit_only(benchmarks):
    large = benchmarks["step/10000000"]
    assert len(large.timings) == len(sample_results.implementations()) + 1
    assert {timing.row.implementation for timing in large.timings}.isdisjoint({"traffic"})
    assert {timing.row.instance for timing in large.timings} == {1}
    assert large.caption == (
        f"{large.sentence} Noise floor: 1.8 %; no smaller difference is claimed. "
        "Memory limit: 4.01 ms to move the memory of a step, measured with torch/traffic."
    )
    assert "Memory limit" not in benchmarks["step/1000"].caption


def test_both_copies_of_an_implementation_are_read(complete_results):
    assert sum(row.instance == 2 for row in complete_results.timings) == 6
    assert complete_results.notes == ()


def test_a_large_step_is_shown_relative_to_the_memory_limit_and_per_parameter(benchmarks):
    large = benchmarks["step/10000000"]
    builtin = timing_of(large, "torch/builtin")
    assert builtin.row.limit_share == pytest.approx(large.memory_limit[0] / builtin.median)
    assert column(large, "Memory limit / time")["torch/builtin"] == share(builtin.row.limit_share)
    assert column(large, "Per parameter")["torch/builtin"] == duration(builtin.median / 10_000_000)
    assert column(large, "State")["torch/builtin"] == "4.0 B"
    assert column(large, "Peak")["torch/builtin"] == "8.0 B"
    assert set(headings(timing_tables.full(benchmarks["step/10"]))).isdisjoint({"Memory limit / time", "State", "Peak"})


def test_a_conclusion_is_shown_with_the_ratio_and_its_interval(build_benchmarks):
    change = {"conclusion": "faster", "ratio": 0.151, "ratio_interval": [0.149, 0.188]}
    (benchmark,) = build_benchmarks(torch_rows(change))
    assert column(benchmark, "Against the built-in") == {
        "torch/scratch": "faster, 0.151 (0.149 to 0.188)",
        "torch/builtin": "",
    }


@pytest.mark.parametrize(
    ("change", "conclusion"),
    [
        ({"conclusion": "faster", "ratio": 0.5}, "faster"),
        ({"conclusion": "slower", "ratio": 1.017}, "unclear"),
        ({"conclusion": "faster", "ratio": 0.99}, "unclear"),
        ({"conclusion": "same", "ratio": 1.017}, "same"),
        ({"conclusion": "quickest", "ratio": 0.5}, None),
        ({"conclusion": "faster", "ratio": -1.0}, None),
        ({"conclusion": "faster", "ratio": None}, None),
        ({"conclusion": "faster", "ratio": 0.5, "outcome": "differs"}, None),
    ],
)
def test_conclusions_are_checked_against_the_noise_floor_and_the_outcome(build_benchmarks, change, conclusion):
    (benchmark,) = build_benchmarks(torch_rows({"noise_floor": 0.018, **change}))
    assert timing_of(benchmark, "torch/scratch").row.conclusion == conclusion


def test_the_time_of_an_implementation_that_does_not_agree_is_not_shown(build_benchmarks):
    for outcome in ("differs", "failed", "unsupported", "perfect"):
        (benchmark,) = build_benchmarks(torch_rows({"outcome": outcome, "reason": "why"}))
        assert [timing.name for timing in benchmark.measured] == ["torch/builtin"]


def test_an_epoch_has_a_speedup_over_the_section_s_loop_in_the_same_framework(benchmarks):
    epoch = benchmarks["epoch/regression"]
    section, builtin = (timing_of(epoch, f"torch/{name}") for name in ("section", "builtin"))
    shown = column(epoch, "× section")
    assert shown["torch/builtin"] == significant(section.median / builtin.median)
    assert shown["torch/section"] == "1.00"
    assert shown["mxnet/builtin"] == ""


def test_a_speedup_that_is_not_significant_is_marked():
    row = decode(TIMINGS, {"framework": "torch", "implementation": "x", "benchmark": "epoch/regression"})
    section = dataclasses.replace(row, implementation="section", median=1.0, interval=[0.9, 1.1], noise_floor=0.05)
    speedups = [
        Timing(dataclasses.replace(row, noise_floor=0.05, **change), "torch/x", section).speedup
        for change in (
            {"median": 0.5, "interval": [0.4, 0.6]},
            {"median": 0.8, "interval": [0.7, 0.95]},
            {"median": 0.97, "interval": [0.969, 0.971]},
            {"median": 0.97, "interval": None},
            {"median": None, "interval": None},
        )
    ]
    assert speedups == ["2.00", "≈ 1.25", "≈ 1.03", "≈ 1.03", ""]


def test_the_summary_sentence_counts_times_indistinguishable_from_the_fastest(build_benchmarks):
    (benchmark,) = build_benchmarks(torch_rows({"median": 0.00615, "interval": [0.0061, 0.0063]}))
    assert benchmark.sentence.startswith(
        "Fastest: torch/scratch, 6.15 ms (1 more can't be distinguished from it); slowest:"
    )
    (benchmark,) = build_benchmarks(torch_rows({"median": 1.0, "interval": [0.9, 1.1]}))
    assert "can't be distinguished" not in benchmark.sentence


def test_labels_distinguish_dialects_and_versions_of_one_implementation(build_benchmarks):
    rows = torch_rows()
    other = rows[1] | {"dialect": "keras3", "version": "2.14.0"}
    (benchmark,) = build_benchmarks([*rows, other])
    assert {timing.label for timing in benchmark.timings} == {
        "torch/builtin",
        "torch/scratch · d2l · 2.13.0",
        "torch/scratch · keras3 · 2.14.0",
    }
    (grid,) = timing_tables.grids([benchmark])
    assert list(rows_in(grid, "torch")) == ["scratch · d2l · 2.13.0", "scratch · keras3 · 2.14.0", "builtin"]


def test_devices_and_threads_make_separate_benchmarks(build_benchmarks):
    rows = torch_rows()
    found = build_benchmarks(
        [
            *rows,
            *({**row, "threads": 8, "version": "2.14.0"} for row in rows),
            *({**row, "device": "cuda:0"} for row in rows),
        ]
    )
    assert [benchmark.setting for benchmark in found] == [
        "cpu, float32, 1 thread", "cpu, float32, 8 threads", "cuda:0, float32, 1 thread",
    ]  # fmt: skip
    assert len(timing_tables.grids(found)) == 3


def test_the_memory_limit_of_the_rows_is_used_if_traffic_is_missing(build_benchmarks):
    found = build_benchmarks([row for row in sample_results.timings() if row["implementation"] != "traffic"])
    assert found[4].caption.endswith(" Memory limit: 4.01 ms to move the memory of a step.")


# Grids


def test_a_grid_has_a_column_for_each_size_and_the_memory_limit_for_the_largest(benchmarks):
    epochs, steps, split = timing_tables.grids(list(benchmarks.values()))
    assert headings(steps) == ["10", "1,000", "10⁶", "10⁷", "limit"]
    assert headings(split) == ["1", "100"]
    assert headings(epochs) == ["regression", "×", "D2L", "first"]
    assert [section.title for section in steps.sections][-2:] == ["oracle", ""]
    assert steps.sections[-1].footer
    assert list(rows_in(epochs, "torch")) == ["section", "scratch", "builtin", "builtin-foreach"]
    assert rows_in(steps, "")["noise floor"] == ("1.8 %", "1.8 %", "1.8 %", "1.8 %", "")
    assert rows_in(steps, "")["memory limit"][2:4] == (f"0.408{timing_tables.NO_MARK}", f"4.01{timing_tables.NO_MARK}")
    failed = rows_in(epochs, "tensorflow")["keras"]
    assert failed == (f"!{timing_tables.NO_MARK}", "", "139", "")


@pytest.mark.parametrize(
    ("conclusion", "mark"), [("faster", "↓"), ("slower", "↑"), ("same", "="), ("unclear", timing_tables.NO_MARK)]
)
def test_a_grid_marks_conclusions(build_benchmarks, conclusion, mark):
    (grid,) = timing_tables.grids(
        build_benchmarks(torch_rows({"conclusion": conclusion, "ratio": 0.5, "median": 0.0061}))
    )
    assert rows_in(grid, "torch")["scratch"][0] == f"6.10{mark}"


def test_implementations_without_a_time_for_the_same_reason_share_a_note(build_benchmarks):
    change = {"outcome": "unsupported", "median": None, "samples": [], "interval": None, "reason": "no such loop"}
    found = build_benchmarks([*torch_rows(change), *torch_rows(change, benchmark="step/10")])
    assert timing_tables.notes(found)[-1] == "torch/scratch at epoch/regression, step/10: – unsupported: no such loop"


def test_every_measurement_warning_has_advice():
    assert WARNINGS.keys() == WARNING_ADVICE.keys()
    assert all(WARNING_ADVICE.values())
