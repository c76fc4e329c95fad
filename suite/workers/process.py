"""Harness side: one worker process, asked with a time limit. Whatever it does, a question ends."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO

from jsonschema import Draft202012Validator

from suite.workers import protocol
from suite.workers.errors import ProtocolError, Refused, WorkerCrashed, WorkerTimeout

WORKER = Path(__file__).with_name("worker.py")
_SCHEMA = json.loads(Path(__file__).with_name("protocol.schema.json").read_text("utf-8"))
_KINDS = {
    asked: Draft202012Validator({"oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in kinds], "$defs": _SCHEMA["$defs"]})
    for asked, kinds in {
        "hello": ("hello", "error"),
        "replay": ("ran", "unsupported", "error"),
        "train": ("ran", "unsupported", "error"),
        "open": ("opened", "unsupported", "error"),
        "sample": ("sampled", "error"),
        "close": ("closed", "error"),
    }.items()
}  # what may answer what
_TAIL = 40  # lines of standard error that are kept
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Worker:
    """A worker process.

    It runs in a process group of its own, so that an interrupt at the terminal reaches the harness alone, and so that
    killing it ends what it started too.
    """

    def __init__(self, command: list[str], threads: int) -> None:
        """Start it.

        Raises:
            WorkerCrashed: if the command can't be started.
        """
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
        pipe = subprocess.PIPE
        try:
            self.process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
            )
        except OSError as error:
            raise WorkerCrashed(f"can't start {command[0]}: {error.strerror}") from error
        self.answers: queue.Queue[bytes | None] = queue.Queue()
        self.errors: deque[str] = deque(maxlen=_TAIL)
        self.sent = 0
        streams = ((self._read, self.process.stdout), (self._drain, self.process.stderr))
        self.readers = [threading.Thread(target=read, args=(stream,), daemon=True) for read, stream in streams]
        for reader in self.readers:
            reader.start()

    def hello(self, timeout: float) -> protocol.Message:
        """Shake hands.

        Raises:
            Refused: if it can't serve, or speaks another version of the protocol.
            WorkerError: as `ask`.
        """
        reply = self.ask({"ask": "hello", "protocol": protocol.VERSION}, timeout)
        if reply["status"] != "ok":
            self.kill()
            raise Refused(reply["reason"])
        if reply["protocol"] != protocol.VERSION:
            self.kill()
            raise Refused(f"the worker speaks protocol {reply['protocol']}, not {protocol.VERSION}")
        return reply

    def ask(self, request: protocol.Message, timeout: float) -> protocol.Message:
        """The answer to a request.

        Args:
            request: without `id`, which is given here.
            timeout: seconds.

        Raises:
            WorkerTimeout, WorkerCrashed, ProtocolError: the worker has ended then.
        """
        self.sent += 1
        deadline = time.monotonic() + timeout
        try:
            assert self.process.stdin is not None  # noqa: S101  (it was opened as a pipe)
            self.process.stdin.write(protocol.encode({"id": self.sent, **request}))
            self.process.stdin.flush()
        except (OSError, ValueError):  # it has ended, or was: what it left is read below
            pass
        try:
            line = self.answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            self.kill()
            raise WorkerTimeout(f"no answer within {timeout:g} s") from None
        if line is None:
            raise WorkerCrashed(self._obituary())
        return self._checked(line, request["ask"])

    def kill(self) -> None:
        """End the process and all that it started, at once."""
        with suppress(ProcessLookupError, PermissionError):  # it is gone already
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdin is not None:
            with suppress(OSError):  # what was not yet written has no reader
                self.process.stdin.close()
        for reader in self.readers:
            reader.join(timeout=1)  # what escaped the process group may hold a pipe open: it is not waited for

    def close(self) -> None:
        """Let it end by itself, for a little while."""
        if self.process.stdin is not None:
            with suppress(OSError):  # its end of the pipe is closed already
                self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=2)
        self.kill()

    def _checked(self, line: bytes, asked: str) -> protocol.Message:
        try:
            if len(line) > protocol.LONGEST:
                raise protocol.Garbage(f"a line of more than {protocol.LONGEST} bytes")
            reply = protocol.decode(line)
        except protocol.Garbage as error:
            self.kill()
            raise ProtocolError(str(error)) from error
        if reply["id"] != self.sent or not _KINDS[asked].is_valid(reply):
            self.kill()
            raise ProtocolError(f"not an answer to request {self.sent}: {line[:80]!r}")
        return reply

    def _obituary(self) -> str:
        self.kill()  # and whatever it started
        code = self.process.returncode
        cause = (
            f"the worker was ended by {signal.Signals(-code).name}"
            if code < 0
            else f"the worker ended with status {code}"
        )
        last = next((text for text in reversed(self.errors) if text.strip()), "")
        return f"{cause}: {last}" if last else cause

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline(protocol.LONGEST + 1):
                self.answers.put(line)
                if len(line) > protocol.LONGEST:
                    break
        self.answers.put(None)

    def _drain(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline(1 << 16):
                self.errors.append(line.decode("utf-8", "replace").rstrip())


def command(python: Path, framework: str, device: str, threads: int) -> list[str]:
    """The command that starts a worker: by path, in isolation, with nothing of ours installed there."""
    return [str(python), "-I", str(WORKER), framework, "--device", device, "--threads", str(threads)]
