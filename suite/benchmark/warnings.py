"""What may be wrong with a figure, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any


class Doubt(Enum):
    """A reason to doubt a figure: its code in a row, the most that is no reason yet, and what to do about it."""

    UNSTEADY = "unsteady", 0.0, "it had not become steady when the rounds began: look at its warm-up"
    SPREAD = "spread", 0.1, "half of its samples lie this far apart, of their median: run it on a quieter machine"
    OUTLIERS = "outliers", 0.0, "so many of its samples lie far out: they are kept, and the median does not mind them"
    DRIFT = "drift", 0.05, "it changed by so much as the rounds went on: let the machine rest, and run it again"
    UNFINISHED = "unfinished", 0.02, "so much of the work was left when the clock was stopped: its wait does not wait"
    THREADS = "threads", 1.1, "it used so many times the processor time that its threads have"
    SHORT = "short", 1.0, "its samples are so many times shorter than they ought to be: the clock may show"
    UNCOUNTED = "uncounted", 0.01, "its parameters have not gone where so many steps would have brought them"
    BUSY = "busy", 0.05, "other programs used so much of the processors: stop them, and run it again"
    STOLEN = "stolen", 0.01, "the host took so much of the processors' time: run it where the machine is its own"
    THROTTLED = "throttled", 0.05, "the processor's own pace changed by so much: fix its frequency, or let it cool"

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
        return self.value[2]


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
