"""What an implementation computes, from all that it gave: the named dialects that fit, and what parts two of them.

Nothing that an implementation declares has a part in this: only what fits, case by case.
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
    """What the cases of an implementation leave possible.

    Attributes:
        dialects: the named ones that fit in the most cases; none if there is no case in which one does.
        fitted: in how many they do.
        judged: how many cases there are that may tell them apart.
        seen: the cases and dtypes that it answered.
    """

    dialects: tuple[str, ...]
    fitted: int
    judged: int
    seen: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, records: Mapping[Key, Record], cases: Mapping[str, Case]) -> Self:
        """From the records of an implementation.

        Left aside are laws, what is undecided, and large cases, in which the declared dialect is tried before others.

        Args:
            records: its own.
            cases: the catalogue, by id.
        """
        answers = {key: record for key, record in records.items() if record.answers and not key.law}
        judged = [
            record
            for key, record in answers.items()
            if record.outcome != "undecided" and not (key.case in cases and cases[key.case].tape.large)
        ]
        counts = Counter(name for record in judged for name in record.fits)
        most = max(counts.values(), default=0)
        fitting = tuple(name for name in dialects if most and counts[name] == most)
        return cls(fitting, most, len(judged), frozenset((key.case, key.dtype) for key in answers))

    @property
    def answered(self) -> int:
        """In how many cases there is an answer."""
        return len(self.seen)

    @property
    def name(self) -> str:
        """The dialect, or how many there may be; and in how many cases it is none of these."""
        if not self.dialects:
            return "none with a name" if self.answered else "no answer"
        first, *others = self.dialects
        also = f" or {len(others)} more" if len(others) > 1 else f" or {others[0]}" if others else ""
        besides = self.judged - self.fitted
        return f"{first}{also}" + (f", but for {besides} of {self.judged} cases" if besides else "")


def differences(old: Identity, new: Identity, cases: Mapping[str, Case]) -> Axes | None:
    """What parts two, in the fewest axes, as far as cases that both answered show it; None if they may be the same.

    Args:
        old: the one.
        new: the other.
        cases: the catalogue, by id.
    """
    if not (old.dialects and new.dialects) or set(old.dialects) & set(new.dialects):
        return None
    shared = sorted(old.seen & new.seen)
    pairs = ((one, other) for one in old.dialects for other in new.dialects)
    return min((_parting(*pair, shared, cases) for pair in pairs), key=len)


def _parting(one: str, other: str, seen: Iterable[tuple[str, str]], cases: Mapping[str, Case]) -> Axes:
    """The axes on which two named dialects differ, and which matter in one of these cases."""
    asked = [(cases[case], dtype) for case, dtype in seen if case in cases]
    told = {
        axis
        for case, dtype in asked
        for axis in relevant_differences(one, other, case.tape, case.setting.hyperparameters, dtype)
    }
    return {axis: pair for axis, pair in dialects[one].differences(dialects[other]).items() if axis in told}


def moved(axes: Axes) -> str:
    """What became of each axis, as in `clipping after weight decay → before weight decay`."""
    return "; ".join(f"{_of(axis)} {_how(axis, was)} → {_how(axis, now)}" for axis, (was, now) in axes.items())


def apart(axes: Axes) -> str:
    """How the other has each axis, as in `ε outside the root; subnormals kept`."""
    return "; ".join(f"{_of(axis)} {_how(axis, there)}" for axis, (_, there) in axes.items())


def _of(axis: str) -> str:
    return AXES[axis].name


def _how(axis: str, value: Any) -> str:
    return AXES[axis].value(value)
