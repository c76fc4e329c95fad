"""Measurement warnings: reasons to doubt a timing, each with advice."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from suite.results.rows import TimingRow
from suite.results.wording import WARNING_ADVICE


class MeasurementWarning(Enum):
    """A reason to doubt a timing: its code in a row, and the largest value of the quantity without a warning."""

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
        """The code in a row."""
        return self.value[0]

    @property
    def limit(self) -> float:
        """The largest value without a warning."""
        return self.value[1]

    @property
    def advice(self) -> str:
        """What to do about it."""
        return WARNING_ADVICE[self.code]


SHORTEST = 0.001  # seconds of a sample


def measurement_warnings(row: TimingRow) -> Iterator[MeasurementWarning]:
    """Yield the warnings about a row with a median."""
    if row.median is None:
        return
    load = row.machine_load
    values = {
        MeasurementWarning.UNSTEADY: float(not row.steady),
        MeasurementWarning.SPREAD: row.spread,
        MeasurementWarning.OUTLIERS: len(row.outliers),
        MeasurementWarning.DRIFT: abs(row.drift or 0.0),
        MeasurementWarning.UNFINISHED: row.unfinished,
        MeasurementWarning.THREADS: (row.cpu_share or 0.0) / row.threads,
        MeasurementWarning.SHORT: SHORTEST / (row.sample_seconds or SHORTEST),
        MeasurementWarning.UNCOUNTED: abs(row.missing_steps or 0.0),
        MeasurementWarning.BUSY: load.get("others"),
        MeasurementWarning.STOLEN: load.get("stolen"),
        MeasurementWarning.THROTTLED: load.get("pace"),
    }
    yield from (warning for warning, value in values.items() if value is not None and value > warning.limit)
