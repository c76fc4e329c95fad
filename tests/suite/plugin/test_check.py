"""`rmsuite check` on the command line."""

from __future__ import annotations

import json

import pytest

from suite.plugin.__main__ import command
from suite.plugin.client import VARIABLE, Client, ServerError

FACTORY = f"{__file__}:make"


def make(params, learning_rate, decay, epsilon):
    import numpy as np

    squares = [np.zeros_like(x) for x in params]

    def step(gradients):
        for x, g, v in zip(params, gradients, squares, strict=True):
            v[...] = decay * v + (1 - decay) * g**2
            x -= learning_rate * g / np.sqrt(v + epsilon)

    return step


def fail(params, learning_rate, decay, epsilon):
    def step(gradients):
        raise RuntimeError("out of luck")

    return step


def test_agreeing_verdicts_are_counted(capsys):
    assert command(["check", FACTORY, "--dialect", "d2l", "-c", "decades", "--dtype", "float64"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{FACTORY} as d2l, 19 verdicts: 4 agree, 15 unsupported, none is unexpected"
    assert lines[-2] == "1 unsupported: its `step` takes no argument `learning_rate`"
    assert lines[-3].startswith("it takes no momentum, centered, nesterov, weight_decay")


def test_a_difference_is_explained(capsys):
    assert command(["check", FACTORY, "--dialect", "torch", "-k", "decades/plain and float32"]) == 1
    header, row, *rest = capsys.readouterr().out.splitlines()
    assert header.split() == ["case", "dtype", "outcome", "step", "coordinate", "ulps", "bounds"]
    assert row.split()[:5] == ["decades/plain", "float32", "differs", "1", "4"]
    assert rest[-1].endswith("1 verdict: 1 differ, 1 unexpected")
    assert f"repeat: rmsuite check {FACTORY} --dialect torch -c decades/plain --dtype float32" in rest


def centred(params, learning_rate, decay, epsilon, centered):
    import numpy as np

    averages = [(np.zeros_like(x), np.zeros_like(x)) for x in params]

    def step(gradients):
        for x, g, (v, m) in zip(params, gradients, averages, strict=True):
            v[...] = decay * v + (1 - decay) * g**2
            m[...] = decay * m + (1 - decay) * g
            x -= learning_rate * g / np.sqrt(v - m * m * centered + epsilon)

    return step


def test_an_undecided_case_is_expected(capsys):
    arguments = ["--dialect", "d2l", "-k", "edge/steady/centered-tiny-epsilon and float32"]
    assert command(["check", f"{__file__}:centred", *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("1 verdict: 1 undecided, none is unexpected")


def test_an_exception_of_the_optimizer_is_a_failed_case(capsys):
    assert command(["check", f"{__file__}:fail", "--dialect", "d2l", "-c", "decades/plain", "--dtype", "float32"]) == 1
    assert "RuntimeError: out of luck" in capsys.readouterr().out


def test_json_has_the_same_verdicts(capsys):
    assert command(["check", FACTORY, "--dialect", "torch", "-c", "decades/plain", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["exit_status"], told["kind"], told["outcomes"]) == (1, "numpy", {"differs": 2})
    one = told["verdicts"][0]
    assert (one["case"], one["dtype"], one["first_step"], one["first_index"]) == ("decades/plain", "float32", 1, [4])
    assert "d2l" in one["fits"]


def reordered(params, learning_rate, decay, epsilon):
    import numpy as np

    squares = [np.zeros_like(x) for x in params]

    def step(gradients):
        for x, g, v in zip(params, gradients, squares, strict=True):
            v[...] = v + (1 - decay) * (g**2 - v)
            x -= learning_rate * g / np.sqrt(v + epsilon)

    return step


def test_a_baseline_distinguishes_rounding_from_the_same_bits(capsys, tmp_path):
    folder, few = str(tmp_path / "baseline"), ["-c", "decades/plain", "--dtype", "float32"]
    assert command(["check", FACTORY, "--dialect", "d2l", *few, "--record", folder]) == 0
    assert command(["check", FACTORY, "--baseline", folder, *few]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("1 verdict: 1 same bits, none is unexpected")
    other = f"{__file__}:reordered"
    assert command(["check", other, "--baseline", folder, *few]) == 1
    assert "moved within rounding in decades/plain in float32\n" in capsys.readouterr().out
    assert command(["check", other, "--baseline", folder, *few, "--fail-on", "dialect"]) == 0
    assert command(["check", FACTORY, "--dialect", "d2l", *few, "--record", folder]) == 2
    assert "holds a baseline already" in capsys.readouterr().err
    assert command(["check", FACTORY, "--dialect", "d2l", *few, "--record", folder, "--replace"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no_such:make", "--dialect", "d2l"], "no_such:make: No module named 'no_such'"),
        (["no/such.py:make", "--dialect", "d2l"], "there is no file"),
        ([FACTORY], "name either a dialect or a baseline"),
        ([FACTORY, "--baseline", "no_such"], "no_such is not a baseline"),
        ([FACTORY, "--dialect", "pytorch"], "no dialect 'pytorch'; there are d2l, torch"),
        ([FACTORY, "--dialect", "d2l", "-c", "decade"], "no case matches 'decade'; did you mean 'decades'"),
        ([FACTORY, "--dialect", "d2l", "-k", "decades and"], "ends where a name"),
        ([FACTORY, "--dialect", "d2l", "-k", "no_such"], "no case is selected"),
        ([FACTORY, "--dialect", "d2l", "-c", "decades/plain", "--expectations", "no.toml"], "no.toml"),
    ],
)
def test_a_command_that_cannot_be_carried_out_prints_one_line(capsys, arguments, words):
    assert command(["check", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("rmsuite: ")
    assert words in line


def test_the_last_error_of_a_server_that_ends_is_shown(monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'no such luck' >&2\nexit 3\n")
    python.chmod(0o755)
    monkeypatch.setenv(VARIABLE, str(python))
    with pytest.raises(ServerError, match="ended with status 3: no such luck"):
        Client()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    with pytest.raises(ServerError, match="can't start the server with"):
        Client()
