"""Which hyper-parameters an optimizer has if none are given, and whether they are those that it declares."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from reference import Hyperparameters
from suite.identification.hypotheses import SWITCHES, Hypothesis, Survivors
from suite.identification.inquiry import About, Array, Inquiry, Query, Refused
from suite.identification.probes import PLAIN
from suite.identification.reading import NUMBERS, Reading, read, tape

UNSAID = "unsaid"


@dataclass(frozen=True)
class Default:
    """A hyper-parameter that need not be given.

    Attributes:
        name: ours.
        value: what it has then; None if that can't be seen.
        declared: what the signature says; `UNSAID` if nothing.
    """

    name: str
    value: Any
    declared: Any

    @property
    def kept(self) -> bool:
        """Whether it is what is declared, as far as can be seen."""
        return self.value is None or self.declared == UNSAID or _off(self.name, self.declared) == self.value


@dataclass(frozen=True)
class Defaults:
    """What was found.

    Attributes:
        values: of what need not be given.
        required: what was given, since it must be.
        reason: why they were not found; None if they were.
    """

    values: tuple[Default, ...]
    required: tuple[str, ...]
    reason: str | None = None


def defaults(about: About, survivors: Survivors, dtype: str) -> Inquiry[Defaults]:
    """Ask in a format, with as few hyper-parameters as it lets, and read the others."""
    usual = {**Hyperparameters().to_json(), **PLAIN}
    required = tuple(name for name in usual if name in about.accepts and name not in about.defaults)
    given = {name: usual[name] for name in required}
    if not about.accepts - set(required):
        return Defaults((), required)
    asked = tape()
    answer = yield Query("defaults", asked, given, dtype)
    if isinstance(answer, Refused):
        return Defaults((), required, f"it would not be asked: {answer.words}")
    one = survivors.listed[0]
    wanted = [name for name in about.accepts if name not in given]
    free = [name for name in NUMBERS if name in wanted and not (name == "momentum" and one.dialect.momentum == "never")]
    hint = {name: value for name, value in about.defaults.items() if isinstance(value, (int, float))}
    found = _read(one, answer, dtype, given, free, hint, [name for name in SWITCHES if name in wanted])
    if found is None:
        return Defaults((), required, "no numbers explain what it does without any")
    shown = [field.name for field in fields(Hyperparameters) if field.name in wanted]
    return Defaults(tuple(_default(about, found, name) for name in shown), required)


def _read(
    one: Hypothesis,
    answer: Array,
    dtype: str,
    given: dict[str, Any],
    free: list[str],
    hint: dict[str, Any],
    switches: list[str],
) -> Reading | None:
    """The reading that fits, under what is switched on by default."""
    for on in _switched(switches, hint):
        base = Hyperparameters(**{**given, **on})
        found = read(one, answer, dtype, base, free, hint)
        if found.fits:
            return found
    return None


def _switched(switches: list[str], hint: dict[str, Any]) -> Iterator[dict[str, bool]]:
    """What may be on; first what is declared, then as little as possible."""
    usual = {name: bool(hint.get(name, False)) for name in switches}
    flips = itertools.product((False, True), repeat=len(switches))
    for flipped in sorted(flips, key=sum):
        yield {name: usual[name] != flip for name, flip in zip(switches, flipped, strict=True)}


def _default(about: About, found: Reading, name: str) -> Default:
    value = None if name in found.unseen else getattr(found.hyperparameters, name)
    return Default(name, value, about.defaults.get(name, UNSAID))


def _off(name: str, declared: Any) -> Any:
    """What is declared as the oracle has it: 0, None or infinity may be said for no bound."""
    usual = getattr(Hyperparameters(), name)
    if usual is None and declared in (None, 0, -1, float("inf")):
        return None
    return usual if declared is None else declared
