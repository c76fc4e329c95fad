"""A user's optimizer is identified: it is put one question after another, and in the end there is a card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite.identification.identify import Identification, identification
from suite.identification.inquiry import About, Inquiry, Query, Refused
from suite.identification.report import lines, to_json
from suite.workers import arrays
from suite.workers.protocol import Message


class IdentifySession:
    """One inquiry, of which the questions are files."""

    def __init__(self, about: dict[str, Any], folder: Path) -> None:
        """Begin.

        Args:
            about: the fields of `About`, as JSON has them.
            folder: for the tapes.
        """
        known = About(**{**about, "accepts": frozenset(about["accepts"])})
        self.inquiry: Inquiry[Identification] = identification(known)
        self.folder = folder

    def begin(self) -> Message:
        """The first question."""
        return self._next(None)

    def go_on(self, reply: Message, output: Path) -> Message:
        """The next question, or the card.

        Args:
            reply: `status`, and unless that is `ok` a `reason`.
            output: the trace, which is gone afterwards.
        """
        if reply["status"] != "ok":
            return self._next(Refused(reply["reason"]))
        trace, _ = arrays.read(output)
        output.unlink()
        return self._next(trace["parameters"])

    def _next(self, answer: Any) -> Message:
        try:
            query = next(self.inquiry) if answer is None else self.inquiry.send(answer)
        except StopIteration as end:
            return {"card": to_json(end.value), "lines": list(lines(end.value))}
        return {"query": self._written(query)}

    def _written(self, query: Query) -> Message:
        path = self.folder / "query.safetensors"
        arrays.write(path, query.tape.arrays())
        return {"id": query.id, "input": str(path), "given": dict(query.given), "dtype": query.dtype}
