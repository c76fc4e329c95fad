"""Timing rows: the median of each implementation with its interval, and the comparison with the baseline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from suite.benchmark import statistics
from suite.benchmark.interleaved import TRAFFIC, Entrant, InterleavedRun, per_call
from suite.benchmark.warnings import measurement_warnings
from suite.results.rows import TimingRow


def timing_rows(run: InterleavedRun) -> Iterator[TimingRow]:
    """Yield a row for each entrant of a completed run."""
    entrants = run.entrants
    floor = statistics.noise([(per_call(one.samples), per_call(other.samples)) for one, other in copies(entrants)])
    limit = least_median([entrant for entrant in entrants if entrant.target.implementation == TRAFFIC])
    baselines = {one.target.framework: one for one in reversed(entrants) if is_baseline(one)}
    for entrant in entrants:
        row = replace(
            with_statistics(entrant.row, entrant, run.seed),
            noise_floor=floor,
            machine_load=run.machine_load.facts,
            memory_limit=limit,
        )
        row = with_ratio(row, entrant, baselines.get(entrant.target.framework))
        row = replace(row, limit_share=limit / row.median if limit and row.median else None)
        yield replace(row, warnings=[warning.code for warning in measurement_warnings(row)])


def copies(entrants: Sequence[Entrant]) -> Iterator[tuple[Entrant, Entrant]]:
    """Yield each implementation that runs twice, with its copy."""
    known = {(one.target.framework, one.target.implementation, one.target.instance): one for one in entrants}
    for (framework, implementation, instance), copy in known.items():
        first = known.get((framework, implementation, 1))
        if instance == 2 and first is not None:
            yield first, copy


def is_baseline(entrant: Entrant) -> bool:
    """Return whether others are compared with it: the built-in implementation, and the only one of the oracle."""
    target = entrant.target
    return target.instance == 1 and target.implementation in ("builtin", "numpy") and bool(entrant.samples)


def least_median(entrants: Sequence[Entrant]) -> float | None:
    """Return the least median in seconds; None if there is none."""
    return min((float(np.median(per_call(one.samples))) for one in entrants if one.samples), default=None)


def with_statistics(row: TimingRow, entrant: Entrant, seed: int) -> TimingRow:
    """Add the samples and their statistics to a row."""
    samples = per_call(entrant.samples)
    row = replace(
        row,
        samples=samples,
        started_at=[sample["started_at"] for sample in entrant.samples],
        context_switches=[sample["context_switches"] for sample in entrant.samples],
    )
    if not samples:
        return row
    seconds = [sample["seconds"] for sample in entrant.samples]
    used = [sample["cpu_seconds"] for sample in entrant.samples]
    unfinished = [sample["unfinished"] for sample in entrant.samples]
    return replace(
        row,
        median=float(np.median(samples)),
        interval=list(statistics.interval(samples, seed)),
        outliers=statistics.outliers(samples),
        spread=statistics.spread(samples),
        drift=statistics.drift(samples),
        sample_seconds=float(np.median(seconds)),
        cpu_share=float(np.sum(used) / np.sum(seconds)),
        unfinished=float(np.median(np.array(unfinished) / np.array(seconds))),
    )


def with_ratio(row: TimingRow, entrant: Entrant, baseline: Entrant | None) -> TimingRow:
    """Add the comparison with the baseline of the framework to a row with statistics and noise floor."""
    if baseline is None or entrant is baseline or not entrant.samples:
        return row
    found = statistics.paired(per_call(entrant.samples), per_call(baseline.samples))
    return replace(
        row,
        baseline=f"{baseline.target.framework}/{baseline.target.implementation}",
        ratio=found.value,
        ratio_interval=[found.low, found.high],
        p_value=found.p,
        conclusion=found.conclusion(row.noise_floor or 0.0).value,
    )
