"""What is said of times: in units for people, beside what bounds them, and never more than is known."""

from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

import reports
from reports.figures import collection, step_times
from reports.render.summary import build as summary
from reports.tables import report, timing_columns, timing_grid, timing_warnings
from reports.tables.numbers import duration, share, significant, size, unit
from reports.tables.timing import Timing
from suite.benchmark.warnings import Doubt
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
    """Makes the timing table of a folder with these timings."""

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
    """A column in full, by the implementation's name."""
    found = next(one for one in timing_columns.build(benchmark) if one.title == title)
    return dict(zip((timing.name for timing in benchmark.timings), found.cells, strict=True))


def rows_of(*changes, benchmark="epoch/regression"):
    """torch/builtin and torch/scratch at a benchmark, with changes to the second."""
    rows = [row for row in sample_results.timings() if row["benchmark"] == benchmark and row["instance"] == 1]
    kept = [row for row in rows if row["framework"] == "torch" and row["implementation"] in ("builtin", "scratch")]
    for change in changes:
        kept[1] |= change
    return kept


# Numbers


def test_a_time_has_the_unit_that_suits_it_and_three_digits():
    times = (0.0000769, 0.0123456, 1.5, 412.3, 2.5e-8, 0.9999e-3, 1e-12, None)
    assert [duration(x) for x in times] == [
        "76.9 µs", "12.3 ms", "1.50 s", "412 s", "25.0 ns", "1.00 ms", "0.00100 ns", "—",
    ]  # fmt: skip


def test_times_side_by_side_share_the_unit_of_the_least_unless_the_largest_gets_too_long():
    assert [unit(x).sign for x in ([2e-5, 2e-3], [5e-4, 2e-2], [4.0, 9e9], [3e-10], [])] == [
        "µs", "ms", "s", "ns", "s",
    ]  # fmt: skip


def test_numbers_of_three_digits_have_no_exponent_where_people_read_them():
    assert [significant(x) for x in (999.6, 9.996, 12345, 0.01234, -2.5, 0, 1e12)] == [
        "1,000", "10.0", "12,345", "0.0123", "-2.50", "0", "1.00e12",
    ]  # fmt: skip
    assert [share(x) for x in (0.00123, 0.35, 1.174, None)] == ["0.12 %", "35 %", "117 %", "—"]
    assert [size(x) for x in (1, 1000, 10_000, 2_500_000, 10**10, None)] == [
        "1", "1,000", "10⁴", "2,500,000", "10¹⁰", "—",
    ]  # fmt: skip


# What stands in the table


def test_benchmarks_come_epochs_first_then_steps_by_size_then_by_tensors(benchmarks):
    assert list(benchmarks) == [
        "epoch/regression", "step/10", "step/1000", "step/1000000", "step/10000000", "step/1000000/100",
    ]  # fmt: skip


def test_timings_come_fastest_first_and_what_has_no_time_last_with_its_outcome(benchmarks):
    epoch = benchmarks["epoch/regression"]
    medians = [timing.median for timing in epoch.timings[:-1]]
    assert medians == sorted(medians)
    assert epoch.timings[-1].name == "tensorflow/keras"
    assert column(epoch, "Median, ms")["tensorflow/keras"] == "! failed"
    assert column(epoch, "Remark")["tensorflow/keras"] == "the process was killed"


def test_two_of_the_same_become_the_floor_and_who_moves_memory_the_limit(benchmarks):
    large = benchmarks["step/10000000"]
    assert len(large.timings) == len(sample_results.implementations()) + 1
    assert {timing.row["implementation"] for timing in large.timings}.isdisjoint({"traffic"})
    assert {timing.row["instance"] for timing in large.timings} == {1}
    assert large.margin == "Two of the same part by 1.8 %: no smaller difference is claimed."
    assert large.bound == "The memory of a step needs at least 4.01 ms: torch/traffic."
    assert benchmarks["step/1000"].bound == ""


def test_both_of_two_that_are_the_same_are_read(complete):
    assert sum(complete.timings["instance"] == 2) == 6
    assert complete.notes == ()


def test_a_large_step_is_a_fraction_of_the_limit_and_an_amount_for_each_parameter(benchmarks):
    large = benchmarks["step/10000000"]
    builtin = named(large, "torch/builtin")
    assert builtin.fraction == pytest.approx(large.limit[0] / builtin.median)
    assert column(large, "Of the limit")["torch/builtin"] == share(builtin.fraction)
    assert column(large, "Per parameter")["torch/builtin"] == duration(builtin.median / 10_000_000)
    assert column(large, "State")["torch/builtin"] == "4.0 B"
    assert column(large, "Peak")["torch/builtin"] == "8.0 B"
    assert {one.title for one in timing_columns.build(benchmarks["step/10"])}.isdisjoint(
        {"Of the limit", "State", "Peak"}
    )


