"""Cases that share hyper-parameters and length tape_batch side by side in one array: the update is element-wise.

So the framework runs once for many cases, and the oracle too; each case still has a verdict of its own.
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
        cases: with the columns that each has.
        hyperparameters: of all.
        tape: of all of them, one after another.
        path: the tape's file.
        sha256: of the file.
    """

    cases: tuple[tuple[Case, slice], ...]
    hyperparameters: Hyperparameters
    tape: Tape
    path: Path
    sha256: str


def tape_batches(cases: Iterable[Case], folder: Path) -> list[TapeBatch]:
    """Put cases together and write the tapes to a folder."""
    groups: dict[Hashable, list[Case]] = {}
    for case in cases:
        tape = case.tape
        kind = (
            case.id
            if tape.alone
            else (len(tape.gradients), tape.shapes is None, tape.lean, tape.dtypes, tape.subnormals)
        )
        groups.setdefault((case.setting.hyperparameters, kind), []).append(case)
    return [_ride(group, folder) for group in groups.values()]


def written(name: str, tape: Tape, h: Hyperparameters, cases: Iterable[tuple[Case, slice]], folder: Path) -> TapeBatch:
    """A tape_batch whose tape lies in a file of the folder."""
    path = folder / f"{name}.safetensors"
    return TapeBatch(tuple(cases), h, tape, path, arrays.write(path, tape.arrays()))


def _ride(cases: list[Case], folder: Path) -> TapeBatch:
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
    return written(name, tape, first.setting.hyperparameters, zip(cases, columns, strict=True), folder)
