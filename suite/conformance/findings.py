"""What is found of each case of an answer: the result, and what explains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from suite.cases.catalogue import Case
from suite.compare.comparison import ComparisonResult, TraceComparison
from suite.compare.error_growth import Growth, growth
from suite.compare.oracle import Oracle
from suite.conformance.targets import Target
from suite.diagnosis import reasons
from suite.diagnosis.candidate_search import NearestCandidate, ReplayInput
from suite.diagnosis.nearest import ExplanationSearch
from suite.diagnosis.reasons import DistinguishingCases
from suite.results.store import Row

Array = NDArray[Any]


@dataclass(frozen=True)
class Finding:
    """What is known of one case of an answer; nothing but a reason where there was nothing to judge.

    Attributes:
        result: the oracle's.
        reason: for people, unless it agrees.
        fits: the named dialects inside whose bound the trace lies.
        nearest: what is nearest, where it differs and no named dialect fits.
        growth: of the error, where it differs.
        digest: of the parameters after every step.
        course: of the error, whatever the outcome (see `course`).
        leaves: other dialects, with the first step at which the parameters are outside their bound; None where this
            was not asked.
    """

    result: ComparisonResult | None = None
    reason: str | None = None
    fits: tuple[str, ...] = ()
    nearest: NearestCandidate | None = None
    growth: Growth | None = None
    digest: str | None = None
    course: Sequence[Sequence[float]] | None = None
    leaves: Mapping[str, int] | None = None

    def columns(self) -> Row:
        """Those of its row that are not the result's."""
        return {
            "fits": list(self.fits),
            "nearest": self.nearest.to_json() if self.nearest else None,
            "first_quantity": self.growth.quantity if self.growth else None,
            "first_index": [self.growth.index] if self.growth else None,
            "growth": [list(point) for point in self.growth.series] if self.growth else None,
            "reason": self.reason,
            "trace_sha256": self.digest,
            "course": self.course,
            "leaves": self.leaves,
        }


class Explainer:
    """What it takes to explain: the catalogue, and what explained an implementation before."""

    def __init__(self, distinguishing: DistinguishingCases, search: ExplanationSearch) -> None:
        self.distinguishing, self.search = distinguishing, search

    def finding(self, reading: Reading, case: Case, columns: slice, fits: Sequence[str]) -> Finding:
        """The finding on one case; `fits` are the dialects that were tried and fit."""
        result = reading.comparison.result(columns)
        if reading.spoiled:
            reason = f"it changed the caller's gradient in {reading.spoiled} steps"
            return Finding(replace(result, outcome="differs"), reason, tuple(fits))
        if result.outcome == "differs":
            return self._differing(reading, case, columns, result, fits)
        if result.outcome == "undecided":
            return Finding(result, self._undecided(reading, case, columns), tuple(fits))
        return Finding(result, None, tuple(fits))

    def _differing(
        self, reading: Reading, case: Case, columns: slice, result: ComparisonResult, fits: Sequence[str]
    ) -> Finding:
        nearest = None
        if not fits:
            nearest = self._nearest(reading, case, columns, result)
            if nearest.fits and not nearest.candidate.changes:  # a dialect that the oracle had not been asked for
                fits, nearest = [one.base for one in (nearest.candidate, *nearest.alternatives)], None
        words = self._fitting(reading, case, fits) if fits else None
        growing = growth(reading.comparison, columns, result.first_step or 1)
        reason = reasons.difference(result, reading.dialect, growing, words, nearest)
        return Finding(result, reason, tuple(fits), nearest, growing)

    def _nearest(self, reading: Reading, case: Case, columns: slice, result: ComparisonResult) -> NearestCandidate:
        part = ReplayInput(case.tape, case.setting.hyperparameters, reading.target.dtype)
        observed = {name: reading.observed[name][:, columns] for name in reading.comparison.ratios}
        who = (reading.target.framework, reading.target.implementation, reading.dialect)
        return self.search.nearest(observed, part, reading.dialect, result, who, untried=case.tape.large)

    def _fitting(self, reading: Reading, case: Case, fits: Sequence[str]) -> str:
        dtype = reading.target.dtype
        separating = self.distinguishing.separating(fits, dtype) if len(fits) > 1 else None
        return reasons.fitting(fits, reading.dialect, case, dtype, separating)

    def _undecided(self, reading: Reading, case: Case, columns: slice) -> str:
        oracle, dialect = reading.oracle, reading.dialect
        deciding = self.distinguishing.deciding(case, dialect, oracle.dtype)
        return reasons.undecided(reading.comparison, oracle.predict(dialect), columns, deciding)


@dataclass(frozen=True)
class Reading:
    """An answer beside the oracle.

    Attributes:
        target: whose answer it is.
        dialect: that was claimed.
        observed: the trace, of all cases side by side.
        spoiled: the number of steps in which it changed the caller's gradient.
        oracle: of the same input.
        comparison: of the two.
    """

    target: Target
    dialect: str
    observed: Mapping[str, Array]
    spoiled: int
    oracle: Oracle
    comparison: TraceComparison
