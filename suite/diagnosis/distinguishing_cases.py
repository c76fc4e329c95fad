"""Which case of the catalogue would decide what another leaves open: checked with the oracle, not guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import dialects
from reference.algorithm import Algorithm
from suite.cases.catalogue import Case
from suite.cases.tapes import STEPS
from suite.compare.comparison import QUANTITIES, TraceComparison
from suite.compare.oracle import Oracle, Prediction, path_length
from suite.diagnosis.candidates import bearing

Array = NDArray[Any]

TRIED = 3  # settings in which dialects may part, from the most promising on
DIGITS = {"float16": 2, "bfloat16": 1, "float32": 6, "float64": 12}  # of a hyper-parameter that can be seen, about


class Deciding:
    """The catalogue, asked for cases; each question is answered once."""

    def __init__(self, cases: Iterable[Case]) -> None:
        """Keep the cases that are no trouble for an implementation, and few enough steps for an oracle's."""
        self.cases = [case for case in cases if not case.tape.lean and len(case.tape.gradients) <= STEPS]
        self._decided: dict[tuple[str, str, str], str | None] = {}
        self._parted: dict[tuple[frozenset[str], str], str | None] = {}

    def decides(self, case: Case, dialect: str, dtype: str) -> str | None:
        """A case of the same setting on another tape, of which every coordinate is decided; None if there is none."""
        key = (case.id, dialect, dtype)
        if key not in self._decided:
            others = (
                other for other in self._asked(dtype)
                if other.setting.hyperparameters == case.setting.hyperparameters and other.tape.id != case.tape.id
            )  # fmt: skip
            self._decided[key] = next((other.id for other in others if _complete(other, dialect, dtype)), None)
        return self._decided[key]

    def _asked(self, dtype: str) -> Iterator[Case]:
        return (case for case in self.cases if dtype in case.tape.dtypes)

    def parts(self, names: Sequence[str], dtype: str) -> str | None:
        """The case that tells most of these dialects apart, and how: `decades/momentum would: torch | mlx, chainer`.

        None if no case tells any of them apart.
        """
        key = (frozenset(names), dtype)
        if key not in self._parted:
            asked = list(self._asked(dtype))
            usual = [tape for tape, _ in Counter(case.tape.id for case in asked).most_common(1)]
            here = [case for case in asked if case.tape.sparse or case.tape.id in usual]
            promising = sorted(here, key=lambda case: -_functions(case, names, dtype))[:TRIED]
            parted = [(case.id, _apart(case, names, dtype)) for case in promising if _functions(case, names, dtype) > 1]
            where, groups = max(parted, key=lambda pair: len(pair[1]), default=("", []))
            shown = " | ".join(", ".join(group) for group in groups)
            self._parted[key] = f"{where} would: {shown}" if len(groups) > 1 else None
        return self._parted[key]


def undecided(comparison: TraceComparison, prediction: Prediction, initial: Array, columns: slice) -> str:
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
        path = path_length(prediction.trace.parameters, initial)[:, columns][:, wide]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nanmin(prediction.bounds.parameters[:, columns][:, wide] / np.where(path > 0, path, np.nan))
        words = f"in {len(wide)} of {size} coordinates the bound is wider than the path that was travelled"
        found.append(f"{words}, at best {ratio:.3g} times")
    return "; ".join(found)


def _complete(case: Case, dialect: str, dtype: str) -> bool:
    """Whether a right implementation that shows its state would be decided in every coordinate."""
    oracle = Oracle.of(case.tape, case.setting.hyperparameters, dtype, [dialect])
    expected = oracle.predict(dialect).trace
    shown = {name: getattr(expected, name) for name in QUANTITIES if getattr(expected, name) is not None}
    return bool(TraceComparison(shown, oracle, dialect).decided.all())


def _functions(case: Case, names: Sequence[str], dtype: str) -> int:
    """How many of the dialects are something else in this case, to as many digits as can be seen."""
    named = [bearing(dialects[name], case.tape) for name in names]
    every = (Algorithm.of(dialect, case.setting.hyperparameters, dtype) for dialect in named)
    seen = (
        (algorithm.structure(), *(f"{value:.{DIGITS[dtype]}g}" for value in algorithm.numbers().values()))
        for algorithm in every
    )
    return len(set(seen))


def _apart(case: Case, names: Sequence[str], dtype: str) -> list[list[str]]:
    """The dialects in groups; those in different groups are further apart, somewhere, than their bounds together."""
    oracle = Oracle.of(case.tape, case.setting.hyperparameters, dtype, names)
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
    with np.errstate(invalid="ignore"):
        distance = np.abs(one.trace.parameters - other.trace.parameters)
        return bool(np.any(distance > one.bounds.parameters + other.bounds.parameters))
