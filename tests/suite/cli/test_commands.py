"""The command line in a separate process: output, errors and exit statuses."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from suite.__main__ import COMMANDS
from tests.suite.conftest import ROOT


def start(*arguments, columns=100, **options):
    environment = {**os.environ, "COLUMNS": str(columns), "NO_COLOR": "1"}
    command = [sys.executable, "-W", "error", "-m", "suite", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def rmsuite(*arguments, columns=100):
    process = start(*arguments, columns=columns)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def job(command, folder, python, *more):
    return (command, "-f", "torch", "--python", f"torch={python}", "--no-download", "-o", folder, *more)


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "agree",
        "train",
        "bench",
        "chapter",
        "report",
        "envs",
        "cases",
        "explain",
        "expectations",
        "mutation",
        "fuzz",
        "fidelity",
        "sharpness",
        "soundness",
        "regress",
        "baseline",
    ],
)
def test_every_command_has_help_that_fits_a_narrow_terminal(command):
    status, out, _ = rmsuite(command, "--help", columns=60)
    assert status == 0
    assert "Usage" in out
    assert max(map(len, out.splitlines())) <= 60


def test_the_program_lists_every_command_with_a_description_and_no_former_name():
    status, out, _ = rmsuite("--help")
    assert status == 0
    described = {line.split()[0] for line in out.splitlines() if line.startswith("   ") and len(line.split()) > 2}
    assert {*COMMANDS, "check", "identify"} <= described
    assert not {"sharpness", "soundness"} & described


def test_an_invalid_job_fails_before_a_framework_is_started(tmp_path, numpy_python):
    status, out, err = rmsuite(*job("bench", tmp_path / "new", numpy_python, "--size", 3, "--tensors", 4))
    assert (status, out) == (2, "")
    assert "3 parameters can't be divided among 4 tensors" in err
    assert "starting" not in err
    (tmp_path / "manifest.json").write_text("{}")
    status, out, err = rmsuite(*job("bench", tmp_path, numpy_python))
    assert (status, out) == (2, "")
    assert "has results already" in err
    assert "starting" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("agre",), 'Unknown command "agre". Did you mean "agree"?'),
        (("agree", "--dtyp", "float32"), "Unknown option: --dtyp. Did you mean --dtype? See `rmsuite agree --help`."),
        (("agree", "torch"), "Unexpected argument: torch."),
        (("agree", "--threads", "0"), "--threads"),
        (("agree", "--device"), "--device requires an argument"),
        (("explain", "decades/plain"), "IMPLEMENTATION"),
        (("baseline", "check", "no-such-folder", "--fail-on", "bit"), '"bits", "rounding", "dialect"'),
        (("agree", "-f", "pytorch"), "no framework 'pytorch'; there are torch, tensorflow, mxnet"),
        (("agree", "--dtype", "float8"), "no dtype 'float8'; there are float32, float64"),
        (("agree", "--dialect", "tourch"), "no dialect 'tourch'; there are d2l, torch"),
        (("agree", "--python", "torch"), "--python takes FRAMEWORK=PATH"),
        (("agree", "-c", "decade"), "no case matches 'decade'"),
        (("train", "-t", "cubic"), "no task 'cubic'; there are quadratic, rotated, regression"),
        (("agree", "--data", "no-such-folder"), "no airfoil_self_noise.dat in no-such-folder"),
        (("report", "no-such-folder"), "no-such-folder"),
        (("report", "--compare", "one"), "`rmsuite report --compare` two"),
        (("report", "--compare", "no-such-folder", "neither"), "no-such-folder has no manifest.json"),
        (("bench", "--quick", "--rigorous"), "--quick and --rigorous exclude each other"),
        (("bench", "compare", "no-such-folder", "neither"), "no-such-folder is not a results folder"),
        (("agree", "-k", "torch and"), "-k 'torch and' ends where a name, 'not' or '(' is expected"),
        (("train", "-k", "(quadratic"), "ends where 'and', 'or' or ')' is expected"),
        (("cases", "-k", "decadess"), "-k 'decadess' selects no case"),
    ],
)
def test_an_error_in_the_arguments_is_one_line_with_the_correction(arguments, message):
    status, out, err = rmsuite(*arguments, *(("--no-download",) if arguments[0] in ("agree", "train") else ()))
    assert status == 2
    line = err.splitlines()[-1]
    assert line.startswith("rmsuite: ")
    assert message in line
    assert out == ""


def test_a_job_prints_tables_to_standard_output_and_progress_to_standard_error(tmp_path, numpy_python):
    folder = tmp_path / "out"
    few = ("--rounds", "2", "-k", "decades or quadratic or epoch")
    status, out, err = rmsuite(*job("run", folder, numpy_python, "-i", "scratch", "-i", "builtin", *few))
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
    assert manifest["dialects"]["torch"]["epsilon"] == "outside"
    status, out, err = rmsuite("report", "--compare", folder, folder, "-o", tmp_path / "comparison")
    assert status == 0, err
    assert "0 traces have other bits" in out
    assert {path.name for path in (tmp_path / "comparison").iterdir()} == {"comparison.html", "comparison.md"}


def test_the_status_is_1_when_something_differs(tmp_path, numpy_python):
    more = ("-i", "wrong-epsilon", "-c", "decades/large-epsilon", "--dtype", "float32")
    status, out, _ = rmsuite(*job("agree", tmp_path / "out", numpy_python, *more))
    assert status == 1
    assert "optax-outside" in out
    assert "rmsuite agree -i torch/wrong-epsilon" in out


@pytest.mark.parametrize(
    ("implementation", "case", "more"),
    [
        ("wrong-epsilon", "decades/large-epsilon", ("--seed", "3")),
        ("wrong-epsilon", "regression/plain", ()),
        ("builtin", "decades/large-epsilon", ("--claim", "torch", "--dtype", "float64")),
        ("scratch", "law/twin", ("--threads", "2")),
        ("shared-state", "law/splitting", ()),
        ("segfaults", "decades/plain", ()),
    ],
)
def test_the_command_in_a_verdict_repeats_it_when_it_is_pasted_into_a_shell(
    tmp_path, numpy_python, implementation, case, more
):
    spaced = tmp_path / "a folder's"
    spaced.mkdir()
    python = numpy_python.rename(spaced / "python")
    if "law/twin" in case:
        implementation = "one-ulp-off"
    chosen = ("-i", implementation, "-c", case, *(() if "--dtype" in more else ("--dtype", "float32")))
    rmsuite(*job("agree", tmp_path / "out", python, *chosen, *more))
    (row,) = [json.loads(line) for line in (tmp_path / "out" / "verdicts.jsonl").read_text().splitlines()]
    assert row["outcome"] in ("differs", "failed")
    program, *arguments = shlex.split(row["repeat"])
    assert program == "rmsuite"
    rmsuite(*arguments, "-o", tmp_path / "again")
    (again,) = [json.loads(line) for line in (tmp_path / "again" / "verdicts.jsonl").read_text().splitlines()]
    changing = ("seconds", "sha256" if case.startswith("law") else "seconds")
    assert {k: v for k, v in again.items() if k not in changing} == {k: v for k, v in row.items() if k not in changing}


def test_with_json_standard_output_is_the_summary_and_nothing_else(tmp_path, numpy_python):
    more = ("-k", "(wrong-epsilon or builtin) and decades/large-epsilon and float32", "--json")
    status, out, _ = rmsuite(*job("agree", tmp_path / "out", numpy_python, *more))
    summary = json.loads(out)
    assert status == summary["exit_status"] == 1
    assert out == (tmp_path / "out" / "summary.json").read_text()
    assert summary["outcomes"]["agreement"] == {"agrees": 1, "differs": 1}
    assert summary["implementations"]["torch/wrong-epsilon"]["agreement"] == {"differs": 1}
    (unexpected,) = summary["unexpected"]
    assert unexpected["case"] == "decades/large-epsilon"
    assert "epsilon outside in place of inside" in unexpected["reason"]
    assert unexpected["repeat"].startswith("rmsuite agree -i torch/wrong-epsilon -c decades/large-epsilon")
    assert summary["versions"]["torch"]["torch"] == "0.0"
    assert summary["data"]["sha256"]


def test_the_explanation_of_a_relation_shows_where_the_two_traces_differ(numpy_python):
    python = ("--python", f"torch={numpy_python}", "--no-download")
    status, out, _ = rmsuite("explain", "law/splitting", "torch/shared-state", *python)
    assert status == 1
    assert "square_average differs at step 1, coordinate 5" in out
    (line,) = [line.split() for line in out.splitlines() if line.startswith("square_average ")]
    assert line[1:3] == ["1", "5"]
    assert float(line[3]) != float(line[4])


def test_an_explanation_has_a_column_for_the_fitting_dialect_and_the_error_growth(numpy_python):
    python = ("--python", f"torch={numpy_python}", "--no-download")
    _, out, _ = rmsuite("explain", "decades/weight-decay", "torch/negated-weight-decay", *python)
    (head,) = [line for line in out.splitlines() if line.startswith("quantity")]
    assert head.split()[-2:] == ["d2l,", "changed"]
    (decayed,) = [line.split() for line in out.splitlines() if line.startswith("g, decayed")]
    assert float(decayed[2]) > float(decayed[-1])
    (after,) = [line.split() for line in out.splitlines() if line.startswith("x after")]
    assert float(after[-1]) == pytest.approx(float(after[4]), rel=1e-6)
    assert "how the error of square_average grows there:" in out


def test_an_explanation_shows_the_first_step_that_differs_side_by_side(numpy_python):
    python = ("--python", f"torch={numpy_python}", "--no-download")
    status, out, _ = rmsuite("explain", "decades/large-epsilon", "torch/wrong-epsilon", *python)
    assert status == 1
    assert "step 1, coordinate" in out
    (denominator,) = [line.split() for line in out.splitlines() if line.startswith("denominator")]
    assert float(denominator[1]) == pytest.approx(0.1, rel=1e-3)  # √(v + 0.01), with a small v
    assert float(denominator[2].strip("()")) == pytest.approx(0.01, rel=0.1)  # √v + 0.01


def test_explaining_several_cases_at_once_is_an_error(numpy_python):
    status, _, err = rmsuite(
        "explain", "decades", "torch/builtin", "--python", f"torch={numpy_python}", "--no-download"
    )
    assert status == 2
    assert "one case and one implementation" in err


def test_an_unknown_device_is_an_error_that_lists_the_known_ones(tmp_path, numpy_python):
    status, _, err = rmsuite(*job("agree", tmp_path / "out", numpy_python, "--device", "cuda:0"))
    assert status == 2
    assert "torch has no device 'cuda:0' here, only cpu" in err


def test_existing_results_are_not_overwritten(tmp_path, numpy_python):
    arguments = job("agree", tmp_path / "out", numpy_python, "-i", "builtin", "-c", "decades/plain")
    assert rmsuite(*arguments)[0] == 0
    before = (tmp_path / "out" / "verdicts.jsonl").read_bytes()
    status, _, err = rmsuite(*arguments)
    assert status == 2
    assert "continue with --resume" in err
    assert (tmp_path / "out" / "verdicts.jsonl").read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_readable_results_and_names_the_option_to_resume(tmp_path, numpy_python, number):
    folder = tmp_path / "out"
    more = ("-i", "scratch", "-i", "hangs", "-c", "[dcz]*s/plain", "--dtype", "float32", "--timeout", "60")
    process = start(*job("agree", folder, numpy_python, *more), start_new_session=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        verdicts = (folder / "verdicts.jsonl").read_text() if (folder / "verdicts.jsonl").exists() else ""
        if verdicts.count("\n") == 12:  # all rows of scratch: decades and zeros in six dialects
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


def test_a_missing_environment_is_listed_and_the_exit_status_is_1(tmp_path, numpy_python):
    pythons = ("--python", f"torch={numpy_python}", "--python", f"mxnet={tmp_path / 'nowhere'}")
    status, out, _ = rmsuite("envs", "-f", "torch", "-f", "mxnet", *pythons)
    assert status == 1
    states = [line.split()[:2] for line in out.splitlines()]
    assert states[-2:] == [["torch", "ready"], ["mxnet", "missing"]]


def test_cases_are_listed_with_their_reasons():
    status, out, _ = rmsuite("cases", "-c", "decades/momentum")
    assert status == 0
    assert "eight decades" in " ".join(out.split())


def test_a_case_is_described_in_full_as_text_and_as_json():
    status, out, _ = rmsuite("cases", "-c", "norm/clip-norm")
    assert status == 0
    described = dict(line.split(maxsplit=1) for line in out.splitlines()[1:])
    assert described["needs"] == "clip_norm"
    assert described["hyper-parameters"] == "learning_rate 0.01, decay 0.9, epsilon 1e-06, clip_norm 1.0"
    assert (described["steps"], described["coordinates"], described["shapes"]) == ("12", "15", "(5, 3)")
    assert described["run"] == "rmsuite agree -c norm/clip-norm"
    _, out, _ = rmsuite("cases", "-c", "norm/clip-norm", "--json")
    (case,) = json.loads(out)
    assert case["id"] == "norm/clip-norm"
    assert case["hyperparameters"]["clip_norm"] == 1.0
    assert case["tape"]["sha256"] == described["SHA-256"]


def test_cases_are_selected_by_an_expression():
    status, out, _ = rmsuite("cases", "-k", "decades and (momentum or clipping) and not weight-decay", "--json")
    assert status == 0
    chosen = {case["id"] for case in json.loads(out)}
    assert {"decades/momentum", "decades/clipping"} <= chosen
    assert all("decades" in case and "weight-decay" not in case for case in chosen)


def test_a_list_of_cases_never_cuts_an_id():
    _, out, _ = rmsuite("cases", "-k", "decades")
    assert "decades/clipping-weight-decay " in out
