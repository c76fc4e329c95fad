"""Numbers that an optimizer has and does not let one choose: its own γ or ε, read before anything else is asked."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reference import Hyperparameters
from suite.diagnosis.candidate_search import ReplayInput
from suite.diagnosis.candidates import HYPERPARAMETER_PREFIX, CandidateChange
from suite.identification.hypotheses import Hypothesis, Space, Survivors
from suite.identification.inquiry import About, Inquiry, Query, Refused
from suite.identification.probes import PLAIN, Probe
from suite.identification.reading import promise, read, tape

STRUCTURES = 6  # the most promising, of which numbers are read
NEAR = 2.0  # orders of magnitude, to base e, by which others may be further off on average


@dataclass(frozen=True)
class Fixed:
    """What was found.

    Attributes:
        survivors: everything, with these numbers; for each way in which they can be read, if there are several.
        numbers: learning rate, decay and epsilon that questions go by: its own, or such as show much.
        names: those of them that are its own.
        reason: why they were not found; None if they were, or there are none.
    """

    survivors: Survivors
    numbers: Mapping[str, float]
    names: frozenset[str]
    reason: str | None = None


def fixed(about: About, space: Space) -> Inquiry[Fixed]:
    """Read those that must be known: learning rate, decay and epsilon; and a momentum that comes with them."""
    missing = frozenset(PLAIN) - about.accepts
    nothing = Fixed(space.everything(), PLAIN, missing)
    if not missing:
        return nothing
    given = {name: value for name, value in PLAIN.items() if name in about.accepts}
    dtype, asked = about.dtypes[0], tape()
    answer = yield Query("own numbers", asked, given, dtype)
    if isinstance(answer, Refused):
        return Fixed(nothing.survivors, PLAIN, missing, f"it would not be asked: {answer.words}")
    free = [*(name for name in PLAIN if name in missing), *(["momentum"] if "momentum" not in about.accepts else [])]
    base = Hyperparameters(**PLAIN)
    found: dict[tuple[Any, ...], Hypothesis] = {}
    structures = _structures(space, Probe("", ReplayInput(asked, base, dtype), frozenset()))
    scores = {one: promise(one, answer, dtype, base, free) for one in structures}
    near = [one for one in scores if scores[one] <= min(scores.values()) + NEAR]
    for one in itertools.chain.from_iterable(map(_roundings, sorted(near, key=scores.__getitem__)[:STRUCTURES])):
        reading = read(one, answer, dtype, base, free, {})
        if reading.fits:
            numbers = {name: getattr(reading.hyperparameters, name) for name in free}
            own = {name: value for name, value in numbers.items() if name in PLAIN or value}
            found.setdefault(tuple(own.items()), Hypothesis(changes=tuple(_own(*pair) for pair in own.items())))
    if not found:
        return Fixed(nothing.survivors, PLAIN, missing, f"no {', '.join(sorted(missing))} explains what it does")
    least = min(map(_digits, found))
    found = {numbers: one for numbers, one in found.items() if _digits(numbers) == least}  # nobody writes 0.95000009
    survivors = space.everything().only(list(found.values()))
    return Fixed(survivors, {**PLAIN, **{k: v for k, v in next(iter(found)) if k in PLAIN}}, missing)


def _structures(space: Space, probe: Probe) -> Iterator[Hypothesis]:
    """One hypothesis for each function that there is, but for those that differ by what is rounded."""
    functions: dict[Hashable, Hypothesis] = {}
    for one in space.everything().facing(probe).listed:
        if one == _roundings(one)[0]:
            functions.setdefault(one.function(probe), one)
    yield from functions.values()


def _roundings(one: Hypothesis) -> list[Hypothesis]:
    """The same with 1-γ formed in either way, and nothing else rounded, which a few digits don't show."""
    exact = one.having("hyperparameter_rounding", "exact")
    return [exact.having("decay_complement", how) for how in ("exact", "working")]


def _digits(numbers: tuple[tuple[str, float], ...]) -> int:
    """How many it takes to write them."""
    return sum(len(f"{value:.12e}".partition("e")[0].replace(".", "").strip("-0")) for _, value in numbers)


def _own(name: str, value: float) -> CandidateChange:
    return CandidateChange(HYPERPARAMETER_PREFIX + name, f"{value!r}", lambda _: value)
