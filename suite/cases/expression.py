"""Selection by an expression, as with pytest's -k: names, `and`, `or`, `not` and parentheses.

    expression  ::=  conjunction { "or" conjunction }
    conjunction ::=  factor { "and" factor }
    factor      ::=  "not" factor | "(" expression ")" | name

A name matches every text that contains it, in upper or lower case. The expression is parsed, never evaluated as code.
The module needs the standard library only, because the pytest plugin loads it in the user's environment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

Predicate = Callable[[str], bool]

_TOKEN = re.compile(r"[()]|[^\s()]+")
_WORDS = ("and", "or", "not", "(", ")")


class SelectionError(ValueError):
    """An expression is invalid; the message says where, and what was expected there."""


@dataclass(frozen=True)
class Selection:
    """A parsed expression; an empty one matches every text."""

    expression: str
    matches: Predicate

    @classmethod
    def of(cls, expression: str) -> Self:
        """Parse an expression; raise `SelectionError` if it is invalid."""
        if not expression.strip():
            return cls(expression, lambda text: True)  # noqa: ARG005
        holds = _Parser(expression).parse()
        return cls(expression, lambda text: holds(text.lower()))


class _Parser:
    """A recursive-descent parser with one method for each rule of the grammar."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens = [(match.group(), match.start() + 1) for match in _TOKEN.finditer(expression)]
        self.position = 0

    @property
    def token(self) -> str | None:
        """The next token; None at the end."""
        return self.tokens[self.position][0] if self.position < len(self.tokens) else None

    def accept(self, word: str) -> bool:
        """Consume the next token if it is this word; return whether it was."""
        found = self.token == word
        self.position += found
        return found

    def error(self, expected: str) -> SelectionError:
        if self.token is None:
            return SelectionError(f"-k {self.expression!r} ends where {expected} is expected")
        word, column = self.tokens[self.position]
        return SelectionError(f"-k {self.expression!r} has {word!r} at column {column}, where {expected} is expected")

    def parse(self) -> Predicate:
        holds = self.disjunction()
        if self.token is not None:
            raise self.error("'and', 'or' or the end")
        return holds

    def disjunction(self) -> Predicate:
        return self.joined(self.conjunction, "or", any)

    def conjunction(self) -> Predicate:
        return self.joined(self.factor, "and", all)

    def joined(self, operand: Callable[[], Predicate], word: str, join: Callable[[Iterable[bool]], bool]) -> Predicate:
        parts = [operand()]
        while self.accept(word):
            parts.append(operand())
        return lambda text: join(holds(text) for holds in parts)

    def factor(self) -> Predicate:
        if self.accept("not"):
            other = self.factor()
            return lambda text: not other(text)
        if self.accept("("):
            inner = self.disjunction()
            if not self.accept(")"):
                raise self.error("'and', 'or' or ')'")
            return inner
        name = self.token
        if name is None or name in _WORDS:
            raise self.error("a name, 'not' or '('")
        self.position += 1
        return lambda text: name.lower() in text
