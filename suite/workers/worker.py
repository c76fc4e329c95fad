"""The program that runs in a framework's environment, started by path. Worker's side.

    python -I suite/workers/worker.py torch --device cpu --threads 1

It reads requests from standard input and writes a response to each to standard output; whatever a framework prints goes
to standard error instead. It ends when its input ends.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

sys.path.insert(0, str(ROOT))  # our packages are found first, but only while they are imported:
import suite.adapters  # noqa: E402
from reference import Hyperparameters  # noqa: E402
from suite.adapters.contract import Array, Framework, Unsupported  # noqa: E402
from suite.errors import UserError  # noqa: E402
from suite.workers import arrays, protocol, replay, timer  # noqa: E402

sys.path.remove(str(ROOT))  # their names are generic, and must not hide modules that a framework imports later

MAX_REASON = 2000  # characters


class Worker:
    """Serves requests for one framework on one device."""

    def __init__(self, framework: Framework, threads: int) -> None:
        self.framework = framework
        self.threads = threads
        self.opened: dict[int, timer.TimedOperation] = {}

    def reply(self, request: protocol.Message) -> protocol.Message:
        """Return the reply to a request; an exception becomes a reply too."""
        handlers: dict[str, Callable[[protocol.Message], protocol.Message]] = {
            "hello": self.hello,
            "replay": partial(self.run, replay.replay),
            "train": partial(self.run, replay.train),
            "open": self.open,
            "sample": self.sample,
            "close": self.close,
        }
        try:
            with self.framework.device_scope():
                reply = handlers[request["method"]](request)
        except Unsupported as reason:
            reply = {"status": "unsupported", "reason": str(reason), "dialect": self._dialect(request)}
        except Exception as error:
            reply = _error(error)
        return {"id": request["id"], **reply}

    def hello(self, request: protocol.Message) -> protocol.Message:  # noqa: ARG002
        """Describe the framework, its implementations and this process."""
        framework = self.framework
        variables = {name: os.environ[name] for name in framework.environment_variables if name in os.environ}
        return {
            "status": "ok",
            "protocol": protocol.VERSION,
            "framework": framework.name,
            "python": platform.python_version(),
            "versions": framework.versions(),
            "instructions": {**framework.instructions(), **variables},
            "devices": framework.devices(),
            "device": framework.device,
            "threads": self.threads,
            "resolution": timer.clock_resolution(),
            "implementations": {
                name: {
                    "native": cls.native,
                    "mode": cls.mode,
                    "lean": cls.lean,
                    "names": dict(cls.names),
                    "any_dialect": cls.computes is None,
                    "dialect": cls.computes,
                    "twin": cls.twin,
                }
                for name, cls in framework.implementations.items()
            },
        }

    def run(self, run: Callable[..., dict[str, Array]], request: protocol.Message) -> protocol.Message:
        """Read a tape or a task, run an open or a closed loop, and write the trace."""
        setup, given, sha256 = self._inputs(request)
        begin = time.perf_counter()
        trace = run(setup, given)
        seconds = time.perf_counter() - begin
        arrays.write(Path(request["output"]), trace)
        return {"status": "ok", "dialect": setup.dialect, "sha256": sha256, "seconds": seconds}

    def open(self, request: protocol.Message) -> protocol.Message:
        """Prepare an operation that will be timed, and write the trace of its first steps."""
        begin = time.perf_counter()
        if request["benchmark"] == "traffic":
            given, sha256 = arrays.read(Path(request["input"]))
            dialect, timed = "", timer.timed_traffic(self.framework, given, request["dtype"])
        else:
            setup, given, sha256 = self._inputs(request)
            prepare = {"step": timer.timed_step, "epoch": timer.timed_epoch}[request["benchmark"]]
            dialect, timed = setup.dialect, prepare(setup, given)
            arrays.write(Path(request["output"]), timed.trace)
        timed.trace = {}
        if request.get("slowdown"):
            timed.call = timer.slowed_down(timed, request["slowdown"])
        self.opened[request["id"]] = timed
        return {
            "status": "ok",
            "dialect": dialect,
            "sha256": sha256,
            "seconds": time.perf_counter() - begin,
            "first_call": timed.first_call,
            "memory": timed.memory,
            "progress": timed.progress(),
        }

    def sample(self, request: protocol.Message) -> protocol.Message:
        """Time an operation that was opened."""
        return {"status": "ok", **self.opened[request["opened"]].sample(request["loops"])}

    def close(self, request: protocol.Message) -> protocol.Message:
        """Discard an operation that was opened, and report its progress."""
        timed = self.opened.pop(request["opened"])
        return {"status": "ok", **timed.progress()}

    def _inputs(self, request: protocol.Message) -> tuple[replay.Setup, arrays.Arrays, str]:
        """Return the setup and the arrays of a request, and the arrays' SHA-256; raise Unsupported if it can't run."""
        name, dtype = request["implementation"], request["dtype"]
        h = Hyperparameters.from_json(request["hyperparameters"])
        if name not in self.framework.implementations:
            raise Unsupported(f"{self.framework.name} has no implementation {name!r}")
        reason = self.framework.implementations[name].unsupported(h, dtype)
        if reason:
            raise Unsupported(reason)
        given, sha256 = arrays.read(Path(request["input"]))
        return replay.Setup(self.framework, name, self._dialect(request), h, dtype), given, sha256

    def _dialect(self, request: protocol.Message) -> str:
        """Return the dialect that the implementation of a request declares; else the one that was requested."""
        implementation = self.framework.implementations.get(request["implementation"])
        return (implementation and implementation.computes) or str(request["dialect"])


def _error(error: Exception, *, plain: type[Exception] | tuple[()] = ()) -> protocol.Message:
    """Print the traceback of an error, and return a reply that has its text, alone if it is of a plain kind."""
    traceback.print_exc()
    reason = str(error) if isinstance(error, plain) else f"{type(error).__name__}: {error}"
    return {"status": "error", "reason": reason[:MAX_REASON]}


def main() -> None:
    """Serve requests until the input ends."""
    channel = protocol.private_output()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("framework", choices=(*suite.adapters.FRAMEWORKS, suite.adapters.ORACLE))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    worker: Worker | None = None
    for line in sys.stdin.buffer:
        request = protocol.decode(line)
        if worker is None:
            try:
                framework = suite.adapters.load(options.framework, options.device)
                worker = Worker(framework, framework.set_threads(options.threads))
            except Exception as error:
                channel.write(protocol.encode({"id": request["id"], **_error(error, plain=UserError)}))
                return
        channel.write(protocol.encode(worker.reply(request)))


if __name__ == "__main__":
    main()
