"""Searches the candidate that explains a trace which fits no named dialect: the one with the fewest changes.

Candidates are ranked by their traces alone, on a sample of steps and coordinates and in units of the claimed dialect's
bounds, because bounds are expensive to compute. Only the best candidates are compared with the whole trace, inside
bounds of their own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from reference import Dialect, Hyperparameters, Trace, dialects
from reference.precision import format_of, wider
from reference.replay import QUANTITIES
from suite.cases.tapes import Tape
from suite.compare.comparison import ComparisonResult, TraceComparison
from suite.compare.oracle import Array, Oracle
from suite.diagnosis.candidates import CHANGES, Candidate, CandidateChange, describe_change
from suite.diagnosis.number_estimation import estimates
from suite.results.rows import AxisChange, NearestDialect

Key = TypeVar("Key", bound=Hashable)

MIN_STEPS, MAX_COLUMNS = 32, 64  # of the sample
MAX_CHECKED = 6  # candidates of a round that are compared inside their own bounds
ALWAYS_CHECKED = 2  # of these, however large their error: their own bounds may be wider
MAX_ROUGH_RATIO = 4.0  # of the other candidates, in bounds of the claimed dialect
MIN_IMPROVEMENT = 2.0  # smallest factor on the largest error that is reported
MAX_SHOWN = 4  # candidates that fit equally well
EXTENDED = 4  # best candidates to which a second change is made
MAX_FAILURES = 3  # searches without a result, after which an implementation gets single changes only

_ORDER = {change: place for place, change in enumerate(CHANGES)}


@dataclass(frozen=True, eq=False)
class ReplayInput:
    """The input of a replay: a tape, hyper-parameters and the tested format."""

    tape: Tape
    hyperparameters: Hyperparameters
    dtype: str

    def oracles(self, functions: Mapping[Key, tuple[Dialect, Hyperparameters]]) -> dict[Key, tuple[Oracle, str]]:
        """Return for each key an oracle that predicts its dialect, and the name of the dialect in that oracle.

        Dialects with equal hyper-parameters share an oracle, which replays them together.
        """
        groups: dict[Hyperparameters, dict[str, Key]] = {}
        for number, (key, (_, h)) in enumerate(functions.items()):
            groups.setdefault(h, {})[str(number)] = key
        found: dict[Key, tuple[Oracle, str]] = {}
        for h, keys in groups.items():
            named = {name: functions[key][0] for name, key in keys.items()}
            oracle = Oracle.of(self.tape, h, self.dtype, named)
            found.update({key: (oracle, name) for name, key in keys.items()})
        return found

    def oracle(self, candidate: Candidate) -> Oracle:
        """Return the oracle of one candidate, whose dialect has the name ""."""
        return Oracle.of(self.tape, candidate.hyperparameters, self.dtype, {"": candidate.dialect})

    @property
    def separable(self) -> bool:
        """Whether some coordinates can be replayed without the others."""
        tape = self.tape
        return tape.sparse is None and tape.rates is None and self.hyperparameters.clip_norm is None

    def part(self, steps: int, columns: Array) -> ReplayInput:
        """Return the input of the first steps of some coordinates."""
        tape = self.tape
        initial, gradients = tape.initial[columns], tape.gradients[:steps, columns]
        return replace(self, tape=replace(tape, initial=initial, gradients=gradients, shapes=None))


@dataclass(frozen=True)
class NearestCandidate:
    """The candidate that fits a trace or comes nearest; without changes if none is nearer than the claimed dialect.

    Bound ratio and first step are those of a `ComparisonResult`. The alternatives are other candidates that fit with as
    many changes. Where nothing fits, `best_change` is the single change of the claimed dialect that reduces the largest
    error most.
    """

    candidate: Candidate
    fits: bool
    bound_ratio: float
    first_step: int | None
    alternatives: tuple[Candidate, ...] = ()
    best_change: AxisChange | None = None

    @classmethod
    def compared(cls, candidate: Candidate, observed: Mapping[str, Array], given: ReplayInput) -> NearestCandidate:
        """Compare a trace with a candidate inside the candidate's bounds."""
        comparison = TraceComparison(observed, given.oracle(candidate), "")
        result = comparison.result(slice(0, None))
        return cls(candidate, comparison.fits(slice(0, None)), result.bound_ratio, result.first_step)

    def row(self) -> NearestDialect:
        """Return the part of a verdict row."""
        differences = self.candidate.differences().items()
        return NearestDialect(
            dialect=self.candidate.base,
            changes=[AxisChange(axis=axis, before=before, after=after) for axis, (before, after) in differences],
            fits=self.fits,
            bound_ratio=self.bound_ratio,
            first_step=self.first_step,
            best_change=self.best_change,
        )

    def describe(self, claimed: str) -> str:
        """Return a clause that follows `fits no named dialect` in a reason."""
        if self.fits:
            equal = [one.description for one in (self.candidate, *self.alternatives)]
            more = f", or {len(equal) - MAX_SHOWN} more" if len(equal) > MAX_SHOWN else ""
            return "but " + ", or ".join(equal[:MAX_SHOWN]) + more
        if self.candidate.base == claimed and not self.candidate.changes:
            return "and no change of one or two axes brings it nearer"
        found = f"the nearest is {self.candidate.description}, whose bound it leaves at step {self.first_step}"
        found += f", at worst by {self.bound_ratio:.3g} bounds" if np.isfinite(self.bound_ratio) else ""
        if (best := self.best_change) is not None:
            change = describe_change(best.axis, best.before, best.after)
            found += f"; the best single change of {claimed} is {change}"
            found += f", which reduces the error {best.factor:.3g} times"
        return found


