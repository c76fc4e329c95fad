"""Which case of the catalogue would decide what another leaves open: checked with the oracle, not guessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import dialects
from reference.algorithm import Algorithm
from suite.agreement.judge import QUANTITIES, Comparison
from suite.agreement.oracle import Oracle, Prediction, path_length
from suite.cases.catalogue import Case
from suite.cases.tapes import STEPS

Array = NDArray[Any]

TRIED = 3  # settings in which dialects may part, from the most promising on
COLUMNS = 16  # of a tape, to see whether they do
DIGITS = {"float16": 2, "bfloat16": 1, "float32": 6, "float64": 12}  # of a hyper-parameter that can be seen, about


class Deciding:
    """The catalogue, asked for cases; each question is answered once."""

    def __init__(self, cases: Iterable[Case]) -> None:
        """Keep the cases that any implementation can be asked: ordinary ones, in one tape among others."""
        self.cases = [case for case in cases if case.tape.shapes is None and len(case.tape.gradients) == STEPS]
        self._decided: dict[tuple[str, str, str], str | None] = {}
        self._parted: dict[tuple[frozenset[str], str], str | None] = {}

    def decides(self, case: Case, dialect: str, dtype: str) -> str | None:
        """A case of the same setting on another tape, of which every coordinate is decided; None if there is none."""
        key = (case.setting.id, dialect, dtype)
        if key not in self._decided:
            others = (
                other for other in self.cases
                if other.setting.hyperparameters == case.setting.hyperparameters and other.tape.id != case.tape.id
            )  # fmt: skip
            self._decided[key] = next((other.id for other in others if _complete(other, dialect, dtype)), None)
        return self._decided[key]

    def parts(self, names: Sequence[str], dtype: str) -> str | None:
        """The case that tells most of these dialects apart, and how: `decades/momentum would: torch | mlx, chainer`.

        None if no case tells any of them apart.
        """
        key = (frozenset(names), dtype)
        if key not in self._parted:
            here = [case for case in self.cases if case.tape.id == self.cases[0].tape.id]  # of each setting one
            promising = sorted(here, key=lambda case: -_functions(case, names, dtype))[:TRIED]
            parted = [(case.id, _apart(case, names, dtype)) for case in promising if _functions(case, names, dtype) > 1]
            where, groups = max(parted, key=lambda pair: len(pair[1]), default=("", []))
            shown = " | ".join(", ".join(group) for group in groups)
            self._parted[key] = f"{where} would: {shown}" if len(groups) > 1 else None
        return self._parted[key]


def undecided(comparison: Comparison, prediction: Prediction, initial: Array, columns: slice) -> str:
    """Why a case is not decided: in how many coordinates there is no bound, from which step on; or how wide it is."""
    open_ = ~comparison.decided[columns]
    size = open_.size
    lost: dict[int, tuple[int, str]] = {}
    for name in comparison.ratios:
        unbounded = ~np.isfinite(getattr(prediction.bounds, name)[:, columns])
        for column in np.flatnonzero(open_ & unbounded.any(axis=0)).tolist():
            step = int(np.argmax(unbounded[:, column])) + 1
            lost[column] = min(lost.get(column, (step, name)), (step, name))
    found = []
    if lost:
        step, name = min(lost.values())
        found.append(f"in {len(lost)} of {size} coordinates there is no bound, first at step {step}, for {name}")
    wide = [column for column in np.flatnonzero(open_).tolist() if column not in lost]
    if wide:
        path = path_length(prediction.trace, initial)[:, columns][:, wide]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nanmin(prediction.bounds.parameters[:, columns][:, wide] / np.where(path > 0, path, np.nan))
        words = f"in {len(wide)} of {size} coordinates the bound is wider than the path that was travelled"
        found.append(f"{words}, at best {ratio:.3g} times")
    return "; ".join(found)


def _oracle(case: Case, names: Iterable[str], dtype: str, columns: slice = slice(None)) -> Oracle:
    tape = case.tape
    return Oracle(tape.initial[columns], tape.gradients[:, columns], case.setting.hyperparameters, dtype, tuple(names))


def _complete(case: Case, dialect: str, dtype: str) -> bool:
    """Whether a right implementation that shows its state would be decided in every coordinate."""
    oracle = _oracle(case, [dialect], dtype)
    trace = oracle.trace(dialect)
    shown = {name: getattr(trace, name) for name in QUANTITIES if getattr(trace, name) is not None}
    return bool(Comparison(shown, oracle, dialect).decided.all())


def _functions(case: Case, names: Sequence[str], dtype: str) -> int:
    """How many of the dialects are something else in this case, to as many digits as can be seen."""
    every = (Algorithm.of(dialects[name], case.setting.hyperparameters, dtype) for name in names)
    seen = (
        (algorithm.structure(), *(f"{value:.{DIGITS[dtype]}g}" for value in algorithm.numbers().values()))
        for algorithm in every
    )
    return len(set(seen))


def _apart(case: Case, names: Sequence[str], dtype: str) -> list[list[str]]:
    """The dialects in groups; those in different groups are further apart, somewhere, than their bounds together."""
    oracle = _oracle(case, names, dtype, slice(0, COLUMNS))
    predictions = {name: oracle.predict(name) for name in names}
    groups: list[list[str]] = []
    for name in names:
        near = next((group for group in groups if not _separate(predictions[group[0]], predictions[name])), None)
        if near is None:
            groups.append([name])
        else:
            near.append(name)
    return groups


def _separate(one: Prediction, other: Prediction) -> bool:
    """Whether no evaluation of one can be mistaken for one of the other, by the parameters alone."""
    distance = np.abs(one.trace.parameters - other.trace.parameters)
    return bool(np.any(distance > one.bounds.parameters + other.bounds.parameters))
