"""What may be wrong with a figure, each with what to do about it."""

from __future__ import annotations

from enum import Enum


class Warning(Enum):  # noqa: A001  (it is one, and stays in this package)
    """A warning; its value is the code in a row, and the words for people."""

    UNSTEADY = "unsteady", "it had not become steady when the rounds began; look at its warm-up, or give it longer"
    SPREAD = "spread", "half of its samples lie further apart than a tenth of their median; run it on a quieter machine"
    OUTLIERS = "outliers", "some samples lie far out; they are kept, and the median does not mind them"
    DRIFT = "drift", "it became faster or slower as the rounds went on; let the machine rest, and run it again"
    BUSY = "busy", "other programs were at work on this machine; stop them, and run it again"
    STOLEN = "stolen", "the host took processor time from this machine; run it where it is alone"
    THROTTLED = "throttled", "the processor's own pace changed while it ran; fix its frequency, or let it cool"
    THREADS = "threads", "it used more processor time than its threads have; it does not keep to their number"
    UNFINISHED = "unfinished", "work was still under way when the clock was stopped; its synchronisation does not wait"
    SHORT = "short", "its samples are shorter than they ought to be; the clock may show"
    UNCOUNTED = "uncounted", "its parameters have not moved as far as so many steps would have moved them"

    @property
    def code(self) -> str:
        """As rows have it."""
        return self.value[0]

    @property
    def advice(self) -> str:
        """For people."""
        return self.value[1]
