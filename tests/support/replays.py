"""The worker of a real framework, with methods that replay tapes and check training loops."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from reference import Hyperparameters
from suite.cases import datasets, tasks
from suite.workers import arrays
from suite.workers.coordinator import WorkerProcess
from suite.workers.environments import Environment, environments

H = Hyperparameters(learning_rate=2.0**-4, decay=0.5, epsilon=2.0**-6)
ALL_HYPERPARAMETERS = Hyperparameters(
    learning_rate=[0.0625, 0.125, 0.0625, 0.25, 0.125],
    decay=0.75,
    epsilon=1.0,  # the first v - m² is 0 except for rounding errors, which are not small in half precision
    momentum=0.5,
    centered=True,
    nesterov=True,
    bias_correction=True,
    weight_decay=0.125,
    clip_norm=3.0,
    clip_gradient=1.5,
    clip_weights=2.0,
    rescale_gradient=0.5,
    maximize=True,
)


def require_environment(framework: str) -> Environment:
    """Return the environment of a framework; if there is none, the test fails in CI and is skipped elsewhere."""
    environment = environments({})[framework]
    if not environment.exists:
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        stop(f"there is no environment for {framework}: `rmsuite envs --build`")
    return environment


class FrameworkWorker:
    """A framework's worker process, which reads tapes from a folder and writes traces to it."""

    def __init__(self, framework: str, folder: Path) -> None:
        environment = require_environment(framework)
        self.python, self.folder = environment.python, folder
        self.worker = WorkerProcess(environment.python, framework, "cpu", 1)
        self.implementations = self.worker.hello(180.0)["implementations"]

    def replay(self, implementation, tape, h=H, dtype="float32"):
        """Replay a tape, require that this succeeds, and return the trace."""
        reply = self.request_replay(implementation, tape, h, dtype)
        assert reply["status"] == "ok", reply
        return arrays.read(self.folder / "trace.safetensors")[0]

    def request_replay(self, implementation, tape, h=H, dtype="float32"):
        """Send a request to replay a tape and return the reply."""
        arrays.write(self.folder / "tape.safetensors", tape)
        request = {
            "method": "replay",
            "implementation": implementation,
            "dialect": "d2l",
            "hyperparameters": h.to_json(),
            "dtype": dtype,
            "input": str(self.folder / "tape.safetensors"),
            "output": str(self.folder / "trace.safetensors"),
        }
        return self.worker.send(request, 120.0)

    def check_epoch_in_one_call(self, implementation: str) -> None:
        """Check that an epoch in one call gives the same bits as its steps one by one.

        When a benchmark is opened, the worker trains the task step by step; the timed call then runs one more epoch.
        Both are compared with a training run that is longer by one epoch.
        """
        task = tasks.regression(datasets.generated(), 0)
        regular, longer, output = (self.folder / f"{name}.safetensors" for name in ("regular", "longer", "output"))
        arrays.write(regular, task.arrays())
        arrays.write(longer, task.arrays() | {"steps": np.array(task.steps + task.steps_per_epoch)})
        setup = {
            "implementation": implementation,
            "dialect": "d2l",
            "hyperparameters": task.hyperparameters.to_json(),
            "dtype": "float32",
            "output": str(output),
        }
        assert self.worker.send({"method": "train", **setup, "input": str(longer)}, 120.0)["status"] == "ok"
        trace = arrays.read(output)[0]["parameters"]
        opened = self.worker.send({"method": "open", "benchmark": "epoch", **setup, "input": str(regular)}, 120.0)
        assert opened["status"] == "ok", opened
        assert np.array_equal(arrays.read(output)[0]["parameters"], trace[: task.steps])
        closed = self.worker.send({"method": "close", "opened": opened["id"]}, 120.0)
        assert closed["calls"] == 1
        assert closed["parameters"] == trace[-1, : len(closed["parameters"])].tolist()
        assert not np.array_equal(trace[-1], trace[task.steps - 1])
