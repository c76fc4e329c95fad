"""Times on the page, in Markdown, on a terminal, in the summary, and in figures."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

import reports
from reports import figures
from reports.figures import timing as timing_figures
from reports.render.exports import summary
from reports.tables import report, timing_tables
from suite.results.wording import WARNING_ADVICE
from tests.support import sample_results
from tests.support.timings import headings, renderings, timing_of, torch_rows


def test_timings_without_an_outcome_are_shown(build_benchmarks, manifest_folder):
    (benchmark,) = build_benchmarks(sample_results.timings_without_outcomes())
    assert benchmark.title == "epoch/regression, cpu, 1 thread"
    assert benchmark.unit.sign == "ms"
    assert headings(timing_tables.full(benchmark)) == [
        "Dialect", "Median, ms", "Interval", "Spread", "× section", "D2L 11.8, ms", "First call", "Samples", "Version",
    ]  # fmt: skip
    assert benchmark.caption == benchmark.sentence
    page, document, screen = renderings(manifest_folder)
    median = benchmark.show(timing_of(benchmark, "torch/builtin").median)
    assert f'<td class="number">{median}</td>' in page
    assert f"| torch/builtin | torch | {median} |" in document
    assert "noise floor" not in screen.lower()
    assert summary(reports.load(manifest_folder))["outcomes"]["timing"] == {}


def test_all_three_renderings_have_times_noise_floor_memory_limit_and_reasons(report_folder):
    for text in renderings(report_folder):
        plain = " ".join(text.split())
        for words in ("10⁷", "noise floor", "1.8 %", "memory limit", "4.01", "39 %", "the process was killed"):
            assert words in plain


def test_no_time_on_a_terminal_has_leading_zeros_or_an_exponent(report_folder):
    assert not re.findall(r"\de-?\d|0\.00\d", renderings(report_folder)[2])


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_has_one_line_for_each_implementation(report_folder, width):
    file = io.StringIO()
    reports.show(reports.load(report_folder), Console(file=file, width=width), ["timing"])
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert sum(line.startswith("  builtin-foreach ") for line in lines) == 3
    assert [line for line in lines if line.startswith("  keras-legacy ")][1].count("↑") == 4


def test_hostile_text_in_a_timing_is_escaped(build_benchmarks, manifest_folder):
    texts = (
        "framework",
        "implementation",
        "version",
        "device",
        "dtype",
        "dialect",
        "mode",
        "conclusion",
        "baseline",
        "reason",
    )
    hostile = {name: f"{sample_results.HOSTILE} {name}" for name in texts} | {"warnings": [sample_results.HOSTILE]}
    rows = [torch_rows(hostile)[1], torch_rows(hostile, {"benchmark": f"step/{sample_results.HOSTILE}"})[1]]
    rows += [row | hostile | {"conclusion": "slower"} for row in torch_rows(benchmark="step/10000000")]
    build_benchmarks([*sample_results.timings(), *rows])
    page, document, screen = renderings(manifest_folder)
    assert page.count("<script") == 4
    assert "<img src=x" not in page
    assert "<img src=x" not in document
    assert "\x1b" not in screen
    assert "[bold red]" in screen


@pytest.mark.parametrize("wrong", [None, "x", -1.0, 0, 1e308, True, [], [None], [2, 1], {"pace": "x"}, {"pace": 1}])
def test_a_timing_with_any_malformed_value_is_shown(build_benchmarks, wrong):
    rows = torch_rows(benchmark="step/10000000")
    for name in rows[0].keys() - {"framework", "implementation", "benchmark"}:
        found = build_benchmarks([row | {name: wrong} for row in rows])
        assert "torch" in [section.title for section in timing_tables.grids(found)[0].sections]
        for benchmark in found:
            assert benchmark.sentence
            timing_tables.full(benchmark)
            timing_figures.steps([benchmark, benchmark])
        timing_tables.notes(found)
        timing_tables.warnings(found)


def test_the_summary_counts_timings_and_lists_unexpected_ones(build_benchmarks, manifest_folder):
    build_benchmarks(torch_rows({"outcome": "differs", "expected": False, "reason": "an update is off by 7 bounds"}))
    found = summary(reports.load(manifest_folder))
    assert found["outcomes"]["timing"] == {"agrees": 1, "differs": 1}
    (row,) = [row for row in found["unexpected"] if row["table"] == "timing"]
    assert (row["case"], row["reason"], row["repeat"]) == ("epoch/regression", "an update is off by 7 bounds", None)
    assert json.loads(json.dumps(found)) == found


def test_every_warning_is_explained_once_with_its_extent(build_benchmarks, manifest_folder):
    extent = {
        "spread": 0.21, "outliers": [3, 4], "drift": -0.31, "unfinished": 0.41, "cpu_share": 1.51,
        "missing_steps": -0.61,
        "machine_load": {"others": 0.71, "stolen": 0.81, "pace": 0.91}, "warnings": [*WARNING_ADVICE, "new"],
    }  # fmt: skip
    found = timing_tables.warnings(build_benchmarks(torch_rows(extent)))
    assert [one.code for one in found] == [*WARNING_ADVICE, "new"]
    assert [one.extent.removeprefix("1 of 2 times") for one in found] == [
        "", ", up to 21 %", ", up to 2", ", up to 31 %", ", up to 41 %", ", up to 1.51", "", ", up to 61 %",
        ", up to 71 %", ", up to 81 %", ", up to 91 %", "",
    ]  # fmt: skip
    for text in renderings(manifest_folder):
        for advice in WARNING_ADVICE.values():
            assert " ".join(text.replace("&#39;", "'").split()).count(advice) == 1


def test_a_run_without_warnings_has_no_section_of_warnings(build_benchmarks, manifest_folder):
    build_benchmarks(torch_rows({"warnings": []}))
    for text in renderings(manifest_folder):
        assert "Measurement warnings" not in text


# Figures


def test_steps_are_drawn_over_sizes_with_the_memory_limit_and_over_tensors(complete_results):
    drawn = {figure.id: figure for figure in figures.build(complete_results, report.build(complete_results))["timing"]}
    assert list(drawn) == ["figure-timing-0", "figure-steps-0", "figure-tensors-0-1000000"]
    rows = drawn["figure-steps-0"].spec["datasets"]["steps"]
    assert {row["at"] for row in rows} == set(sample_results.SIZES)
    assert len(rows) == len(sample_results.SIZES) * (len(sample_results.implementations()) + 1)
    builtin = next(row for row in rows if row["name"] == "torch/builtin" and row["at"] == 10_000_000)
    assert builtin["each"] == pytest.approx(1.0, rel=0.2)  # nanoseconds
    assert builtin["low"] < builtin["each"] < builtin["high"]
    assert (builtin["step"], builtin["parameter"], builtin["limit"]) == ("10.3 ms", "1.03 ns", "39 %")
    limits = drawn["figure-steps-0"].spec["datasets"]["limits"]
    assert [row["each"] for row in limits] == pytest.approx([0.408, 0.408, 0.4008, 0.4008])
    assert "Dashed" in drawn["figure-steps-0"].caption
    assert {row["at"] for row in drawn["figure-tensors-0-1000000"].spec["datasets"]["steps"]} == {1, 100}


def test_without_traffic_there_is_no_memory_limit(build_benchmarks, manifest_folder):
    without_limit = {"memory_limit": None, "limit_share": None}
    found = build_benchmarks(
        [row | without_limit for row in sample_results.timings() if row["implementation"] != "traffic"]
    )
    assert all(benchmark.memory_limit is None for benchmark in found)
    for text in renderings(manifest_folder):
        assert "memory limit" not in text.lower()
        assert "limit / time" not in text.lower()
    loaded = reports.load(manifest_folder)
    steps = figures.build(loaded, report.build(loaded))["timing"][1]
    assert steps.spec["datasets"]["limits"] == []
    assert "Dashed" not in steps.caption
