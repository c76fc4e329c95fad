"""`rmsuite chapter` as a user runs it, with NumPy as the framework: complete, interrupted, resumed, and mistyped."""

from __future__ import annotations

import json
import signal
import time

import pytest
from rich.console import Console

from suite.adapters import FRAMEWORKS
from suite.chapter.chapter import Chapter, Options, select_parts
from suite.errors import UserError
from suite.results.rows import CHAPTER, PARTS
from suite.results.store import read_rows
from suite.workers.progress import Progress
from tests.suite.cli.test_commands import rmsuite, start
from tests.support.replays import FrameworkWorker
from tests.support.schema import require_valid


@pytest.fixture
def chapter_options(tmp_path, numpy_python):
    """Return a function that makes options in which the NumPy framework runs as torch."""

    def make(*parts, **given):
        usual = {
            "output": tmp_path / "chapter",
            "parts": select_parts(parts),
            "frameworks": ["torch"],
            "pythons": {"torch": numpy_python},
            "cache": tmp_path / "cache",
            "download": False,
            "timeout": 20.0,
        }
        return Options(**{**usual, **given})

    return make


def run(options):
    with Chapter(options, Progress(Console(quiet=True))) as chapter:
        chapter.run()
    return chapter


def command(folder, python, *more):
    return ("chapter", "-f", "torch", "--python", f"torch={python}", "--no-download", "-o", folder, *more)


def test_parts_are_run_compared_and_written(tmp_path, numpy_python):
    folder = tmp_path / "out"
    few = ("--part", "averages", "--part", 2, "--part", 4)
    status, out, err = rmsuite(*command(folder, numpy_python, *few))
    assert status == 0, err
    assert "2 The path in the plane\n  - After 20 steps RMSProp is at x₁ = -0.010599, x₂ = 0.000000, as" in out
    assert "1 Leaky averages" in err
    assert "7 A γ that changes" not in out
    require_valid(folder, "chapter", "parts")
    rows = list(read_rows(folder, CHAPTER))
    torch_rows = [row for row in rows if row.framework == "torch"]
    assert {row.part for row in torch_rows} == {"trajectory", "gamma-one"}
    assert {row.outcome for row in torch_rows} <= {"agrees", "undecided"}
    assert all((folder / name).stat().st_size for name in ("chapter.html", "chapter.md", "manifest.json"))
    assert json.loads((folder / "footer.json").read_text())["status"] == "complete"
    before = (folder / "chapter.md").read_text()
    (folder / "chapter.md").unlink()
    status, again, err = rmsuite("report", folder)
    assert (status, again) == (0, out), err
    assert (folder / "chapter.md").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--part", "8"), "no part '8'; there are 1 (averages), 2 (trajectory), 3 (regression)"),
        (("--data", "no-such-folder"), "no airfoil_self_noise.dat in no-such-folder"),
        (("-f", "pytorch"), "no framework 'pytorch'"),
        (("--resume", "-o", "no-such-folder"), "nothing to resume: there is no no-such-folder/manifest.json"),
    ],
)
def test_a_mistyped_command_ends_with_one_line(arguments, message):
    status, out, err = rmsuite("chapter", *arguments)
    assert (status, out) == (2, "")
    assert message in " ".join(err.split())
    assert len(err.strip().splitlines()) == 1


def test_a_completed_part_is_kept_and_an_interrupted_one_is_run_again(chapter_options):
    first = run(chapter_options("averages"))
    kept = (first.store.folder / "chapter.jsonl").read_bytes()
    with (first.store.folder / "chapter.jsonl").open("a") as file:
        file.write('{"part": "trajectory", "framework": "oracle", "problem": "half a part", "method": "none"}\n{"part')
    again = run(chapter_options("averages", "trajectory", resume=True))
    rows = (again.store.folder / "chapter.jsonl").read_bytes()
    assert rows.startswith(kept)
    assert [row.part for row in again.store.rows(PARTS)] == ["averages", "trajectory"]
    assert [row.part for row in again.store.rows(CHAPTER)].count("averages") == 4
    assert not again.status


def test_a_part_is_run_again_when_another_framework_is_available(chapter_options, tmp_path):
    absent = {"torch": tmp_path / "no-python"}
    first = run(chapter_options("trajectory", pythons=absent))
    assert first.status == 1
    assert {row.framework for row in first.store.rows(CHAPTER)} == {"oracle"}
    again = run(chapter_options("trajectory", resume=True))
    assert "torch" in {row.framework for row in again.store.rows(CHAPTER)}
    assert [row.frameworks for row in again.store.rows(PARTS)] == [[], ["torch"]]
    assert run(chapter_options("trajectory", resume=True)).store.manifest["frameworks"]["torch"]["versions"]


def test_runs_under_different_conditions_can_not_share_a_folder(chapter_options):
    run(chapter_options("averages"))
    with pytest.raises(UserError, match="continue with --resume"):
        run(chapter_options("averages"))
    with pytest.raises(UserError, match="can't resume: seed was 0 and is now 1"):
        run(chapter_options("averages", resume=True, seed=1))


def test_an_interrupted_run_keeps_its_rows_and_names_the_option_to_resume(tmp_path, numpy_python):
    folder = tmp_path / "out"
    process = start(*command(folder, numpy_python))
    deadline = time.monotonic() + 60
    while not list(read_rows(folder, PARTS)) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert f"--resume --output {folder}" in err.replace("\n", " ")
    assert json.loads((folder / "footer.json").read_text())["status"] == "interrupted"
    status, out, err = rmsuite(*command(folder, numpy_python, "--resume", "--part", 1))
    assert status == 0, err
    assert "1 Leaky averages: done before" in err
    assert "The weight of an observation halves" in out


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.framework(name)) for name in FRAMEWORKS])
def test_a_framework_reaches_the_printed_point_and_descends_at_gamma_one(name, tmp_path, chapter_options):
    FrameworkWorker(name, tmp_path).worker.close()
    ran = run(chapter_options("trajectory", "gamma-one", frameworks=[name], pythons={}, timeout=180.0))
    rows = [row for row in ran.store.rows(CHAPTER) if row.framework == name]
    outcomes = {part: {row.outcome for row in rows if row.part == part} for part in ("trajectory", "gamma-one")}
    assert outcomes["trajectory"] == {"agrees"}
    # undecided where squares overflow
    assert outcomes["gamma-one"] <= {"agrees", "undecided"}, [row.reason for row in rows]
    ends = [row.results["x1"] for row in rows if row.part == "trajectory" and row.dialect == "d2l"]
    assert [f"{end:.6f}" for end in ends] == ["-0.010599"] * 2
    descents = [row.results["distance"] for row in rows if row.part == "gamma-one"]
    assert len(descents) >= 9
    # each step multiplies by 1 - rate · slope: rounding η, ε, √, / and · to float32 leaves that factor off by less than
    # 8 units of 2^-24 times rate · slope / |1 - rate · slope|, which is at most 1.6 / 0.6 where it converges
    assert max(descents) < 20 * 8 * 2.0**-24 * (1.6 / 0.6)
