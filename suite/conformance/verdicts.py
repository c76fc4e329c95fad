"""The agreement run: the requests to replay tape batches, and a verdict on each case from each response."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from reference import dialects
from suite.cases.catalogue import Case
from suite.cases.tapes import WIDE
from suite.compare.comparison import (
    ComparisonResult,
    Growth,
    TraceComparison,
    TraceError,
    fitting_dialects,
    ruled_out_at,
)
from suite.compare.fingerprint import fingerprint
from suite.compare.oracle import Oracle
from suite.conformance.targets import FEW_DIALECTS, TapeBatch, Target, failure, read_trace
from suite.diagnosis import reasons
from suite.diagnosis.candidate_search import ExplanationSearch, NearestCandidate, ReplayInput
from suite.diagnosis.reasons import DistinguishingCases
from suite.results.rows import Mismatch, Outcome, VerdictRow
from suite.workers.protocol import DataMismatch, Request, Response

Array = NDArray[Any]

_COPIED = ("quantity", "worst_step", "worst_index", "first_step", "ulps", "bound_ratio", "decided")


@dataclass(frozen=True)
class ReplayContext:
    """The context of a request; `wanted` are the ids of the cases that need a verdict."""

    tape_batch: TapeBatch
    target: Target
    wanted: frozenset[str]


def replay_requests(
    targets: Iterable[Target],
    tape_batches: Sequence[TapeBatch],
    *,
    traces: Path,
    selected: Callable[[Target, str], bool],
    done: frozenset[tuple[object, ...]],
) -> list[Request]:
    """Return a request for each tape batch and target with a case that is selected and has no verdict yet.

    What depends on shapes does not depend on the dialect, so that such tapes are replayed in the first dialect of a
    scratch implementation only. A lean tape or target is replayed in the first format and the first two dialects.

    `selected` tells whether the verdict of a target on a case, given by its id, is selected; `done` are the keys of
    the verdicts that exist.
    """
    requests = []
    requested: dict[tuple[str, str, TapeBatch], list[Target]] = {}
    for target in targets:
        for tape_batch in tape_batches:
            tape = tape_batch.tape
            if target.dtype not in tape.dtypes or (tape.subnormals and not target.claims_subnormals):
                continue
            ids = [case.id for case, _ in tape_batch.cases if selected(target, case.id)]
            if not ids:
                continue
            before = requested.setdefault((target.framework, target.implementation, tape_batch), [])
            if before and tape.shapes and target.dialect != before[0].dialect:
                continue
            lean = tape.lean or target.lean
            if before and lean and (target.dtype != before[0].dtype or len(before) == FEW_DIALECTS):
                continue
            before.append(target)
            wanted = frozenset(name for name in ids if target.key(name) not in done)
            if wanted:
                requests.append(target.request(tape_batch, traces, ReplayContext(tape_batch, target, wanted)))
    return requests


@dataclass(frozen=True)
class Finding:
    """The finding on one case; without a result, only a reason."""

    result: ComparisonResult | None = None
    reason: str | None = None  # why it does not agree, in words
    fits: tuple[str, ...] = ()  # the named dialects whose bounds hold the trace
    nearest: NearestCandidate | None = None  # if the trace differs and no named dialect fits
    growth: Growth | None = None  # of the error, if the trace differs
    fingerprint: str | None = None
    error_curve: Sequence[Sequence[float]] | None = None
    ruled_out_at: Mapping[str, int] | None = None  # other dialects, with the first step outside their bound
    mismatches: Sequence[Mismatch] = ()
    outcome: Outcome | None = None  # if there is no result; that of the response by default

    def row(self, target: Target, response: Response, tape_batch: TapeBatch, case: str) -> VerdictRow:
        """Return the verdict row of a target on a case or relation."""
        trace = Path(response.request.message["output"])
        compared: dict[str, Any] = {}  # the columns of a result and of a growth
        if self.result:
            compared |= {name: getattr(self.result, name) for name in _COPIED}
        if growth := self.growth:
            compared |= {"first_quantity": growth.quantity, "first_index": [growth.index]}
            compared |= {"error_growth": [list(point) for point in growth.series]}
        return VerdictRow(
            framework=target.framework,
            implementation=target.implementation,
            version=target.version,
            device=target.device,
            dtype=target.dtype,
            case=case,
            dialect=target.requested_dialect or response.reply.get("dialect"),
            requested_dialect=target.requested_dialect,
            outcome=self.result.outcome if self.result else self.outcome or failure(response),
            **compared,
            reason=self.reason,
            fits=list(self.fits),
            nearest=self.nearest.row() if self.nearest else None,
            error_curve=self.error_curve,
            ruled_out_at=self.ruled_out_at,
            mismatches=self.mismatches,
            trace_sha256=self.fingerprint,
            trace=trace.name if trace.exists() else None,
            sha256=tape_batch.sha256,
            seconds=response.reply.get("seconds"),
            repeat=target.repeat("agree", "-c", case, "--dtype", target.dtype),
        )


@dataclass(frozen=True)
class ComparedTrace:
    """A trace of all cases of a tape batch, side by side, with its comparison with the oracle."""

    target: Target
    dialect: str  # the claimed one
    observed: Mapping[str, Array]
    changed_gradients: int  # the number of steps in which the target changed the caller's gradient
    oracle: Oracle
    comparison: TraceComparison


class Verdicts:
    """Turns responses into verdicts; keeps the oracle's predictions, and what explained an implementation before."""

    def __init__(
        self, catalogue: Iterable[Case] = (), *, other_dialects: Iterable[str] = (), keep_traces: bool = False
    ) -> None:
        """Start without predictions.

        Distinguishing cases are searched for in the whole catalogue. A row lists the step at which each dialect that
        other implementations claim is ruled out. Traces of agreeing verdicts are kept only if `keep_traces` is true.
        """
        self.other_dialects, self.keep_traces = tuple(other_dialects), keep_traces
        self._distinguishing, self._search = DistinguishingCases(catalogue), ExplanationSearch()
        self._oracles: dict[tuple[TapeBatch, str, str], Oracle] = {}

    def rows(self, response: Response) -> Iterator[VerdictRow]:
        """Yield a row for each wanted case of a response."""
        context: ReplayContext = response.request.context
        wanted = [(case, columns) for case, columns in context.tape_batch.cases if case.id in context.wanted]
        if response.status == "ok":
            try:
                findings = self.findings(response, context, wanted)
            except (TraceError, DataMismatch, OSError, ValueError) as error:
                findings = [Finding(reason=str(error))] * len(wanted)
        else:
            findings = [Finding(reason=response.reply["reason"])] * len(wanted)
        for (case, _), finding in zip(wanted, findings, strict=True):
            yield finding.row(context.target, response, context.tape_batch, case.id)

    def findings(
        self, response: Response, context: ReplayContext, wanted: Sequence[tuple[Case, slice]]
    ) -> list[Finding]:
        """Return the finding on each wanted case.

        Raises:
            TraceError, DataMismatch, OSError, ValueError: if there is no usable trace.
        """
        observed = read_trace(response, context.tape_batch.sha256)
        dialect = context.target.requested_dialect or response.reply.get("dialect")
        if dialect is None:
            raise TraceError("the worker did not say which dialect it claims")
        changed = int(observed.pop("changed_gradients", 0))
        oracle = self._oracle(context, dialect)
        comparison = TraceComparison(observed, oracle, dialect)
        trace = ComparedTrace(context.target, dialect, observed, changed, oracle, comparison)
        fits = fitting_dialects(observed, oracle, [columns for _, columns in wanted])
        findings = [
            self._with_summary(self._finding(trace, case, columns, names), trace, case, columns)
            for (case, columns), names in zip(wanted, fits, strict=True)
        ]
        if not self.keep_traces and all(found.result and found.result.outcome == "agrees" for found in findings):
            Path(response.request.message["output"]).unlink()  # only traces that need an explanation are kept
        return findings

    def _oracle(self, context: ReplayContext, dialect: str) -> Oracle:
        """Return the oracle of all dialects; of a large tape that of the claimed one only."""
        tape, h, dtype = context.tape_batch.tape, context.tape_batch.hyperparameters, context.target.dtype
        name = (context.tape_batch, dtype, dialect if tape.large else "")
        if name not in self._oracles:
            self._oracles[name] = Oracle.of(tape, h, dtype, [dialect] if tape.large else dialects)
        return self._oracles[name]

    def _finding(self, trace: ComparedTrace, case: Case, columns: slice, fits: Sequence[str]) -> Finding:
        """Return the finding on a case, given the named dialects that fit its columns."""
        result = trace.comparison.result(columns)
        if trace.changed_gradients:
            reason = f"it changed the caller's gradient in {trace.changed_gradients} steps"
            return Finding(replace(result, outcome="differs"), reason, tuple(fits))
        if result.outcome == "differs":
            return self._differing(trace, case, columns, result, fits)
        if result.outcome == "undecided":
            oracle, dialect = trace.oracle, trace.dialect
            deciding = self._distinguishing.deciding(case, dialect, oracle.dtype)
            reason = reasons.undecided(trace.comparison, oracle.predict(dialect), columns, deciding)
            return Finding(result, reason, tuple(fits))
        return Finding(result, None, tuple(fits))

    def _differing(
        self, trace: ComparedTrace, case: Case, columns: slice, result: ComparisonResult, fits: Sequence[str]
    ) -> Finding:
        nearest, fitting, dtype = None, None, trace.target.dtype
        if not fits:
            nearest = self._nearest(trace, case, columns, result)
            if nearest.fits and not nearest.candidate.changes:  # a named dialect that the oracle had not computed
                fits, nearest = [one.base for one in (nearest.candidate, *nearest.alternatives)], None
        if fits:
            separating = self._distinguishing.separating(fits, dtype) if len(fits) > 1 else None
            fitting = reasons.fitting(fits, trace.dialect, case, dtype, separating)
        growth = trace.comparison.growth(columns, result.first_step or 1)
        reason = reasons.difference(result, trace.dialect, growth, fitting, nearest)
        return Finding(result, reason, tuple(fits), nearest, growth)

    def _nearest(self, trace: ComparedTrace, case: Case, columns: slice, result: ComparisonResult) -> NearestCandidate:
        part = ReplayInput(case.tape, case.setting.hyperparameters, trace.target.dtype)
        observed = {name: trace.observed[name][:, columns] for name in trace.comparison.ratios}
        key = (trace.target.framework, trace.target.implementation, trace.dialect)
        return self._search.nearest(observed, part, trace.dialect, result, key, untried=case.tape.large)

    def _with_summary(self, finding: Finding, trace: ComparedTrace, case: Case, columns: slice) -> Finding:
        """Add what is kept of the trace; when other dialects are ruled out is computed in one format only."""
        target = trace.target
        own = target.dialect is None and target.dtype == WIDE[0] and not case.tape.large
        others = [name for name in self.other_dialects if name not in finding.fits]
        return replace(
            finding,
            fingerprint=fingerprint(trace.observed["parameters"][:, columns], target.dtype),
            error_curve=trace.comparison.error_curve(columns),
            ruled_out_at=ruled_out_at(trace.observed, trace.oracle, columns, others) if own else None,
        )
