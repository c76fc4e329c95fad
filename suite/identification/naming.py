"""What is left, in names: the published dialects that it is, or from which it departs on the fewest axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reference import Dialect, dialects
from suite.diagnosis.candidates import HYPERPARAMETER_PREFIX
from suite.identification.hypotheses import AS_ASKED, OPEN, Hypothesis, Survivors


@dataclass(frozen=True)
class Name:
    """A named dialect, beside what was found.

    Attributes:
        dialect: its name.
        departures: axis -> (the value there, the value found), where no hypothesis that is left has the value there.
    """

    dialect: str
    departures: Mapping[str, tuple[Any, Any]]


def names(survivors: Survivors) -> list[Name]:
    """The named dialects with the fewest departures; none, where it is one of them.

    An axis that no question has touched can be no departure; nor can one that a dialect leaves open. First come those
    that leave the least open, and then those that have the usual values where nothing is decided.
    """
    found = [Name(name, _fewest(survivors, dialect)) for name, dialect in dialects.items()]
    least = min((len(name.departures) for name in found), default=0)
    return sorted((name for name in found if len(name.departures) == least), key=lambda name: _vague(survivors, name))


def _vague(survivors: Survivors, name: Name) -> tuple[int, int]:
    """How much a dialect leaves open of what was asked, and in how much of what is undecided it is unusual."""
    values, usual = dialects[name.dialect].axes(), Dialect().axes()
    unusual = [axis for axis, value in values.items() if value != usual[axis] and len(survivors.values(axis)) > 1]
    return sum(values[axis] == OPEN for axis in values if axis in survivors.asked), len(unusual)


def treated(survivors: Survivors) -> dict[str, Any]:
    """The hyper-parameters that act in another way than asked, in every hypothesis that is left: name -> how."""
    axes = dict.fromkeys(change.axis for one in survivors.listed for change in one.changes)
    hows = {axis: {one.value(axis) for one in survivors.listed} for axis in axes}
    return {
        axis.removeprefix(HYPERPARAMETER_PREFIX): next(iter(values))
        for axis, values in hows.items()
        if len(values) == 1 and AS_ASKED not in values
    }


def _fewest(survivors: Survivors, dialect: Dialect) -> dict[str, tuple[Any, Any]]:
    axes = [name for name in survivors.asked if not name.startswith(HYPERPARAMETER_PREFIX)]
    wanted = {name: getattr(dialect, name) for name in sorted(axes) if getattr(dialect, name) != OPEN}

    def departures(one: Hypothesis) -> dict[str, tuple[Any, Any]]:
        return {name: (value, one.value(name)) for name, value in wanted.items() if one.value(name) != value}

    return min(map(departures, dict.fromkeys(_untreated(one) for one in survivors.listed)), key=len)


def _untreated(one: Hypothesis) -> Hypothesis:
    return Hypothesis(one.dialect)
