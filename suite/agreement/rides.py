"""Cases that share hyper-parameters and length ride side by side in one array: the update is element-wise.

So the framework runs once for many cases, and the oracle too; each case still has a verdict of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters
from suite.cases.catalogue import Case
from suite.runner import arrays


@dataclass(frozen=True, eq=False)
class Ride:
    """Cases in one tape.

    Attributes:
        cases: with the columns that each has.
        hyperparameters: of all.
        initial: shape (n,).
        gradients: shape (steps, n).
        path: the tape's file.
        sha256: of the file.
    """

    cases: tuple[tuple[Case, slice], ...]
    hyperparameters: Hyperparameters
    initial: NDArray[np.float32]
    gradients: NDArray[np.float32]
    path: Path
    sha256: str


def rides(cases: Iterable[Case], folder: Path) -> list[Ride]:
    """Put cases together and write the tapes to a folder."""
    groups: dict[tuple[Hyperparameters, int], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.setting.hyperparameters, len(case.tape.gradients)), []).append(case)
    return [_ride(group, folder) for group in groups.values()]


def _ride(cases: list[Case], folder: Path) -> Ride:
    ends = np.cumsum([case.tape.initial.size for case in cases]).tolist()
    columns = [slice(end - case.tape.initial.size, end) for case, end in zip(cases, ends, strict=True)]
    initial = np.concatenate([case.tape.initial for case in cases])
    gradients = np.concatenate([case.tape.gradients for case in cases], axis=1)
    first = cases[0]
    name = first.id.replace("/", "-") if len(cases) == 1 else f"{first.setting.id}-{len(gradients)}-{len(cases)}"
    path = folder / f"{name}.safetensors"
    sha256 = arrays.write(path, {"initial": initial, "gradients": gradients})
    pairs = tuple(zip(cases, columns, strict=True))
    return Ride(pairs, first.setting.hyperparameters, initial, gradients, path, sha256)
