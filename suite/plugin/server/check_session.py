"""A session in which a user's optimizer is tested case by case."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from reference import dialects
from suite.cases.catalogue import Case
from suite.compare.comparison import TraceComparison, TraceError
from suite.compare.oracle import Oracle
from suite.conformance.targets import TapeBatch, Target, read_trace, tape_batches
from suite.conformance.verdicts import Finding, ReplayContext, Verdicts
from suite.errors import UserError
from suite.plugin.server import baselines
from suite.plugin.server.case_list import testable_cases
from suite.results.expectations import Expectations
from suite.results.provenance import Conditions
from suite.results.rows import VerdictRow
from suite.results.store import to_json
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
        self._tape_batches: dict[str, TapeBatch] = {}

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
        if name not in self._tape_batches:
            (self._tape_batches[name],) = tape_batches([self.case(name)], self.folder)
        return self._tape_batches[name]

    def verdict(
        self,
        name: str,
        optimizer: OptimizerInfo,
        reply: Message,
        output: Path,
        against: Expectations | BaselineTarget,
        *,
        keep: bool,
    ) -> Message:
        """Return the verdict on a replay, with `about`, the purpose of the case, and `change` since a baseline.

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
        context = ReplayContext(tape_batch, optimizer.target(), frozenset({name}))
        response = Response(Request(optimizer.kind, {"output": str(output)}, context), reply, 0.0)
        trace = arrays.read(output)[0] if response.status == "ok" else None
        row = None
        if not keep and isinstance(against, Expectations):
            row = self._agreeing(response, context, optimizer.dialect)
        row = row or next(self.verdicts.rows(response))
        output.unlink(missing_ok=True)
        if keep:
            self.recorder.keep(row, trace)
        row = replace(row, repeat=None, trace=None)
        about = {"about": self.case(name).setting.reason}
        if isinstance(against, BaselineTarget):
            row, change = baselines.compared(against.folder, row, trace, against.fail_on)
            return {**to_json(row), **about, "change": change}
        row = against.apply(row)
        if row.outcome == "undecided" and row.expectation is None:
            row = replace(row, expected=True)  # neither a pass nor a defect: the bound can't decide the case
        return {**to_json(row), **about}

    def _agreeing(self, response: Response, context: ReplayContext, dialect: str) -> VerdictRow | None:
        """Return the verdict if the trace agrees with the claimed dialect, else None; no other dialect is tried."""
        tape_batch = context.tape_batch
        if response.status != "ok":
            return None
        try:
            observed = read_trace(response, tape_batch.sha256)
            oracle = Oracle.of(tape_batch.tape, tape_batch.hyperparameters, context.target.dtype, [dialect])
            result = TraceComparison(observed, oracle, dialect).result(slice(None))
        except (TraceError, DataMismatch, OSError, ValueError):  # explained by the complete comparison
            return None
        if result.outcome != "agrees" or int(observed.get("changed_gradients", 0)):
            return None
        (case, _) = tape_batch.cases[0]
        return Finding(result, fits=(dialect,)).row(context.target, response, tape_batch, case.id)
