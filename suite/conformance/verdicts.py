"""The agreement run: which questions, and a verdict for each case from each answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reference import dialects
from suite.cases.catalogue import Case
from suite.cases.tapes import WIDE
from suite.compare.comparison import TraceComparison, TraceError, fitting_dialects, ruled_out_at
from suite.compare.error_growth import error_curve
from suite.compare.fingerprint import fingerprint
from suite.compare.oracle import Oracle
from suite.conformance.findings import Explainer, Finding, Reading
from suite.conformance.tape_batches import TapeBatch
from suite.conformance.targets import Target, evidence
from suite.diagnosis.nearest import ExplanationSearch
from suite.diagnosis.reasons import DistinguishingCases
from suite.results.store import Row
from suite.workers.protocol import DataMismatch, Request, Response


@dataclass(frozen=True)
class Asked:
    """What is kept beside a question.

    Attributes:
        tape_batch: the cases.
        target: who is asked.
        wanted: the ids of the cases that still need a verdict.
    """

    tape_batch: TapeBatch
    target: Target
    wanted: frozenset[str]


FEW_DIALECTS = 2
"""In which a scratch implementation is asked about a lean tape, or a lean one about any: the first ones."""


def questions(
    targets: Iterable[Target],
    tape_batches: Sequence[TapeBatch],
    *,
    traces: Path,
    selected: Callable[[Target, str], bool],
    done: frozenset[tuple[Any, ...]],
) -> list[Request]:
    """One replay for each tape_batch and target.

    What depends on shape doesn't depend on the dialect: then the first that a scratch implementation is to run will do.
    Where the tape_batch or the target says that it is enough, so will the first dtype, and the first two dialects.

    Args:
        targets: who is asked.
        tape_batches: the cases.
        traces: the folder for traces.
        selected: whether the verdict of a target on a case, of which the id is given, is asked for.
        done: keys of verdicts that exist.
    """
    found = []
    asked: dict[tuple[str, str, TapeBatch], list[Target]] = {}
    for target in targets:
        for tape_batch in tape_batches:
            if target.dtype not in tape_batch.tape.dtypes or (
                tape_batch.tape.subnormals and not target.says_of_subnormals
            ):
                continue
            ids = [case.id for case, _ in tape_batch.cases if selected(target, case.id)]
            if not ids:
                continue
            before = asked.setdefault((target.framework, target.implementation, tape_batch), [])
            if before and tape_batch.tape.shapes and target.dialect != before[0].dialect:
                continue
            lean = tape_batch.tape.lean or target.lean
            if before and lean and (target.dtype != before[0].dtype or len(before) == FEW_DIALECTS):
                continue
            before.append(target)
            wanted = frozenset(name for name in ids if target.key(name) not in done)
            if wanted:
                found.append(target.question(tape_batch, traces, Asked(tape_batch, target, wanted)))
    return found


class Verdicts:
    """Where answers become verdicts; keeps the oracle's predictions while they are needed."""

    def __init__(
        self, catalogue: Iterable[Case] = (), *, rivals: Iterable[str] = (), keep_traces: bool = False
    ) -> None:
        """Start with nothing known.

        Args:
            catalogue: all cases, also those that are not asked: where one does not decide, another may.
            rivals: dialects that other implementations claim: of a trace that is none of these, when it is so first.
            keep_traces: whether the traces of what agrees are kept too.
        """
        self.rivals = tuple(rivals)
        self.keep_traces = keep_traces
        self.explainer = Explainer(DistinguishingCases(catalogue), ExplanationSearch())
        self._oracles: dict[tuple[TapeBatch, str, str], Oracle] = {}

    def rows(self, answer: Response) -> Iterator[Row]:
        """A row for each case that the question was about."""
        asked: Asked = answer.request.context
        wanted = [(case, columns) for case, columns in asked.tape_batch.cases if case.id in asked.wanted]
        findings: list[Finding]
        if answer.status == "ok":
            try:
                findings = self.findings(answer, asked, wanted)
            except (TraceError, DataMismatch, OSError, ValueError) as error:
                findings = [Finding(reason=str(error))] * len(wanted)
        else:
            findings = [Finding(reason=answer.reply["reason"])] * len(wanted)
        for (case, _), finding in zip(wanted, findings, strict=True):
            yield asked.target.row(answer, asked.tape_batch, case.id, finding.result, **finding.columns())

    def findings(self, answer: Response, asked: Asked, wanted: Sequence[tuple[Case, slice]]) -> list[Finding]:
        """What is found of each wanted case of an answer.

        Raises:
            TraceError, DataMismatch, OSError, ValueError: if there is nothing to judge.
        """
        observed = evidence(answer, asked.tape_batch)
        dialect = asked.target.asked or answer.reply.get("dialect")
        if dialect is None:
            raise TraceError("the worker did not say which dialect it claims")
        spoiled = int(observed.pop("spoiled", 0))
        oracle = self._oracle(asked, dialect)
        reading = Reading(asked.target, dialect, observed, spoiled, oracle, TraceComparison(observed, oracle, dialect))
        fits = fitting_dialects(observed, oracle, [columns for _, columns in wanted])
        findings = [
            replace(self.explainer.finding(reading, case, columns, names), **self._kept(reading, case, columns, names))
            for (case, columns), names in zip(wanted, fits, strict=True)
        ]
        if not self.keep_traces and all(found.result and found.result.outcome == "agrees" for found in findings):
            Path(answer.request.message["output"]).unlink()  # evidence is kept of what needs explaining
        return findings

    def _kept(self, reading: Reading, case: Case, columns: slice, fits: Sequence[str]) -> dict[str, Any]:
        """What stands for the trace, which is not kept; when it leaves its rivals is asked in one precision only."""
        target = reading.target
        asked = target.dialect is None and target.dtype == WIDE[0] and not case.tape.large
        others = [name for name in self.rivals if name not in fits]
        return {
            "digest": fingerprint(reading.observed["parameters"][:, columns], target.dtype),
            "course": error_curve(reading.comparison, columns),
            "leaves": ruled_out_at(reading.observed, reading.oracle, columns, others) if asked else None,
        }

    def _oracle(self, asked: Asked, dialect: str) -> Oracle:
        """For a large tape it tells of the one dialect only; others are tried where that does not hold."""
        tape, h, dtype = asked.tape_batch.tape, asked.tape_batch.hyperparameters, asked.target.dtype
        name = (asked.tape_batch, dtype, dialect if tape.large else "")
        if name not in self._oracles:
            names = [dialect] if tape.large else dialects
            self._oracles[name] = Oracle.of(tape, h, dtype, names)
        return self._oracles[name]
