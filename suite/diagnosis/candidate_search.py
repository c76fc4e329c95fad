"""One trace beside many candidates, each a dialect after some changes: which of them fit, and which comes nearest.

Candidates are ranked by traces alone, on a sample of steps and coordinates, in bounds of the dialect that is claimed:
that is rough, and cheap. Only what is said in the end is checked, on the whole trace and with a bound of its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters, Trace
from reference.precision import format_of, wider
from suite.cases.tapes import Tape
from suite.compare.comparison import QUANTITIES, ComparisonResult, TraceComparison
from suite.compare.oracle import Oracle
from suite.diagnosis.candidates import CHANGES, Candidate, CandidateChange, describe_change
from suite.diagnosis.number_estimation import estimates
from suite.results.rows import AxisChange, NearestDialect

Array = NDArray[Any]

STEPS, COLUMNS = 32, 64  # of the sample, at least and at most
CHECKED = 6  # of the best candidates of a round
SURE = 2  # of these, checked however far off they seem: their own bound may be that much wider
WORTH = 2.0  # the factor from which on a change is said to mend something
SHOWN = 4  # of what fits alike
ROUGH = 4.0  # the rough ratio up to which the others are


@dataclass(frozen=True)
class NearestCandidate:
    """What was found.

    Attributes:
        candidate: that fits, or comes nearest; without changes if none comes nearer than what is claimed.
        fits: whether every value is inside its bound.
        bound_ratio: the largest error over its bound.
        first_step: the first step outside the bound, counted from 1.
        alternatives: others that fit as well, with as many changes.
        mends: where it does not fit: the one change of the claimed dialect that mends most, as axis, value before and
            after, and the factor by which it lessens the largest ratio.
    """

    candidate: Candidate
    fits: bool
    bound_ratio: float
    first_step: int | None
    alternatives: tuple[Candidate, ...] = ()
    mends: tuple[str, Any, Any, float] | None = None

    def row(self) -> NearestDialect:
        """Return the part of a verdict row."""
        best = None
        if self.mends:
            axis, before, after, factor = self.mends
            best = AxisChange(axis=axis, before=before, after=after, factor=factor)
        return NearestDialect(
            dialect=self.candidate.base,
            changes=[
                AxisChange(axis=axis, before=before, after=after)
                for axis, (before, after) in self.candidate.differences().items()
            ],
            fits=self.fits,
            bound_ratio=self.bound_ratio,
            first_step=self.first_step,
            best_change=best,
        )

    def words(self, claimed: str) -> str:
        """A clause of a reason, after `fits no named dialect`."""
        if self.fits:
            alike = [one.words for one in (self.candidate, *self.alternatives)]
            more = f", or {len(alike) - SHOWN} more" if len(alike) > SHOWN else ""
            return "but " + ", or ".join(alike[:SHOWN]) + more
        if self.candidate.base == claimed and not self.candidate.changes:
            return "and no change of an axis or two brings it nearer"
        found = f"nearest is {self.candidate.words}, of which it leaves the bound at step {self.first_step}"
        found += f", at worst by {self.bound_ratio:.3g} bounds" if np.isfinite(self.bound_ratio) else ""
        if self.mends:
            axis, here, there, factor = self.mends
            found += f"; of {claimed}'s own axes {describe_change(axis, here, there)} mends most, {factor:.3g} times"
        return found


_ORDER = {change: place for place, change in enumerate(CHANGES)}


class _Score(NamedTuple):
    """How far a trace is off; the smaller the nearer."""

    ratio: float
    lateness: int  # steps inside, negated


def single(starts: Iterable[Candidate]) -> list[Candidate]:
    """Every single change of each."""
    return [made for start in starts for change in CHANGES if (made := start.changed(change)) is not None]


@dataclass(frozen=True)
class ReplayInput:
    """The input of some coordinates: a tape, hyper-parameters and precision."""

    tape: Tape
    hyperparameters: Hyperparameters
    dtype: str

    def oracle(self, candidates: Sequence[Candidate]) -> Oracle:
        """Of candidates that share hyper-parameters, by their number."""
        named = {str(number): candidate.dialect for number, candidate in enumerate(candidates)}
        return Oracle.of(self.tape, candidates[0].hyperparameters, self.dtype, named)

    @property
    def divisible(self) -> bool:
        """Whether some coordinates can be replayed without the others."""
        tape = self.tape
        return tape.sparse is None and tape.rates is None and self.hyperparameters.clip_norm is None

    def some(self, steps: int, columns: Array) -> ReplayInput:
        """The first steps of some coordinates."""
        tape = self.tape
        initial, gradients = tape.initial[columns], tape.gradients[:steps, columns]
        return replace(self, tape=replace(tape, initial=initial, gradients=gradients, shapes=None))


class CandidateSearch:
    """One trace beside many candidates."""

    def __init__(
        self, observed: Mapping[str, Array], part: ReplayInput, own: Candidate, result: ComparisonResult
    ) -> None:
        wide = wider(part.dtype)
        self.observed = {name: observed[name].astype(wide) for name in QUANTITIES if name in observed}
        self.part, self.own = part, own
        self.claimed = NearestCandidate(own, False, result.bound_ratio, result.first_step)
        self.single = single([own])
        self.sample, self.seen = self._sampled(result)
        self.scale = self._scale()
        self.scores: dict[Hashable, _Score] = {}
        self.tried: dict[Hashable, Candidate] = {}
        self.alike: dict[Hashable, list[Candidate]] = {}  # by what they compute, each of other axes
        self.known: dict[Hashable, NearestCandidate] = {}

    def _sampled(self, result: ComparisonResult) -> tuple[ReplayInput, dict[str, Array]]:
        """Some steps and coordinates of input and trace, the first that is outside and the worst among them."""
        size = self.part.tape.initial.size
        if not self.part.divisible:
            return self.part, self.observed
        spread = np.linspace(0, size - 1, min(size, COLUMNS)).astype(int)
        columns = np.unique([*spread, *result.worst_index])
        steps = max(STEPS, 1 << ((result.first_step or 1) + STEPS // 4).bit_length())
        return self.part.some(steps, columns), {name: series[:steps, columns] for name, series in self.observed.items()}

    def _scale(self) -> dict[str, Array]:
        """What an error is measured in: the bound of the claimed dialect, and a few ulps of what is there."""
        limits, ulps = self.sample.oracle([self.own]).predict("0").bounds, 4 * format_of(self.part.dtype).epsilon
        bounds = {name: getattr(limits, name) for name in self.seen}
        return {
            name: np.abs(seen) * ulps if bounds[name] is None else np.maximum(bounds[name], np.abs(seen) * ulps)
            for name, seen in self.seen.items()
        }

    def function(self, candidate: Candidate) -> Hashable:
        """What it computes here."""
        return candidate.function(self.part.tape, self.part.dtype)

    def rank(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """The candidates that compute something else than what is claimed, the nearest first; of equals the first."""
        together: dict[Hyperparameters, dict[Hashable, Candidate]] = {}
        functions: dict[Hashable, Candidate] = {}
        own = self.function(self.own)
        for candidate in candidates:
            function = self.function(candidate)
            if function == own:
                continue
            alike = self.alike.setdefault(function, [])
            if candidate.axes not in [other.axes for other in alike]:
                alike.append(candidate)
            if function not in functions:
                functions[function] = candidate
                if function not in self.scores:
                    together.setdefault(candidate.hyperparameters, {})[function] = candidate
        for group in together.values():
            oracle = self.sample.oracle(list(group.values()))
            for number, function in enumerate(group):
                self.scores[function] = self.score(oracle.trace(str(number)))
            self.tried.update(group)
        return [functions[function] for function in sorted(functions, key=lambda function: self.scores[function])]

    def score(self, trace: Trace) -> _Score:
        """How far the trace of a candidate is off, in bounds of the claimed dialect."""
        largest = format_of(self.part.dtype).largest
        worst, inside = 0.0, len(self.sample.tape.gradients)
        for name, seen in self.seen.items():
            expected, scale = getattr(trace, name), self.scale[name]
            if expected is None:
                continue
            with np.errstate(all="ignore"):
                expected = np.where(np.abs(expected) > largest, np.copysign(np.inf, expected), expected)
                same = (seen == expected) | (np.isnan(seen) & np.isnan(expected)) | np.isinf(scale)
                ratio = np.where(same, 0, np.abs(seen - expected) / scale)
            ratio = np.where(np.isnan(ratio), np.inf, ratio)
            worst = max(worst, float(ratio.max(initial=0)))
            outside = np.any(ratio > 1, axis=1)
            inside = min(inside, int(np.argmax(outside)) if outside.any() else inside)
        return _Score(worst, -inside)

    def estimated(self) -> Iterator[Candidate]:
        """The claimed dialect with one number that is read from the trace."""
        for change in estimates(self.own.given, self.residual):
            if (candidate := self.own.changed(change)) is not None:
                yield candidate

    def residual(self, change: CandidateChange) -> Array | None:
        """How far off the sample is after a change, value by value, in units of what is checked; None if it can't be.

        What has no bound, or is no number, has no part in it.
        """
        try:
            candidate = self.own.changed(change)
        except ValueError:  # a bound below zero, say
            return None
        if candidate is None:
            return None
        trace = self.sample.oracle([candidate]).trace("0")
        parts = []
        for name, seen in self.seen.items():
            expected, scale = getattr(trace, name), self.scale[name]
            if expected is not None:
                known = np.isfinite(scale) & (scale > 0) & np.isfinite(seen)
                with np.errstate(invalid="ignore", over="ignore"):  # of what is then left out
                    parts.append(np.where(known, (expected - seen) / np.where(known, scale * ROUGH, 1), 0))
        found = np.concatenate([part.astype(np.float64).ravel() for part in parts])
        return found if np.all(np.isfinite(found)) else None

    def best(self, candidates: Iterable[Candidate], count: int) -> list[Candidate]:
        """The nearest of them."""
        return self.rank(candidates)[:count]

    def fitting(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Those that fit, of the few that may: inside the bound in the sample first, then everywhere.

        With them come those that can't be told from them, as long as it is other axes that are changed.
        """
        best = self.best(candidates, CHECKED)
        close = [c for c in best[SURE:] if self.scores[self.function(c)].ratio <= ROUGH]
        inside = [c for c in (*best[:SURE], *close) if _beside(c, self.seen, self.sample).first_step is None]
        fitting = [one for c in inside if self.full(c).fits for one in self.alike[self.function(c)]]
        return sorted(fitting, key=lambda candidate: [_ORDER.get(change, len(_ORDER)) for change in candidate.changes])

    def full(self, candidate: Candidate) -> NearestCandidate:
        """How the whole trace stands to a candidate, in its own bounds."""
        function = self.function(candidate)
        if function not in self.known:
            self.known[function] = _beside(candidate, self.observed, self.part)
        return replace(self.known[function], candidate=candidate)

    def compromise(self) -> NearestCandidate:
        """Where nothing fits: the nearest of all that was tried, and the one change that mends most."""
        found, single = self._nearest(self.tried.values()), self._nearest(self.single)
        factor = self.claimed.bound_ratio / single.bound_ratio if single is not self.claimed else 0.0
        if not WORTH <= factor < np.inf:
            return found
        ((axis, (here, there)),) = single.candidate.differences().items()
        return replace(found, mends=(axis, here, there, factor))

    def _nearest(self, candidates: Iterable[Candidate]) -> NearestCandidate:
        """The best of these in the sample, if it is nearer than what is claimed on the whole."""

        def key(found: NearestCandidate) -> tuple[float, int]:
            return found.bound_ratio, -(found.first_step or 0)

        beside = [_beside(candidate, self.seen, self.sample) for candidate in self.best(candidates, CHECKED)]
        outside = [found.candidate for found in sorted(beside, key=key) if found.first_step is not None]
        found = [self.full(candidate) for candidate in outside[:1]]
        worth = [
            one
            for one in found
            if one.first_step is not None and not one.bound_ratio * WORTH > self.claimed.bound_ratio
        ]
        return min((self.claimed, *worth), key=key)


def _beside(candidate: Candidate, observed: Mapping[str, Array], part: ReplayInput) -> NearestCandidate:
    """How a trace stands to a candidate, in its own bounds."""
    comparison = TraceComparison(observed, part.oracle([candidate]), "0")
    result = comparison.result(slice(0, None))
    return NearestCandidate(candidate, comparison.fits(slice(0, None)), result.bound_ratio, result.first_step)
