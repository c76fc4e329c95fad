"""The agreement run: which questions, and a verdict for each case from each answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reference import dialects
from suite.agreement.course import course, digest, leaves
from suite.agreement.deciding import Deciding
from suite.agreement.findings import Explainer, Finding, Reading
from suite.agreement.judge import Comparison, TraceError, fitting
from suite.agreement.nearest import Search
from suite.agreement.oracle import Oracle
from suite.agreement.rides import Ride
from suite.agreement.witness import Witness, evidence
from suite.cases.catalogue import Case
from suite.cases.tapes import WIDE
from suite.runner.errors import OtherData
from suite.runner.question import Answer, Question
from suite.runner.store import Row


@dataclass(frozen=True)
class Asked:
    """What is kept beside a question.

    Attributes:
        ride: the cases.
        witness: who is asked.
        wanted: the ids of the cases that still need a verdict.
    """

    ride: Ride
    witness: Witness
    wanted: frozenset[str]


FEW_DIALECTS = 2
"""In which a scratch implementation is asked about a lean tape, or a lean one about any: the first ones."""


def questions(
    witnesses: Iterable[Witness],
    rides: Sequence[Ride],
    *,
    traces: Path,
    selected: Callable[[Witness, str], bool],
    done: frozenset[tuple[Any, ...]],
) -> list[Question]:
    """One replay for each ride and witness.

    What depends on shape doesn't depend on the dialect: then the first that a scratch implementation is to run will do.
    Where the ride or the witness says that it is enough, so will the first dtype, and the first two dialects.

    Args:
        witnesses: who is asked.
        rides: the cases.
        traces: the folder for traces.
        selected: whether the verdict of a witness on a case, of which the id is given, is asked for.
        done: keys of verdicts that exist.
    """
    found = []
    asked: dict[tuple[str, str, Ride], list[Witness]] = {}
    for witness in witnesses:
        for ride in rides:
            if witness.dtype not in ride.tape.dtypes or (ride.tape.subnormals and not witness.says_of_subnormals):
                continue
            ids = [case.id for case, _ in ride.cases if selected(witness, case.id)]
            if not ids:
                continue
            before = asked.setdefault((witness.framework, witness.implementation, ride), [])
            if before and ride.tape.shapes and witness.dialect != before[0].dialect:
                continue
            lean = ride.tape.lean or witness.lean
            if before and lean and (witness.dtype != before[0].dtype or len(before) == FEW_DIALECTS):
                continue
            before.append(witness)
            wanted = frozenset(name for name in ids if witness.key(name) not in done)
            if wanted:
                found.append(witness.question(ride, traces, Asked(ride, witness, wanted)))
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
        self.explainer = Explainer(Deciding(catalogue), Search())
        self._oracles: dict[tuple[Ride, str, str], Oracle] = {}

    def rows(self, answer: Answer) -> Iterator[Row]:
        """A row for each case that the question was about."""
        asked: Asked = answer.question.about
        wanted = [(case, columns) for case, columns in asked.ride.cases if case.id in asked.wanted]
        findings: list[Finding]
        if answer.status == "ok":
            try:
                findings = self.findings(answer, asked, wanted)
            except (TraceError, OtherData, OSError, ValueError) as error:
                findings = [Finding(reason=str(error))] * len(wanted)
        else:
            findings = [Finding(reason=answer.reply["reason"])] * len(wanted)
        for (case, _), finding in zip(wanted, findings, strict=True):
            yield asked.witness.row(answer, asked.ride, case.id, finding.judgement, **finding.columns())

    def findings(self, answer: Answer, asked: Asked, wanted: Sequence[tuple[Case, slice]]) -> list[Finding]:
        """What is found of each wanted case of an answer.

        Raises:
            TraceError, OtherData, OSError, ValueError: if there is nothing to judge.
        """
        observed = evidence(answer, asked.ride)
        dialect = asked.witness.asked or answer.reply.get("dialect")
        if dialect is None:
            raise TraceError("the worker did not say which dialect it claims")
        spoiled = int(observed.pop("spoiled", 0))
        oracle = self._oracle(asked, dialect)
        reading = Reading(asked.witness, dialect, observed, spoiled, oracle, Comparison(observed, oracle, dialect))
        fits = fitting(observed, oracle, [columns for _, columns in wanted])
        findings = [
            replace(self.explainer.finding(reading, case, columns, names), **self._kept(reading, case, columns, names))
            for (case, columns), names in zip(wanted, fits, strict=True)
        ]
        if not self.keep_traces and all(found.judgement and found.judgement.outcome == "agrees" for found in findings):
            Path(answer.question.request["output"]).unlink()  # evidence is kept of what needs explaining
        return findings

    def _kept(self, reading: Reading, case: Case, columns: slice, fits: Sequence[str]) -> dict[str, Any]:
        """What stands for the trace, which is not kept; when it leaves its rivals is asked in one precision only."""
        witness = reading.witness
        asked = witness.dialect is None and witness.dtype == WIDE[0] and not case.tape.large
        others = [name for name in self.rivals if name not in fits]
        return {
            "digest": digest(reading.observed["parameters"][:, columns], witness.dtype),
            "course": course(reading.comparison, columns),
            "leaves": leaves(reading.observed, reading.oracle, columns, others) if asked else None,
        }

    def _oracle(self, asked: Asked, dialect: str) -> Oracle:
        """For a large tape it tells of the one dialect only; others are tried where that does not hold."""
        tape, h, dtype = asked.ride.tape, asked.ride.hyperparameters, asked.witness.dtype
        name = (asked.ride, dtype, dialect if tape.large else "")
        if name not in self._oracles:
            names = [dialect] if tape.large else dialects
            self._oracles[name] = Oracle.of(tape, h, dtype, names)
        return self._oracles[name]
