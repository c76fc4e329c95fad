"""Starts the worker processes of frameworks, and sends them requests. Each request gets a response, whatever happens.

A request to a process always ends: with a reply, or with an error after the time limit.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from jsonschema import Draft202012Validator

from suite.workers import protocol
from suite.workers.environments import Environment
from suite.workers.protocol import Message, ProtocolError, Request, Response, WorkerError

START_TIMEOUT = 180.0  # seconds that a worker may take to import its framework

_WORKER = Path(__file__).with_name("worker.py")
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


class WorkerProcess:
    """A worker process, started by path and isolated, since this project is not installed in its environment.

    It runs in a process group of its own. An interrupt at the terminal then reaches the harness only, and killing the
    worker also ends the processes that it has started.
    """

    def __init__(self, python: Path, framework: str, device: str, threads: int) -> None:
        """Start the process; raise WorkerCrashed if the interpreter can't be started."""
        command = [str(python), "-I", str(_WORKER), framework, "--device", device, "--threads", str(threads)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
        pipe = subprocess.PIPE
        try:
            self.process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, start_new_session=True
            )
        except OSError as error:
            raise protocol.WorkerCrashed(f"can't start {python}: {error.strerror}") from error
        assert self.process.stdin and self.process.stdout and self.process.stderr  # noqa: PT018, S101  (pipes)
        self._requests = self.process.stdin
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._errors: deque[str] = deque(maxlen=_ERROR_LINES)
        self._sent = 0
        streams = ((self._read_output, self.process.stdout), (self._read_errors, self.process.stderr))
        self._readers = [threading.Thread(target=read, args=(stream,), daemon=True) for read, stream in streams]
        for reader in self._readers:
            reader.start()

    def hello(self, timeout: float) -> Message:
        """Shake hands, and return the worker's description of itself.

        Raises:
            WorkerRefused: if the worker can't serve, or speaks another version of the protocol.
            WorkerError: as `send`.
        """
        reply = self.send({"method": "hello", "protocol": protocol.VERSION}, timeout)
        if reply["status"] != "ok":
            self.kill()
            raise protocol.WorkerRefused(reply["reason"])
        if reply["protocol"] != protocol.VERSION:
            self.kill()
            raise protocol.WorkerRefused(f"the worker speaks protocol {reply['protocol']}, not {protocol.VERSION}")
        return reply

    def send(self, message: Message, timeout: float) -> Message:
        """Send a request, to which an `id` is added, and return the reply; the timeout is in seconds.

        Raises:
            WorkerTimeout, WorkerCrashed, ProtocolError: in each case the worker has ended.
        """
        self._sent += 1
        deadline = time.monotonic() + timeout
        with suppress(OSError, ValueError):  # the process or the pipe is closed: what it wrote before is read below
            self._requests.write(protocol.encode({"id": self._sent, **message}))
            self._requests.flush()
        try:
            line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            self.kill()
            raise protocol.WorkerTimeout(f"no answer within {timeout:g} s") from None
        if line is None:
            self.kill()  # and the processes that it has started
            reason = protocol.exit_reason("the worker", self.process.returncode, list(self._errors))
            raise protocol.WorkerCrashed(reason)
        try:
            return self._checked(line, message["method"])
        except ProtocolError:
            self.kill()
            raise

    def kill(self) -> None:
        """End the process, and all that it has started, at once."""
        with suppress(ProcessLookupError, PermissionError):  # it has ended already
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        with suppress(OSError):  # the process no longer reads the rest of the buffer
            self._requests.close()
        for reader in self._readers:
            reader.join(timeout=1)  # a process that left the group may hold a pipe open: it is not waited for

    def close(self) -> None:
        """Let the process end by itself, and kill it if it does not within two seconds."""
        with suppress(OSError):  # the other end of the pipe is closed already
            self._requests.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=2)
        self.kill()

    def _checked(self, line: bytes, kind: str) -> Message:
        """Return the message of a line, if it is a reply to the last request, of this kind."""
        if len(line) > protocol.MAX_BYTES:
            raise ProtocolError(f"a line of more than {protocol.MAX_BYTES} bytes")
        try:
            reply = protocol.decode(line)
        except protocol.MalformedMessage as error:
            raise ProtocolError(str(error)) from error
        if reply["id"] != self._sent or not _REPLIES[kind].is_valid(reply):
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


