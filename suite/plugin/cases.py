"""The list of cases that a factory can be tested on, read from a file, so that no server is needed to collect tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from .client import UserError
from .signature import BASIC, Signature

FILE = Path(__file__).with_name("cases.json")
DTYPES = ("float32", "float64", "float16", "bfloat16")


@dataclass(frozen=True)
class Case:
    """A case without its numbers.

    Attributes:
        id: the identifier, for example `decades/momentum`.
        dtypes: the formats in which it is replayed.
        lean: whether one of these formats is enough.
        sets: the hyper-parameters that it sets besides learning rate, decay and epsilon.
        scheduled: whether the learning rate changes.
    """

    id: str
    dtypes: tuple[str, ...]
    lean: bool
    sets: tuple[str, ...]
    scheduled: bool

    def needs(self, signature: Signature) -> list[str]:
        """Return the hyper-parameters of the case that a factory does not take."""
        return [name for name in (*BASIC, *self.sets) if name not in signature.accepts]


@lru_cache(maxsize=1)
def all_cases() -> tuple[Case, ...]:
    """Return all cases in the order of the catalogue."""
    listed = json.loads(FILE.read_text("utf-8"))["cases"]
    return tuple(
        Case(name, tuple(one["dtypes"]), one["lean"], tuple(one["sets"]), one["scheduled"])
        for name, one in listed.items()
    )


def select(patterns: Sequence[str]) -> list[Case]:
    """Return the cases whose id, or a part of it, matches a pattern (with `*` and `?`); all if there is no pattern.

    Raises:
        UserError: if a pattern matches nothing.
    """
    for pattern in patterns:
        if not any(_matches(case.id, pattern) for case in all_cases()):
            parts = sorted({name for case in all_cases() for name in (case.id, *case.id.split("/"))})
            close = " or ".join(map(repr, get_close_matches(pattern, parts)))
            raise UserError(f"no case matches {pattern!r}" + (f"; did you mean {close}?" if close else ""))
    return [case for case in all_cases() if not patterns or any(_matches(case.id, pattern) for pattern in patterns)]


def in_formats(cases: Iterable[Case], dtypes: Sequence[str]) -> Iterator[tuple[Case, str]]:
    """Yield each case with each of its formats; a lean case with the first format only.

    Raises:
        UserError: if a format is unknown.
    """
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise UserError(f"no dtype {dtype!r}; there are {', '.join(DTYPES)}")
    for case in cases:
        formats = [dtype for dtype in dtypes if dtype in case.dtypes]
        yield from ((case, dtype) for dtype in (formats[:1] if case.lean else formats))


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or f"/{pattern}/" in f"/{name}/"
