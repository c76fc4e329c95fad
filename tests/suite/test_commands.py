"""The command line, as a user meets it: what it prints where, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.suite.conftest import ROOT


def start(*arguments, **options):
    environment = {**os.environ, "RMSUITE_CACHE": "nowhere", "COLUMNS": "100", "NO_COLOR": "1"}
    command = [sys.executable, "-W", "error", "-m", "suite", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def rmsuite(*arguments):
    process = start(*arguments)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def job(command, folder, python, *more):
    return (command, "-f", "torch", "--python", f"torch={python}", "--no-download", "-o", folder, *more)


@pytest.mark.parametrize(
    "command", ["run", "agree", "train", "bench", "report", "envs", "cases", "explain", "expectations"]
)
def test_help_teaches(command):
    status, out, _ = rmsuite(command, "--help")
    assert status == 0
    assert "Usage" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("agre",), "No such command 'agre'"),
        (("agree", "--dtyp", "float32"), "No such option: --dtyp"),
        (("agree", "-f", "pytorch"), "no framework 'pytorch'; there are torch, tensorflow, mxnet"),
        (("agree", "--dtype", "float8"), "no dtype 'float8'; there are float32, float64"),
        (("agree", "--dialect", "tourch"), "no dialect 'tourch'; there are d2l, torch"),
        (("agree", "--python", "torch"), "--python takes FRAMEWORK=PATH"),
        (("agree", "-c", "decade"), "no case matches 'decade'"),
        (("train", "-t", "cubic"), "no task 'cubic'; there are quadratic, rotated, regression"),
        (("agree", "--data", "no-such-folder"), "no airfoil_self_noise.dat in no-such-folder"),
        (("report", "no-such-folder"), "no-such-folder"),
    ],
)
def test_what_is_mistyped_ends_in_one_line_that_says_what_there_is(arguments, words):
    status, out, err = rmsuite(*arguments, *(("--no-download",) if arguments[0] in ("agree", "train") else ()))
    assert status == 2
    assert words in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
    assert out == ""


def test_a_job_prints_tables_to_standard_output_and_progress_to_standard_error(tmp_path, numpy_python):
    folder = tmp_path / "out"
    more = ("-i", "scratch", "-i", "builtin", "-c", "decades/plain", "--rounds", "2")
    status, out, err = rmsuite(*job("run", folder, numpy_python, *more))
    assert status == 0, err
    assert "torch/builtin" in out
    assert "agreement: done" in err
    assert "in the harness" in err
    assert "generated from seed" in err
    for name in ("report.html", "report.md", "verdicts.csv", "manifest.json", "footer.json"):
        assert (folder / name).stat().st_size > 0
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["data"]["name"] == "generated"
    assert manifest["frameworks"]["torch"]["versions"]["torch"] == "0.0"


def test_the_status_is_1_when_something_differs(tmp_path, numpy_python):
    more = ("-i", "wrong-epsilon", "-c", "decades/large-epsilon", "--dtype", "float32")
    status, out, _ = rmsuite(*job("agree", tmp_path / "out", numpy_python, *more))
    assert status == 1
    assert "optax-outside" in out
    assert "rmsuite agree -i torch/wrong-epsilon" in out


def test_an_explanation_shows_the_first_step_that_differs_side_by_side(numpy_python):
    python = ("--python", f"torch={numpy_python}", "--no-download")
    status, out, _ = rmsuite("explain", "decades/large-epsilon", "torch/wrong-epsilon", *python)
    assert status == 1
    assert "step 1, coordinate" in out
    (denominator,) = [line.split() for line in out.splitlines() if line.startswith("denominator")]
    assert float(denominator[1]) == pytest.approx(0.1, rel=1e-3)  # √(v + 0.01), with a small v
    assert float(denominator[2].strip("()")) == pytest.approx(0.01, rel=0.1)  # √v + 0.01


def test_one_case_is_explained_at_a_time(numpy_python):
    status, _, err = rmsuite(
        "explain", "decades", "torch/builtin", "--python", f"torch={numpy_python}", "--no-download"
    )
    assert status == 2
    assert "one case and one implementation" in err


def test_the_devices_that_there_are_are_named_when_one_is_missing(tmp_path, numpy_python):
    status, _, err = rmsuite(*job("agree", tmp_path / "out", numpy_python, "--device", "cuda:0"))
    assert status == 2
    assert "torch has no device 'cuda:0' here, only cpu" in err


def test_results_that_are_there_are_not_written_over(tmp_path, numpy_python):
    arguments = job("agree", tmp_path / "out", numpy_python, "-i", "builtin", "-c", "decades/plain")
    assert rmsuite(*arguments)[0] == 0
    before = (tmp_path / "out" / "verdicts.jsonl").read_bytes()
    status, _, err = rmsuite(*arguments)
    assert status == 2
    assert "go on with --resume" in err
    assert (tmp_path / "out" / "verdicts.jsonl").read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_readable_results_and_says_how_to_go_on(tmp_path, numpy_python, number):
    folder = tmp_path / "out"
    more = ("-i", "scratch", "-i", "hangs", "-c", "[dcz]*s/plain", "--dtype", "float32", "--timeout", "60")
    process = start(*job("agree", folder, numpy_python, *more), start_new_session=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (folder / "verdicts.jsonl").exists() and (folder / "verdicts.jsonl").read_text().count(
            "\n"
        ) == 12:  # decades and zeros in six dialects, all of scratch's
            break
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"--resume --output {folder}" in err.replace("\n", " ")
    assert "Traceback" not in err
    assert json.loads((folder / "footer.json").read_text())["status"] == "interrupted"
    rows = [json.loads(line) for line in (folder / "verdicts.jsonl").read_text().splitlines()]
    assert {row["implementation"] for row in rows} == {"scratch"}
    again = ("-i", "scratch", "-c", "[dcz]*s/plain", "--dtype", "float32", "--resume")
    assert rmsuite(*job("agree", folder, numpy_python, *again))[0] == 0
    assert (folder / "verdicts.jsonl").read_text().count("\n") == len(rows)


def test_a_missing_environment_is_listed_and_the_status_says_so(tmp_path, numpy_python):
    pythons = ("--python", f"torch={numpy_python}", "--python", f"mxnet={tmp_path / 'nowhere'}")
    status, out, _ = rmsuite("envs", "-f", "torch", "-f", "mxnet", *pythons)
    assert status == 1
    assert out.splitlines()[1].split()[:2] == ["torch", "ready"]
    assert out.splitlines()[2].split()[:2] == ["mxnet", "missing"]


def test_cases_are_listed_with_their_reasons():
    status, out, _ = rmsuite("cases", "-c", "decades/momentum")
    assert status == 0
    assert "eight decades" in " ".join(out.split())
