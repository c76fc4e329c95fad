"""Who is asked: an optimizer as a function of its input, of which no more is known than what it can be asked for.

An inquiry is a generator: it yields questions and is sent answers. So who asks and who answers may be two processes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from numpy.typing import NDArray

from suite.cases.tapes import Tape

Array = NDArray[Any]
T = TypeVar("T")
LONG = 3  # lines of a message, from which on it is a traceback: its last line says what is wrong
WIDTH = 160


class Refused(Exception):
    """The subject won't do what it was asked for, or fails; the message says so in its words."""

    @property
    def words(self) -> str:
        """The message, in a line that can be read."""
        lines = [line.strip() for line in str(self).splitlines() if line.strip()]
        first = " ".join(lines[:1] if len(lines) < LONG else (lines[0], "…", lines[-1]))
        return first if len(first) <= WIDTH else f"{first[:WIDTH]}…"


@dataclass(frozen=True)
class About:
    """What is known of an optimizer beforehand.

    Attributes:
        name: for people.
        accepts: the hyper-parameters that it takes, by the field's names (those of `Hyperparameters`).
        defaults: those of them that need not be given -> what is declared for them.
        dtypes: the formats that it may be asked in, the usual one first.
        scheduled: whether its learning rate can change on the way.
        sparse: whether it takes gradients of few rows.
    """

    name: str
    accepts: frozenset[str]
    defaults: Mapping[str, Any]
    dtypes: Sequence[str]
    scheduled: bool = True
    sparse: bool = False


@dataclass(frozen=True)
class Query:
    """What is put to it.

    Attributes:
        id: for people.
        tape: parameters and gradients.
        given: hyper-parameters, all of them accepted ones; what is left out has its default. A learning rate may be a
            sequence, one a step.
        dtype: in which it is to compute.
    """

    id: str
    tape: Tape
    given: Mapping[str, Any]
    dtype: str


Reply: TypeAlias = "Array | Refused"
"""Parameters after every step, shape (steps, n)."""
Inquiry: TypeAlias = Generator[Query, Reply, T]


class Subject(Protocol):
    """An optimizer that can be asked here."""

    @property
    def about(self) -> About:
        """What is known of it."""
        ...

    def answer(self, query: Query) -> Array:
        """Parameters after every step, shape (steps, n).

        Raises:
            Refused: if it won't.
        """
        ...


def put(inquiry: Inquiry[T], subject: Subject, say: Callable[[str], None] = lambda _: None) -> T:
    """What an inquiry finds of a subject; `say` is told each question."""
    try:
        query = next(inquiry)
        while True:
            say(query.id)
            query = inquiry.send(_reply(subject, query))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def _reply(subject: Subject, query: Query) -> Reply:
    try:
        return subject.answer(query)
    except Refused as refusal:
        return refusal