def test_the_call_stands_with_the_ratio_and_its_interval(made):
    change = {"call": "faster", "ratio": 0.151, "ratio_interval": [0.149, 0.188]}
    (benchmark,) = made(rows_of(change))
    assert column(benchmark, "Against the built-in") == {
        "torch/scratch": "faster, 0.151 (0.149 to 0.188)",
        "torch/builtin": "",
    }


@pytest.mark.parametrize(
    ("change", "call"),
    [
        ({"call": "faster", "ratio": 0.5}, "faster"),
        ({"call": "slower", "ratio": 1.017}, "unclear"),
        ({"call": "faster", "ratio": 0.99}, "unclear"),
        ({"call": "same", "ratio": 1.017}, "same"),
        ({"call": "quickest", "ratio": 0.5}, None),
        ({"call": "faster", "ratio": -1.0}, None),
        ({"call": "faster", "ratio": None}, None),
        ({"call": "faster", "ratio": 0.5, "outcome": "differs"}, None),
    ],
)
def test_no_difference_below_the_floor_is_claimed_whatever_a_row_says(made, change, call):
    (benchmark,) = made(rows_of({"floor": 0.018, **change}))
    assert named(benchmark, "torch/scratch").call == call


def test_what_does_not_agree_has_no_time_though_its_row_had_one(made):
    for outcome in ("differs", "failed", "unsupported", "perfect"):
        (benchmark,) = made(rows_of({"outcome": outcome, "reason": "why"}))
        assert [timing.name for timing in benchmark.measured] == ["torch/builtin"]


def test_an_epoch_is_so_many_times_faster_than_the_section_s_loop_in_its_framework(benchmarks):
    epoch = benchmarks["epoch/regression"]
    section, builtin = (named(epoch, f"torch/{name}") for name in ("section", "builtin"))
    shown = column(epoch, "× section")
    assert shown["torch/builtin"] == significant(section.median / builtin.median)
    assert shown["torch/section"] == "1.00"
    assert shown["mxnet/builtin"] == ""


def test_what_is_as_fast_as_the_section_s_loop_is_not_called_faster():
    row = dict.fromkeys(sample_results.timings()[0]) | {"framework": "torch", "benchmark": "epoch/regression"}
    section = row | {"implementation": "section", "median": 1.0, "interval": [0.9, 1.1], "floor": 0.05}
    faster = [
        Timing(row | {"implementation": "x", "floor": 0.05, **change}, "torch/x", section).faster
        for change in (
            {"median": 0.5, "interval": [0.4, 0.6]},
            {"median": 0.8, "interval": [0.7, 0.95]},
            {"median": 0.97, "interval": [0.969, 0.971]},
            {"median": 0.97, "interval": None},
            {"median": None, "interval": None},
        )
    ]
    assert faster == ["2.00", "≈ 1.25", "≈ 1.03", "≈ 1.03", ""]


def test_the_sentence_counts_those_that_are_not_told_from_the_fastest(made):
    (benchmark,) = made(rows_of({"median": 0.00615, "interval": [0.0061, 0.0063]}))
    assert benchmark.sentence.startswith("Fastest: torch/scratch, 6.15 ms (1 more can't be told from it); slowest:")
    (benchmark,) = made(rows_of({"median": 1.0, "interval": [0.9, 1.1]}))
    assert "can't be told" not in benchmark.sentence


def test_who_was_timed_in_two_dialects_or_versions_has_two_names(made):
    rows = rows_of()
    other = rows[1] | {"dialect": "keras3", "version": "2.14.0"}
    (benchmark,) = made([*rows, other])
    assert {timing.label for timing in benchmark.timings} == {
        "torch/builtin",
        "torch/scratch · d2l · 2.13.0",
        "torch/scratch · keras3 · 2.14.0",
    }
    (grid,) = timing_grid.build([benchmark])
    assert [name for name, _ in grid.groups[0][1]] == ["scratch · d2l · 2.13.0", "scratch · keras3 · 2.14.0", "builtin"]


def test_devices_and_threads_stand_apart(made):
    rows = rows_of()
    found = made([*rows, *({**row, "threads": 8} for row in rows), *({**row, "device": "cuda:0"} for row in rows)])
    assert [benchmark.setting for benchmark in found] == [
        "cpu, float32, 1 thread", "cpu, float32, 8 threads", "cuda:0, float32, 1 thread",
    ]  # fmt: skip
    assert len(timing_grid.build(found)) == 3


