"""Sends requests to the workers of several frameworks, and gives a response to each, whatever happens."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from suite.workers.environments import Environment
from suite.workers.process import Worker, worker_command
from suite.workers.protocol import Message, Request, Response, WorkerError

START_TIMEOUT = 180.0  # seconds that a worker may take to import its framework


@dataclass
class FrameworkClient:
    """Sends requests to one framework's worker, and starts the worker again after it has ended.

    Attributes:
        environment: of the framework.
        device: that the worker uses.
        threads: of the framework in the worker.
        timeout: in seconds, for each reply.
        hello: the worker's reply to the handshake, once there was one.
        worker: the process, while there is one.
    """

    environment: Environment
    device: str
    threads: int
    timeout: float
    hello: Message | None = None
    worker: Worker | None = None
    _refusal: WorkerError | None = field(default=None, init=False)

    def ask(self, message: Message) -> tuple[Message, float]:
        """Return the reply and the seconds that it took; an error becomes a reply of status `error`."""
        begin = time.perf_counter()
        try:
            worker = self.started()
            begin = time.perf_counter()
            reply = worker.ask(message, self.timeout)
        except WorkerError as error:
            self.worker = None
            reply = {"status": "error", "reason": str(error)}
        except Exception as error:  # a defect of the harness must not leave the run waiting for this response
            self.kill()
            self.worker = None
            reply = {"status": "error", "reason": f"in the harness: {type(error).__name__}: {error}"}
        return reply, time.perf_counter() - begin

    def started(self) -> Worker:
        """Return the worker, started if need be, after the handshake.

        Raises:
            WorkerError: if it can't be started. It is not tried again: later calls raise the same error.
        """
        if self._refusal is not None:
            raise self._refusal
        if self.worker is None:
            try:
                python = self.environment.require()
                worker = Worker(
                    worker_command(python, self.environment.framework, self.device, self.threads), self.threads
                )
                self.worker = worker
                self.hello = worker.hello(START_TIMEOUT)
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
    """The clients of several frameworks, as a context manager at whose end all workers have ended.

    Attributes:
        clients: framework -> client.
        framework_seconds: that the workers report to have spent in their frameworks, imports included.
        overhead_seconds: that requests and responses took besides, reading and writing of files included.
    """

    def __init__(self, environments: Mapping[str, Environment], device: str, threads: int, timeout: float) -> None:
        self.clients = {name: FrameworkClient(env, device, threads, timeout) for name, env in environments.items()}
        self.framework_seconds = 0.0
        self.overhead_seconds = 0.0
        self._lock = threading.Lock()  # of the two sums

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for client in self.clients.values():
            client.kill() if kind else client.close()

    def hello(self) -> dict[str, Message | WorkerError]:
        """Start all workers at the same time, and return each one's reply to the handshake, or its error."""
        found: dict[str, Message | WorkerError] = {}

        def start(name: str, client: FrameworkClient) -> None:
            begin = time.perf_counter()
            try:
                client.started()
                found[name] = client.hello or {}
                self._account(time.perf_counter() - begin, 0.0)
            except WorkerError as error:
                found[name] = error

        threads = [threading.Thread(target=start, args=pair, daemon=True) for pair in self.clients.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {name: found[name] for name in self.clients}

    def ask(self, request: Request) -> Response:
        """Send one request, while no other is under way, and return the response."""
        reply, seconds = self.clients[request.framework].ask(request.message)
        return self._accounted(Response(request, reply, seconds))

    def ask_all(self, requests: Sequence[Request]) -> Iterator[Response]:
        """Yield the responses as they come, with as many frameworks at work as there are processors."""
        responses: queue.Queue[Response] = queue.Queue()
        processors = threading.Semaphore(os.cpu_count() or 1)
        stopped = threading.Event()

        def work(name: str) -> None:
            for request in (one for one in requests if one.framework == name):
                with processors:
                    if stopped.is_set():
                        return
                    reply, seconds = self.clients[name].ask(request.message)
                responses.put(Response(request, reply, seconds))

        for name in dict.fromkeys(request.framework for request in requests):
            threading.Thread(target=work, args=(name,), daemon=True).start()
        try:
            for _ in requests:
                yield self._accounted(responses.get())
        finally:
            stopped.set()

    def restart(self, framework: str) -> None:
        """End a framework's worker: the next request starts another."""
        self.clients[framework].close()

    def processes(self) -> list[int]:
        """Return the process ids of the workers."""
        return [client.worker.process.pid for client in self.clients.values() if client.worker is not None]

    def worker(self, framework: str) -> Worker | None:
        """Return the worker process of a framework, while there is one."""
        return self.clients[framework].worker

    def _accounted(self, response: Response) -> Response:
        """Add a response's time to the sums; without a reply the framework may have worked for all of it."""
        unknown = response.seconds if response.status == "error" else 0.0
        inside = float(response.reply.get("seconds", unknown))
        self._account(inside, max(0.0, response.seconds - inside))
        return response

    def _account(self, framework_seconds: float, overhead_seconds: float) -> None:
        with self._lock:
            self.framework_seconds += framework_seconds
            self.overhead_seconds += overhead_seconds
