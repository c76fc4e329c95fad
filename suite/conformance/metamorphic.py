"""Laws are tried: every target replays one tape, and then what each law makes of it; the traces are held side by side.

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
from suite.cases.metamorphic import HYPERPARAMETERS, MetamorphicRelation, first_tape
from suite.cases.tapes import Tape
from suite.compare.comparison import QUANTITIES, ComparisonResult, TraceError, ulp_distance
from suite.conformance.tape_batches import TapeBatch, written
from suite.conformance.targets import Target, evidence
from suite.results.store import Row
from suite.workers.protocol import DataMismatch, Request, Response

Array = NDArray[Any]


@dataclass(frozen=True)
class Asked:
    """What is kept beside a question.

    Attributes:
        target: who is asked, and of whom the verdict is.
        tape_batch: the tape.
        laws: that the answer bears upon.
        trace: the first one, where this is the second.
    """

    target: Target
    tape_batch: TapeBatch
    laws: tuple[MetamorphicRelation, ...]
    trace: Mapping[str, Array] | None = None


class MetamorphicVerdicts:
    """Laws under trial: the first questions, then those that follow from the answers, then the verdicts."""

    def __init__(self, laws: Sequence[MetamorphicRelation], seed: int, folder: Path) -> None:
        """Start with nothing asked.

        Args:
            laws: to be tried.
            seed: of the tape.
            folder: of results, with `tapes` and `traces`.
        """
        self.laws, self.folder, self.tape = tuple(laws), folder, first_tape(seed)
        self.tape_batches: dict[tuple[str, Hyperparameters], TapeBatch] = {}
        self.following: list[Request] = []

    def questions(
        self,
        targets: Iterable[Target],
        *,
        selected: Callable[[Target, str], bool],
        done: frozenset[tuple[Any, ...]],
    ) -> Iterator[Request]:
        """The first replay of every target of whom the verdict on a law is asked for and not there.

        A scratch implementation is tried in its first two dialects: laws hold whatever the dialect is.
        """
        targets = [one for one in targets if one.dtype in self.tape.dtypes]
        targets = [one for one in targets if any(selected(one, law.id) for law in self.laws)]
        tried = [None, *dict.fromkeys(one.dialect for one in targets if one.dialect)][:3]
        targets = [one for one in targets if one.dialect in tried]
        for target in targets:
            bound = (law for law in self.laws if target.twin or not law.twin)
            laws = tuple(law for law in bound if selected(target, law.id) and target.key(law.id) not in done)
            if laws:
                tape_batch = self._ride("first", self.tape, HYPERPARAMETERS)
                yield self._question(target, Asked(target, tape_batch, laws))

    def first_rows(self, answer: Response) -> Iterator[Row]:
        """What the first replay tells already; the rest is left to the questions that follow from it."""
        asked: Asked = answer.request.context
        target, tape_batch = asked.target, asked.tape_batch
        try:
            trace = _trace(answer, tape_batch)
            dialect = dialects[target.asked or answer.reply["dialect"]]
        except _REFUSED as reason:
            for law in asked.laws:
                yield target.row(answer, tape_batch, law.id, None, reason=str(reason))
            return
        spoiled = int(trace.pop("spoiled", np.array(0)))
        for law in asked.laws:
            exempt = law.exempt(dialect)
            if exempt:
                yield target.row(answer, tape_batch, law.id, None, outcome="unsupported", reason=exempt)
            elif law.tape is None:
                yield target.row(answer, tape_batch, law.id, _untouched(spoiled))
            else:
                second = self._ride(law.id, law.tape(self.tape), law.hyperparameters(dialect))
                other = replace(target, implementation=target.twin) if law.twin and target.twin else target
                self.following.append(self._question(other, Asked(target, second, (law,), trace)))

    def rows(self, answer: Response) -> Iterator[Row]:
        """The verdict of a second replay."""
        asked: Asked = answer.request.context
        (law,) = asked.laws
        try:
            observed = _trace(answer, asked.tape_batch)
            found = partings(law.trace(asked.trace or {}), observed, asked.target.dtype)
        except _REFUSED as reason:
            yield asked.target.row(answer, asked.tape_batch, law.id, None, reason=str(reason))
        else:
            parted = [asdict(parting) for parting in found if parting.count]
            yield asked.target.row(answer, asked.tape_batch, law.id, judged(found), partings=parted)

    def _ride(self, name: str, tape: Tape, h: Hyperparameters) -> TapeBatch:
        if (name, h) not in self.tape_batches:
            file = f"{name.replace('/', '-')}-{len(self.tape_batches)}"
            self.tape_batches[name, h] = written(file, tape, h, (), self.folder / "tapes")
        return self.tape_batches[name, h]

    def _question(self, target: Target, asked: Asked) -> Request:
        return target.question(asked.tape_batch, self.folder / "traces", asked)


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
    ulps = ulp_distance(observed, expected.astype(np.longdouble), format_of(dtype))
    apart = ulps > 0
    if not np.any(apart):
        return Parting(name, 0, 0, 0.0, 0.0, 0.0, (0.0, 0, 0), 0, ulps.size)
    step = int(np.argmax(np.any(apart, axis=1)))
    index = int(np.argmax(apart[step]))
    here, there, apart_by = (float(values[step, index]) for values in (expected, observed, ulps))
    worst, where = (int(i) for i in np.unravel_index(int(np.argmax(ulps)), ulps.shape))
    largest = (float(ulps[worst, where]), worst + 1, where)
    return Parting(name, step + 1, index, here, there, apart_by, largest, int(np.sum(apart)), ulps.size)


def judged(found: Sequence[Parting]) -> ComparisonResult:
    """Whether two traces are the same; else where they part first, and how far they get."""
    apart = [parting for parting in found if parting.count]
    if not apart:
        return ComparisonResult("agrees", found[0].quantity, 0, [], None, 0.0, 0.0, 1.0, None)
    first = min(apart, key=lambda parting: parting.step)
    ulps, worst, index = first.worst
    part = "part" if first.quantity == "parameters" else "parts"
    where = f"{first.quantity} {part} at step {first.step}, coordinate {first.index}, by {first.ulps:.3g} ulps"
    reason = f"{where}; {sum(p.count for p in apart)} of {sum(p.size for p in found)} values differ"
    return ComparisonResult("differs", first.quantity, worst, [index], first.step, ulps, np.inf, 1.0, reason)


def _untouched(spoiled: int) -> ComparisonResult:
    if not spoiled:
        return ComparisonResult("agrees", "gradients", 0, [], None, 0.0, 0.0, 1.0, None)
    reason = f"it changed the caller's gradient in {spoiled} steps"
    return ComparisonResult("differs", "gradients", 0, [], None, np.nan, np.inf, 1.0, reason)


class _Silent(Exception):
    """A replay was refused or failed; the message is the worker's reason."""


_REFUSED = (_Silent, TraceError, DataMismatch, OSError, ValueError, KeyError)


def _trace(answer: Response, tape_batch: TapeBatch) -> dict[str, Array]:
    """The trace of an answer, whose file is then removed."""
    if answer.status != "ok":
        raise _Silent(answer.reply["reason"])
    trace = evidence(answer, tape_batch)
    Path(answer.request.message["output"]).unlink()
    return trace
