"""The client of the server process that holds the oracle. The process is started when it is first needed.

The server runs on this interpreter, or on the one that the variable `RMSUITE_SERVER_PYTHON` names. It needs CPython
3.11, NumPy, safetensors and packaging. Its imports and floating-point modes do not affect this process.
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
from typing import Any

from .shared import ROOT, errors, protocol

UserError = errors.UserError
VARIABLE = "RMSUITE_SERVER_PYTHON"
FORMER_VARIABLE = "RMSUITE_JUDGE_PYTHON"
PROGRAM = ROOT / "suite" / "plugin" / "server" / "program.py"
REQUIRED = ("numpy", "safetensors", "packaging")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class ServerError(RuntimeError):
    """The server process ended or failed; the message has the last lines of its error output."""


class Client:
    """A server process and the folder for the arrays that are exchanged. The process ends when its input is closed."""

    def __init__(self) -> None:
        """Start the server.

        Raises:
            ServerError: if it can't be started, or does not answer.
        """
        self.folder, self._sent = Path(tempfile.mkdtemp(prefix="rmsuite-")), 0
        self._errors = self.folder / "server.log"
        python = os.environ.get(VARIABLE) or os.environ.get(FORMER_VARIABLE)
        command = [python or sys.executable, "-I", str(PROGRAM), *([] if python else _paths())]
        with self._errors.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env={**os.environ, **dict.fromkeys(_THREADS, "1")},
                    start_new_session=True,  # Ctrl-C interrupts this process, whose end closes the server's input
                )
            except OSError as error:
                shutil.rmtree(self.folder, ignore_errors=True)
                raise ServerError(f"can't start the server with {command[0]}: {error.strerror}") from error
        try:
            hello = self.request("hello", folder=str(self.folder))
        except BaseException:
            self.close()
            raise
        self.dialects: list[str] = hello["dialects"]

    def request(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a request and return the reply.

        Raises:
            UserError: if the request can't be carried out and the user can correct it.
            ServerError: if the server has failed.
        """
        self._sent += 1
        requests, replies = self._process.stdin, self._process.stdout
        assert requests is not None and replies is not None  # noqa: PT018, S101  (opened as pipes)
        with suppress(OSError):  # the server has ended, and the missing reply shows it
            requests.write(protocol.encode({"id": self._sent, "method": method, **parameters}))
            requests.flush()
        line = replies.readline()
        if not line:
            raise ServerError(self._exit_reason())
        reply = protocol.decode(line)
        if reply["status"] == "user error":
            raise UserError(reply["reason"])
        if reply["status"] != "ok":
            raise ServerError(f"the server failed, which is a defect of rmsuite: {reply['reason']}")
        return reply

    def close(self) -> None:
        """End the server."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _exit_reason(self) -> str:
        code = self._process.wait()
        lines = self._errors.read_text("utf-8", "replace").splitlines()
        return f"{protocol.exit_reason('the server', code, lines)} ({VARIABLE} names another interpreter for it)"


_clients: dict[int, Client] = {}
"""The client of each process, by its number: after a fork, the parent's client belongs to the parent."""


def client() -> Client:
    """Return the client of this process; after a fork a new one.

    Raises:
        ServerError: if the server can't be started.
    """
    own = os.getpid()
    if own not in _clients:
        _clients[own] = Client()
        atexit.register(_close, own)
    return _clients[own]


def _close(process: int) -> None:
    if process == os.getpid() and process in _clients:
        _clients.pop(process).close()


def _paths() -> list[str]:
    """Return options with the folders of the required packages, because -I ignores PYTHONPATH."""
    found = [find_spec(name) for name in REQUIRED]
    places = [Path(spec.origin).parents[1] for spec in found if spec is not None and spec.origin]
    return [f"--path={place}" for place in dict.fromkeys(places)]
