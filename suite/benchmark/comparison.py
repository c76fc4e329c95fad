"""Comparison of the timings of two runs on the same machine, for example of two releases.

Both runs must have the same device, number of threads, data and processor; the rows that are compared must have the
same format, dialect and input.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from reports.render.terminal import print_table
from reports.tables.comparison import Time
from reports.tables.table import Table, columns
from suite.benchmark.statistics import Conclusion, unpaired
from suite.errors import UserError
from suite.results.rows import TIMINGS, TimingRow
from suite.results.store import read_manifest, read_rows

SEED = 0  # of the bootstrap, so that a comparison of the same two runs has the same result

EQUAL_IN_RUNS = {"device": "device", "threads": "number of threads", "data": "data", "machine": "processor"}
"""Entries of the manifest that must be equal -> their names in messages."""

EQUAL_IN_ROWS = {"dtype": "format", "sha256": "data", "threads": "number of threads", "dialect": "dialect"}
"""Columns that must be equal -> their names in messages."""


def compare(one: Path, other: Path) -> list[Time]:
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


def _compared(before: TimingRow, after: TimingRow) -> Time:
    name = f"{before.framework}/{before.implementation}"
    for column, word in EQUAL_IN_ROWS.items():
        values = getattr(before, column), getattr(after, column)
        if values[0] != values[1]:
            where = f"the {word} of {name} at {before.benchmark}"
            raise UserError(f"the runs can't be compared: {where} differs, {values[0]} and {values[1]}")
    floor = max(before.noise_floor or 0.0, after.noise_floor or 0.0)
    measured = bool(before.samples and after.samples)
    ratio = unpaired(after.samples, before.samples, SEED) if measured else None
    return Time(
        name=name,
        benchmark=before.benchmark,
        versions=(before.version, after.version),
        medians=(before.median, after.median),
        ratio=ratio.value if ratio else None,
        interval=(ratio.low, ratio.high) if ratio else None,
        p_value=ratio.p if ratio else None,
        noise_floor=floor,
        conclusion=ratio.conclusion(floor).value if ratio else None,
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


def to_json(times: Sequence[Time]) -> str:
    """Return a JSON list with an object for each time."""
    return json.dumps([asdict(time) for time in times], indent=1)


def show(times: Sequence[Time], console: Console) -> None:
    """Print a table of the times, and the number of each conclusion."""
    headings = columns("benchmark", "implementation", "now", numbers=("ratio", "interval", "floor"))
    print_table(console, Table.of(headings, map(_cells, times)))
    counts = Counter(time.conclusion for time in times)
    text = ", ".join(f"{counts[one.value]} {one.value}" for one in Conclusion if counts[one.value])
    console.print(text or "nothing was timed in both runs")


def _cells(time: Time) -> tuple[str, ...]:
    now = time.conclusion or f"not timed: {time.reason or 'no samples'}"
    if time.ratio is None or time.interval is None:
        return time.benchmark, time.name, now, "", "", ""
    interval = " to ".join(f"{end:.3f}" for end in time.interval)
    return time.benchmark, time.name, now, f"{time.ratio:.3f}", interval, f"{time.noise_floor:.1%}"
