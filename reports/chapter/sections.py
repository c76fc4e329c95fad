"""All parts of the section, in its order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reports.chapter import averages, gamma_one, network, regression, rotation, sensitivity, trajectory
from reports.chapter.reading import Read
from reports.chapter.section import Section
from reports.read.schema import Row

BUILDERS: Mapping[str, Callable[[Sequence[Row]], Section]] = {
    "averages": averages.build,
    "trajectory": trajectory.build,
    "regression": regression.build,
    "gamma-one": gamma_one.build,
    "rotation": rotation.build,
    "network": network.build,
    "sensitivity": sensitivity.build,
}


def build(read: Read) -> list[Section]:
    """The parts of which there are rows."""
    return [make(read.rows[name]) for name, make in BUILDERS.items() if read.rows.get(name)]