# Grids


def test_a_grid_has_sizes_side_by_side_then_the_largest_as_a_fraction_of_the_limit(benchmarks):
    epochs, steps, split = timing_grid.build(list(benchmarks.values()))
    assert [title for title, _ in steps.heads] == ["10", "1,000", "10⁶", "10⁷", "of the"]
    assert [title for title, _ in split.heads] == ["1", "100"]
    assert [title for title, _ in epochs.heads] == ["regression", "×", "D2L", "first"]
    assert [framework for framework, _ in steps.groups][-1] == "oracle"
    assert [name for name, _ in dict(epochs.groups)["torch"]] == ["section", "scratch", "builtin", "builtin-foreach"]
    assert dict(steps.feet)["two of the same"] == ("1.8 %", "1.8 %", "1.8 %", "1.8 %", "")
    assert dict(steps.feet)["memory alone"][2:4] == (f"0.408{timing_grid.NO_MARK}", f"4.01{timing_grid.NO_MARK}")
    failed = dict(dict(epochs.groups)["tensorflow"])["keras"]
    assert failed == (f"!{timing_grid.NO_MARK}", "", "139", "")


@pytest.mark.parametrize(
    ("call", "mark"), [("faster", "↓"), ("slower", "↑"), ("same", "="), ("unclear", timing_grid.NO_MARK)]
)
def test_a_grid_marks_what_may_be_said(made, call, mark):
    (grid,) = timing_grid.build(made(rows_of({"call": call, "ratio": 0.5, "median": 0.0061})))
    assert dict(dict(grid.groups)["torch"])["scratch"][0] == f"6.10{mark}"


def test_those_without_a_time_for_the_same_reason_are_said_once(made):
    change = {"outcome": "unsupported", "median": None, "samples": [], "interval": None, "reason": "no such loop"}
    found = made([*rows_of(change), *rows_of(change, benchmark="step/10")])
    assert timing_grid.notes(found)[-1] == "torch/scratch at epoch/regression, step/10: – unsupported: no such loop"


# Doubts


def test_every_doubt_of_the_suite_is_known_in_its_own_words():
    assert {doubt.code: doubt.advice for doubt in Doubt} == dict(WARNING_ADVICE)


def test_every_doubt_is_explained_once_with_how_much_of_it_there_is(made, folder):
    extent = {
        "spread": 0.21, "outliers": [3, 4], "drift": -0.31, "leftover": 0.41, "cpu_share": 1.51, "missing_steps": -0.61,
        "surroundings": {"others": 0.71, "stolen": 0.81, "pace": 0.91}, "doubts": [*WARNING_ADVICE, "new"],
    }  # fmt: skip
    footnotes = timing_warnings.footnotes(made(rows_of(extent)))
    assert [one.code for one in footnotes] == [*WARNING_ADVICE, "new"]
    assert [one.extent.removeprefix("1 of 2 figures") for one in footnotes] == [
        "", ", up to 21 %", ", up to 2", ", up to 31 %", ", up to 41 %", ", up to 1.51", "", ", up to 61 %",
        ", up to 71 %", ", up to 81 %", ", up to 91 %", "",
    ]  # fmt: skip
    for text in forms(folder):
        for advice in WARNING_ADVICE.values():
            assert " ".join(text.replace("&#39;", "'").split()).count(advice) == 1


def test_what_runs_without_a_doubt_has_no_word_of_doubts(made, folder):
    made(rows_of({"doubts": []}))
    for text in forms(folder):
        assert "What may be wrong" not in text


# Figures


def test_steps_are_drawn_over_sizes_with_the_limit_and_over_tensors(complete):
    drawn = {figure.id: figure for figure in collection.build(complete, report.build(complete))["timing"]}
    assert list(drawn) == ["figure-timing-0", "figure-steps-0", "figure-tensors-0-1000000"]
    rows = drawn["figure-steps-0"].spec["datasets"]["steps"]
    assert {row["at"] for row in rows} == set(sample_results.SIZES)
    assert len(rows) == len(sample_results.SIZES) * (len(sample_results.implementations()) + 1)
    builtin = next(row for row in rows if row["who"] == "torch/builtin" and row["at"] == 10_000_000)
    assert builtin["each"] == pytest.approx(1.0, rel=0.2)  # nanoseconds
    assert builtin["low"] < builtin["each"] < builtin["high"]
    assert (builtin["step"], builtin["parameter"], builtin["limit"]) == ("10.3 ms", "1.03 ns", "39 %")
    limits = drawn["figure-steps-0"].spec["datasets"]["limits"]
    assert [row["each"] for row in limits] == pytest.approx([0.408, 0.408, 0.4008, 0.4008])
    assert "Dashed" in drawn["figure-steps-0"].caption
    assert {row["at"] for row in drawn["figure-tensors-0-1000000"].spec["datasets"]["steps"]} == {1, 100}


