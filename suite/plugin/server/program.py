"""The judge's process, started by path:

    python -I suite/plugin/server/program.py [--path FOLDER]...

It answers requests on standard input, a JSON object a line (see `suite.workers.protocol`), until its input ends.
Arrays travel as safetensors files.

hello      `protocol`, `folder` (for tapes)            -> `protocol`, `python`, `numpy`, `dialects`
case       `case` (an id)                              -> `input` (a tape), `sha256`, `hyperparameters`
verdict    `case`, `claimant` (see `OptimizerInfo`),
           `reply` (`status`; `sha256` or `reason`),
           `output` (a trace), `expectations` (a file),
           or `baseline` (a folder) and `fail_on`;
           `keep`, for a baseline                      -> `row`
record     `folder`, `replace`                         -> `count`, of what was kept
identify   `about` (see `suite.identification`)        -> `query`: `id`, `input` (a tape), `given`, `dtype`
answered   `reply`, `output` (a trace)                 -> the next `query`; or the `card`, and its `lines`

Each answer has `status`: `ok`; `mistake`, of the asker's, with a `reason` to be shown; or `error`, of ours.

Why in a process of its own: our names are too generic to be imported beside a user's packages; and what is judged must
not be able to touch what judges, be it a floating-point mode (a framework may flush subnormals in every thread that it
runs in), warnings that are errors, or a package in another version.
"""  # noqa: D415

from __future__ import annotations

import argparse
import platform
import sys
import traceback
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
if __name__ == "__main__":
    _parser = argparse.ArgumentParser()
    _parser.add_argument("--path", action="append", default=[], help="where more packages are")
    sys.path += _parser.parse_args().path

import numpy as np

from reference import dialects
from suite.plugin.server.check_session import BaselineTarget, CheckSession, OptimizerInfo
from suite.plugin.server.identify_session import IdentifySession
from suite.regression.baseline import BaselineError
from suite.results.expectations import ExpectationError, Expectations
from suite.results.store import plain
from suite.workers import protocol
from suite.workers.protocol import Message


class Judge:
    """Answers requests."""

    def __init__(self) -> None:
        self.hearing: CheckSession | None = None
        self.inquest: IdentifySession | None = None

    def answer(self, request: Message) -> Message:
        """The reply; whatever goes wrong is one too."""
        asks: dict[str, Callable[[Message], Message]] = {
            "hello": self.hello,
            "case": self.case,
            "verdict": self.verdict,
            "record": self.record,
            "identify": self.identify,
            "answered": self.answered,
        }
        try:
            reply = {"status": "ok", **plain(asks[request["ask"]](request))}
        except (ExpectationError, BaselineError, LookupError) as error:
            if isinstance(error, (KeyError, IndexError)):
                reply = self._mistaken(error)
            else:
                reply = {"status": "mistake", "reason": str(error)}
        except Exception as error:
            reply = self._mistaken(error)
        return {"id": request["id"], **reply}

    def hello(self, request: Message) -> Message:
        """Who answers here."""
        if request["protocol"] != protocol.VERSION:
            raise LookupError(f"the judge speaks protocol {protocol.VERSION}, not {request['protocol']}")
        self.hearing = CheckSession(Path(request["folder"]))
        return {
            "protocol": protocol.VERSION,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "dialects": list(dialects),
        }

    def case(self, request: Message) -> Message:
        """A case, for a factory to answer."""
        tape_batch = self._open().tape_batch(request["case"])
        return {
            "input": str(tape_batch.path),
            "sha256": tape_batch.sha256,
            "hyperparameters": tape_batch.hyperparameters.to_json(),
        }

    def verdict(self, request: Message) -> Message:
        """What is to be said of the answer."""
        claimant = OptimizerInfo(**request["claimant"])
        output, folder = Path(request["output"]), request["baseline"]
        against = BaselineTarget(Path(folder), request["fail_on"]) if folder else _expectations(request["expectations"])
        keep = bool(request["keep"])
        return {"row": self._open().verdict(request["case"], claimant, request["reply"], output, against, keep=keep)}

    def record(self, request: Message) -> Message:
        """Write what was kept."""
        return {"count": self._open().keeping.write(Path(request["folder"]), replace=bool(request["replace"]))}

    def identify(self, request: Message) -> Message:
        """The first question to an optimizer that claims nothing."""
        self.inquest = IdentifySession(request["about"], self._open().folder)
        return self.inquest.begin()

    def answered(self, request: Message) -> Message:
        """The next question, or what it is."""
        if self.inquest is None:
            raise LookupError("`answered` comes after `identify`")
        return self.inquest.go_on(request["reply"], Path(request["output"]))

    def _open(self) -> CheckSession:
        if self.hearing is None:
            raise LookupError("the first request is `hello`")
        return self.hearing

    @staticmethod
    def _mistaken(error: Exception) -> Message:
        traceback.print_exc()
        return {"status": "error", "reason": f"{type(error).__name__}: {error}"[:2000]}


@lru_cache
def _expectations(file: str | None) -> Expectations:
    return Expectations.read(Path(file)) if file else Expectations([])


def main() -> None:
    """Serve until the input ends."""
    channel = protocol.private_output()
    judge = Judge()
    for line in sys.stdin.buffer:
        channel.write(protocol.encode(judge.answer(protocol.decode(line))))


if __name__ == "__main__":
    main()
