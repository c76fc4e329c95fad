"""Both sides: what passes between harness and worker. One JSON object a line; arrays travel as files.

The harness asks, the worker answers, one answer a request, with the same `id`. `protocol.schema.json` has the messages'
shapes, for whoever writes a worker in another language. What a request expects is never in it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO

VERSION = 3
LONGEST = 1 << 20  # bytes in a message

Message = dict[str, Any]


class Garbage(ValueError):
    """A line that is no message."""


def encode(message: Message) -> bytes:
    """A message as a line.

    Raises:
        ValueError: if it holds a number that JSON has not (NaN, infinity).
    """
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _refuse(constant: str) -> None:
    raise ValueError(f"JSON has no {constant}")


def decode(line: bytes) -> Message:
    """The message of a line.

    Raises:
        Garbage: if the line is none.
    """
    try:
        message = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Garbage(f"not JSON: {line[:80]!r}") from error
    if not isinstance(message, dict) or "id" not in message:
        raise Garbage(f"not a message with an id: {line[:80]!r}")
    return message


def private_output() -> BinaryIO:
    """Standard output for the protocol alone: from here on whatever else is printed goes to standard error."""
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return channel
