"""The messages between harness and worker, and what can go wrong with them. Used on both sides.

A message is a JSON object on a line of its own; arrays travel as files. The harness sends requests, and the worker
sends one response to each, with the same `id`. `protocol.schema.json` declares every message, for workers in other
languages. A request never contains the result that is expected.

The pytest plugin loads this file by its path, so it imports the standard library only.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

VERSION = 4
MAX_BYTES = 1 << 20  # of a message

Message = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A request to a framework's worker, with any object that its sender wants back beside the response."""

    framework: str
    message: Message
    context: Any = field(default=None, compare=False)


@dataclass(frozen=True)
class Response:
    """A worker's reply, or one of status `error` that says why there is none; and the seconds until it came."""

    request: Request
    reply: Message
    seconds: float

    @property
    def status(self) -> str:
        """`ok`, `unsupported` or `error`."""
        return str(self.reply["status"])


class MalformedMessage(ValueError):
    """A line is not a message."""


class WorkerError(Exception):
    """A worker did not respond as it should. This costs the rows that were requested, not the run."""

    hint = ""  # what the user can do

    def __str__(self) -> str:
        return f"{super().__str__()}; {self.hint}" if self.hint else super().__str__()


class WorkerRefused(WorkerError):
    """The worker started and reported that it can't serve requests."""


class WorkerTimeout(WorkerError):
    """The worker did not respond in time, and was killed."""

    hint = "allow more with --timeout SECONDS"


class WorkerCrashed(WorkerError):
    """The worker's process ended before it responded."""


class ProtocolError(WorkerError):
    """The worker wrote something that is not a response, and was killed."""


class DataMismatch(WorkerError):
    """The worker computed from other bytes than were sent; its result is not used."""


def encode(message: Message) -> bytes:
    """Return a message as a line; raise ValueError if it holds NaN or an infinity, which JSON does not have."""
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"JSON has no {constant}")


def decode(line: bytes) -> Message:
    """Return the message of a line; raise MalformedMessage if it is not a JSON object with an id."""
    try:
        message = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"not JSON: {line[:80]!r}") from error
    if not isinstance(message, dict) or "id" not in message:
        raise MalformedMessage(f"not a message with an id: {line[:80]!r}")
    return message


def private_output() -> BinaryIO:
    """Reserve standard output for the protocol, and return it; other output goes to standard error from now on."""
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return channel


def exit_reason(process: str, returncode: int, errors: Sequence[str]) -> str:
    """Say why a process ended: by which signal or with which status, and the last line of its standard error.

    The return code is the one that `subprocess.Popen` reports.
    """
    how = f"was ended by {signal.Signals(-returncode).name}" if returncode < 0 else f"ended with status {returncode}"
    last = next((line for line in reversed(errors) if line.strip()), "")
    return f"{process} {how}: {last}" if last else f"{process} {how}"
