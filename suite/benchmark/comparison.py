"""Comparison of the timings of two runs on the same machine, for example of two releases.

Both runs must have the same device, number of threads, data and processor; the rows that are compared must have the
same format, dialect and input.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from suite.benchmark.statistics import Conclusion, Ratio, unpaired
from suite.errors import UserError
from suite.results.rows import TIMINGS, TimingRow
from suite.results.store import read_manifest, read_rows

SEED = 0  # of the bootstrap, so that a comparison of the same two runs has the same result

EQUAL_IN_RUNS = {"device": "device", "threads": "number of threads", "data": "data", "machine": "processor"}
"""Entries of the manifest that must be equal -> their names in messages."""

EQUAL_IN_ROWS = {"dtype": "format", "sha256": "data", "threads": "number of threads", "dialect": "dialect"}
"""Columns that must be equal -> their names in messages."""


@dataclass(frozen=True)
class TimingComparison:
    """The comparison of one implementation at one benchmark in two runs.

    Attributes:
        name: `FRAMEWORK/IMPLEMENTATION`.
        benchmark: the id of the benchmark.
        versions: the version of the framework in each run.
        medians: in seconds, in each run; None where there is none.
        ratio: the second time over the first.
        floor: the larger of the two noise floors.
        conclusion: the conclusion about the second run; None if one has no samples.
        reason: why one has no samples.
    """

    name: str
    benchmark: str
    versions: tuple[str, str]
    medians: tuple[float | None, float | None]
    ratio: Ratio | None
    floor: float
    conclusion: Conclusion | None
    reason: str | None


def compare(one: Path, other: Path) -> list[TimingComparison]:
    """Compare everything that was timed in both of two results folders.

    Raises:
        UserError: if a folder can't be read, or the two can't be compared.
    """
    manifests = [read_manifest(folder) for folder in (one, other)]
    for entry, name in EQUAL_IN_RUNS.items():
        before, after = (_entry(manifest, entry) for manifest in manifests)
        if before != after:
            raise UserError(f"the runs can't be compared: their {name} differs, {before} and {after}")
    tables = [_timings(folder) for folder in (one, other)]
    shared = [key for key in tables[0] if key in tables[1]]
    if not shared:
        raise UserError("the runs can't be compared: no implementation was timed at the same benchmark in both")
    return [_compared(tables[0][key], tables[1][key]) for key in shared if tables[0][key].instance == 1]


def _compared(before: TimingRow, after: TimingRow) -> TimingComparison:
    name = f"{before.framework}/{before.implementation}"
    for column, word in EQUAL_IN_ROWS.items():
        values = getattr(before, column), getattr(after, column)
        if values[0] != values[1]:
            where = f"the {word} of {name} at {before.benchmark}"
            raise UserError(f"the runs can't be compared: {where} differs, {values[0]} and {values[1]}")
    floor = max(before.noise_floor or 0.0, after.noise_floor or 0.0)
    measured = bool(before.samples and after.samples)
    ratio = unpaired(after.samples, before.samples, SEED) if measured else None
    return TimingComparison(
        name=name,
        benchmark=before.benchmark,
        versions=(before.version, after.version),
        medians=(before.median, after.median),
        ratio=ratio,
        floor=floor,
        conclusion=ratio.conclusion(floor) if ratio else None,
        reason=before.reason or after.reason,
    )


def _timings(folder: Path) -> dict[tuple[object, ...], TimingRow]:
    """Return the rows of a folder by what they share with the rows of another release."""
    rows = list(read_rows(folder, TIMINGS))
    if not rows:
        raise UserError(f"{folder} has no timings; make some with `rmsuite bench -o {folder}`")
    return {(row.framework, row.implementation, row.instance, row.device, row.benchmark): row for row in rows}


def _entry(manifest: Mapping[str, Any], name: str) -> object:
    found = manifest.get(name)
    inner = {"data": "sha256", "machine": "cpu"}.get(name)
    return found.get(inner) if inner and isinstance(found, Mapping) else found


def to_json(comparisons: Sequence[TimingComparison]) -> str:
    """Return a JSON list with an object for each comparison."""
    return json.dumps(
        [
            {
                "name": one.name,
                "benchmark": one.benchmark,
                "versions": one.versions,
                "medians": one.medians,
                "ratio": one.ratio and one.ratio.value,
                "interval": one.ratio and [one.ratio.low, one.ratio.high],
                "p_value": one.ratio and one.ratio.p,
                "noise_floor": one.floor,
                "conclusion": one.conclusion and one.conclusion.value,
                "reason": one.reason,
            }
            for one in comparisons
        ],
        indent=1,
    )


def show(comparisons: Sequence[TimingComparison], console: Console) -> None:
    """Print a table of the comparisons, and the number of each conclusion."""
    table = Table("benchmark", "implementation", "now", "ratio", "interval", "floor", box=None, pad_edge=False)
    for one in comparisons:
        text = one.conclusion.value if one.conclusion else f"not timed: {one.reason or 'no samples'}"
        numbers = ("", "", "")
        if one.ratio:
            numbers = (f"{one.ratio.value:.3f}", f"{one.ratio.low:.3f} to {one.ratio.high:.3f}", f"{one.floor:.1%}")
        table.add_row(one.benchmark, one.name, text, *numbers)
    console.print(table)
    counts = {conclusion: sum(one.conclusion is conclusion for one in comparisons) for conclusion in Conclusion}
    text = ", ".join(f"{count} {conclusion.value}" for conclusion, count in counts.items() if count)
    console.print(text or "nothing was timed in both runs")
