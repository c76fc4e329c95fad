"""The server: it answers requests on standard input, one JSON object a line, until its input ends.

See `suite.workers.protocol` for the form of the messages. Arrays are exchanged as safetensors files.

hello      `protocol`, `folder` (for tapes)            -> `protocol`, `python`, `numpy`, `dialects`
case       `case` (an id)                              -> `input` (a tape), `sha256`, `hyperparameters`
verdict    `case`, `optimizer` (see `OptimizerInfo`),
           `reply` (`status`; `sha256` or `reason`),
           `output` (a trace), `expectations` (a file),
           or `baseline` (a folder) and `fail_on`;
           `keep`, for a baseline                      -> `row`
record     `folder`, `replace`                         -> `count` of the records
identify   `optimizer` (see `OptimizerDescription`)    -> `experiment`: `id`, `input` (a tape), `hyperparameters`,
                                                       `dtype`
replayed   `reply`, `output` (a trace)                 -> the next `experiment`; or the `report`, and its `lines`

Each reply has a `status`: `ok`; `user error`, with a `reason` for the user; or `error`, a defect of this project.

The server is a separate process for two reasons: the names of its packages are too generic to be imported beside a
user's packages, and the tested optimizer must not affect the oracle, for example by a floating-point mode (a framework
may flush subnormal numbers in its threads), by warnings that are errors, or by another version of a package.
"""

from __future__ import annotations

import platform
import sys
import traceback
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from reference import dialects
from suite.errors import UserError
from suite.plugin.server.check_session import BaselineTarget, CheckSession, OptimizerInfo
from suite.plugin.server.identify_session import IdentifySession
from suite.results.expectations import Expectations
from suite.results.store import plain
from suite.workers import protocol
from suite.workers.protocol import Message


class Server:
    """Answers requests."""

    def __init__(self) -> None:
        self.check: CheckSession | None = None
        self.identification: IdentifySession | None = None

    def answer(self, request: Message) -> Message:
        """Return the reply to a request; an exception becomes a reply too."""
        asks: dict[str, Callable[[Message], Message]] = {
            "hello": self.hello,
            "case": self.case,
            "verdict": self.verdict,
            "record": self.record,
            "identify": self.identify,
            "replayed": self.replayed,
        }
        try:
            reply = {"status": "ok", **plain(asks[request["method"]](request))}
        except UserError as error:
            reply = {"status": "user error", "reason": str(error)}
        except Exception as error:
            traceback.print_exc()
            reply = {"status": "error", "reason": f"{type(error).__name__}: {error}"[:2000]}
        return {"id": request["id"], **reply}

    def hello(self, request: Message) -> Message:
        """Return the versions of the server."""
        if request["protocol"] != protocol.VERSION:
            raise RuntimeError(f"the server speaks protocol {protocol.VERSION}, not {request['protocol']}")
        self.check = CheckSession(Path(request["folder"]))
        return {
            "protocol": protocol.VERSION,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "dialects": list(dialects),
        }

    def case(self, request: Message) -> Message:
        """Return the input of a case."""
        tape_batch = self._open().tape_batch(request["case"])
        return {
            "input": str(tape_batch.path),
            "sha256": tape_batch.sha256,
            "hyperparameters": tape_batch.hyperparameters.to_json(),
        }

    def verdict(self, request: Message) -> Message:
        """Return the verdict on a replay."""
        optimizer = OptimizerInfo(**request["optimizer"])
        output, folder = Path(request["output"]), request["baseline"]
        against = BaselineTarget(Path(folder), request["fail_on"]) if folder else _expectations(request["expectations"])
        keep = bool(request["keep"])
        return {"row": self._open().verdict(request["case"], optimizer, request["reply"], output, against, keep=keep)}

    def record(self, request: Message) -> Message:
        """Write the recorded baseline."""
        return {"count": self._open().recorder.write(Path(request["folder"]), replace=bool(request["replace"]))}

    def identify(self, request: Message) -> Message:
        """Return the first experiment for an optimizer of unknown dialect."""
        self.identification = IdentifySession(request["optimizer"], self._open().folder)
        return self.identification.begin()

    def replayed(self, request: Message) -> Message:
        """Return the next experiment, or the report."""
        if self.identification is None:
            raise RuntimeError("`replayed` comes after `identify`")
        return self.identification.continue_with(request["reply"], Path(request["output"]))

    def _open(self) -> CheckSession:
        if self.check is None:
            raise RuntimeError("the first request is `hello`")
        return self.check


@lru_cache
def _expectations(file: str | None) -> Expectations:
    return Expectations.read(Path(file)) if file else Expectations([])


def serve() -> None:
    """Answer requests until the input ends."""
    channel = protocol.private_output()
    server = Server()
    for line in sys.stdin.buffer:
        channel.write(protocol.encode(server.answer(protocol.decode(line))))
