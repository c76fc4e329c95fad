"""The reason of a verdict in words, and the other case of the catalogue that would decide, found with the oracle."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from reference import dialects
from reference.replay import QUANTITIES
from suite.cases.catalogue import Case
from suite.cases.tapes import STEPS
from suite.compare.comparison import ComparisonResult, Growth, TraceComparison
from suite.compare.oracle import Oracle, Prediction, path_length
from suite.diagnosis.candidate_search import NearestCandidate
from suite.diagnosis.candidates import describe_changes, relevant_algorithm, relevant_differences

MAX_TRIED = 3  # settings in which dialects are separated, the most promising first
DIGITS = {"float16": 2, "bfloat16": 1, "float32": 6, "float64": 12}  # of a hyper-parameter that have a visible effect


def difference(
    result: ComparisonResult, dialect: str, growth: Growth, fits: str | None, nearest: NearestCandidate | None
) -> str:
    """Describe how a trace differs from a dialect; `fits` is the result of `fitting`, or None if no dialect fits."""
    verb = "leave" if growth.quantity == "parameters" else "leaves"
    clauses = [f"{growth.quantity} {verb} the bound of {dialect} at step {result.first_step}, "
               f"coordinate {growth.index}"]  # fmt: skip
    where = f"{result.quantity} at step {result.worst_step}, coordinate {result.worst_index[0]}"
    if math.isfinite(result.bound_ratio):
        clauses.append(f"at worst by {result.ulps:.3g} ulps, {result.bound_ratio:.3g} bounds: {where}")
    else:
        clauses.append(f"the largest error is not finite: {where}")
    clauses += [growth.words] if growth.words else []
    clauses.append(fits or "fits no named dialect" + (f", {nearest.describe(dialect)}" if nearest else ""))
    return "; ".join(clauses)


def fitting(fits: Sequence[str], dialect: str, case: Case, dtype: str, separating: str | None) -> str:
    """Describe which dialects fit a case, how the closest differs from the claimed one, and what separates them.

    `fits` has at least one name; `separating` is the result of `DistinguishingCases.separating`.
    """
    differences = {
        name: relevant_differences(dialect, name, case.tape, case.setting.hyperparameters, dtype) for name in fits
    }
    closest = min(fits, key=lambda name: len(differences[name]))
    changes = describe_changes(differences[closest])
    found = f"fits {', '.join(fits)}"
    if changes:
        found += f"; {closest} is {dialect} with {changes}"
    if len(fits) > 1:
        found += "; this case can't tell them apart, " + (separating or "nor can another of the catalogue")
    return found


def undecided(comparison: TraceComparison, prediction: Prediction, columns: slice, deciding: str | None) -> str:
    """Explain why a case is undecided, and which other case would decide; `deciding` is its id, if there is one."""
    would = f"{deciding} would decide it" if deciding else "no other tape of this setting would decide it"
    return "; ".join([*_missing_bounds(comparison, prediction, columns), would])


def _missing_bounds(comparison: TraceComparison, prediction: Prediction, columns: slice) -> Iterator[str]:
    """Yield in how many coordinates there is no bound, or one that is wider than the path length."""
    open_columns = np.flatnonzero(~comparison.decided[columns]).tolist()
    size = comparison.decided[columns].size
    unbounded: dict[int, tuple[int, str]] = {}
    for name in comparison.ratios:
        infinite = ~np.isfinite(getattr(prediction.bounds, name)[:, columns])
        for column in open_columns:
            if infinite[:, column].any():
                first = int(np.argmax(infinite[:, column])) + 1, name
                unbounded[column] = min(unbounded.get(column, first), first)
    if unbounded:
        step, name = min(unbounded.values())
        yield f"in {len(unbounded)} of {size} coordinates there is no bound, first at step {step}, for {name}"
    wide = [column for column in open_columns if column not in unbounded]
    if wide:
        path = path_length(prediction.trace.parameters, prediction.initial)[:, columns][:, wide]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.nanmin(prediction.bounds.parameters[:, columns][:, wide] / np.where(path > 0, path, np.nan))
        clause = f"in {len(wide)} of {size} coordinates the bound is larger than the path length"
        yield f"{clause}, at best {ratio:.3g} times"


class DistinguishingCases:
    """Finds the cases of a catalogue that decide what another case leaves open. Each result is computed once."""

    def __init__(self, cases: Iterable[Case]) -> None:
        """Keep the cases that are run for all dialects and have few enough steps for the oracle."""
        self.cases = [case for case in cases if not case.tape.lean and len(case.tape.gradients) <= STEPS]
        self._deciding: dict[tuple[str, str, str], str | None] = {}
        self._separating: dict[tuple[frozenset[str], str], str | None] = {}

    def deciding(self, case: Case, dialect: str, dtype: str) -> str | None:
        """Return a case of the same setting on another tape that is decided in every coordinate, or None."""
        key = (case.id, dialect, dtype)
        if key not in self._deciding:
            others = (
                other for other in self._in_format(dtype)
                if other.setting.hyperparameters == case.setting.hyperparameters and other.tape.id != case.tape.id
            )  # fmt: skip
            self._deciding[key] = next((other.id for other in others if _decided(other, dialect, dtype)), None)
        return self._deciding[key]

    def separating(self, names: Sequence[str], dtype: str) -> str | None:
        """Return the case that separates most of these dialects, as in `decades/momentum would: torch | mlx, chainer`.

        None if no case separates any of them.
        """
        key = (frozenset(names), dtype)
        if key not in self._separating:
            cases = list(self._in_format(dtype))
            usual = [tape for tape, _ in Counter(case.tape.id for case in cases).most_common(1)]
            eligible = [case for case in cases if case.tape.sparse or case.tape.id in usual]
            promising = sorted(eligible, key=lambda case: -_functions(case, names, dtype))[:MAX_TRIED]
            separated = [
                (case.id, _separate(case, names, dtype)) for case in promising if _functions(case, names, dtype) > 1
            ]
            where, groups = max(separated, key=lambda pair: len(pair[1]), default=("", []))
            shown = " | ".join(", ".join(group) for group in groups)
            self._separating[key] = f"{where} would: {shown}" if len(groups) > 1 else None
        return self._separating[key]

    def _in_format(self, dtype: str) -> Iterator[Case]:
        return (case for case in self.cases if dtype in case.tape.dtypes)


def _decided(case: Case, dialect: str, dtype: str) -> bool:
    """Return whether a correct implementation that shows its state would be decided in every coordinate."""
    oracle = Oracle.of(case.tape, case.setting.hyperparameters, dtype, [dialect])
    expected = oracle.predict(dialect).trace
    trace = {name: getattr(expected, name) for name in QUANTITIES if getattr(expected, name) is not None}
    return bool(TraceComparison(trace, oracle, dialect).decided.all())


def _functions(case: Case, names: Sequence[str], dtype: str) -> int:
    """Count the different algorithms of the dialects in this case; numbers are compared to their visible digits."""
    h = case.setting.hyperparameters
    algorithms = (relevant_algorithm(dialects[name], case.tape, h, dtype) for name in names)
    visible = (
        (algorithm.structure(), *(f"{value:.{DIGITS[dtype]}g}" for value in algorithm.numbers().values()))
        for algorithm in algorithms
    )
    return len(set(visible))


def _separate(case: Case, names: Sequence[str], dtype: str) -> list[list[str]]:
    """Group the dialects: somewhere, those of different groups are further apart than the sum of their bounds."""
    oracle = Oracle.of(case.tape, case.setting.hyperparameters, dtype, names)
    predictions = {name: oracle.predict(name) for name in names}
    groups: list[list[str]] = []
    for name in names:
        near = next((group for group in groups if not _disjoint(predictions[group[0]], predictions[name])), None)
        if near is None:
            groups.append([name])
        else:
            near.append(name)
    return groups


def _disjoint(one: Prediction, other: Prediction) -> bool:
    """Return whether no parameters are inside the bounds of both predictions."""
    with np.errstate(invalid="ignore"):
        distance = np.abs(one.trace.parameters - other.trace.parameters)
        return bool(np.any(distance > one.bounds.parameters + other.bounds.parameters))
