"""Choosing by an expression, as pytest's -k does: names, `and`, `or`, `not` and parentheses; nothing is evaluated.

    expression  ::=  conjunction { "or" conjunction }
    conjunction ::=  factor { "and" factor }
    factor      ::=  "not" factor | "(" expression ")" | name

A name holds for a text of which it is a part, in whatever case.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

Predicate = Callable[[str], bool]

_TOKEN = re.compile(r"[()]|[^\s()]+")
_WORDS = ("and", "or", "not", "(", ")")


class SelectionError(ValueError):
    """An expression can't be read; the message says where, and what was expected there."""


@dataclass(frozen=True)
class Selection:
    """An expression, read.

    Attributes:
        expression: as it was given; nothing in it selects everything.
        matches: whether it holds for a text.
    """

    expression: str
    matches: Predicate

    @classmethod
    def of(cls, expression: str) -> Self:
        """Read an expression.

        Raises:
            SelectionError: if it can't be read.
        """
        if not expression.strip():
            return cls(expression, lambda text: True)  # noqa: ARG005
        holds = _Parser(expression).whole()
        return cls(expression, lambda text: holds(text.lower()))


class _Parser:
    """Recursive descent; each method reads what the rule of its name says."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens = [(match.group(), match.start() + 1) for match in _TOKEN.finditer(expression)]
        self.place = 0

    @property
    def token(self) -> str | None:
        """The next one, before it is taken; None at the end."""
        return self.tokens[self.place][0] if self.place < len(self.tokens) else None

    def taken(self, word: str) -> bool:
        """Whether the next one is this word, which is then behind us."""
        found = self.token == word
        self.place += found
        return found

    def refused(self, expected: str) -> SelectionError:
        if self.token is None:
            return SelectionError(f"-k {self.expression!r} ends where {expected} is expected")
        word, column = self.tokens[self.place]
        return SelectionError(f"-k {self.expression!r} has {word!r} at column {column}, where {expected} is expected")

    def whole(self) -> Predicate:
        holds = self.disjunction()
        if self.token is not None:
            raise self.refused("'and', 'or' or the end")
        return holds

    def disjunction(self) -> Predicate:
        parts = [self.conjunction()]
        while self.taken("or"):
            parts.append(self.conjunction())
        return lambda text: any(holds(text) for holds in parts)

    def conjunction(self) -> Predicate:
        parts = [self.factor()]
        while self.taken("and"):
            parts.append(self.factor())
        return lambda text: all(holds(text) for holds in parts)

    def factor(self) -> Predicate:
        if self.taken("not"):
            other = self.factor()
            return lambda text: not other(text)
        if self.taken("("):
            inner = self.disjunction()
            if not self.taken(")"):
                raise self.refused("'and', 'or' or ')'")
            return inner
        name = self.token
        if name is None or name in _WORDS:
            raise self.refused("a name, 'not' or '('")
        self.place += 1
        return lambda text: name.lower() in text
