"""Two runs against each other: who has become faster or slower, and where that can't be said.

Only what is alike can be compared: the same data, benchmark, dtype, device, threads and processor. What is not is
refused, with what is unlike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from suite.benchmark.interleaved import key
from suite.benchmark.statistics import Call, Ratio, unpaired
from suite.errors import UserError
from suite.results.store import Row, read_rows

SEED = 0  # of the bootstrap: the same two runs compare the same way each time

ALIKE = {"device": "device", "threads": "number of threads", "data": "data", "machine": "processor"}
"""What a run as a whole must have in common with another: where its manifest has it, and what it is called."""

COMPARED = ("framework", "implementation", "instance", "version", "device", "dtype", "dialect", "benchmark", "threads",
            "sha256", "samples", "median", "floor", "reason")  # fmt: skip
"""What a row must have."""


class Unlike(UserError):
    """Two runs can't be compared; the message says what is unlike."""


@dataclass(frozen=True)
class Comparison:
    """One implementation at one benchmark, in two runs.

    Attributes:
        name: of the implementation.
        benchmark: of what.
        versions: of its framework, in each.
        medians: seconds, in each; None where it has none.
        ratio: the second time over the first.
        floor: what the noisier of the two machines makes of nothing.
        call: what may be said of the second against the first; None where one has no samples.
        reason: why not.
    """

    name: str
    benchmark: str
    versions: tuple[str, str]
    medians: tuple[float | None, float | None]
    ratio: Ratio | None
    floor: float
    call: Call | None
    reason: str | None


def compare(one: Path, other: Path) -> list[Comparison]:
    """All that two results folders have both.

    Raises:
        Unlike: if they can't be compared.
        OSError, StoreError: if one can't be read.
    """
    manifests = [_manifest(folder) for folder in (one, other)]
    for part, words in ALIKE.items():
        found = [_said(manifest, part) for manifest in manifests]
        if found[0] != found[1]:
            raise Unlike(f"these runs can't be compared: their {words} differs, {found[0]} and {found[1]}")
    tables = [_timings(folder) for folder in (one, other)]
    shared = [name for name in tables[0] if name in tables[1]]
    if not shared:
        raise Unlike("these runs have nothing in common: no implementation was timed at the same benchmark in both")
    return [_compared(tables[0][name], tables[1][name]) for name in shared if tables[0][name]["instance"] == 1]


def _compared(before: Row, after: Row) -> Comparison:
    for part in ("dtype", "sha256", "threads", "dialect"):
        if before[part] != after[part]:
            what = "data" if part == "sha256" else part
            name = f"{before['framework']}/{before['implementation']} at {before['benchmark']}"
            raise Unlike(f"these can't be compared: the {what} of {name} differs, {before[part]} and {after[part]}")
    floor = max(before["floor"] or 0.0, after["floor"] or 0.0)
    reason = before["reason"] or after["reason"]
    measured = bool(before["samples"] and after["samples"])
    ratio = unpaired(after["samples"], before["samples"], SEED) if measured else None
    return Comparison(
        name=f"{before['framework']}/{before['implementation']}",
        benchmark=before["benchmark"],
        versions=(before["version"], after["version"]),
        medians=(before["median"], after["median"]),
        ratio=ratio,
        floor=floor,
        call=ratio.call(floor) if ratio else None,
        reason=reason,
    )


def _timings(folder: Path) -> dict[tuple[Any, ...], Row]:
    rows = list(read_rows(folder / "timings.jsonl"))
    if not rows:
        raise Unlike(f"there are no timings in {folder}; make some with `rmsuite bench -o {folder}`")
    lacking = [name for name in COMPARED if any(name not in row for row in rows)]
    if lacking:
        raise Unlike(f"rows in {folder} lack {', '.join(lacking)}; they were made by another version of rmsuite")
    return {key(row): row for row in rows}


def _manifest(folder: Path) -> Mapping[str, Any]:
    file = folder / "manifest.json"
    if not file.is_file():
        raise Unlike(f"{folder} is no results folder: it has no manifest.json")
    try:
        found = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise Unlike(f"{file} can't be read: {error}") from error
    if not isinstance(found, dict):
        raise Unlike(f"{file} can't be read: there is no JSON object in it")
    return found


def _said(manifest: Mapping[str, Any], part: str) -> object:
    found = manifest.get(part)
    inner = {"data": "sha256", "machine": "cpu"}.get(part)
    return found.get(inner) if inner and isinstance(found, Mapping) else found


def to_json(found: Sequence[Comparison]) -> str:
    """One object a comparison, in a list."""
    return json.dumps(
        [
            {
                "name": one.name,
                "benchmark": one.benchmark,
                "versions": one.versions,
                "medians": one.medians,
                "ratio": one.ratio and one.ratio.value,
                "interval": one.ratio and [one.ratio.low, one.ratio.high],
                "p": one.ratio and one.ratio.p,
                "floor": one.floor,
                "call": one.call and one.call.value,
                "reason": one.reason,
            }
            for one in found
        ],
        indent=1,
    )


def show(found: Sequence[Comparison], console: Console) -> None:
    """A table, and how many of each kind there are."""
    table = Table("benchmark", "implementation", "now", "ratio", "interval", "floor", box=None, pad_edge=False)
    for one in found:
        said = one.call.value if one.call else f"not timed: {one.reason or 'no samples'}"
        figures = ("", "", "")
        if one.ratio:
            figures = (f"{one.ratio.value:.3f}", f"{one.ratio.low:.3f} to {one.ratio.high:.3f}", f"{one.floor:.1%}")
        table.add_row(one.benchmark, one.name, said, *figures)
    console.print(table)
    counts = {call: sum(one.call is call for one in found) for call in Call}
    said = ", ".join(f"{count} {call.value}" for call, count in counts.items() if count)
    console.print(said or "nothing was timed in both")
