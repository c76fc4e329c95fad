"""The cases that there are, from a small file: nothing is started to list them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from .client import Mistake
from .signature import BASIC, Signature

FILE = Path(__file__).with_name("cases.json")
DTYPES = ("float32", "float64", "float16", "bfloat16")


@dataclass(frozen=True)
class Case:
    """A case, as far as it is known before it is put.

    Attributes:
        id: as `decades/momentum`.
        dtypes: in which it is asked.
        lean: whether one of these is enough.
        sets: hyper-parameters beside learning rate, decay and epsilon.
        scheduled: whether the learning rate changes.
    """

    id: str
    dtypes: tuple[str, ...]
    lean: bool
    sets: tuple[str, ...]
    scheduled: bool

    def needs(self, signature: Signature) -> list[str]:
        """What of its hyper-parameters a factory does not take."""
        return [name for name in (*BASIC, *self.sets) if name not in signature.accepts]


@lru_cache(maxsize=1)
def every() -> tuple[Case, ...]:
    """All of them, in the catalogue's order."""
    known = json.loads(FILE.read_text("utf-8"))["cases"]
    return tuple(
        Case(name, tuple(one["dtypes"]), one["lean"], tuple(one["sets"]), one["scheduled"])
        for name, one in known.items()
    )


def select(patterns: Sequence[str]) -> list[Case]:
    """Those whose id, or a part of it, matches a pattern (`*` and `?` as in file names); all if none is given.

    Raises:
        Mistake: if a pattern matches nothing.
    """
    for pattern in patterns:
        if not any(_matches(case.id, pattern) for case in every()):
            parts = sorted({name for case in every() for name in (case.id, *case.id.split("/"))})
            close = " or ".join(map(repr, get_close_matches(pattern, parts)))
            raise Mistake(f"no case matches {pattern!r}" + (f"; did you mean {close}?" if close else ""))
    return [case for case in every() if not patterns or any(_matches(case.id, pattern) for pattern in patterns)]


def questions(cases: Iterable[Case], dtypes: Sequence[str]) -> Iterator[tuple[Case, str]]:
    """Each case in each format in which it is asked, a lean one in the first.

    Raises:
        Mistake: if a format is none.
    """
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise Mistake(f"no dtype {dtype!r}; there are {', '.join(DTYPES)}")
    for case in cases:
        asked = [dtype for dtype in dtypes if dtype in case.dtypes]
        yield from ((case, dtype) for dtype in (asked[:1] if case.lean else asked))


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or f"/{pattern}/" in f"/{name}/"
