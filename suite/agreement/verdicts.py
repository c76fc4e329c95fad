"""The agreement run: which questions, and a verdict for each case from each answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reference import dialects
from suite.agreement.judge import Comparison, Judgement, TraceError, fitting
from suite.agreement.oracle import Oracle
from suite.agreement.rides import Ride
from suite.agreement.witness import Witness, evidence
from suite.runner.coordinator import Answer, Question
from suite.runner.errors import OtherData
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


def questions(
    witnesses: Iterable[Witness], rides: Sequence[Ride], *, traces: Path, done: frozenset[tuple[Any, ...]]
) -> list[Question]:
    """One replay for each ride and witness.

    What depends on shape doesn't depend on the dialect: then the first that a scratch implementation is to run will do,
    and so will the first dtype where the ride says so.

    Args:
        witnesses: who is asked.
        rides: the cases.
        traces: the folder for traces.
        done: keys of verdicts that exist.
    """
    found = []
    first: dict[tuple[str, str], Witness] = {}
    for witness in witnesses:
        model = first.setdefault((witness.framework, witness.implementation), witness)
        for ride in rides:
            if ride.tape.shapes and witness.dialect != model.dialect:
                continue
            if ride.tape.lean and witness.dtype != model.dtype:
                continue
            if witness.dtype not in ride.tape.dtypes or (ride.tape.subnormals and witness.dialect):
                continue
            wanted = frozenset(case.id for case, _ in ride.cases if witness.key(case.id) not in done)
            if wanted:
                found.append(witness.question(ride, traces, Asked(ride, witness, wanted)))
    return found


class Bench:
    """Where answers become verdicts; keeps the oracle's predictions while they are needed."""

    def __init__(self, *, keep_traces: bool = False) -> None:
        """Start with nothing known.

        Args:
            keep_traces: whether the traces of what agrees are kept too.
        """
        self.keep_traces = keep_traces
        self._oracles: dict[tuple[Ride, str, str], Oracle] = {}

    def verdicts(self, answer: Answer) -> Iterator[Row]:
        """A row for each case that the question was about."""
        asked: Asked = answer.question.about
        wanted = [(case, columns) for case, columns in asked.ride.cases if case.id in asked.wanted]
        dialect = asked.witness.asked or answer.reply.get("dialect")
        fits: list[list[str]]
        judgements: list[Judgement | None]
        reason = None
        if answer.status == "ok":
            try:
                judgements, fits = self._judged(answer, asked, dialect, [columns for _, columns in wanted])
            except (TraceError, OtherData, OSError, ValueError) as error:
                judgements, fits, reason = [None] * len(wanted), [[]] * len(wanted), str(error)
        else:
            judgements, fits, reason = [None] * len(wanted), [[]] * len(wanted), answer.reply["reason"]
        for (case, _), judgement, fit in zip(wanted, judgements, fits, strict=True):
            explained = reason or _explained(judgement, dialect, fit)
            yield asked.witness.row(answer, asked.ride, case.id, judgement, fits=fit, reason=explained)

    def _judged(
        self, answer: Answer, asked: Asked, dialect: str | None, columns: list[slice]
    ) -> tuple[list[Judgement | None], list[list[str]]]:
        observed = evidence(answer, asked.ride)
        if dialect is None:
            raise TraceError("the worker did not say which dialect it claims")
        spoiled = int(observed.pop("spoiled", 0))
        oracle = self._oracle(asked, dialect)
        comparison = Comparison(observed, oracle, dialect)
        judgements = [comparison.judge(part) for part in columns]
        if spoiled:
            judgements = [_spoiled(judgement, spoiled) for judgement in judgements]
        fits = fitting(observed, oracle, columns)
        if not self.keep_traces and all(judgement.outcome == "agrees" for judgement in judgements):
            Path(answer.question.request["output"]).unlink()  # evidence is kept of what needs explaining
        return list(judgements), fits

    def _oracle(self, asked: Asked, dialect: str) -> Oracle:
        """For a lean tape it tells of the one dialect only, and where that does not hold, no other is tried."""
        tape, h, dtype = asked.ride.tape, asked.ride.hyperparameters, asked.witness.dtype
        name = (asked.ride, dtype, dialect if tape.lean else "")
        if name not in self._oracles:
            names = [dialect] if tape.lean else dialects
            self._oracles[name] = Oracle(
                tape.initial,
                tape.sparse or tape.gradients,
                h,
                dtype,
                names,
                subnormals=tape.subnormals,
                rate_scale=tape.rate_scale(),
            )
        return self._oracles[name]


def _spoiled(judgement: Judgement, count: int) -> Judgement:
    changed = {
        **asdict(judgement),
        "outcome": "differs",
        "reason": f"it changed the caller's gradient in {count} steps",
    }
    return Judgement(**changed)


def _explained(judgement: Judgement | None, dialect: str | None, fits: Sequence[str]) -> str | None:
    if judgement is None or judgement.outcome == "agrees":
        return None
    if judgement.reason:
        return judgement.reason
    where = f"{judgement.quantity} leave the bound of {dialect} at step {judgement.first_step}"
    worst = f"at worst {judgement.ulps:.3g} ulps, {judgement.bound_ratio:.3g} bounds"
    return f"{where}; {worst}; {'fits ' + ', '.join(fits) if fits else 'fits no named dialect'}"