def test_without_traffic_nothing_is_said_of_a_limit(made, folder):
    gone = {"limit": None, "fraction": None}
    found = made([row | gone for row in sample_results.timings() if row["implementation"] != "traffic"])
    assert all(benchmark.limit is None for benchmark in found)
    for text in forms(folder):
        assert "memory alone" not in text.lower()
        assert "of the limit" not in text.lower()
    loaded = reports.load(folder)
    steps = collection.build(loaded, report.build(loaded))["timing"][1]
    assert steps.spec["datasets"]["limits"] == []
    assert "Dashed" not in steps.caption


def test_a_limit_is_believed_though_who_moved_the_memory_is_gone(made):
    found = made([row for row in sample_results.timings() if row["implementation"] != "traffic"])
    assert found[4].bound == "The memory of a step needs at least 4.01 ms."


# The three forms


def test_a_folder_from_before_timings_were_judged_is_still_shown(made, folder):
    (benchmark,) = made(sample_results.old_timings())
    assert benchmark.title == "epoch/regression, cpu, 1 thread"
    assert benchmark.unit.sign == "ms"
    assert [one.title for one in timing_columns.build(benchmark)] == [
        "Dialect", "Median, ms", "Interval", "Spread", "× section", "D2L 11.8, ms", "First call", "Samples", "Version",
    ]  # fmt: skip
    assert benchmark.margin == benchmark.bound == ""
    page, document, screen = forms(folder)
    median = benchmark.show(named(benchmark, "torch/builtin").median)
    assert f'<td class="number">{median}</td>' in page
    assert f"| torch/builtin | torch | {median} |" in document
    assert "Two of the same" not in screen
    assert summary(reports.load(folder))["outcomes"]["timing"] == {}


def test_all_three_forms_have_times_floor_limit_and_reasons(written):
    for text in forms(written):
        plain = " ".join(text.split())
        for words in ("10⁷", "two of the same", "1.8 %", "memory alone", "4.01", "39 %", "the process was killed"):
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


def test_hostile_text_in_a_timing_makes_nothing_but_text(made, folder):
    texts = (
        "framework",
        "implementation",
        "version",
        "device",
        "dtype",
        "dialect",
        "mode",
        "call",
        "against",
        "reason",
    )
    hostile = {name: f"{sample_results.HOSTILE} {name}" for name in texts} | {"doubts": [sample_results.HOSTILE]}
    rows = [rows_of(hostile)[1], rows_of(hostile, {"benchmark": f"step/{sample_results.HOSTILE}"})[1]]
    rows += [row | hostile | {"call": "slower"} for row in rows_of(benchmark="step/10000000")]
    made([*sample_results.timings(), *rows])
    page, document, screen = forms(folder)
    assert page.count("<script") == 4
    assert "<img src=x" not in page
    assert "<img src=x" not in document
    assert "\x1b" not in screen
    assert "[bold red]" in screen


@pytest.mark.parametrize("wrong", [None, "x", -1.0, 0, 1e308, True, [], [None], [2, 1], {"pace": "x"}, {"pace": 1}])
def test_any_value_of_a_timing_may_come_from_a_stranger(made, wrong):
    whole = rows_of(benchmark="step/10000000")
    for name in whole[0].keys() - {"framework", "implementation", "benchmark"}:
        found = made([row | {name: wrong} for row in whole])
        assert "torch" in dict(timing_grid.build(found)[0].groups)
        for benchmark in found:
            assert benchmark.sentence
            timing_columns.build(benchmark)
            step_times.build([benchmark, benchmark])
        timing_grid.notes(found)
        timing_warnings.footnotes(found)


def test_the_summary_counts_timings_and_has_those_that_are_not_as_expected(made, folder):
    made(rows_of({"outcome": "differs", "expected": False, "reason": "an update is off by 7 bounds"}))
    found = summary(reports.load(folder))
    assert found["outcomes"]["timing"] == {"agrees": 1, "differs": 1}
    (row,) = [row for row in found["unexpected"] if row["table"] == "timing"]
    assert (row["case"], row["reason"], row["repeat"]) == ("epoch/regression", "an update is off by 7 bounds", None)
    assert json.loads(json.dumps(found)) == found
