"""Laws are tried: every witness replays one tape, and then what each law makes of it; the traces are held side by side.

Equal means to the bit. NaN equals NaN. Zeros of either sign are equal: IEEE arithmetic makes x - x = +0 of x and of -x
alike, so that no law can bind the sign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters, dialects
from reference.precision import format_of
from suite.agreement.judge import QUANTITIES, Judgement, TraceError
from suite.agreement.rides import Ride, written
from suite.agreement.witness import Witness, evidence
from suite.cases.laws import HYPERPARAMETERS, Law, first
from suite.cases.tapes import Tape
from suite.runner.errors import OtherData
from suite.runner.question import Answer, Question
from suite.runner.store import Row

Array = NDArray[Any]


@dataclass(frozen=True)
class Asked:
    """What is kept beside a question.

    Attributes:
        witness: who is asked, and of whom the verdict is.
        ride: the tape.
        laws: that the answer bears upon.
        trace: the first one, where this is the second.
    """

    witness: Witness
    ride: Ride
    laws: tuple[Law, ...]
    trace: Mapping[str, Array] | None = None


class LawVerdicts:
    """Laws under trial: the first questions, then those that follow from the answers, then the verdicts."""

    def __init__(self, laws: Sequence[Law], seed: int, folder: Path) -> None:
        """Start with nothing asked.

        Args:
            laws: to be tried.
            seed: of the tape.
            folder: of results, with `tapes` and `traces`.
        """
        self.laws, self.folder, self.tape = tuple(laws), folder, first(seed)
        self.rides: dict[tuple[str, Hyperparameters], Ride] = {}
        self.following: list[Question] = []

    def questions(
        self,
        witnesses: Iterable[Witness],
        *,
        selected: Callable[[Witness, str], bool],
        done: frozenset[tuple[Any, ...]],
    ) -> Iterator[Question]:
        """The first replay of every witness of whom the verdict on a law is asked for and not there.

        A scratch implementation is tried in its first two dialects: laws hold whatever the dialect is.
        """
        witnesses = [one for one in witnesses if one.dtype in self.tape.dtypes]
        witnesses = [one for one in witnesses if any(selected(one, law.id) for law in self.laws)]
        tried = [None, *dict.fromkeys(one.dialect for one in witnesses if one.dialect)][:3]
        witnesses = [one for one in witnesses if one.dialect in tried]
        for witness in witnesses:
            bound = (law for law in self.laws if witness.twin or not law.twin)
            laws = tuple(law for law in bound if selected(witness, law.id) and witness.key(law.id) not in done)
            if laws:
                ride = self._ride("first", self.tape, HYPERPARAMETERS)
                yield self._question(witness, Asked(witness, ride, laws))

    def first_rows(self, answer: Answer) -> Iterator[Row]:
        """What the first replay tells already; the rest is left to the questions that follow from it."""
        asked: Asked = answer.question.about
        witness, ride = asked.witness, asked.ride
        try:
            trace = _trace(answer, ride)
            dialect = dialects[witness.asked or answer.reply["dialect"]]
        except _REFUSED as reason:
            for law in asked.laws:
                yield witness.row(answer, ride, law.id, None, reason=str(reason))
            return
        spoiled = int(trace.pop("spoiled", np.array(0)))
        for law in asked.laws:
            exempt = law.exempt(dialect)
            if exempt:
                yield witness.row(answer, ride, law.id, None, outcome="unsupported", reason=exempt)
            elif law.tape is None:
                yield witness.row(answer, ride, law.id, _untouched(spoiled))
            else:
                second = self._ride(law.id, law.tape(self.tape), law.hyperparameters(dialect))
                other = replace(witness, implementation=witness.twin) if law.twin and witness.twin else witness
                self.following.append(self._question(other, Asked(witness, second, (law,), trace)))

    def rows(self, answer: Answer) -> Iterator[Row]:
        """The verdict of a second replay."""
        asked: Asked = answer.question.about
        (law,) = asked.laws
        try:
            observed = _trace(answer, asked.ride)
            found = partings(law.trace(asked.trace or {}), observed, asked.witness.dtype)
        except _REFUSED as reason:
            yield asked.witness.row(answer, asked.ride, law.id, None, reason=str(reason))
        else:
            parted = [asdict(parting) for parting in found if parting.count]
            yield asked.witness.row(answer, asked.ride, law.id, judged(found), partings=parted)

    def _ride(self, name: str, tape: Tape, h: Hyperparameters) -> Ride:
        if (name, h) not in self.rides:
            file = f"{name.replace('/', '-')}-{len(self.rides)}"
            self.rides[name, h] = written(file, tape, h, (), self.folder / "tapes")
        return self.rides[name, h]

    def _question(self, witness: Witness, asked: Asked) -> Question:
        return witness.question(asked.ride, self.folder / "traces", asked)


@dataclass(frozen=True)
class Parting:
    """Where one quantity of two traces parts.

    Attributes:
        quantity: its name.
        step: the first at which they differ, counted from 1; 0 if they don't.
        index: the first coordinate there.
        expected: what the law makes of the first trace there.
        observed: what is in the second one.
        ulps: how far that is apart.
        worst: the largest distance of all, in ulps, with its step and coordinate.
        count: how many values differ.
        size: of how many.
    """

    quantity: str
    step: int
    index: int
    expected: float
    observed: float
    ulps: float
    worst: tuple[float, int, int]
    count: int
    size: int


def partings(expected: Mapping[str, Array], observed: Mapping[str, Array], dtype: str) -> list[Parting]:
    """Of every quantity of two traces, where they part, and how far.

    Raises:
        TraceError: if the second lacks what the first has, or has it in another shape.
    """
    for name, values in expected.items():
        if name not in observed or observed[name].shape != values.shape:
            raise TraceError(f"{name} is not in the second trace in the shape that it has in the first")
    return [_parting(name, expected[name], observed[name], dtype) for name in QUANTITIES if name in expected]


def _parting(name: str, expected: Array, observed: Array, dtype: str) -> Parting:
    ulps = _ulps(expected, observed, dtype)
    apart = ulps > 0
    if not np.any(apart):
        return Parting(name, 0, 0, 0.0, 0.0, 0.0, (0.0, 0, 0), 0, ulps.size)
    step = int(np.argmax(np.any(apart, axis=1)))
    index = int(np.argmax(apart[step]))
    here, there, apart_by = (float(values[step, index]) for values in (expected, observed, ulps))
    worst, where = (int(i) for i in np.unravel_index(int(np.argmax(ulps)), ulps.shape))
    largest = (float(ulps[worst, where]), worst + 1, where)
    return Parting(name, step + 1, index, here, there, apart_by, largest, int(np.sum(apart)), ulps.size)


def judged(found: Sequence[Parting]) -> Judgement:
    """Whether two traces are the same; else where they part first, and how far they get."""
    apart = [parting for parting in found if parting.count]
    if not apart:
        return Judgement("agrees", found[0].quantity, 0, [], None, 0.0, 0.0, 1.0, None)
    first = min(apart, key=lambda parting: parting.step)
    ulps, worst, index = first.worst
    part = "part" if first.quantity == "parameters" else "parts"
    where = f"{first.quantity} {part} at step {first.step}, coordinate {first.index}, by {first.ulps:.3g} ulps"
    reason = f"{where}; {sum(p.count for p in apart)} of {sum(p.size for p in found)} values differ"
    return Judgement("differs", first.quantity, worst, [index], first.step, ulps, np.inf, 1.0, reason)


def _ulps(expected: Array, observed: Array, dtype: str) -> Array:
    """The distance in ulps, elementwise; infinite where one of the two is not finite, and the other is not the same."""
    same = (expected == observed) | (np.isnan(expected) & np.isnan(observed))
    with np.errstate(invalid="ignore", over="ignore"):
        wide = expected.astype(np.longdouble)
        distance = np.abs(observed - wide) / format_of(dtype).ulp(wide)
    return np.where(same, 0, np.where(np.isnan(distance), np.inf, distance))


def _untouched(spoiled: int) -> Judgement:
    if not spoiled:
        return Judgement("agrees", "gradients", 0, [], None, 0.0, 0.0, 1.0, None)
    reason = f"it changed the caller's gradient in {spoiled} steps"
    return Judgement("differs", "gradients", 0, [], None, np.nan, np.inf, 1.0, reason)


class _Silent(Exception):
    """A replay was refused or failed; the message is the worker's reason."""


_REFUSED = (_Silent, TraceError, OtherData, OSError, ValueError, KeyError)


def _trace(answer: Answer, ride: Ride) -> dict[str, Array]:
    """The trace of an answer, whose file is then removed."""
    if answer.status != "ok":
        raise _Silent(answer.reply["reason"])
    trace = evidence(answer, ride)
    Path(answer.question.request["output"]).unlink()
    return trace
