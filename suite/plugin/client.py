"""User's side: the judge's process, started when it is first needed, one for each process that asks.

It runs on this interpreter, or on that of the variable `RMSUITE_JUDGE_PYTHON`: it needs CPython 3.11, NumPy,
safetensors and packaging. Neither its imports nor its floating-point modes are this process's.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from .packages import HOUSE, protocol

VARIABLE = "RMSUITE_JUDGE_PYTHON"
PROGRAM = HOUSE / "suite" / "plugin" / "server" / "program.py"
NEEDED = ("numpy", "safetensors", "packaging")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Mistake(ValueError):
    """What was asked for can't be had; the message says why, and what to do."""


class JudgeError(RuntimeError):
    """The judge can't go on; the message says what it left."""


class Judge:
    """The process, and a folder for what passes between. It ends when its input does, as this process's end sees to."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            JudgeError: if it can't be started, or does not answer.
        """
        self.folder, self._sent = Path(tempfile.mkdtemp(prefix="rmsuite-")), 0
        self._errors = self.folder / "judge.log"
        python = os.environ.get(VARIABLE)
        command = [python or sys.executable, "-I", str(PROGRAM), *([] if python else _paths())]
        with self._errors.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env={**os.environ, **dict.fromkeys(_THREADS, "1")},
                    start_new_session=True,  # Ctrl-C is for this process, whose end is that one's
                )
            except OSError as error:
                shutil.rmtree(self.folder, ignore_errors=True)
                raise JudgeError(f"can't start the judge, {command[0]}: {error.strerror}") from error
        try:
            hello = self.ask("hello", protocol=protocol.VERSION, folder=str(self.folder))
        except BaseException:
            self.close()
            raise
        self.dialects: list[str] = hello["dialects"]

    def ask(self, what: str, **more: Any) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            Mistake: if the request can't be met.
            JudgeError: if the judge has failed.
        """
        self._sent += 1
        streams: list[IO[bytes] | None] = [self._process.stdin, self._process.stdout]
        asked, answered = streams
        assert asked is not None and answered is not None  # noqa: PT018, S101  (they were opened as pipes)
        with suppress(OSError):  # it has ended: that there is no answer says so
            asked.write(protocol.encode({"id": self._sent, "ask": what, **more}))
            asked.flush()
        line = answered.readline()
        if not line:
            raise JudgeError(self._obituary())
        reply = protocol.decode(line)
        if reply["status"] == "mistake":
            raise Mistake(reply["reason"])
        if reply["status"] != "ok":
            raise JudgeError(f"the judge failed, which is a mistake of rmsuite's: {reply['reason']}")
        return reply

    def close(self) -> None:
        """Let it end."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _obituary(self) -> str:
        code = self._process.wait()
        lines = [line for line in self._errors.read_text("utf-8", "replace").splitlines() if line.strip()]
        last = lines[-1] if lines else "it left no word"
        return f"the judge ended with status {code}: {last} ({VARIABLE} names another interpreter for it)"


_judges: dict[int, Judge] = {}
"""By the process that has started it: a parent's is the parent's to close."""


def judge() -> Judge:
    """The judge of this process: after a fork, another one.

    Raises:
        JudgeError: if it can't be started.
    """
    own = os.getpid()
    if own not in _judges:
        _judges[own] = Judge()
        atexit.register(_close, own)
    return _judges[own]


def _close(process: int) -> None:
    if process == os.getpid() and process in _judges:
        _judges.pop(process).close()


def _paths() -> list[str]:
    """Where this process has what the judge needs, which -I may not find: it heeds no PYTHONPATH."""
    found = [find_spec(name) for name in NEEDED]
    places = [Path(spec.origin).parents[1] for spec in found if spec is not None and spec.origin]
    return [f"--path={place}" for place in dict.fromkeys(places)]
