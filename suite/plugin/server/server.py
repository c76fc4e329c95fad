"""The server: it answers requests on standard input, one JSON object a line, until its input ends.

See `suite.workers.protocol` for the form of the messages. Arrays are exchanged as safetensors files.

hello      `folder` (for tapes)                        -> `dialects`
case       `case` (an id)                              -> `input` (a tape), `sha256`, `hyperparameters`
verdict    `case`, `optimizer`: `kind`, `name`,
           `version`, `dialect`, `dtype`;
           `reply`: `status`, `sha256`, `reason`;
           `output` (a trace), `expectations` (a file),
           or `baseline` (a folder) and `fail_on`;
           `keep`, for a baseline                      -> `row`
record     `folder`, `replace`                         -> nothing; a baseline is written
identify   `optimizer` (see `OptimizerDescription`)    -> `experiment`: `id`, `input` (a tape), `hyperparameters`,
                                                       `dtype`
replayed   `reply`, `output` (a trace)                 -> the next `experiment`; or the `report`, and its `lines`

Each reply has a `status`: `ok`; `user error`, with a `reason` for the user; or `error`, a defect of this project.

The server is a separate process for two reasons: the names of its packages are too generic to be imported beside a
user's packages, and the tested optimizer must not affect the oracle, for example by a floating-point mode (a framework
may flush subnormal numbers in its threads), by warnings that are errors, or by another version of a package.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from reference import dialects
from suite.compare.oracle import Array
from suite.conformance.targets import Target
from suite.errors import UserError
from suite.identification import report
from suite.identification.experiments import ExperimentFailed, Experiments, OptimizerDescription
from suite.identification.identify import Identification, identification
from suite.plugin.server.check_session import BaselineTarget, CheckSession
from suite.results.expectations import Expectations
from suite.results.provenance import Conditions
from suite.results.store import plain
from suite.workers import arrays, protocol
from suite.workers.protocol import Message


class Server:
    """Answers requests. The first is `hello`, and `identify` comes before `replayed`."""

    check: CheckSession
    experiments: Experiments[Identification]

    def answer(self, request: Message) -> Message:
        """Return the reply to a request; an exception becomes a reply too."""
        methods: dict[str, Callable[[Message], Message]] = {
            "hello": self.hello,
            "case": self.case,
            "verdict": self.verdict,
            "record": self.record,
            "identify": self.identify,
            "replayed": self.replayed,
        }
        try:
            reply = {"status": "ok", **plain(methods[request["method"]](request))}
        except UserError as error:
            reply = {"status": "user error", "reason": str(error)}
        except Exception as error:
            traceback.print_exc()
            reply = {"status": "error", "reason": f"{type(error).__name__}: {error}"[:2000]}
        return {"id": request["id"], **reply}

    def hello(self, request: Message) -> Message:
        """Return the names of the dialects."""
        self.check = CheckSession(Path(request["folder"]))
        return {"dialects": list(dialects)}

    def case(self, request: Message) -> Message:
        """Return the input of a case."""
        tape_batch = self.check.tape_batch(request["case"])
        return {
            "input": str(tape_batch.path),
            "sha256": tape_batch.sha256,
            "hyperparameters": tape_batch.hyperparameters.to_json(),
        }

    def verdict(self, request: Message) -> Message:
        """Return the verdict on a replay."""
        optimizer = request["optimizer"]
        target = Target(
            framework=optimizer["kind"],
            implementation=optimizer["name"],
            version=optimizer["version"],
            device="cpu",
            dtype=optimizer["dtype"],
            dialect=None,
            claim=optimizer["dialect"],
            twin=None,
            declared=None,
            lean=False,
            conditions=Conditions(),
        )
        folder, keep = request["baseline"], bool(request["keep"])
        against = BaselineTarget(Path(folder), request["fail_on"]) if folder else _expectations(request["expectations"])
        output = Path(request["output"])
        return {"row": self.check.verdict(request["case"], target, request["reply"], output, against, keep=keep)}

    def record(self, request: Message) -> Message:
        """Write the recorded baseline."""
        self.check.record(Path(request["folder"]), replace=bool(request["replace"]))
        return {}

    def identify(self, request: Message) -> Message:
        """Return the first experiment for an optimizer of unknown dialect."""
        described = request["optimizer"]
        optimizer = OptimizerDescription(**{**described, "accepts": frozenset(described["accepts"])})
        self.experiments = identification(optimizer)
        return self._next(None)

    def replayed(self, request: Message) -> Message:
        """Return the next experiment, or the report."""
        reply, output = request["reply"], Path(request["output"])
        if reply["status"] != "ok":
            return self._next(ExperimentFailed(reply["reason"]))
        trace, _ = arrays.read(output)
        output.unlink()
        return self._next(trace["parameters"])

    def _next(self, result: Array | ExperimentFailed | None) -> Message:
        try:
            experiment = next(self.experiments) if result is None else self.experiments.send(result)
        except StopIteration as end:
            return {"report": report.to_json(end.value), "lines": list(report.lines(end.value))}
        path = self.check.folder / "experiment.safetensors"
        arrays.write(path, experiment.tape.arrays())
        described = {"id": experiment.id, "input": str(path), "dtype": experiment.dtype}
        return {"experiment": {**described, "hyperparameters": dict(experiment.hyperparameters)}}


@lru_cache
def _expectations(file: str | None) -> Expectations:
    return Expectations.read(Path(file)) if file else Expectations([])


def serve() -> None:
    """Answer requests until the input ends."""
    channel = protocol.private_output()
    server = Server()
    for line in sys.stdin.buffer:
        channel.write(protocol.encode(server.answer(protocol.decode(line))))
