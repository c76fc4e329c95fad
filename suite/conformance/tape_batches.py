"""Tape batches: cases of one setting and length in one array, because the update is element-wise.

The framework and the oracle run once for many cases; each case still has its own verdict.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from reference import Hyperparameters
from suite.cases.catalogue import Case
from suite.cases.tapes import Tape
from suite.workers import arrays


@dataclass(frozen=True, eq=False)
class TapeBatch:
    """Cases in one tape.

    Attributes:
        cases: the cases, each with its columns.
        hyperparameters: the hyper-parameters of all cases.
        tape: the tapes of all cases, side by side.
        path: the file of the tape.
        sha256: the SHA-256 of the file.
    """

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
