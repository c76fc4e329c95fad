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
        raise RuntimeError("invalid step")

    return step


def test_the_summary_counts_the_verdicts_and_names_the_reasons_of_unsupported_cases(capsys):
    assert command(["check", FACTORY, "--dialect", "d2l", "-c", "decades", "--dtype", "float64"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{FACTORY} as d2l, 19 verdicts: 4 agree, 15 unsupported, none is unexpected"
    assert lines[-2] == "1 unsupported: its `step` takes no argument `learning_rate`"
    assert lines[-3].startswith("it takes no momentum, centered, nesterov, weight_decay")


def test_a_difference_is_located_and_has_a_command_that_repeats_it(capsys):
    assert command(["check", FACTORY, "--dialect", "torch", "-k", "decades/plain and float32"]) == 1
    header, row, *rest = capsys.readouterr().out.splitlines()
    assert header.split() == ["case", "dtype", "outcome", "step", "coordinate", "ulps", "bounds"]
    assert row.split()[:5] == ["decades/plain", "float32", "differs", "1", "4"]
    assert rest[-1].endswith("1 verdict: 1 differ, 1 unexpected")
    assert f"repeat: rmsuite check {FACTORY} --dialect torch -c decades/plain --dtype float32" in rest


def centered_rmsprop(params, learning_rate, decay, epsilon, centered):
    import numpy as np

    averages = [(np.zeros_like(x), np.zeros_like(x)) for x in params]

    def step(gradients):
        for x, g, (v, m) in zip(params, gradients, averages, strict=True):
            v[...] = decay * v + (1 - decay) * g**2
            m[...] = decay * m + (1 - decay) * g
            x -= learning_rate * g / np.sqrt(v - m * m * centered + epsilon)

    return step


def test_an_undecided_verdict_is_expected(capsys):
    arguments = ["--dialect", "d2l", "-k", "edge/steady/centered-tiny-epsilon and float32"]
    assert command(["check", f"{__file__}:centered_rmsprop", *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("1 verdict: 1 undecided, none is unexpected")


def test_a_case_fails_if_the_optimizer_raises_an_exception(capsys):
    assert command(["check", f"{__file__}:fail", "--dialect", "d2l", "-c", "decades/plain", "--dtype", "float32"]) == 1
    assert "RuntimeError: invalid step" in capsys.readouterr().out


def test_json_has_the_verdicts_with_their_numbers(capsys):
    assert command(["check", FACTORY, "--dialect", "torch", "-c", "decades/plain", "--json"]) == 1
    summary = json.loads(capsys.readouterr().out)
    assert (summary["exit_status"], summary["kind"], summary["outcomes"]) == (1, "numpy", {"differs": 2})
    verdict = summary["verdicts"][0]
    assert (verdict["case"], verdict["dtype"], verdict["first_step"], verdict["first_index"]) == (
        "decades/plain",
        "float32",
        1,
        [4],
    )
    assert "d2l" in verdict["fits"]


def reordered(params, learning_rate, decay, epsilon):
    import numpy as np

    squares = [np.zeros_like(x) for x in params]

    def step(gradients):
        for x, g, v in zip(params, gradients, squares, strict=True):
            v[...] = v + (1 - decay) * (g**2 - v)
            x -= learning_rate * g / np.sqrt(v + epsilon)

    return step


def test_a_baseline_distinguishes_a_rounding_change_from_identical_bits(capsys, tmp_path):
    folder, selection = str(tmp_path / "baseline"), ["-c", "decades/plain", "--dtype", "float32"]
    assert command(["check", FACTORY, "--dialect", "d2l", *selection, "--record", folder]) == 0
    assert command(["check", FACTORY, "--baseline", folder, *selection]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("1 verdict: 1 same bits, none is unexpected")
    changed = f"{__file__}:reordered"
    assert command(["check", changed, "--baseline", folder, *selection]) == 1
    assert "moved within rounding in decades/plain in float32\n" in capsys.readouterr().out
    assert command(["check", changed, "--baseline", folder, *selection, "--fail-on", "dialect"]) == 0
    assert command(["check", FACTORY, "--dialect", "d2l", *selection, "--record", folder]) == 2
    assert "holds a baseline already" in capsys.readouterr().err
    assert command(["check", FACTORY, "--dialect", "d2l", *selection, "--record", folder, "--replace"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
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
def test_an_invalid_command_prints_an_error_of_one_line(capsys, arguments, message):
    assert command(["check", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("rmsuite: ")
    assert message in line


def test_the_error_message_has_the_last_line_that_a_failed_server_printed(monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'invalid start' >&2\nexit 3\n")
    python.chmod(0o755)
    monkeypatch.setenv(VARIABLE, str(python))
    with pytest.raises(ServerError, match="ended with status 3: invalid start"):
        Client()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    with pytest.raises(ServerError, match="can't start the server with"):
        Client()
