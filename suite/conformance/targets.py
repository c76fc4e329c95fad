"""Targets: an implementation in one format, with the dialect that it claims."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reference import dialects
from suite.conformance.tape_batches import TapeBatch
from suite.results.provenance import Conditions
from suite.workers import arrays
from suite.workers.protocol import DataMismatch, Message, Request, Response
from suite.workers.selection import selection_text

SECTION = "d2l"


@dataclass(frozen=True)
class Target:
    """An implementation in one format.

    Attributes:
        framework: the framework, or a release of it.
        implementation: its name there.
        version: the version of the framework.
        device: the device on which it runs.
        dtype: the format.
        dialect: the dialect that a scratch implementation is told to run, or None.
        claim: the dialect that the user compares it with instead of its declared one, or None.
        twin: the implementation that must give the same bits, or None.
        declared: the dialect that it declares, if that does not depend on the hyper-parameters.
        lean: whether few cases are enough.
        conditions: the conditions of the run, for repeat commands.
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
    def requested_dialect(self) -> str | None:
        """The dialect that the user has named for it."""
        return self.dialect or self.claim

    @property
    def claims_subnormals(self) -> bool:
        """Whether it claims a treatment of subnormal numbers.

        A scratch implementation does not, because the treatment depends on its framework; nor do some dialects.
        """
        declared = self.dialect is None and (self.declared is None or dialects[self.declared].subnormals != "either")
        return declared or self.claim is not None

    def key(self, case: str) -> tuple[object, ...]:
        """Return what identifies its verdict on a case, as in the key of the table of verdicts."""
        return (
            self.framework, self.implementation, self.version, self.device, self.dtype, case, self.requested_dialect
        )  # fmt: skip

    def text(self, case: str) -> str:
        """Return the text of its verdict on a case that an expression is matched with."""
        dialect = self.requested_dialect or self.declared
        return selection_text(self.framework, self.implementation, case, self.dtype, dialect)

    def request(self, tape_batch: TapeBatch, traces: Path, context: Any) -> Request:
        """Return the request to replay a tape batch; the trace is written to the folder `traces`."""
        output = f"{self.framework}-{self.implementation}-{self.dialect or 'own'}-{self.dtype}-{tape_batch.path.name}"
        message = {
            "method": "replay",
            "implementation": self.implementation,
            "dialect": self.dialect or SECTION,
            "hyperparameters": tape_batch.hyperparameters.to_json(),
            "dtype": self.dtype,
            "input": str(tape_batch.path),
            "output": str(traces / output),
        }
        return Request(self.framework, message, context)

    def repeat(self, case: str) -> str:
        """Return the command that repeats the verdict on a case."""
        option = "--dialect" if self.dialect else "--claim"
        claim = (option, self.requested_dialect) if self.requested_dialect else ()
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
    """Yield a target for each chosen implementation and format; scratch implementations have one for each dialect.

    Args:
        hellos: framework -> handshake.
        dtypes: the formats.
        chosen: framework -> implementations.
        scratch_dialects: the dialects that scratch implementations run.
        claim: the dialect that built-in implementations are compared with instead of their own.
        conditions: the conditions of the run.
    """
    for framework, hello in hellos.items():
        for name in chosen[framework]:
            described = hello["implementations"][name]
            target = Target(
                framework=framework,
                implementation=name,
                version=hello["versions"][hello["framework"]],
                device=hello["device"],
                dtype="",
                dialect=None,
                claim=claim,
                twin=described["twin"],
                declared=described.get("dialect"),
                lean=described["lean"],
                conditions=conditions,
            )
            for dialect in scratch_dialects if described["any_dialect"] else [None]:
                for dtype in dtypes:
                    yield replace(target, dtype=dtype, dialect=dialect)


def read_trace(response: Response, tape_batch: TapeBatch) -> arrays.Arrays:
    """Read the trace of a replay.

    Raises:
        DataMismatch: if it was computed from other data than those sent.
        OSError, ValueError: if it can't be read.
    """
    if response.reply.get("sha256") != tape_batch.sha256:
        raise DataMismatch(f"the worker read other data than were sent ({response.reply.get('sha256')})")
    return arrays.read(Path(response.request.message["output"]))[0]
