"""Identifies a user's optimizer: the experiments are sent as files, and the last reply is the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite.identification.experiments import Array, ExperimentFailed, OptimizerDescription, ReplayRequest
from suite.identification.identify import identification
from suite.identification.report import lines, to_json
from suite.workers import arrays
from suite.workers.protocol import Message


class IdentifySession:
    """One identification."""

    def __init__(self, description: dict[str, Any], folder: Path) -> None:
        """Prepare the experiments.

        Args:
            description: the fields of `OptimizerDescription`, as JSON has them.
            folder: for the tapes.
        """
        optimizer = OptimizerDescription(**{**description, "accepts": frozenset(description["accepts"])})
        self.experiments = identification(optimizer)
        self.folder = folder

    def begin(self) -> Message:
        """Return the first experiment."""
        return self._next(None)

    def continue_with(self, reply: Message, output: Path) -> Message:
        """Return the next experiment, or the report.

        Args:
            reply: the `status` of the last experiment and, unless it is `ok`, the `reason`.
            output: the file with the trace, which is removed.
        """
        if reply["status"] != "ok":
            return self._next(ExperimentFailed(reply["reason"]))
        trace, _ = arrays.read(output)
        output.unlink()
        return self._next(trace["parameters"])

    def _next(self, result: Array | ExperimentFailed | None) -> Message:
        try:
            request = next(self.experiments) if result is None else self.experiments.send(result)
        except StopIteration as end:
            return {"report": to_json(end.value), "lines": list(lines(end.value))}
        return {"experiment": self._written(request)}

    def _written(self, request: ReplayRequest) -> Message:
        path = self.folder / "experiment.safetensors"
        arrays.write(path, request.tape.arrays())
        hyperparameters = dict(request.hyperparameters)
        return {"id": request.id, "input": str(path), "hyperparameters": hyperparameters, "dtype": request.dtype}
