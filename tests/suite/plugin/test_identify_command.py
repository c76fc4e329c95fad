"""`rmsuite identify` on the command line, of what is made by hand and of what frameworks have."""

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
        raise RuntimeError("out of luck")

    return step


def test_what_is_found_is_shown(capsys):
    assert command(["identify", FACTORY]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{FACTORY} is timm-tf or sb3-tf")
    assert re.search(r"^initial_accumulator +1 ", told, re.MULTILINE)
    assert re.search(r"^learning_rate +inside or outside +it takes no momentum", told, re.MULTILINE)
    assert re.search(r"^  eps\w+ +1e-06 +declared as 1e-07, which is not so", told, re.MULTILINE)


def test_what_fails_says_so(capsys):
    assert command(["identify", f"{__file__}:fail", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["dialects"] == []
    assert "RuntimeError: out of luck" in found["nothing_fits"]["reason"]


def test_bad_input_gets_one_line(capsys):
    assert command(["identify", "nowhere:nothing"]) == 2
    assert capsys.readouterr().err == "rmsuite: nowhere:nothing: No module named 'nowhere'\n"


@pytest.mark.parametrize(
    ("framework", "factory", "names", "axes"),
    [
        ("torch", "torch.optim:RMSprop", ["torch"], {"epsilon": "outside", "learning_rate": "outside"}),
        ("tensorflow", "keras.optimizers:RMSprop", ["keras2", "keras3"], {"epsilon": "inside"}),
        ("mxnet", "mxnet.optimizer:RMSProp", ["mxnet1"], {"momentum": "when centered", "clipping": "after decay"}),
    ],
)
def test_what_a_framework_has_is_named(framework, factory, names, axes):
    python = ROOT / ".nox" / framework / "bin" / "python"
    if not python.exists():
        assert not os.environ.get("CI"), f"no environment for {framework}"
        pytest.skip(f"no environment for {framework}")
    asked = [python, "-m", "suite.plugin", "identify", factory, "--json"]
    more = {VARIABLE: sys.executable, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **more}, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout[done.stdout.index("{\n") :])
    assert [one["dialect"] for one in found["dialects"]] == names
    assert all(not one["departures"] for one in found["dialects"])
    assert {axis: found["axes"][axis]["values"] for axis in axes} == {axis: [value] for axis, value in axes.items()}
    assert found["axes"]["sparse"]["why"] == "it takes no gradients of few rows"
    assert all(one["as_declared"] for one in found["defaults"])
    assert found["defaults"]


def test_the_page_shows_every_field_of_the_json(capsys):
    assert command(["identify", FACTORY, "--json"]) == 0
    assert set(re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)) == set(json.loads(capsys.readouterr().out))
