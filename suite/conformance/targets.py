"""Who is asked: an implementation in one dtype, and what is the same in all that it is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from reference import dialects
from suite.compare.comparison import ComparisonResult
from suite.conformance.tape_batches import TapeBatch
from suite.results.repeat_command import Conditions
from suite.results.store import Row
from suite.workers import arrays
from suite.workers.protocol import DataMismatch, Message, Request, Response
from suite.workers.selection import selection_text

SECTION = "d2l"


@dataclass(frozen=True)
class Target:
    """An implementation in one dtype.

    Attributes:
        framework: whose it is.
        implementation: its name there.
        version: of the framework.
        device: where it runs.
        dtype: in which.
        dialect: that it is told to run, if it runs any.
        claim: the dialect that the user holds it against, or None for its declared one.
        twin: the implementation that it must equal to the bit, if there is one.
        declared: the dialect that it says it computes, if it says so beforehand.
        lean: whether few questions are enough.
        conditions: under which it is asked.
    """

    framework: str
    implementation: str
    version: str
    device: str
    dtype: str
    dialect: str | None
    claim: str | None
    twin: str | None
    declared: str | None
    lean: bool
    conditions: Conditions

    @property
    def asked(self) -> str | None:
        """The dialect that the user has named for it."""
        return self.dialect or self.claim

    @property
    def says_of_subnormals(self) -> bool:
        """Whether it claims anything of them: scratch does as its framework does, and some dialects leave it open."""
        declared = self.dialect is None and (self.declared is None or dialects[self.declared].subnormals != "either")
        return declared or self.claim is not None

    def key(self, case: str) -> tuple[Any, ...]:
        """What a verdict of it is about (see `key`)."""
        return (self.framework, self.implementation, self.device, self.dtype, case, self.asked)

    def words(self, case: str) -> str:
        """What an expression selects a verdict of it by."""
        return selection_text(self.framework, self.implementation, case, self.dtype, self.asked or self.declared)

    def question(self, tape_batch: TapeBatch, traces: Path, about: Any) -> Request:
        """To replay a tape_batch."""
        output = f"{self.framework}-{self.implementation}-{self.dialect or 'own'}-{self.dtype}-{tape_batch.path.name}"
        request = {
            "ask": "replay",
            "implementation": self.implementation,
            "dialect": self.dialect or SECTION,
            "hyperparameters": tape_batch.hyperparameters.to_json(),
            "dtype": self.dtype,
            "input": str(tape_batch.path),
            "output": str(traces / output),
        }
        return Request(self.framework, request, about)

    def row(
        self, answer: Response, tape_batch: TapeBatch, case: str, result: ComparisonResult | None, **more: Any
    ) -> Row:
        """A verdict; without a result it is that there is none, for the reason among what is given besides."""
        silent = "unsupported" if answer.status == "unsupported" else "failed"
        trace = Path(answer.request.message["output"])
        return {
            "framework": self.framework,
            "implementation": self.implementation,
            "version": self.version,
            "device": self.device,
            "dtype": self.dtype,
            "case": case,
            "dialect": self.asked or answer.reply.get("dialect"),
            "asked": self.asked,
            **(asdict(result) if result else dict.fromkeys(ComparisonResult.__dataclass_fields__)),
            "outcome": result.outcome if result else silent,
            "fits": [],
            **more,
            "repeat": self.repeat(case),
            "seconds": answer.reply.get("seconds"),
            "sha256": tape_batch.sha256,
            "trace": trace.name if trace.exists() else None,
        }

    def repeat(self, case: str) -> str:
        """The command that asks again."""
        claim = ("--dialect" if self.dialect else "--claim", self.asked) if self.asked else ()
        arguments = ("-c", case, "--dtype", self.dtype, *claim)
        return self.conditions.command("agree", self.framework, self.implementation, *arguments)


def targets(
    hellos: Mapping[str, Message],
    *,
    dtypes: Iterable[str],
    chosen: Mapping[str, Sequence[str]],
    scratch_dialects: Sequence[str],
    claim: str | None,
    conditions: Conditions,
) -> Iterator[Target]:
    """Every chosen implementation in every dtype, and in every dialect if it is a scratch implementation.

    Args:
        hellos: framework -> handshake.
        dtypes: to run in.
        chosen: framework -> implementations.
        scratch_dialects: what scratch implementations run.
        claim: the dialect that every built-in one is held against, in place of its own.
        conditions: under which they are asked.
    """
    for framework, hello in hellos.items():
        for name in chosen[framework]:
            one = hello["implementations"][name]
            target = Target(framework, name, hello["versions"][hello["framework"]], hello["device"], "", None, claim,
                              one["twin"], one.get("dialect"), one["lean"], conditions)  # fmt: skip
            for dialect in scratch_dialects if one["any_dialect"] else [None]:
                for dtype in dtypes:
                    yield replace(target, dtype=dtype, dialect=dialect)


def key(row: Row) -> tuple[Any, ...]:
    """What a verdict is about: never two of the same in a results folder."""
    return tuple(row[name] for name in ("framework", "implementation", "device", "dtype", "case", "asked"))


def evidence(answer: Response, tape_batch: TapeBatch) -> arrays.Arrays:
    """The trace of an answer.

    Raises:
        DataMismatch: if it was made from other data than those that were sent.
        OSError, ValueError: if it can't be read.
    """
    if answer.reply.get("sha256") != tape_batch.sha256:
        raise DataMismatch(f"the worker read other data than were sent ({answer.reply.get('sha256')})")
    return arrays.read(Path(answer.request.message["output"]))[0]
