"""A session in which a user's optimizer is tested case by case."""

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
from suite.errors import UserError
from suite.plugin.server import baselines
from suite.plugin.server.case_list import testable_cases
from suite.results.expectations import Expectations
from suite.results.repeat_command import Conditions
from suite.results.store import Row
from suite.workers import arrays
from suite.workers.protocol import DataMismatch, Message, Request, Response


@dataclass(frozen=True)
class OptimizerInfo:
    """The tested optimizer.

    Attributes:
        kind: the kind of optimizer, for example `torch`.
        name: the name of the factory, for example `mypackage:make`.
        version: the version of the framework.
        dialect: the claimed dialect.
        dtype: the format of the replay.
    """

    kind: str
    name: str
    version: str
    dialect: str
    dtype: str

    def target(self) -> Target:
        """Return the optimizer as a target."""
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
    """A baseline that the optimizer is compared with instead of a dialect.

    Attributes:
        folder: the folder of the baseline.
        fail_on: the smallest unexpected change: `bits`, `rounding` or `dialect`.
    """

    folder: Path
    fail_on: str

    def dialect(self, case: str, dtype: str) -> str:
        """Return the dialect that was claimed when the baseline was recorded."""
        known = [record.dialect for record in baselines.recorded(self.folder).records.values() if record.dialect]
        earlier = baselines.before(self.folder, case, dtype)
        return (earlier and earlier[1].dialect) or next(iter(known), "d2l")


class CheckSession:
    """Compares the replays of an optimizer with the oracle; keeps the oracle's predictions and explanations."""

    def __init__(self, folder: Path) -> None:
        """Start a session whose tapes are written to the folder."""
        self.folder = folder
        self.cases = {case.id: case for case in testable_cases()}
        self.verdicts = Verdicts(self.cases.values())
        self.recorder = baselines.BaselineRecorder()
        self._rides: dict[str, TapeBatch] = {}

    def case(self, name: str) -> Case:
        """Return the case with this id.

        Raises:
            UserError: if there is none.
        """
        if name not in self.cases:
            raise UserError(f"no case {name!r} that a factory can be tested on")
        return self.cases[name]

    def tape_batch(self, name: str) -> TapeBatch:
        """Return a tape batch of one case; its tape is written to the folder."""
        if name not in self._rides:
            (self._rides[name],) = tape_batches([self.case(name)], self.folder)
        return self._rides[name]

    def verdict(
        self,
        name: str,
        optimizer: OptimizerInfo,
        reply: Message,
        output: Path,
        against: Expectations | BaselineTarget,
        *,
        keep: bool,
    ) -> Row:
        """Return the verdict on a replay.

        Args:
            name: the id of the case.
            optimizer: the tested optimizer.
            reply: the reply in the form of a worker's: `status`, and `sha256` of the tape or a `reason`.
            output: the file of the trace, which is removed.
            against: the known deviations, or a baseline.
            keep: whether to keep the trace for a baseline.

        Raises:
            UserError: if the case or the dialect is unknown, or the baseline can't be used.
        """
        if isinstance(against, BaselineTarget):
            optimizer = replace(optimizer, dialect=against.dialect(name, optimizer.dtype))
        if optimizer.dialect not in dialects:
            raise UserError(f"no dialect {optimizer.dialect!r}; there are {', '.join(dialects)}")
        tape_batch = self.tape_batch(name)
        asked = Asked(tape_batch, optimizer.target(), frozenset({name}))
        answer = Response(Request(optimizer.kind, {"output": str(output)}, asked), reply, 0.0)
        trace = arrays.read(output)[0] if answer.status == "ok" else None
        row = None if keep or isinstance(against, BaselineTarget) else self._agreeing(answer, asked, optimizer.dialect)
        row = row or next(self.verdicts.rows(answer))
        output.unlink(missing_ok=True)
        if keep:
            self.recorder.keep(row, trace)
        why = self.case(name).setting.reason
        row = {**row, "repeat": None, "trace": None, "about": why}
        if isinstance(against, BaselineTarget):
            return baselines.compared(against.folder, row, trace, against.fail_on)
        judged = against.judged(row)
        if judged["outcome"] == "undecided" and judged["expectation"] is None:
            judged["expected"] = True  # neither a pass nor a defect of the optimizer: the bound can't decide the case
        return judged

    def _agreeing(self, answer: Response, asked: Asked, dialect: str) -> Row | None:
        """Return the verdict if the trace agrees with the claimed dialect, else None; no other dialect is tried."""
        tape_batch = asked.tape_batch
        if answer.status != "ok":
            return None
        try:
            observed = evidence(answer, tape_batch)
            oracle = Oracle.of(tape_batch.tape, tape_batch.hyperparameters, asked.target.dtype, [dialect])
            result = TraceComparison(observed, oracle, dialect).result(slice(None))
        except (TraceError, DataMismatch, OSError, ValueError):  # explained by the complete comparison
            return None
        if result.outcome != "agrees" or int(observed.get("spoiled", 0)):
            return None
        (case, _), more = tape_batch.cases[0], {"fits": [dialect]}
        row: dict[str, Any] = asked.target.row(answer, tape_batch, case.id, result, **more)
        return row
