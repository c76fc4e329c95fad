"""Times: their units, tables, figures, noise floor and memory limit, and measurement warnings."""

from __future__ import annotations

import dataclasses
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
from reports.tables.numbers import duration, share, significant, size, unit
from reports.tables.timing import Timing
from suite.benchmark.statistics import WARNING_LIMITS
from suite.results.decoding import decode
from suite.results.rows import TIMINGS
from suite.results.wording import WARNING_ADVICE
from tests.support import sample_results


@pytest.fixture(scope="module")
def benchmarks(complete):
    return {benchmark.name: benchmark for benchmark in report.build(complete).timing}


@pytest.fixture
def folder(tmp_path):
    """A folder with a manifest alone."""
    (tmp_path / "manifest.json").write_text(json.dumps(sample_results.manifest()), encoding="utf-8")
    return tmp_path


@pytest.fixture
def made(folder):
    """Write these timings into the folder; return its timing table."""

    def make(rows):
        (folder / "timings.jsonl").write_text(sample_results.lines(rows), encoding="utf-8")
        return report.build(reports.load(folder)).timing

    return make


def forms(folder):
    """The page, the document and an 80-column terminal, of the timing alone."""
    reports.write(folder)
    page, document = ((folder / name).read_text("utf-8") for name in ("report.html", "report.md"))
    file = io.StringIO()
    reports.show(reports.load(folder), Console(file=file, width=80), ["timing"])
    return page, document[document.index("## Timing") :], file.getvalue()


def named(benchmark, name):
    return next(timing for timing in benchmark.timings if timing.name == name)


def column(benchmark, title):
    """A column of the table in full: implementation -> cell."""
    return {row["Implementation"]: row[title] for row in timing_tables.full(benchmark).records()}


def headings(table):
    """The first lines of the headings, without that of the names."""
    return [column.heading.split("\n")[0] for column in table.columns][1:]


def rows_in(table, title):
    """The rows of a section: name -> other cells."""
    section = next(one for one in table.sections if one.title == title)
    return {row[0].text: tuple(cell.text for cell in row[1:]) for row in section.rows}


def rows_of(*changes, benchmark="epoch/regression"):
    """torch/builtin and torch/scratch at a benchmark, with changes to the second."""
    rows = [row for row in sample_results.timings() if row["benchmark"] == benchmark and row["instance"] == 1]
    kept = [row for row in rows if row["framework"] == "torch" and row["implementation"] in ("builtin", "scratch")]
    for change in changes:
        kept[1] |= change
    return kept


# Numbers


def test_a_time_has_a_suitable_unit_and_three_digits():
    times = (0.0000769, 0.0123456, 1.5, 412.3, 2.5e-8, 0.9999e-3, 1e-12, None)
    assert [duration(x) for x in times] == [
        "76.9 µs", "12.3 ms", "1.50 s", "412 s", "25.0 ns", "1.00 ms", "0.00100 ns", "—",
    ]  # fmt: skip


def test_times_share_the_unit_of_the_smallest_unless_the_largest_gets_too_long():
    assert [unit(x).sign for x in ([2e-5, 2e-3], [5e-4, 2e-2], [4.0, 9e9], [3e-10], [])] == [
        "µs", "ms", "s", "ns", "s",
    ]  # fmt: skip


def test_ordinary_numbers_have_three_digits_and_no_exponent():
    assert [significant(x) for x in (999.6, 9.996, 12345, 0.01234, -2.5, 0, 1e12)] == [
        "1,000", "10.0", "12,345", "0.0123", "-2.50", "0", "1.00e12",
    ]  # fmt: skip
    assert [share(x) for x in (0.00123, 0.35, 1.174, None)] == ["0.12 %", "35 %", "117 %", "—"]
    assert [size(x) for x in (1, 1000, 10_000, 2_500_000, 10**10, None)] == [
        "1", "1,000", "10⁴", "2,500,000", "10¹⁰", "—",
    ]  # fmt: skip


# Benchmarks


def test_benchmarks_come_epochs_first_then_steps_by_size_then_by_tensors(benchmarks):
    assert list(benchmarks) == [
        "epoch/regression", "step/10", "step/1000", "step/1000000", "step/10000000", "step/1000000/100",
    ]  # fmt: skip


def test_timings_come_fastest_first_and_those_without_a_time_last_with_their_outcome(benchmarks):
    epoch = benchmarks["epoch/regression"]
    medians = [timing.median for timing in epoch.timings[:-1]]
    assert medians == sorted(medians)
    assert epoch.timings[-1].name == "tensorflow/keras"
    assert column(epoch, "Median, ms")["tensorflow/keras"] == "! failed"
    assert column(epoch, "Remark")["tensorflow/keras"] == "the process was killed"


def test_a_second_copy_gives_the_noise_floor_and_traffic_the_memory_limit(benchmarks):
    large = benchmarks["step/10000000"]
    assert len(large.timings) == len(sample_results.implementations()) + 1
    assert {timing.row.implementation for timing in large.timings}.isdisjoint({"traffic"})
    assert {timing.row.instance for timing in large.timings} == {1}
    assert large.noise_sentence == "Noise floor: 1.8 %; no smaller difference is claimed."
    assert large.memory_sentence == "Memory limit: 4.01 ms to move the memory of a step, measured with torch/traffic."
    assert benchmarks["step/1000"].memory_sentence == ""


