"""What a trace is, where no named dialect fits: the dialect and the fewest changes of it that fit, or come nearest.

First one change of the claimed dialect is tried, then two, then a number that is read from the trace, then one change
of any other dialect: what is simple to say comes first.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters, dialects
from suite.compare.comparison import ComparisonResult
from suite.diagnosis.candidate_search import CandidateSearch, NearestCandidate, ReplayInput, single
from suite.diagnosis.candidates import Candidate

Array = NDArray[Any]

KEPT = 4  # from which a second change is tried
PATIENCE = 3  # fruitless searches for one implementation, after which only the claimed dialect is changed, and once


class ExplanationSearch:
    """Finds what is nearest; remembers what fitted an implementation before, and tries that first."""

    def __init__(self) -> None:
        self._known: dict[Any, list[Candidate]] = {}
        self._fruitless: dict[Any, int] = {}

    def nearest(
        self,
        observed: Mapping[str, Array],
        part: ReplayInput,
        claimed: str,
        result: ComparisonResult,
        who: Hashable,
        *,
        untried: bool = False,
    ) -> NearestCandidate:
        """What the trace of some coordinates is nearest to.

        Args:
            observed: of these coordinates.
            part: the input.
            claimed: the name of the dialect that was claimed, which it is not.
            result: that says so.
            who: the implementation, for which one explanation is likely to do in every case.
            untried: whether the other named dialects have yet to be tried as they are.
        """
        search = CandidateSearch(observed, part, Candidate.named(claimed, part.hyperparameters), result)
        for known in self._known.setdefault(who, []):
            again = _again(known, part.hyperparameters)
            if again and (found := search.full(again)).fits:
                return found
        numbers = np.isfinite(result.bound_ratio)  # where one is none, there is little to measure by
        for candidates in self._rounds(search, untried, numbers and self._fruitless.get(who, 0) < PATIENCE):
            fitting = search.fitting(candidates)
            if fitting:
                self._known[who].append(fitting[0])
                return replace(search.full(fitting[0]), alternatives=tuple(fitting[1:]))
        self._fruitless[who] = self._fruitless.get(who, 0) + 1
        return search.compromise()

    @staticmethod
    def _rounds(search: CandidateSearch, untried: bool, thorough: bool) -> Iterator[list[Candidate]]:
        """What is tried, one after another: what is simple to say comes first."""
        own = search.own
        claimed = dialects[own.base]
        others = sorted(
            (Candidate.named(name, own.given) for name in dialects if name != own.base),
            key=lambda other: len(claimed.differences(other.dialect)),
        )
        if untried:
            yield others
        yield search.single
        if thorough:
            yield single(search.best(search.single, KEPT))
            yield list(search.estimated())
            yield single(others)


def _again(known: Candidate, h: Hyperparameters) -> Candidate | None:
    """The same changes where other hyper-parameters are given; None where one of them changes nothing."""
    candidate: Candidate | None = Candidate.named(known.base, h)
    for change in known.changes:
        candidate = candidate.changed(change) if candidate else None
    return candidate
