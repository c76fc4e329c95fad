"""The parts of the section, in its order, and which of them a user has chosen."""

from __future__ import annotations

from collections.abc import Sequence

from suite.chapter import averages, gamma_one, network, regression, rotation, sensitivity, trajectory
from suite.chapter.part import Part

PARTS = tuple(module.PART for module in (averages, trajectory, regression, gamma_one, rotation, network, sensitivity))


def chosen(wanted: Sequence[str]) -> list[Part]:
    """The parts of these numbers or names, in the section's order; all if none is given.

    Raises:
        LookupError: if there is no such part.
    """
    known = {name: part for part in PARTS for name in (str(part.number), part.name)}
    for name in wanted:
        if name not in known:
            every = ", ".join(f"{part.number} ({part.name})" for part in PARTS)
            raise LookupError(f"no part {name!r}; there are {every}")
    return [part for part in PARTS if not wanted or part in [known[name] for name in wanted]]
