"""What may be wrong with a figure, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from suite.results.wording import WARNING_ADVICE


class Doubt(Enum):
    """A reason to doubt a figure: its code in a row, the most that is no reason yet, and what to do about it."""

    UNSTEADY = "unsteady", 0.0
    SPREAD = "spread", 0.1
    OUTLIERS = "outliers", 0.0
    DRIFT = "drift", 0.05
    UNFINISHED = "unfinished", 0.02
    THREADS = "threads", 1.1
    SHORT = "short", 1.0
    UNCOUNTED = "uncounted", 0.01
    BUSY = "busy", 0.05
    STOLEN = "stolen", 0.01
    THROTTLED = "throttled", 0.05

    @property
    def code(self) -> str:
        """As rows have it."""
        return self.value[0]

    @property
    def limit(self) -> float:
        """What is more than this is a reason."""
        return self.value[1]

    @property
    def advice(self) -> str:
        """For people."""
        return WARNING_ADVICE[self.code]


SHORTEST = 0.001  # seconds of a sample


def doubts(row: Mapping[str, Any]) -> Iterator[Doubt]:
    """The reasons that there are to doubt the figure in a row, if there is one."""
    if row["median"] is None:
        return
    around = row["surroundings"]
    found = {
        Doubt.UNSTEADY: float(not row["steady"]),
        Doubt.SPREAD: row["spread"],
        Doubt.OUTLIERS: len(row["outliers"]),
        Doubt.DRIFT: abs(row["drift"]),
        Doubt.UNFINISHED: row["leftover"],
        Doubt.THREADS: row["cpu_share"] / row["threads"],
        Doubt.SHORT: SHORTEST / row["sample_seconds"],
        Doubt.UNCOUNTED: abs(row.get("missing_steps") or 0.0),
        Doubt.BUSY: around["others"],
        Doubt.STOLEN: around["stolen"],
        Doubt.THROTTLED: around["pace"],
    }
    yield from (doubt for doubt, value in found.items() if value > doubt.limit)
