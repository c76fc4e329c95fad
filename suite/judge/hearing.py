"""A user's optimizer is heard: a case is put to it, and what it answers gets a verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reference import dialects
from suite.agreement.judge import Comparison, TraceError
from suite.agreement.oracle import Oracle
from suite.agreement.rides import Ride, rides
from suite.agreement.verdicts import Asked, Verdicts
from suite.agreement.witness import Witness, evidence
from suite.cases.catalogue import Case
from suite.expectations import Expectations
from suite.judge import keeping
from suite.judge.listing import askable
from suite.repeat import Conditions
from suite.runner import arrays
from suite.runner.errors import OtherData
from suite.runner.protocol import Message
from suite.runner.question import Answer, Question
from suite.runner.store import Row


@dataclass(frozen=True)
class Claimant:
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

    def witness(self) -> Witness:
        """The same, as those are who are asked by the harness."""
        return Witness(
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
class Held:
    """What is claimed in place of a dialect: that nothing has changed.

    Attributes:
        folder: of the baseline.
        fail_on: what more than this is not expected.
    """

    folder: Path
    fail_on: str

    def dialect(self, case: str, claimant: Claimant) -> str:
        """That which was claimed when the baseline was recorded."""
        known = [record.dialect for record in keeping.recorded(self.folder).records.values() if record.dialect]
        earlier = keeping.before(self.folder, case, claimant.dtype)
        return (earlier and earlier[1].dialect) or next(iter(known), "d2l")


class Hearing:
    """The catalogue, put case by case; keeps what explains."""

    def __init__(self, folder: Path) -> None:
        """Begin; tapes go to the folder."""
        self.folder = folder
        self.cases = {case.id: case for case in askable()}
        self.verdicts = Verdicts(self.cases.values())
        self.keeping = keeping.Keeping()
        self._rides: dict[str, Ride] = {}

    def case(self, name: str) -> Case:
        """By its id.

        Raises:
            LookupError: if there is none.
        """
        if name not in self.cases:
            raise LookupError(f"no case {name!r} that a factory can be asked")
        return self.cases[name]

    def ride(self, name: str) -> Ride:
        """A case by itself, its tape written."""
        if name not in self._rides:
            (self._rides[name],) = rides([self.case(name)], self.folder)
        return self._rides[name]

    def verdict(
        self, name: str, claimant: Claimant, reply: Message, output: Path, against: Expectations | Held, *, keep: bool
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
        if isinstance(against, Held):
            claimant = replace(claimant, dialect=against.dialect(name, claimant))
        if claimant.dialect not in dialects:
            raise LookupError(f"no dialect {claimant.dialect!r}; there are {', '.join(dialects)}")
        ride = self.ride(name)
        asked = Asked(ride, claimant.witness(), frozenset({name}))
        answer = Answer(Question(claimant.kind, {"output": str(output)}, asked), reply, 0.0)
        trace = arrays.read(output)[0] if answer.status == "ok" else None
        row = None if keep or isinstance(against, Held) else self._agreeing(answer, asked, claimant.dialect)
        row = row or next(self.verdicts.rows(answer))
        output.unlink(missing_ok=True)
        if keep:
            self.keeping.keep(row, trace)
        why = self.case(name).setting.reason
        row = {**row, "repeat": None, "trace": None, "about": why}
        if isinstance(against, Held):
            return keeping.held(against.folder, row, trace, against.fail_on)
        judged = against.judged(row)
        if judged["outcome"] == "undecided" and judged["expectation"] is None:
            judged["expected"] = (
                True  # no pass, but no fault of the optimizer's: the input doesn't tell, or no bound does
            )
        return judged

    def _agreeing(self, answer: Answer, asked: Asked, dialect: str) -> Row | None:
        """The verdict on what is as claimed; None if it is not. Most is, and then no other dialect need be tried."""
        ride = asked.ride
        if answer.status != "ok":
            return None
        try:
            observed = evidence(answer, ride)
            oracle = Oracle.of(ride.tape, ride.hyperparameters, asked.witness.dtype, [dialect])
            judgement = Comparison(observed, oracle, dialect).judge(slice(None))
        except (TraceError, OtherData, OSError, ValueError):  # which is then explained
            return None
        if judgement.outcome != "agrees" or int(observed.get("spoiled", 0)):
            return None
        (case, _), more = ride.cases[0], {"fits": [dialect]}
        row: dict[str, Any] = asked.witness.row(answer, ride, case.id, judgement, **more)
        return row
