"""Builds typed rows from untrusted JSON by the declared types of the columns.

A value of the wrong type, or a number that is not finite, is missing. Control characters, which could steer a terminal
or reorder a line, are replaced.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from suite.results.rows import Table

RowT = TypeVar("RowT")
Converter = Callable[[object], object]

_EMPTY: dict[object, object] = {str: "", int: 0, float: 0.0, bool: False}
_INT64 = 2**63


def parse(line: str) -> object:
    """Parse JSON, with the non-standard NaN and Infinity as missing values; raises ValueError."""
    try:
        value: object = json.loads(line, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def decode(table: Table[RowT], value: object) -> RowT:
    """Build a row of a table from a parsed line.

    A missing column has its default. One without a default is empty ("" or 0), unless the table requires it.

    Raises:
        ValueError: if the value is not an object, or a required column is missing.
    """
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  # every unreadable line is a ValueError
    found, empty = _columns(table.row, value)
    for name in table.required:
        if found.get(name) is None:
            raise ValueError(f"no {name}")
    return table.row(**found, **empty)


def build(kind: type[RowT], value: object) -> RowT | None:
    """Build a dataclass from a parsed object; None if it is not an object, or a value without a default is missing."""
    if not isinstance(value, dict):
        return None
    found, empty = _columns(kind, value)
    return None if empty else kind(**found)


def _columns(kind: Any, value: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the usable values of the fields of a dataclass, and empty ones for the others that have no default."""
    found, empty = {}, {}
    for field, hint, convert in _fields(kind):
        item = convert(value.get(field.name))
        if item is not None or _optional(hint):
            found[field.name] = item
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            empty[field.name] = _EMPTY.get(hint)
    return found, empty


@cache
def _fields(kind: Any) -> list[tuple[dataclasses.Field[Any], Any, Converter]]:
    """Return the fields of a dataclass, with their types and converters."""
    hints = get_type_hints(kind)
    return [(field, hints[field.name], _converter(hints[field.name])) for field in dataclasses.fields(kind)]


def _optional(hint: Any) -> bool:
    return type(None) in get_args(hint)


def _converter(hint: Any) -> Converter:
    """Return a function that converts a parsed value to a type, or to None."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        parts = [_converter(part) for part in arguments if part is not type(None)]
        return lambda value: next((made for part in parts if (made := part(value)) is not None), None)
    if origin is Literal:
        return lambda value: value if isinstance(value, str) and value in arguments else None
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return lambda value: build(hint, value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_converter(arguments[1])
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return _sequence_converter(arguments[0])
    return _SCALARS[hint]


def _sequence_converter(hint: Any) -> Converter:
    """Convert a list: an invalid number that is not optional invalidates the list, an invalid text is left out."""
    convert, keep = _converter(hint), _optional(hint)

    def sequence(value: object) -> object:
        if not isinstance(value, list):
            return None
        items = [convert(item) for item in value]
        if keep:
            return items
        known = [item for item in items if item is not None]
        return known if hint is str or len(known) == len(items) else None

    return sequence


def _mapping_converter(hint: Any) -> Converter:
    convert, keep = _converter(hint), _optional(hint)

    def items(value: object) -> object:
        if not isinstance(value, dict):
            return None
        found = {clean(name): convert(item) for name, item in value.items()}
        return {name: item for name, item in found.items() if keep or item is not None}

    return items


def clean(value: str) -> str:
    """Replace control, format and surrogate characters in a text, except line feeds and tabs."""
    if value.isprintable():
        return value
    return "".join(map(_plain, value.replace("\r\n", "\n").replace("\r", "\n")))


def _plain(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    category = unicodedata.category(character)
    return "\n" if category in ("Zl", "Zp") else " " if category == "Zs" else "\N{REPLACEMENT CHARACTER}"


def text(value: object) -> str | None:
    """Return cleaned text; None for anything else and for empty text."""
    return (clean(value) or None) if isinstance(value, str) else None


def flag(value: object) -> bool | None:
    """Return True or False; None for anything else."""
    return value if isinstance(value, bool) else None


def real(value: object) -> float | None:
    """Return a finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def integer(value: object) -> int | None:
    """Return a 64-bit integer; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -_INT64 <= value < _INT64 else None


def mapping(value: object) -> dict[str, object]:
    """Return an object with cleaned names; an empty one for anything else."""
    return {clean(key): item for key, item in value.items()} if isinstance(value, dict) else {}


_SCALARS: dict[object, Converter] = {str: text, bool: flag, float: real, int: integer}
