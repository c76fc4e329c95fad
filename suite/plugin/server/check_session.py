"""A user's optimizer is heard: a case is put to it, and what it answers gets a verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reference import dialects
from suite.cases.catalogue import Case
from suite.compare.comparison import TraceComparison, TraceError
from suite.compare.oracle import Oracle
from suite.conformance.tape_batches import TapeBatch, tape_batches
from suite.conformance.targets import Target, evidence
from suite.conformance.verdicts import Asked, Verdicts
from suite.plugin.server import baseline_session
from suite.plugin.server.case_list import askable
from suite.results.expectations import Expectations
from suite.results.repeat_command import Conditions
from suite.results.store import Row
from suite.workers import arrays
from suite.workers.errors import DataMismatch
from suite.workers.protocol import Message
from suite.workers.request import Request, Response


@dataclass(frozen=True)
class OptimizerInfo:
    """Who is heard.

    Attributes:
        kind: of its optimizer, as `torch`.
        name: of its factory, as `mypackage:make`.
        version: of the framework.
        dialect: that it claims.
        dtype: in which it has answered.
    """

    kind: str
    name: str
    version: str
    dialect: str
    dtype: str

    def target(self) -> Target:
        """The same, as those are who are asked by the harness."""
        return Target(
            framework=self.kind,
            implementation=self.name,
            version=self.version,
            device="cpu",
            dtype=self.dtype,
            dialect=None,
            claim=self.dialect,
            twin=None,
            declared=None,
            lean=False,
            conditions=Conditions(),
        )


@dataclass(frozen=True)
class BaselineTarget:
    """What is claimed in place of a dialect: that nothing has changed.

    Attributes:
        folder: of the baseline.
        fail_on: what more than this is not expected.
    """

    folder: Path
    fail_on: str

    def dialect(self, case: str, claimant: OptimizerInfo) -> str:
        """That which was claimed when the baseline was recorded."""
        known = [record.dialect for record in baseline_session.recorded(self.folder).records.values() if record.dialect]
        earlier = baseline_session.before(self.folder, case, claimant.dtype)
        return (earlier and earlier[1].dialect) or next(iter(known), "d2l")


class CheckSession:
    """The catalogue, put case by case; keeps what explains."""

    def __init__(self, folder: Path) -> None:
        """Begin; tapes go to the folder."""
        self.folder = folder
        self.cases = {case.id: case for case in askable()}
        self.verdicts = Verdicts(self.cases.values())
        self.keeping = baseline_session.BaselineRecorder()
        self._rides: dict[str, TapeBatch] = {}

    def case(self, name: str) -> Case:
        """By its id.

        Raises:
            LookupError: if there is none.
        """
        if name not in self.cases:
            raise LookupError(f"no case {name!r} that a factory can be asked")
        return self.cases[name]

    def tape_batch(self, name: str) -> TapeBatch:
        """A case by itself, its tape written."""
        if name not in self._rides:
            (self._rides[name],) = tape_batches([self.case(name)], self.folder)
        return self._rides[name]

    def verdict(
        self,
        name: str,
        claimant: OptimizerInfo,
        reply: Message,
        output: Path,
        against: Expectations | BaselineTarget,
        *,
        keep: bool,
    ) -> Row:
        """What is to be said of an answer.

        Args:
            name: the case's.
            claimant: whose it is.
            reply: as a worker's: `status`, and `sha256` of the tape or a `reason`.
            output: the trace, which is gone afterwards.
            against: what deviates and is known to; or a baseline.
            keep: whether to keep it for a baseline.

        Raises:
            LookupError: if there is no such case or dialect.
            BaselineError: if the baseline can't be used.
        """
        if isinstance(against, BaselineTarget):
            claimant = replace(claimant, dialect=against.dialect(name, claimant))
        if claimant.dialect not in dialects:
            raise LookupError(f"no dialect {claimant.dialect!r}; there are {', '.join(dialects)}")
        tape_batch = self.tape_batch(name)
        asked = Asked(tape_batch, claimant.target(), frozenset({name}))
        answer = Response(Request(claimant.kind, {"output": str(output)}, asked), reply, 0.0)
        trace = arrays.read(output)[0] if answer.status == "ok" else None
        row = None if keep or isinstance(against, BaselineTarget) else self._agreeing(answer, asked, claimant.dialect)
        row = row or next(self.verdicts.rows(answer))
        output.unlink(missing_ok=True)
        if keep:
            self.keeping.keep(row, trace)
        why = self.case(name).setting.reason
        row = {**row, "repeat": None, "trace": None, "about": why}
        if isinstance(against, BaselineTarget):
            return baseline_session.held(against.folder, row, trace, against.fail_on)
        judged = against.judged(row)
        if judged["outcome"] == "undecided" and judged["expectation"] is None:
            judged["expected"] = (
                True  # no pass, but no fault of the optimizer's: the input doesn't tell, or no bound does
            )
        return judged

    def _agreeing(self, answer: Response, asked: Asked, dialect: str) -> Row | None:
        """The verdict on what is as claimed; None if it is not. Most is, and then no other dialect need be tried."""
        tape_batch = asked.tape_batch
        if answer.status != "ok":
            return None
        try:
            observed = evidence(answer, tape_batch)
            oracle = Oracle.of(tape_batch.tape, tape_batch.hyperparameters, asked.target.dtype, [dialect])
            result = TraceComparison(observed, oracle, dialect).result(slice(None))
        except (TraceError, DataMismatch, OSError, ValueError):  # which is then explained
            return None
        if result.outcome != "agrees" or int(observed.get("spoiled", 0)):
            return None
        (case, _), more = tape_batch.cases[0], {"fits": [dialect]}
        row: dict[str, Any] = asked.target.row(answer, tape_batch, case.id, result, **more)
        return row