Score = tuple[float, int]
"""The largest error of a trace in bounds of the claimed dialect, and the number of steps inside them, negated."""


class CandidateSearch:
    """Compares one trace with many candidates."""

    def __init__(
        self, observed: Mapping[str, Array], given: ReplayInput, claimed: str, result: ComparisonResult
    ) -> None:
        """Choose the sample of the trace, which differs from the claimed dialect by `result`."""
        wide = wider(given.dtype)
        self.observed = {name: observed[name].astype(wide) for name in QUANTITIES if name in observed}
        self.input, self.claimed = given, Candidate.named(claimed, given.hyperparameters)
        self._unchanged = NearestCandidate(self.claimed, False, result.bound_ratio, result.first_step)
        self.single_changes = changed_once([self.claimed])
        self._sample, self._sample_trace = self._sampled(result)
        self._scale = self._scales()
        self._scores: dict[Hashable, Score] = {}
        self._ranked: dict[Hashable, Candidate] = {}
        self._equal: dict[Hashable, list[Candidate]] = {}  # candidates of one function, each with other changed axes
        self._compared: dict[Hashable, NearestCandidate] = {}

    def _sampled(self, result: ComparisonResult) -> tuple[ReplayInput, dict[str, Array]]:
        """Return some steps and coordinates, among them the first step outside and the worst coordinate."""
        if not self.input.separable:
            return self.input, self.observed
        size = self.input.tape.initial.size
        spread = np.linspace(0, size - 1, min(size, MAX_COLUMNS)).astype(int)
        columns = np.unique([*spread, *result.worst_index])
        steps = max(MIN_STEPS, 1 << ((result.first_step or 1) + MIN_STEPS // 4).bit_length())
        observed = {name: series[:steps, columns] for name, series in self.observed.items()}
        return self.input.part(steps, columns), observed

    def _scales(self) -> dict[str, Array]:
        """Return the unit of each error: the bound of the claimed dialect, and at least four ulps of the value."""
        bounds, ulps = self._sample.oracle(self.claimed).predict("").bounds, 4 * format_of(self.input.dtype).epsilon
        found = {
            name: (getattr(bounds, name), np.abs(observed) * ulps) for name, observed in self._sample_trace.items()
        }
        return {name: least if bound is None else np.maximum(bound, least) for name, (bound, least) in found.items()}

    def _function(self, candidate: Candidate) -> Hashable:
        return candidate.function(self.input.tape, self.input.dtype)

    def rank(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Return the first candidate of each function other than the claimed dialect's, the nearest first."""
        functions: dict[Hashable, Candidate] = {}
        claimed = self._function(self.claimed)
        for candidate in candidates:
            function = self._function(candidate)
            if function == claimed:
                continue
            equal = self._equal.setdefault(function, [])
            if candidate.axes not in [other.axes for other in equal]:
                equal.append(candidate)
            functions.setdefault(function, candidate)
        new = {key: (one.dialect, one.hyperparameters) for key, one in functions.items() if key not in self._scores}
        for function, (oracle, name) in self._sample.oracles(new).items():
            self._scores[function] = self._score(oracle.trace(name))
            self._ranked[function] = functions[function]
        return [functions[function] for function in sorted(functions, key=lambda function: self._scores[function])]

    def _score(self, trace: Trace) -> Score:
        largest = format_of(self.input.dtype).largest
        worst, inside = 0.0, len(self._sample.tape.gradients)
        for name, observed in self._sample_trace.items():
            expected, scale = getattr(trace, name), self._scale[name]
            if expected is None:
                continue
            with np.errstate(all="ignore"):
                expected = np.where(np.abs(expected) > largest, np.copysign(np.inf, expected), expected)
                same = (observed == expected) | (np.isnan(observed) & np.isnan(expected)) | np.isinf(scale)
                ratio = np.where(same, 0, np.abs(observed - expected) / scale)
            ratio = np.where(np.isnan(ratio), np.inf, ratio)
            worst = max(worst, float(ratio.max(initial=0)))
            outside = np.any(ratio > 1, axis=1)
            inside = min(inside, int(np.argmax(outside)) if outside.any() else inside)
        return worst, -inside

    def estimated(self) -> list[Candidate]:
        """Return the claimed dialect with one number estimated from the trace, for each number that can be."""
        found = (self.claimed.changed(change) for change in estimates(self.claimed.given, self._residuals))
        return [candidate for candidate in found if candidate is not None]

    def _residuals(self, change: CandidateChange) -> Array | None:
        """Return the errors of the sample after a change, in units that a fitting candidate keeps below 1.

        Values without a bound and values that are not finite count as 0. None if the change has no effect or is
        invalid, or if the errors are not finite.
        """
        try:
            candidate = self.claimed.changed(change)
        except ValueError:  # for example a negative clipping bound
            return None
        if candidate is None:
            return None
        trace = self._sample.oracle(candidate).trace("")
        parts = []
        for name, observed in self._sample_trace.items():
            expected, scale = getattr(trace, name), self._scale[name]
            if expected is not None:
                known = np.isfinite(scale) & (scale > 0) & np.isfinite(observed)
                with np.errstate(invalid="ignore", over="ignore"):  # in values that are replaced by 0
                    parts.append(
                        np.where(known, (expected - observed) / np.where(known, scale * MAX_ROUGH_RATIO, 1), 0)
                    )
        found = np.concatenate([part.astype(np.float64).ravel() for part in parts])
        return found if np.all(np.isfinite(found)) else None

    def fitting(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Return the candidates that fit: the sample first, then the whole trace.

        They include candidates of the same function that change other axes.
        """
        best = self.rank(candidates)[:MAX_CHECKED]
        near = [one for one in best[ALWAYS_CHECKED:] if self._scores[self._function(one)][0] <= MAX_ROUGH_RATIO]
        inside = [
            candidate
            for candidate in (*best[:ALWAYS_CHECKED], *near)
            if NearestCandidate.compared(candidate, self._sample_trace, self._sample).first_step is None
        ]
        fitting = [one for c in inside if self.compare(c).fits for one in self._equal[self._function(c)]]
        return sorted(fitting, key=lambda candidate: [_ORDER.get(change, len(_ORDER)) for change in candidate.changes])

    def compare(self, candidate: Candidate) -> NearestCandidate:
        """Compare the whole trace with a candidate, inside the candidate's bounds."""
        function = self._function(candidate)
        if function not in self._compared:
            self._compared[function] = NearestCandidate.compared(candidate, self.observed, self.input)
        return replace(self._compared[function], candidate=candidate)

    def nearest(self) -> NearestCandidate:
        """Return the nearest of all ranked candidates, if none fits, and the best single change."""
        found, single = self._nearest(self._ranked.values()), self._nearest(self.single_changes)
        factor = self._unchanged.bound_ratio / single.bound_ratio if single is not self._unchanged else 0.0
        if not MIN_IMPROVEMENT <= factor < np.inf:
            return found
        ((axis, (before, after)),) = single.candidate.differences().items()
        return replace(found, best_change=AxisChange(axis=axis, before=before, after=after, factor=factor))

    def _nearest(self, candidates: Iterable[Candidate]) -> NearestCandidate:
        """Return the candidate that is nearest in the sample, if the whole trace is nearer to it than to the claim."""

        def key(found: NearestCandidate) -> tuple[float, int]:
            return found.bound_ratio, -(found.first_step or 0)

        best = self.rank(candidates)[:MAX_CHECKED]
        sampled = [NearestCandidate.compared(candidate, self._sample_trace, self._sample) for candidate in best]
        outside = min((found for found in sampled if found.first_step is not None), key=key, default=None)
        if outside is None:
            return self._unchanged
        found = self.compare(outside.candidate)
        if found.first_step is None or found.bound_ratio * MIN_IMPROVEMENT > self._unchanged.bound_ratio:
            return self._unchanged
        return min(self._unchanged, found, key=key)


def changed_once(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Return every candidate after every single change."""
    return [made for one in candidates for change in CHANGES if (made := one.changed(change)) is not None]


class ExplanationSearch:
    """Searches explanations of several traces, first those that fitted earlier traces of the same implementation."""

    def __init__(self) -> None:
        self._known: defaultdict[Hashable, list[Candidate]] = defaultdict(list)
        self._failures: Counter[Hashable] = Counter()

    def nearest(
        self,
        observed: Mapping[str, Array],
        given: ReplayInput,
        claimed: str,
        result: ComparisonResult,
        implementation: Hashable,
        *,
        untried: bool = False,
    ) -> NearestCandidate:
        """Return the candidate that explains a trace that differs from the claimed dialect by `result`, or is nearest.

        One explanation usually fits all traces of an implementation. Other named dialects are compared with the trace
        if they are `untried`.
        """
        search, h = CandidateSearch(observed, given, claimed, result), given.hyperparameters
        for known in self._known[implementation]:
            again: Candidate | None = Candidate.named(known.base, h)
            for change in known.changes:
                again = again and again.changed(change)  # None if a change has no effect on these hyper-parameters
            if again and (found := search.compare(again)).fits:
                return found
        measurable = np.isfinite(result.bound_ratio)  # otherwise estimates and second changes can't be ranked
        thorough = measurable and self._failures[implementation] < MAX_FAILURES
        for candidates in _rounds(search, untried, thorough):
            fitting = search.fitting(candidates)
            if fitting:
                self._known[implementation].append(fitting[0])
                return replace(search.compare(fitting[0]), alternatives=tuple(fitting[1:]))
        self._failures[implementation] += 1
        return search.nearest()


def _rounds(search: CandidateSearch, untried: bool, thorough: bool) -> Iterator[Sequence[Candidate]]:
    """Yield candidates, the simplest explanations first.

    One change of the claimed dialect, then two, then a number estimated from the trace, then one change of another
    dialect.
    """
    claimed = search.claimed
    others = sorted(
        (Candidate.named(name, claimed.given) for name in dialects if name != claimed.base),
        key=lambda other: len(claimed.dialect.differences(other.dialect)),
    )
    if untried:
        yield others
    yield search.single_changes
    if thorough:
        yield changed_once(search.rank(search.single_changes)[:EXTENDED])
        yield search.estimated()
        yield changed_once(others)
