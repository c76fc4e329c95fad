"""The agreement run: the requests to replay tape batches, and a verdict on each case from each response."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reference import dialects
from suite.cases.catalogue import Case
from suite.cases.tapes import WIDE
from suite.compare.comparison import TraceComparison, TraceError, fitting_dialects, ruled_out_at
from suite.compare.error_growth import error_curve
from suite.compare.fingerprint import fingerprint
from suite.compare.oracle import Oracle
from suite.conformance.findings import ComparedTrace, Explainer, Finding
from suite.conformance.tape_batches import TapeBatch
from suite.conformance.targets import Target, read_trace
from suite.diagnosis.candidate_search import ExplanationSearch
from suite.diagnosis.reasons import DistinguishingCases
from suite.results.rows import VerdictRow
from suite.workers.protocol import DataMismatch, Request, Response


@dataclass(frozen=True)
class ReplayContext:
    """The context of a request.

    Attributes:
        tape_batch: the tape batch.
        target: the target.
        wanted: the ids of the cases that need a verdict.
    """

    tape_batch: TapeBatch
    target: Target
    wanted: frozenset[str]


FEW_DIALECTS = 2
"""The number of dialects in which a scratch implementation replays a lean tape, or a lean one any tape."""


def replay_requests(
    targets: Iterable[Target],
    tape_batches: Sequence[TapeBatch],
    *,
    traces: Path,
    selected: Callable[[Target, str], bool],
    done: frozenset[tuple[object, ...]],
) -> list[Request]:
    """Return a request for each tape batch and target.

    What depends on shapes does not depend on the dialect, so that such tapes are replayed in the first dialect of a
    scratch implementation only. A lean tape or target is replayed in the first format and the first two dialects.

    Args:
        targets: the targets.
        tape_batches: the tape batches.
        traces: the folder for traces.
        selected: whether the verdict of a target on a case, given by its id, is selected.
        done: the keys of verdicts that exist.
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


class Verdicts:
    """Turns responses into verdicts; keeps the oracle's predictions."""

    def __init__(
        self, catalogue: Iterable[Case] = (), *, other_dialects: Iterable[str] = (), keep_traces: bool = False
    ) -> None:
        """Start without predictions.

        Args:
            catalogue: all cases, also those that are not selected, in which a deciding case is looked for.
            other_dialects: the dialects that other implementations claim; a row says at which step each is ruled out.
            keep_traces: whether the traces of agreeing verdicts are kept too.
        """
        self.other_dialects = tuple(other_dialects)
        self.keep_traces = keep_traces
        self.explainer = Explainer(DistinguishingCases(catalogue), ExplanationSearch())
        self._oracles: dict[tuple[TapeBatch, str, str], Oracle] = {}

    def rows(self, response: Response) -> Iterator[VerdictRow]:
        """Yield a row for each wanted case of a response."""
        context: ReplayContext = response.request.context
        wanted = [(case, columns) for case, columns in context.tape_batch.cases if case.id in context.wanted]
        findings: list[Finding]
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
        observed = read_trace(response, context.tape_batch)
        dialect = context.target.requested_dialect or response.reply.get("dialect")
        if dialect is None:
            raise TraceError("the worker did not say which dialect it claims")
        changed = int(observed.pop("changed_gradients", 0))
        oracle = self._oracle(context, dialect)
        comparison = TraceComparison(observed, oracle, dialect)
        trace = ComparedTrace(context.target, dialect, observed, changed, oracle, comparison)
        fits = fitting_dialects(observed, oracle, [columns for _, columns in wanted])
        findings = [
            self._with_summary(self.explainer.finding(trace, case, columns, names), trace, case, columns)
            for (case, columns), names in zip(wanted, fits, strict=True)
        ]
        if not self.keep_traces and all(found.result and found.result.outcome == "agrees" for found in findings):
            Path(response.request.message["output"]).unlink()  # only traces that need an explanation are kept
        return findings

    def _with_summary(self, finding: Finding, trace: ComparedTrace, case: Case, columns: slice) -> Finding:
        """Add what is kept of the trace; when other dialects are ruled out is computed in one format only."""
        target = trace.target
        own = target.dialect is None and target.dtype == WIDE[0] and not case.tape.large
        others = [name for name in self.other_dialects if name not in finding.fits]
        return replace(
            finding,
            fingerprint=fingerprint(trace.observed["parameters"][:, columns], target.dtype),
            error_curve=error_curve(trace.comparison, columns),
            ruled_out_at=ruled_out_at(trace.observed, trace.oracle, columns, others) if own else None,
        )

    def _oracle(self, context: ReplayContext, dialect: str) -> Oracle:
        """Return the oracle of all dialects; of a large tape that of the claimed one only."""
        tape, h, dtype = context.tape_batch.tape, context.tape_batch.hyperparameters, context.target.dtype
        name = (context.tape_batch, dtype, dialect if tape.large else "")
        if name not in self._oracles:
            names = [dialect] if tape.large else dialects
            self._oracles[name] = Oracle.of(tape, h, dtype, names)
        return self._oracles[name]
