"""What is found of each case of an answer: the judgement, and what explains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from suite.agreement import reasons
from suite.agreement.deciding import Deciding, undecided
from suite.agreement.growth import Growth, growth
from suite.agreement.judge import Comparison, Judgement
from suite.agreement.nearest import Search
from suite.agreement.oracle import Oracle
from suite.agreement.trial import Nearest, Part
from suite.agreement.witness import Witness
from suite.cases.catalogue import Case
from suite.runner.store import Row

Array = NDArray[Any]


@dataclass(frozen=True)
class Finding:
    """What is known of one case of an answer; nothing but a reason where there was nothing to judge.

    Attributes:
        judgement: the oracle's.
        reason: for people, unless it agrees.
        fits: the named dialects inside whose bound the trace lies.
        nearest: what is nearest, where it differs and no named dialect fits.
        growth: of the error, where it differs.
        digest: of the parameters after every step.
        course: of the error, whatever the outcome (see `course`).
        leaves: other dialects, with the first step at which the parameters are outside their bound; None where this
            was not asked.
    """

    judgement: Judgement | None = None
    reason: str | None = None
    fits: tuple[str, ...] = ()
    nearest: Nearest | None = None
    growth: Growth | None = None
    digest: str | None = None
    course: Sequence[Sequence[float]] | None = None
    leaves: Mapping[str, int] | None = None

    def columns(self) -> Row:
        """Those of its row that are not the judgement's."""
        return {
            "fits": list(self.fits),
            "nearest": self.nearest.to_json() if self.nearest else None,
            "first_quantity": self.growth.quantity if self.growth else None,
            "first_index": [self.growth.index] if self.growth else None,
            "growth": [list(point) for point in self.growth.series] if self.growth else None,
            "reason": self.reason,
            "trace_sha256": self.digest,
            "course": self.course,
            "leaves": self.leaves,
        }


class Explainer:
    """What it takes to explain: the catalogue, and what explained an implementation before."""

    def __init__(self, deciding: Deciding, search: Search) -> None:
        self.deciding, self.search = deciding, search

    def finding(self, reading: Reading, case: Case, columns: slice, fits: Sequence[str]) -> Finding:
        """The finding on one case; `fits` are the dialects that were tried and fit."""
        judgement = reading.comparison.judge(columns)
        if reading.spoiled:
            reason = f"it changed the caller's gradient in {reading.spoiled} steps"
            return Finding(replace(judgement, outcome="differs"), reason, tuple(fits))
        if judgement.outcome == "differs":
            return self._differing(reading, case, columns, judgement, fits)
        if judgement.outcome == "undecided":
            return Finding(judgement, self._undecided(reading, case, columns), tuple(fits))
        return Finding(judgement, None, tuple(fits))

    def _differing(
        self, reading: Reading, case: Case, columns: slice, judgement: Judgement, fits: Sequence[str]
    ) -> Finding:
        nearest = None
        if not fits:
            nearest = self._nearest(reading, case, columns, judgement)
            if nearest.fits and not nearest.candidate.changes:  # a dialect that the oracle had not been asked for
                fits, nearest = [one.base for one in (nearest.candidate, *nearest.alternatives)], None
        words = self._fitting(reading, case, fits) if fits else None
        growing = growth(reading.comparison, columns, judgement.first_step or 1)
        reason = reasons.differing(judgement, reading.dialect, growing, words, nearest)
        return Finding(judgement, reason, tuple(fits), nearest, growing)

    def _nearest(self, reading: Reading, case: Case, columns: slice, judgement: Judgement) -> Nearest:
        part = Part(case.tape, case.setting.hyperparameters, reading.witness.dtype)
        observed = {name: reading.observed[name][:, columns] for name in reading.comparison.ratios}
        who = (reading.witness.framework, reading.witness.implementation, reading.dialect)
        return self.search.nearest(observed, part, reading.dialect, judgement, who, untried=case.tape.large)

    def _fitting(self, reading: Reading, case: Case, fits: Sequence[str]) -> str:
        dtype = reading.witness.dtype
        parted = self.deciding.parts(fits, dtype) if len(fits) > 1 else None
        return reasons.fitting(fits, reading.dialect, case, dtype, parted)

    def _undecided(self, reading: Reading, case: Case, columns: slice) -> str:
        oracle, dialect = reading.oracle, reading.dialect
        why = undecided(reading.comparison, oracle.predict(dialect), oracle.initial, columns)
        return reasons.undeciding(why, self.deciding.decides(case, dialect, oracle.dtype))


@dataclass(frozen=True)
class Reading:
    """An answer beside the oracle.

    Attributes:
        witness: whose answer it is.
        dialect: that was claimed.
        observed: the trace, of all cases side by side.
        spoiled: the number of steps in which it changed the caller's gradient.
        oracle: of the same input.
        comparison: of the two.
    """

    witness: Witness
    dialect: str
    observed: Mapping[str, Array]
    spoiled: int
    oracle: Oracle
    comparison: Comparison
