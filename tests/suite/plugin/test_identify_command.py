"""`rmsuite identify` on the command line, with factories of this file and with the optimizers of the frameworks."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from suite.plugin.__main__ import command
from suite.plugin.client import VARIABLE
from tests.support.replays import require_environment

ROOT = Path(__file__).resolve().parents[3]
FACTORY = f"{__file__}:make"
PAGE = (ROOT / "docs" / "identify.md").read_text("utf-8")


def make(params, learning_rate=0.01, rho=0.9, eps=1e-7):
    import numpy as np

    squares = [np.ones_like(x) for x in params]

    def step(gradients):
        for x, g, v in zip(params, gradients, squares, strict=True):
            v[...] = rho * v + (1 - rho) * g**2
            x -= learning_rate * g / np.sqrt(v + max(eps, 1e-6))

    return step


def fail(params, learning_rate, decay, epsilon):
    def step(gradients):
        raise RuntimeError("invalid step")

    return step


def test_the_dialect_the_axes_and_the_defaults_are_printed(capsys):
    assert command(["identify", FACTORY]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{FACTORY} is timm-tf or sb3-tf")
    assert re.search(r"^initial_accumulator +1 ", printed, re.MULTILINE)
    assert re.search(r"^learning_rate +inside or outside +it takes no momentum", printed, re.MULTILINE)
    assert re.search(r"^  eps\w+ +1e-06 +differs from the declared 1e-07", printed, re.MULTILINE)


def test_an_exception_of_the_optimizer_is_the_reason_why_it_is_not_identified(capsys):
    assert command(["identify", f"{__file__}:fail", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["dialects"] == []
    assert "RuntimeError: invalid step" in report["unexplained"]["reason"]


def test_an_invalid_factory_prints_an_error_of_one_line(capsys):
    assert command(["identify", "nowhere:nothing"]) == 2
    assert capsys.readouterr().err == "rmsuite: nowhere:nothing: No module named 'nowhere'\n"


@pytest.mark.parametrize(
    ("framework", "factory", "fitting", "axes"),
    [
        ("torch", "torch.optim:RMSprop", ["torch"], {"epsilon": "outside", "learning_rate": "outside"}),
        ("tensorflow", "keras.optimizers:RMSprop", ["keras2", "keras3"], {"epsilon": "inside"}),
        ("mxnet", "mxnet.optimizer:RMSProp", ["mxnet1"], {"momentum": "when centered", "clipping": "after decay"}),
    ],
)
def test_the_optimizers_of_the_frameworks_are_identified(framework, factory, fitting, axes):
    arguments = [require_environment(framework).python, "-m", "suite.plugin", "identify", factory, "--json"]
    variables = {VARIABLE: sys.executable, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.run(
        arguments, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **variables}, timeout=300
    )
    assert process.returncode == 0, process.stderr
    report = json.loads(process.stdout[process.stdout.index("{\n") :])
    assert [fit["dialect"] for fit in report["dialects"]] == fitting
    assert all(not fit["differences"] for fit in report["dialects"])
    assert {axis: report["axes"][axis]["values"] for axis in axes} == {axis: [value] for axis, value in axes.items()}
    assert report["axes"]["sparse"]["reason"] == "it takes no row-sparse gradients"
    assert all(default["as_declared"] for default in report["defaults"])
    assert report["defaults"]


def test_the_documentation_lists_every_field_of_the_json_output(capsys):
    assert command(["identify", FACTORY, "--json"]) == 0
    assert set(re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)) == set(json.loads(capsys.readouterr().out))
