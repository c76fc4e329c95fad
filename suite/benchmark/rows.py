"""From a race to rows: a figure for each entrant, with its interval, and what may be said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from suite.benchmark import statistics
from suite.benchmark.interleaved import TRAFFIC, Entrant, InterleavedRun, per_call
from suite.benchmark.warnings import doubts
from suite.results.store import Row


def rows(race: InterleavedRun) -> Iterator[Row]:
    """A row for each entrant."""
    contestants = race.contestants
    floor = statistics.noise([(per_call(one.samples), per_call(other.samples)) for one, other in pairs(contestants)])
    limit = fastest([one for one in contestants if one.entry.implementation == TRAFFIC])
    yardsticks = {one.entry.framework: one for one in reversed(contestants) if is_baseline(one)}
    for one in contestants:
        row = {**one.row, **figure(one, race.seed), "floor": floor, "surroundings": race.surroundings.facts}
        row.update(against(one, yardsticks.get(one.entry.framework), floor))
        row["limit"] = limit
        row["fraction"] = limit / row["median"] if limit and row["median"] else None
        row["doubts"] = [doubt.code for doubt in doubts(row)]
        yield row


def pairs(contestants: Sequence[Entrant]) -> Iterator[tuple[Entrant, Entrant]]:
    """Those that are the same, and race against each other."""
    names = {(one.entry.framework, one.entry.implementation, one.entry.instance): one for one in contestants}
    for (framework, implementation, instance), other in names.items():
        first = names.get((framework, implementation, 1))
        if instance == 2 and first is not None:
            yield first, other


def is_baseline(one: Entrant) -> bool:
    """Whether the others of its framework are compared with it: the built-in one, and the oracle's only one."""
    return one.entry.instance == 1 and one.entry.implementation in ("builtin", "numpy") and bool(one.samples)


def fastest(contestants: Sequence[Entrant]) -> float | None:
    """The least median; None if nobody has one."""
    return min((float(np.median(per_call(one.samples))) for one in contestants if one.samples), default=None)


def figure(one: Entrant, seed: int) -> dict[str, Any]:
    """What the samples of one entrant come to; the samples themselves are in it, in seconds a call."""
    samples = per_call(one.samples)
    raw = {
        "samples": samples,
        "at": [sample["started_at"] for sample in one.samples],
        "switches": [sample["context_switches"] for sample in one.samples],
    }
    if not samples:
        return {
            **raw,
            **dict.fromkeys(("median", "interval", "spread", "drift", "cpu_share", "leftover")),
            "outliers": [],
        }
    seconds = [sample["seconds"] for sample in one.samples]
    used, left = ([sample[part] for sample in one.samples] for part in ("cpu_seconds", "unfinished"))
    return {
        **raw,
        "median": float(np.median(samples)),
        "interval": list(statistics.interval(samples, seed)),
        "outliers": statistics.outliers(samples),
        "spread": statistics.spread(samples),
        "drift": statistics.drift(samples),
        "sample_seconds": float(np.median(seconds)),
        "cpu_share": float(np.sum(used) / np.sum(seconds)),
        "leftover": float(np.median(np.array(left) / np.array(seconds))),
    }


def against(one: Entrant, yardstick: Entrant | None, floor: float | None) -> dict[str, Any]:
    """How it compares with the yardstick of its framework."""
    if yardstick is None or one is yardstick or not one.samples:
        return dict.fromkeys(("against", "ratio", "ratio_interval", "p", "call"))
    found = statistics.paired(per_call(one.samples), per_call(yardstick.samples))
    return {
        "against": f"{yardstick.entry.framework}/{yardstick.entry.implementation}",
        "ratio": found.value,
        "ratio_interval": [found.low, found.high],
        "p": found.p,
        "call": found.call(floor or 0.0).value,
    }
