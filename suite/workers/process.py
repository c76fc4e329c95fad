"""One worker process. A request to it always ends: with a reply, or with an error after the time limit."""

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
from suite.workers.protocol import MalformedMessage, ProtocolError, WorkerCrashed, WorkerRefused, WorkerTimeout

WORKER = Path(__file__).with_name("worker.py")
_SCHEMA = json.loads(Path(__file__).with_name("protocol.schema.json").read_text("utf-8"))
_REPLIES = {
    kind: Draft202012Validator({"oneOf": [{"$ref": f"#/$defs/{one}"} for one in replies], "$defs": _SCHEMA["$defs"]})
    for kind, replies in {
        "hello": ("hello", "error"),
        "replay": ("replayed", "unsupported", "error"),
        "train": ("replayed", "unsupported", "error"),
        "open": ("opened", "unsupported", "error"),
        "sample": ("sampled", "error"),
        "close": ("closed", "error"),
    }.items()
}  # the kind of a request -> a validator of its replies
_ERROR_LINES = 40  # of standard error that are kept
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Worker:
    """A worker process.

    It runs in a process group of its own. An interrupt at the terminal then reaches the harness only, and killing the
    worker also ends the processes that it has started.
    """

    def __init__(self, command: list[str], threads: int) -> None:
        """Start the process.

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
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._errors: deque[str] = deque(maxlen=_ERROR_LINES)
        self._sent = 0
        streams = ((self._read_output, self.process.stdout), (self._read_errors, self.process.stderr))
        self._readers = [threading.Thread(target=read, args=(stream,), daemon=True) for read, stream in streams]
        for reader in self._readers:
            reader.start()

    def hello(self, timeout: float) -> protocol.Message:
        """Shake hands, and return the worker's description of itself.

        Raises:
            WorkerRefused: if the worker can't serve, or speaks another version of the protocol.
            WorkerError: as `ask`.
        """
        reply = self.ask({"method": "hello", "protocol": protocol.VERSION}, timeout)
        if reply["status"] != "ok":
            self.kill()
            raise WorkerRefused(reply["reason"])
        if reply["protocol"] != protocol.VERSION:
            self.kill()
            raise WorkerRefused(f"the worker speaks protocol {reply['protocol']}, not {protocol.VERSION}")
        return reply

    def ask(self, request: protocol.Message, timeout: float) -> protocol.Message:
        """Send a request and return the reply.

        Args:
            request: without `id`, which is added here.
            timeout: in seconds.

        Raises:
            WorkerTimeout, WorkerCrashed, ProtocolError: in each case the worker has ended.
        """
        self._sent += 1
        deadline = time.monotonic() + timeout
        try:
            assert self.process.stdin is not None  # noqa: S101  (it was opened as a pipe)
            self.process.stdin.write(protocol.encode({"id": self._sent, **request}))
            self.process.stdin.flush()
        except (OSError, ValueError):  # the process or the pipe is closed: what it wrote before is read below
            pass
        try:
            line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            self.kill()
            raise WorkerTimeout(f"no answer within {timeout:g} s") from None
        if line is None:
            self.kill()  # and the processes that it has started
            raise WorkerCrashed(protocol.exit_reason("the worker", self.process.returncode, list(self._errors)))
        return self._checked(line, request["method"])

    def kill(self) -> None:
        """End the process, and all that it has started, at once."""
        with suppress(ProcessLookupError, PermissionError):  # it has ended already
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdin is not None:
            with suppress(OSError):  # nobody reads what is still in the buffer
                self.process.stdin.close()
        for reader in self._readers:
            reader.join(timeout=1)  # a process that left the group may hold a pipe open: it is not waited for

    def close(self) -> None:
        """Let the process end by itself, and kill it if it does not within two seconds."""
        if self.process.stdin is not None:
            with suppress(OSError):  # the other end of the pipe is closed already
                self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=2)
        self.kill()

    def _checked(self, line: bytes, kind: str) -> protocol.Message:
        """Return the message of a line, if it is a reply to the last request, of this kind."""
        try:
            if len(line) > protocol.MAX_BYTES:
                raise MalformedMessage(f"a line of more than {protocol.MAX_BYTES} bytes")
            reply = protocol.decode(line)
        except MalformedMessage as error:
            self.kill()
            raise ProtocolError(str(error)) from error
        if reply["id"] != self._sent or not _REPLIES[kind].is_valid(reply):
            self.kill()
            raise ProtocolError(f"not an answer to request {self._sent}: {line[:80]!r}")
        return reply

    def _read_output(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline(protocol.MAX_BYTES + 1):
                self._lines.put(line)
                if len(line) > protocol.MAX_BYTES:
                    break
        self._lines.put(None)

    def _read_errors(self, stream: IO[bytes]) -> None:
        with stream:
            while line := stream.readline(1 << 16):
                self._errors.append(line.decode("utf-8", "replace").rstrip())


def worker_command(python: Path, framework: str, device: str, threads: int) -> list[str]:
    """Return the command that starts a worker: by path and isolated, since this project is not installed there."""
    return [str(python), "-I", str(WORKER), framework, "--device", device, "--threads", str(threads)]
