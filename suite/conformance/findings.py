"""Findings: the result of comparing one case, with its explanation, and the row that it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from numpy.typing import NDArray

from suite.cases.catalogue import Case
from suite.compare.comparison import ComparisonResult, TraceComparison
from suite.compare.error_growth import Growth
from suite.compare.error_growth import growth as error_growth
from suite.compare.oracle import Oracle
from suite.conformance.tape_batches import TapeBatch
from suite.conformance.targets import Target
from suite.diagnosis import reasons
from suite.diagnosis.candidate_search import ExplanationSearch, NearestCandidate, ReplayInput
from suite.diagnosis.reasons import DistinguishingCases
from suite.results.rows import Mismatch, Outcome, VerdictRow
from suite.workers.protocol import Response

Array = NDArray[Any]


@dataclass(frozen=True)
class Finding:
    """The finding on one case; without a result, only a reason.

    Attributes:
        result: the result of the comparison, or None if there was nothing to compare.
        reason: why it does not agree, in words.
        fits: the named dialects whose bounds hold the trace.
        nearest: the nearest dialect after changes, if the trace differs and no named dialect fits.
        growth: the growth of the error, if the trace differs.
        fingerprint: the SHA-256 of the parameters after every step.
        error_curve: the error at some steps (see `error_curve`).
        ruled_out_at: other dialects, with the first step outside their bound; None if not computed.
        mismatches: the quantities that break a metamorphic relation.
        outcome: the outcome if there is no result; that of the response by default.
    """

    result: ComparisonResult | None = None
    reason: str | None = None
    fits: tuple[str, ...] = ()
    nearest: NearestCandidate | None = None
    growth: Growth | None = None
    fingerprint: str | None = None
    error_curve: Sequence[Sequence[float]] | None = None
    ruled_out_at: Mapping[str, int] | None = None
    mismatches: Sequence[Mismatch] = ()
    outcome: Outcome | None = None

    def row(self, target: Target, response: Response, tape_batch: TapeBatch, case: str) -> VerdictRow:
        """Return the verdict row of a target on a case or relation."""
        result, growth = self.result, self.growth
        without = self.outcome or ("unsupported" if response.status == "unsupported" else "failed")
        trace = Path(response.request.message["output"])
        return VerdictRow(
            framework=target.framework,
            implementation=target.implementation,
            version=target.version,
            device=target.device,
            dtype=target.dtype,
            case=case,
            dialect=target.requested_dialect or response.reply.get("dialect"),
            requested_dialect=target.requested_dialect,
            outcome=cast(Outcome, result.outcome) if result else without,
            quantity=result.quantity if result else None,
            worst_step=result.worst_step if result else None,
            worst_index=result.worst_index if result else None,
            first_step=result.first_step if result else None,
            first_quantity=growth.quantity if growth else None,
            first_index=[growth.index] if growth else None,
            ulps=result.ulps if result else None,
            bound_ratio=result.bound_ratio if result else None,
            decided=result.decided if result else None,
            reason=self.reason,
            fits=list(self.fits),
            nearest=self.nearest.row() if self.nearest else None,
            error_growth=[list(point) for point in growth.series] if growth else None,
            error_curve=self.error_curve,
            ruled_out_at=self.ruled_out_at,
            mismatches=self.mismatches,
            trace_sha256=self.fingerprint,
            trace=trace.name if trace.exists() else None,
            sha256=tape_batch.sha256,
            seconds=response.reply.get("seconds"),
            repeat=target.repeat(case),
        )


@dataclass(frozen=True)
class ComparedTrace:
    """A trace with its comparison with the oracle.

    Attributes:
        target: the target that computed the trace.
        dialect: the claimed dialect.
        observed: the trace, with all cases of the tape batch side by side.
        changed_gradients: the number of steps in which the target changed the caller's gradient.
        oracle: the oracle of the same tape.
        comparison: the comparison of the two.
    """

    target: Target
    dialect: str
    observed: Mapping[str, Array]
    changed_gradients: int
    oracle: Oracle
    comparison: TraceComparison


class Explainer:
    """Explains results; keeps what explained an implementation before, because it is likely to explain more cases."""

    def __init__(self, distinguishing: DistinguishingCases, search: ExplanationSearch) -> None:
        self.distinguishing, self.search = distinguishing, search

    def finding(self, trace: ComparedTrace, case: Case, columns: slice, fits: Sequence[str]) -> Finding:
        """Return the finding on one case.

        Args:
            trace: the compared trace.
            case: the case.
            columns: its columns of the trace.
            fits: the named dialects that fit these columns.
        """
        result = trace.comparison.result(columns)
        if trace.changed_gradients:
            reason = f"it changed the caller's gradient in {trace.changed_gradients} steps"
            return Finding(replace(result, outcome="differs"), reason, tuple(fits))
        if result.outcome == "differs":
            return self._differing(trace, case, columns, result, fits)
        if result.outcome == "undecided":
            return Finding(result, self._undecided(trace, case, columns), tuple(fits))
        return Finding(result, None, tuple(fits))

    def _differing(
        self, trace: ComparedTrace, case: Case, columns: slice, result: ComparisonResult, fits: Sequence[str]
    ) -> Finding:
        nearest = None
        if not fits:
            nearest = self._nearest(trace, case, columns, result)
            if nearest.fits and not nearest.candidate.changes:  # a named dialect that the oracle had not computed
                fits, nearest = [one.base for one in (nearest.candidate, *nearest.alternatives)], None
        fitting = self._fitting(trace, case, fits) if fits else None
        growth = error_growth(trace.comparison, columns, result.first_step or 1)
        reason = reasons.difference(result, trace.dialect, growth, fitting, nearest)
        return Finding(result, reason, tuple(fits), nearest, growth)

    def _nearest(self, trace: ComparedTrace, case: Case, columns: slice, result: ComparisonResult) -> NearestCandidate:
        part = ReplayInput(case.tape, case.setting.hyperparameters, trace.target.dtype)
        observed = {name: trace.observed[name][:, columns] for name in trace.comparison.ratios}
        key = (trace.target.framework, trace.target.implementation, trace.dialect)
        return self.search.nearest(observed, part, trace.dialect, result, key, untried=case.tape.large)

    def _fitting(self, trace: ComparedTrace, case: Case, fits: Sequence[str]) -> str:
        dtype = trace.target.dtype
        separating = self.distinguishing.separating(fits, dtype) if len(fits) > 1 else None
        return reasons.fitting(fits, trace.dialect, case, dtype, separating)

    def _undecided(self, trace: ComparedTrace, case: Case, columns: slice) -> str:
        oracle, dialect = trace.oracle, trace.dialect
        deciding = self.distinguishing.deciding(case, dialect, oracle.dtype)
        return reasons.undecided(trace.comparison, oracle.predict(dialect), columns, deciding)