def test_both_copies_of_an_implementation_are_read(complete):
    assert sum(row.instance == 2 for row in complete.timings) == 6
    assert complete.notes == ()


def test_a_large_step_is_shown_relative_to_the_memory_limit_and_per_parameter(benchmarks):
    large = benchmarks["step/10000000"]
    builtin = named(large, "torch/builtin")
    assert builtin.limit_share == pytest.approx(large.memory_limit[0] / builtin.median)
    assert column(large, "Memory limit / time")["torch/builtin"] == share(builtin.limit_share)
    assert column(large, "Per parameter")["torch/builtin"] == duration(builtin.median / 10_000_000)
    assert column(large, "State")["torch/builtin"] == "4.0 B"
    assert column(large, "Peak")["torch/builtin"] == "8.0 B"
    assert set(headings(timing_tables.full(benchmarks["step/10"]))).isdisjoint({"Memory limit / time", "State", "Peak"})


def test_a_conclusion_is_shown_with_the_ratio_and_its_interval(made):
    change = {"conclusion": "faster", "ratio": 0.151, "ratio_interval": [0.149, 0.188]}
    (benchmark,) = made(rows_of(change))
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
def test_no_difference_below_the_floor_is_claimed_whatever_a_row_says(made, change, conclusion):
    (benchmark,) = made(rows_of({"noise_floor": 0.018, **change}))
    assert named(benchmark, "torch/scratch").conclusion == conclusion


def test_an_implementation_that_does_not_agree_has_no_time_even_if_its_row_has_one(made):
    for outcome in ("differs", "failed", "unsupported", "perfect"):
        (benchmark,) = made(rows_of({"outcome": outcome, "reason": "why"}))
        assert [timing.name for timing in benchmark.measured] == ["torch/builtin"]


def test_an_epoch_has_its_speedup_over_the_section_s_loop_in_the_same_framework(benchmarks):
    epoch = benchmarks["epoch/regression"]
    section, builtin = (named(epoch, f"torch/{name}") for name in ("section", "builtin"))
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


def test_the_sentence_counts_those_that_can_not_be_told_from_the_fastest(made):
    (benchmark,) = made(rows_of({"median": 0.00615, "interval": [0.0061, 0.0063]}))
    assert benchmark.sentence.startswith("Fastest: torch/scratch, 6.15 ms (1 more can't be told from it); slowest:")
    (benchmark,) = made(rows_of({"median": 1.0, "interval": [0.9, 1.1]}))
    assert "can't be told" not in benchmark.sentence


def test_an_implementation_in_two_dialects_or_versions_has_two_labels(made):
    rows = rows_of()
    other = rows[1] | {"dialect": "keras3", "version": "2.14.0"}
    (benchmark,) = made([*rows, other])
    assert {timing.label for timing in benchmark.timings} == {
        "torch/builtin",
        "torch/scratch · d2l · 2.13.0",
        "torch/scratch · keras3 · 2.14.0",
    }
    (grid,) = timing_tables.grids([benchmark])
    assert list(rows_in(grid, "torch")) == ["scratch · d2l · 2.13.0", "scratch · keras3 · 2.14.0", "builtin"]


