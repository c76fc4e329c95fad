"""Harness side: a question to a worker, and its answer, whoever carries them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from suite.runner import protocol


@dataclass(frozen=True)
class Question:
    """A request to a framework's worker, and what the asker keeps beside it."""

    framework: str
    request: protocol.Message
    about: Any = field(default=None, compare=False)


@dataclass(frozen=True)
class Answer:
    """A worker's reply, or the reason why there is none."""

    question: Question
    reply: protocol.Message
    seconds: float

    @property
    def status(self) -> str:
        """`ok`, `unsupported` or `error`."""
        return str(self.reply["status"])