class FrameworkClient:
    """Sends requests to one framework's worker, and starts the worker again after it has ended."""

    def __init__(self, environment: Environment, device: str, threads: int, timeout: float) -> None:
        self.environment, self.device = environment, device
        self.threads, self.timeout = threads, timeout  # threads of the framework; seconds for each reply
        self.hello: Message = {}  # the reply to the handshake, once there was one
        self.worker: WorkerProcess | None = None
        self._refusal: WorkerError | None = None

    def send(self, request: Request) -> Response:
        """Return the response with the seconds that it took; an error becomes a reply of status `error`."""
        begin = time.perf_counter()
        try:
            worker = self.started()
            begin = time.perf_counter()
            reply = worker.send(request.message, self.timeout)
        except WorkerError as error:
            self.worker = None
            reply = {"status": "error", "reason": str(error)}
        except Exception as error:  # a defect of the harness must not leave the run waiting for this response
            self.kill()
            self.worker = None
            reply = {"status": "error", "reason": f"in the harness: {type(error).__name__}: {error}"}
        return Response(request, reply, time.perf_counter() - begin)

    def started(self) -> WorkerProcess:
        """Return the worker, started if need be, after the handshake.

        Raises:
            WorkerError: if it can't be started. It is not tried again: later calls raise the same error.
        """
        if self._refusal is not None:
            raise self._refusal
        if self.worker is None:
            try:
                python = self.environment.require()
                self.worker = WorkerProcess(python, self.environment.release.framework, self.device, self.threads)
                self.hello = self.worker.hello(START_TIMEOUT)
            except WorkerError as error:
                self.worker, self._refusal = None, error
                raise
        return self.worker

    def kill(self) -> None:
        """End the worker at once."""
        if self.worker is not None:
            self.worker.kill()

    def close(self) -> None:
        """Let the worker end by itself; the next request starts another."""
        if self.worker is not None:
            self.worker.close()
            self.worker = None


class Coordinator:
    """The clients of several frameworks, by name, as a context manager at whose end all workers have ended.

    `framework_seconds` is what the workers report to have spent in their frameworks, imports included;
    `overhead_seconds` is what requests and responses took besides, reading and writing of files included.
    """

    def __init__(self, environments: Mapping[str, Environment], device: str, threads: int, timeout: float) -> None:
        self.clients = {name: FrameworkClient(env, device, threads, timeout) for name, env in environments.items()}
        self.framework_seconds = 0.0
        self.overhead_seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for client in self.clients.values():
            client.kill() if kind else client.close()

    def hello(self) -> dict[str, Message | WorkerError]:
        """Start all workers at the same time, and return each one's reply to the handshake, or its error."""
        found: dict[str, Message | WorkerError] = {}
        seconds: list[float] = []

        def start(name: str, client: FrameworkClient) -> None:
            begin = time.perf_counter()
            try:
                client.started()
                found[name] = client.hello
                seconds.append(time.perf_counter() - begin)
            except WorkerError as error:
                found[name] = error

        threads = [threading.Thread(target=start, args=pair, daemon=True) for pair in self.clients.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.framework_seconds += sum(seconds)
        return {name: found[name] for name in self.clients}

    def send(self, request: Request) -> Response:
        """Send one request, while no other is under way, and return the response."""
        return self._accounted(self.clients[request.framework].send(request))

    def send_all(self, requests: Sequence[Request]) -> Iterator[Response]:
        """Yield the responses as they come, with as many frameworks at work as there are processors."""
        responses: queue.Queue[Response] = queue.Queue()
        processors = threading.Semaphore(os.cpu_count() or 1)
        stopped = threading.Event()

        def work(name: str) -> None:
            for request in (one for one in requests if one.framework == name):
                with processors:
                    if stopped.is_set():
                        return
                    response = self.clients[name].send(request)
                responses.put(response)

        for name in dict.fromkeys(request.framework for request in requests):
            threading.Thread(target=work, args=(name,), daemon=True).start()
        try:
            for _ in requests:
                yield self._accounted(responses.get())
        finally:
            stopped.set()

    def processes(self) -> list[int]:
        """Return the process ids of the workers."""
        return [client.worker.process.pid for client in self.clients.values() if client.worker is not None]

    def _accounted(self, response: Response) -> Response:
        """Add a response's time to the sums; without a reply the framework may have worked for all of it."""
        unknown = response.seconds if response.status == "error" else 0.0
        inside = float(response.reply.get("seconds", unknown))
        self.framework_seconds += inside
        self.overhead_seconds += max(0.0, response.seconds - inside)
        return response
