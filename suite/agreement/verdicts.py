"""The agreement run: which questions, and a verdict for each case from each answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from suite.agreement.judge import Comparison, Judgement, TraceError, fitting
from suite.agreement.oracle import Oracle
from suite.agreement.rides import Ride
from suite.runner import arrays
from suite.runner.coordinator import Answer, Question
from suite.runner.errors import OtherData
from suite.runner.protocol import Message
from suite.runner.store import Row

SECTION = "d2l"


@dataclass(frozen=True)
class Asked:
    """What is kept beside a question: the ride, and the dialect that the answer is held against.

    Attributes:
        ride: the cases.
        implementation: who is asked.
        version: of the framework.
        claim: the dialect that the user holds it against, or None for its declared one.
        wanted: the ids of the cases that still need a verdict.
        option: of the command line, that names the dialect.
    """

    ride: Ride
    implementation: str
    version: str
    device: str
    dtype: str
    claim: str | None
    wanted: frozenset[str]
    option: str = "--claim"


def key(row: Row) -> tuple[Any, ...]:
    """What a verdict is about: never two of the same in a results folder."""
    return tuple(row[name] for name in ("framework", "implementation", "device", "dtype", "case", "asked"))


def questions(
    hellos: Mapping[str, Message],
    rides: Sequence[Ride],
    *,
    dtypes: Iterable[str],
    chosen: Mapping[str, Sequence[str]],
    scratch_dialects: Sequence[str],
    claim: str | None,
    traces: Path,
    done: frozenset[tuple[Any, ...]],
) -> list[Question]:
    """One replay for each ride, implementation, dtype, and dialect that a scratch implementation runs.

    Args:
        hellos: framework -> handshake.
        rides: the cases.
        dtypes: to run in.
        chosen: framework -> implementations.
        scratch_dialects: what scratch implementations run.
        claim: the dialect that every built-in one is held against, in place of its own.
        traces: the folder for traces.
        done: keys of verdicts that exist.
    """
    found = []
    for framework, hello in hellos.items():
        for name in chosen[framework]:
            any_dialect = hello["implementations"][name]["any_dialect"]
            for dialect in scratch_dialects if any_dialect else [None]:
                for dtype in dtypes:
                    for ride in rides:
                        wanted = frozenset(
                            case.id
                            for case, _ in ride.cases
                            if (framework, name, hello["device"], dtype, case.id, dialect or claim) not in done
                        )
                        if not wanted:
                            continue
                        output = traces / f"{framework}-{name}-{dialect or 'own'}-{dtype}-{ride.path.stem}.safetensors"
                        request = {
                            "ask": "replay",
                            "implementation": name,
                            "dialect": dialect or SECTION,
                            "hyperparameters": ride.hyperparameters.to_json(),
                            "dtype": dtype,
                            "input": str(ride.path),
                            "output": str(output),
                        }
                        version = hello["versions"][framework]
                        option = "--dialect" if any_dialect else "--claim"
                        about = Asked(ride, name, version, hello["device"], dtype, dialect or claim, wanted, option)
                        found.append(Question(framework, request, about))
    return found


class Bench:
    """Where answers become verdicts; keeps the oracle's predictions while they are needed."""

    def __init__(self, *, keep_traces: bool = False) -> None:
        """Start with nothing known.

        Args:
            keep_traces: whether the traces of what agrees are kept too.
        """
        self.keep_traces = keep_traces
        self._oracles: dict[tuple[Ride, str], Oracle] = {}

    def verdicts(self, answer: Answer) -> Iterator[Row]:
        """A row for each case that the question was about."""
        asked: Asked = answer.question.about
        wanted = [(case, columns) for case, columns in asked.ride.cases if case.id in asked.wanted]
        dialect = asked.claim or answer.reply.get("dialect")
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
        silent = "unsupported" if answer.status == "unsupported" else "failed"
        for (case, _), judgement, fit in zip(wanted, judgements, fits, strict=True):
            outcome = judgement.outcome if judgement else silent
            yield {
                "framework": answer.question.framework,
                "implementation": asked.implementation,
                "version": asked.version,
                "device": asked.device,
                "dtype": asked.dtype,
                "case": case.id,
                "dialect": dialect,
                "asked": asked.claim,
                **(asdict(judgement) if judgement else dict.fromkeys(Judgement.__dataclass_fields__)),
                "outcome": outcome,
                "fits": fit,
                "reason": reason or _explained(judgement, dialect, fit),
                "repeat": _repeat(answer.question.framework, asked, case.id),
                "seconds": answer.reply.get("seconds"),
                "sha256": asked.ride.sha256,
                "trace": _kept(Path(answer.question.request["output"])),
            }

    def _judged(
        self, answer: Answer, asked: Asked, dialect: str | None, columns: list[slice]
    ) -> tuple[list[Judgement | None], list[list[str]]]:
        if answer.reply.get("sha256") != asked.ride.sha256:
            raise OtherData(f"the worker read other data than were sent ({answer.reply.get('sha256')})")
        if dialect is None:
            raise TraceError("the worker did not say which dialect it claims")
        path = Path(answer.question.request["output"])
        observed, _ = arrays.read(path)
        spoiled = int(observed.pop("spoiled", 0))
        oracle = self._oracle(asked)
        comparison = Comparison(observed, oracle, dialect)
        judgements = [comparison.judge(part) for part in columns]
        if spoiled:
            judgements = [_spoiled(judgement, spoiled) for judgement in judgements]
        fits = fitting(observed, oracle, columns)
        if not self.keep_traces and all(judgement.outcome == "agrees" for judgement in judgements):
            path.unlink()  # evidence is kept of what needs explaining
        return list(judgements), fits

    def _oracle(self, asked: Asked) -> Oracle:
        ride = asked.ride
        name = (ride, asked.dtype)
        if name not in self._oracles:
            self._oracles[name] = Oracle(ride.initial, ride.gradients, ride.hyperparameters, asked.dtype)
        return self._oracles[name]


def _kept(trace: Path) -> str | None:
    return trace.name if trace.exists() else None


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


def _repeat(framework: str, asked: Asked, case: str) -> str:
    parts = ["rmsuite agree", f"-i {framework}/{asked.implementation}", f"-c {case}", f"--dtype {asked.dtype}"]
    if asked.claim:
        parts.append(f"{asked.option} {asked.claim}")
    if asked.device != "cpu":
        parts.append(f"--device {asked.device}")
    return " ".join(parts)
