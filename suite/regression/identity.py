"""The dialects that an implementation computes, from the records of all its cases, and the differences between them.

What an implementation declares is not used, only the dialects that fit its traces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from reference import dialects
from suite.cases.catalogue import Case
from suite.diagnosis.candidates import relevant_differences
from suite.regression.axes import Axes
from suite.regression.baseline import Key, Record
from suite.results.wording import AXES


@dataclass(frozen=True)
class Identity:
    """The dialects that an implementation may compute.

    Attributes:
        dialects: the named dialects that fit in the most cases; none if none fits in any case.
        fitted: the number of cases in which they fit.
        judged: the number of cases that can distinguish dialects.
        seen: the cases and formats with a trace.
    """

    dialects: tuple[str, ...]
    fitted: int
    judged: int
    seen: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, records: Mapping[Key, Record], cases: Mapping[str, Case]) -> Self:
        """Return the identity of an implementation.

        Metamorphic relations, undecided cases and large cases, which are compared with the declared dialect only, are
        not used.

        Args:
            records: the records of the implementation.
            cases: the catalogue, by id.
        """
        traced = {key: record for key, record in records.items() if record.has_trace and not key.metamorphic}
        judged = [
            record
            for key, record in traced.items()
            if record.outcome != "undecided" and not (key.case in cases and cases[key.case].tape.large)
        ]
        counts = Counter(name for record in judged for name in record.fits)
        most = max(counts.values(), default=0)
        fitting = tuple(name for name in dialects if most and counts[name] == most)
        return cls(fitting, most, len(judged), frozenset((key.case, key.dtype) for key in traced))

    @property
    def traced(self) -> int:
        """The number of cases with a trace."""
        return len(self.seen)

    @property
    def name(self) -> str:
        """The dialects in words, with the number of cases in which none of them fits."""
        if not self.dialects:
            return "no named dialect" if self.traced else "no trace"
        first, *others = self.dialects
        also = f" or {len(others)} more" if len(others) > 1 else f" or {others[0]}" if others else ""
        besides = self.judged - self.fitted
        return f"{first}{also}" + (f", but for {besides} of {self.judged} cases" if besides else "")


def differences(old: Identity, new: Identity, cases: Mapping[str, Case]) -> Axes | None:
    """Return the smallest set of axes on which two identities differ in their shared cases; None if they may be equal.

    Args:
        old: the identity before.
        new: the identity now.
        cases: the catalogue, by id.
    """
    if not (old.dialects and new.dialects) or set(old.dialects) & set(new.dialects):
        return None
    shared = sorted(old.seen & new.seen)
    pairs = ((one, other) for one in old.dialects for other in new.dialects)
    return min((_distinguishing(*pair, shared, cases) for pair in pairs), key=len)


def _distinguishing(one: str, other: str, seen: Iterable[tuple[str, str]], cases: Mapping[str, Case]) -> Axes:
    """Return the axes on which two dialects differ and which change the result of one of these cases."""
    shared = [(cases[case], dtype) for case, dtype in seen if case in cases]
    visible = {
        axis
        for case, dtype in shared
        for axis in relevant_differences(one, other, case.tape, case.setting.hyperparameters, dtype)
    }
    return {axis: pair for axis, pair in dialects[one].differences(dialects[other]).items() if axis in visible}


def changed_values(axes: Axes) -> str:
    """Return the change of each axis in words, as in `clipping after weight decay → before weight decay`."""
    return "; ".join(f"{_of(axis)} {_how(axis, was)} → {_how(axis, now)}" for axis, (was, now) in axes.items())


def new_values(axes: Axes) -> str:
    """Return the new value of each axis in words, as in `ε outside the root; subnormals kept`."""
    return "; ".join(f"{_of(axis)} {_how(axis, there)}" for axis, (_, there) in axes.items())


def _of(axis: str) -> str:
    return AXES[axis].name


def _how(axis: str, value: Any) -> str:
    return AXES[axis].value(value)
