"""Harness side: many requests to the workers of many frameworks, each answered or accounted for."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from suite.workers import protocol
from suite.workers.environments import Environment, require
from suite.workers.errors import WorkerError
from suite.workers.process import Worker, command
from suite.workers.request import Request, Response

STARTING = 180.0  # seconds that a worker may take to import its framework


@dataclass
class Client:
    """Asks one framework, and starts its worker anew when that has ended.

    Attributes:
        environment: the framework's.
        device: for the worker.
        threads: likewise.
        timeout: seconds to an response.
        hello: the handshake, once there was one.
        worker: the process, while there is one.
    """

    environment: Environment
    device: str
    threads: int
    timeout: float
    hello: protocol.Message | None = None
    worker: Worker | None = None
    refusal: WorkerError | None = None

    def ask(self, request: protocol.Message) -> tuple[protocol.Message, float]:
        """The response, and the seconds that it took; what goes wrong is an response of status `error`."""
        begin = time.perf_counter()
        try:
            worker = self.started()
            begin = time.perf_counter()
            reply = worker.ask(request, self.timeout)
        except WorkerError as error:
            self.worker = None
            reply = {"status": "error", "reason": str(error), "code": error.code}
        except Exception as error:  # a mistake of ours costs an response, not the run, which waits for it
            self.kill()
            self.worker = None
            reply = {"status": "error", "reason": f"in the harness: {type(error).__name__}: {error}", "code": "harness"}
        return reply, time.perf_counter() - begin

    def started(self) -> Worker:
        """The worker, after the handshake.

        Raises:
            WorkerError: if it can't be had; and then each time, without another try.
        """
        if self.refusal is not None:
            raise self.refusal
        if self.worker is None:
            try:
                python = require(self.environment)
                worker = Worker(command(python, self.environment.framework, self.device, self.threads), self.threads)
                self.worker = worker
                self.hello = worker.hello(STARTING)
            except WorkerError as error:
                self.worker, self.refusal = None, error
                raise
        return self.worker

    def kill(self) -> None:
        """End the worker at once."""
        if self.worker is not None:
            self.worker.kill()

    def close(self) -> None:
        """Let the worker end."""
        if self.worker is not None:
            self.worker.close()
            self.worker = None


class Coordinator:
    """The clients of several frameworks. A context manager: no worker outlives it.

    Attributes:
        framework_seconds: that the workers say they spent in their frameworks, imports included.
        overhead_seconds: of requests and responses on their way, files included.
    """

    def __init__(self, environments: Mapping[str, Environment], device: str, threads: int, timeout: float) -> None:
        self.clients = {name: Client(env, device, threads, timeout) for name, env in environments.items()}
        self.framework_seconds = 0.0
        self.overhead_seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for client in self.clients.values():
            client.kill() if kind else client.close()

    def hello(self) -> dict[str, protocol.Message | WorkerError]:
        """Shake hands with every framework; they start side by side."""
        found: dict[str, protocol.Message | WorkerError] = {}

        def greet(name: str, client: Client) -> None:
            begin = time.perf_counter()
            try:
                client.started()
                found[name] = client.hello or {}
                self.framework_seconds += time.perf_counter() - begin
            except WorkerError as error:
                found[name] = error

        threads = [threading.Thread(target=greet, args=pair, daemon=True) for pair in self.clients.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {name: found[name] for name in self.clients}

    def ask(self, request: Request) -> Response:
        """One request, while nothing else runs."""
        reply, seconds = self.clients[request.framework].ask(request.message)
        return self._accounted(Response(request, reply, seconds))

    def restart(self, framework: str) -> None:
        """End a framework's worker: the next request starts another."""
        self.clients[framework].close()

    def processes(self) -> list[int]:
        """The numbers of the workers' processes."""
        return [client.worker.process.pid for client in self.clients.values() if client.worker is not None]

    def worker(self, framework: str) -> Worker | None:
        """The worker process of a framework, while there is one."""
        return self.clients[framework].worker

    def _accounted(self, response: Response) -> Response:
        """Note how long the framework worked, and how long all else took that lies between request and response."""
        silent = response.seconds if response.status == "error" else 0.0  # it may have been at work for all of it
        inside = float(response.reply.get("seconds", silent))
        self.framework_seconds += inside
        self.overhead_seconds += max(0.0, response.seconds - inside)
        return response

    def ask_all(self, requests: Sequence[Request]) -> Iterator[Response]:
        """Answers as they come, as many frameworks at work side by side as there are processors."""
        responses: queue.Queue[Response] = queue.Queue()
        room = threading.Semaphore(os.cpu_count() or 1)
        stopped = threading.Event()

        def work(name: str) -> None:
            for request in (one for one in requests if one.framework == name):
                if stopped.is_set():
                    return
                with room:
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