def test_devices_and_threads_make_separate_benchmarks(made):
    rows = rows_of()
    found = made(
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
def test_a_grid_marks_conclusions(made, conclusion, mark):
    (grid,) = timing_tables.grids(made(rows_of({"conclusion": conclusion, "ratio": 0.5, "median": 0.0061})))
    assert rows_in(grid, "torch")["scratch"][0] == f"6.10{mark}"


def test_implementations_without_a_time_for_the_same_reason_share_a_note(made):
    change = {"outcome": "unsupported", "median": None, "samples": [], "interval": None, "reason": "no such loop"}
    found = made([*rows_of(change), *rows_of(change, benchmark="step/10")])
    assert timing_tables.notes(found)[-1] == "torch/scratch at epoch/regression, step/10: – unsupported: no such loop"


# Measurement warnings


def test_every_measurement_warning_has_advice():
    assert WARNING_LIMITS.keys() == WARNING_ADVICE.keys()
    assert all(WARNING_ADVICE.values())


def test_every_warning_is_explained_once_with_its_extent(made, folder):
    extent = {
        "spread": 0.21, "outliers": [3, 4], "drift": -0.31, "unfinished": 0.41, "cpu_share": 1.51,
        "missing_steps": -0.61,
        "machine_load": {"others": 0.71, "stolen": 0.81, "pace": 0.91}, "warnings": [*WARNING_ADVICE, "new"],
    }  # fmt: skip
    found = timing_tables.warnings(made(rows_of(extent)))
    assert [one.code for one in found] == [*WARNING_ADVICE, "new"]
    assert [one.extent.removeprefix("1 of 2 times") for one in found] == [
        "", ", up to 21 %", ", up to 2", ", up to 31 %", ", up to 41 %", ", up to 1.51", "", ", up to 61 %",
        ", up to 71 %", ", up to 81 %", ", up to 91 %", "",
    ]  # fmt: skip
    for text in forms(folder):
        for advice in WARNING_ADVICE.values():
            assert " ".join(text.replace("&#39;", "'").split()).count(advice) == 1


def test_a_run_without_warnings_has_no_section_of_warnings(made, folder):
    made(rows_of({"warnings": []}))
    for text in forms(folder):
        assert "Measurement warnings" not in text


# Figures


def test_steps_are_drawn_over_sizes_with_the_memory_limit_and_over_tensors(complete):
    drawn = {figure.id: figure for figure in figures.build(complete, report.build(complete))["timing"]}
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


def test_without_traffic_there_is_no_memory_limit(made, folder):
    gone = {"memory_limit": None, "limit_share": None}
    found = made([row | gone for row in sample_results.timings() if row["implementation"] != "traffic"])
    assert all(benchmark.memory_limit is None for benchmark in found)
    for text in forms(folder):
        assert "memory limit" not in text.lower()
        assert "limit / time" not in text.lower()
    loaded = reports.load(folder)
    steps = figures.build(loaded, report.build(loaded))["timing"][1]
    assert steps.spec["datasets"]["limits"] == []
    assert "Dashed" not in steps.caption


def test_a_memory_limit_in_the_rows_is_used_where_traffic_is_missing(made):
    found = made([row for row in sample_results.timings() if row["implementation"] != "traffic"])
    assert found[4].memory_sentence == "Memory limit: 4.01 ms to move the memory of a step."


# The three renderings


def test_timings_without_an_outcome_are_shown(made, folder):
    (benchmark,) = made(sample_results.old_timings())
    assert benchmark.title == "epoch/regression, cpu, 1 thread"
    assert benchmark.unit.sign == "ms"
    assert headings(timing_tables.full(benchmark)) == [
        "Dialect", "Median, ms", "Interval", "Spread", "× section", "D2L 11.8, ms", "First call", "Samples", "Version",
    ]  # fmt: skip
    assert benchmark.noise_sentence == benchmark.memory_sentence == ""
    page, document, screen = forms(folder)
    median = benchmark.show(named(benchmark, "torch/builtin").median)
    assert f'<td class="number">{median}</td>' in page
    assert f"| torch/builtin | torch | {median} |" in document
    assert "noise floor" not in screen.lower()
    assert summary(reports.load(folder))["outcomes"]["timing"] == {}


def test_all_three_renderings_have_times_noise_floor_memory_limit_and_reasons(written):
    for text in forms(written):
        plain = " ".join(text.split())
        for words in ("10⁷", "noise floor", "1.8 %", "memory limit", "4.01", "39 %", "the process was killed"):
            assert words in plain


def test_no_time_on_a_terminal_has_leading_zeros_or_an_exponent(written):
    assert not re.findall(r"\de-?\d|0\.00\d", forms(written)[2])


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_has_one_line_for_each_implementation(written, width):
    file = io.StringIO()
    reports.show(reports.load(written), Console(file=file, width=width), ["timing"])
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert sum(line.startswith("  builtin-foreach ") for line in lines) == 3
    assert [line for line in lines if line.startswith("  keras-legacy ")][1].count("↑") == 4


def test_hostile_text_in_a_timing_stays_text(made, folder):
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
    rows = [rows_of(hostile)[1], rows_of(hostile, {"benchmark": f"step/{sample_results.HOSTILE}"})[1]]
    rows += [row | hostile | {"conclusion": "slower"} for row in rows_of(benchmark="step/10000000")]
    made([*sample_results.timings(), *rows])
    page, document, screen = forms(folder)
    assert page.count("<script") == 4
    assert "<img src=x" not in page
    assert "<img src=x" not in document
    assert "\x1b" not in screen
    assert "[bold red]" in screen


@pytest.mark.parametrize("wrong", [None, "x", -1.0, 0, 1e308, True, [], [None], [2, 1], {"pace": "x"}, {"pace": 1}])
def test_a_timing_with_any_malformed_value_is_shown(made, wrong):
    whole = rows_of(benchmark="step/10000000")
    for name in whole[0].keys() - {"framework", "implementation", "benchmark"}:
        found = made([row | {name: wrong} for row in whole])
        assert "torch" in [section.title for section in timing_tables.grids(found)[0].sections]
        for benchmark in found:
            assert benchmark.sentence
            timing_tables.full(benchmark)
            timing_figures.steps([benchmark, benchmark])
        timing_tables.notes(found)
        timing_tables.warnings(found)


def test_the_summary_counts_timings_and_lists_unexpected_ones(made, folder):
    made(rows_of({"outcome": "differs", "expected": False, "reason": "an update is off by 7 bounds"}))
    found = summary(reports.load(folder))
    assert found["outcomes"]["timing"] == {"agrees": 1, "differs": 1}
    (row,) = [row for row in found["unexpected"] if row["table"] == "timing"]
    assert (row["case"], row["reason"], row["repeat"]) == ("epoch/regression", "an update is off by 7 bounds", None)
    assert json.loads(json.dumps(found)) == found
