"""What is replayed, and by what: targets, tape batches, and the request of a target to replay a batch.

A tape batch joins cases of one setting and length in one array, because the update is element-wise. The framework and
the oracle run once for many cases; each case still has its own verdict.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from reference import Hyperparameters, dialects
from suite.cases.catalogue import Case
from suite.cases.tapes import Tape
from suite.results.provenance import Conditions
from suite.results.rows import Outcome
from suite.workers import arrays
from suite.workers.protocol import DataMismatch, Message, Request, Response
from suite.workers.selection import selection_text

DIALECT, DTYPE = "d2l", "float32"
"""The dialect and the format of the section: of scratch implementations where none is named, of training and timing."""

FEW_DIALECTS = 2
"""The number of dialects in which a scratch implementation replays a lean tape, or a lean one any tape."""


@dataclass(frozen=True, eq=False)
class TapeBatch:
    """Cases in one tape, each with its columns, and the file of the tape with its SHA-256."""

    cases: tuple[tuple[Case, slice], ...]
    hyperparameters: Hyperparameters
    tape: Tape
    path: Path
    sha256: str


def tape_batches(cases: Iterable[Case], folder: Path) -> list[TapeBatch]:
    """Batch the cases that can share a tape, and write the tapes to a folder."""
    groups: dict[Hashable, list[Case]] = {}
    for case in cases:
        tape = case.tape
        shared = (len(tape.gradients), tape.shapes is None, tape.lean, tape.dtypes, tape.subnormals)
        groups.setdefault((case.setting.hyperparameters, case.id if tape.alone else shared), []).append(case)
    return [_batch(group, folder) for group in groups.values()]


def write_tape_batch(
    name: str, tape: Tape, h: Hyperparameters, cases: Iterable[tuple[Case, slice]], folder: Path
) -> TapeBatch:
    """Write a tape to a file of the folder and return the batch."""
    path = folder / f"{name}.safetensors"
    return TapeBatch(tuple(cases), h, tape, path, arrays.write(path, tape.arrays()))


def _batch(cases: list[Case], folder: Path) -> TapeBatch:
    ends = np.cumsum([case.tape.initial.size for case in cases]).tolist()
    columns = [slice(end - case.tape.initial.size, end) for case, end in zip(cases, ends, strict=True)]
    tapes, first = [case.tape for case in cases], cases[0]
    tape = replace(
        first.tape,
        initial=np.concatenate([tape.initial for tape in tapes]),
        gradients=np.concatenate([tape.gradients for tape in tapes], axis=1),
        shapes=sum((tape.shapes or () for tape in tapes), ()) or None,
    )
    steps = len(tape.gradients)
    name = first.id.replace("/", "-") if len(cases) == 1 else f"{first.setting.id}-{steps}-{len(cases)}"
    return write_tape_batch(name, tape, first.setting.hyperparameters, zip(cases, columns, strict=True), folder)


@dataclass(frozen=True)
class Target:
    """An implementation in one format, with the dialect that it claims."""

    framework: str  # or a release of it
    implementation: str
    version: str  # of the framework
    device: str
    dtype: str
    dialect: str | None  # the dialect that a scratch implementation has to run
    claim: str | None  # the dialect that the user compares it with instead of its declared one
    twin: str | None  # the implementation that must give the same bits
    declared: str | None  # the dialect that it declares, if that does not depend on the hyper-parameters
    lean: bool  # whether few cases are enough
    conditions: Conditions  # for repeat commands

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
        """Return the key of its row on a case or task, as in the tables of verdicts and of training."""
        return (
            self.framework, self.implementation, self.version, self.device, self.dtype, case, self.requested_dialect
        )  # fmt: skip

    def text(self, case: str) -> str:
        """Return the text of its row on a case or task that an expression is matched with."""
        dialect = self.requested_dialect or self.declared
        return selection_text(self.framework, self.implementation, case, self.dtype, dialect)

    def request(self, tape_batch: TapeBatch, traces: Path, context: Any) -> Request:
        """Return the request to replay a tape batch; the trace is written to the folder `traces`."""
        output = f"{self.framework}-{self.implementation}-{self.dialect or 'own'}-{self.dtype}-{tape_batch.path.name}"
        message = {
            "method": "replay",
            "implementation": self.implementation,
            "dialect": self.dialect or DIALECT,
            "hyperparameters": tape_batch.hyperparameters.to_json(),
            "dtype": self.dtype,
            "input": str(tape_batch.path),
            "output": str(traces / output),
        }
        return Request(self.framework, message, context)

    def repeat(self, command: str, *arguments: str) -> str:
        """Return the command that repeats one of its rows, given the arguments that select the case or task."""
        option = "--dialect" if self.dialect else "--claim"
        claim = (option, self.requested_dialect) if self.requested_dialect else ()
        return self.conditions.command(command, self.framework, self.implementation, *arguments, *claim)


def targets(
    hellos: Mapping[str, Message],
    chosen: Mapping[str, Sequence[str]],
    scratch_dialects: Sequence[str],
    conditions: Conditions,
    *,
    dtypes: Iterable[str],
    claim: str | None = None,
) -> Iterator[Target]:
    """Yield a target for each chosen implementation and format; scratch implementations have one for each dialect.

    Both mappings are from frameworks, to handshakes and to names of implementations.
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


def failure(response: Response) -> Outcome:
    """Return the outcome of a response without a result."""
    return "unsupported" if response.status == "unsupported" else "failed"


def read_trace(response: Response, sha256: str) -> arrays.Arrays:
    """Read the arrays that a worker computed from the input with this SHA-256.

    Raises:
        DataMismatch: if it was computed from other data than those sent.
        OSError, ValueError: if it can't be read.
    """
    if response.reply.get("sha256") != sha256:
        raise DataMismatch(f"the worker read other data than were sent ({response.reply.get('sha256')})")
    return arrays.read(Path(response.request.message["output"]))[0]
