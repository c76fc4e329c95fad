"""Harness side: a request to a worker, and its response, whoever carries them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from suite.workers import protocol


@dataclass(frozen=True)
class Request:
    """A request to a framework's worker, and what the asker keeps beside it."""

    framework: str
    message: protocol.Message
    context: Any = field(default=None, compare=False)


@dataclass(frozen=True)
class Response:
    """A worker's reply, or the reason why there is none."""

    request: Request
    reply: protocol.Message
    seconds: float

    @property
    def status(self) -> str:
        """`ok`, `unsupported` or `error`."""
        return str(self.reply["status"])
