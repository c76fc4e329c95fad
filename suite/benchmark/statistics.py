"""From samples to timing rows: medians with intervals, ratios with a conclusion, and reasons to doubt a figure.

Samples of one benchmark are taken in rounds, one of each implementation in every round. Two implementations of the
same run are compared round by round, because a disturbance of the machine affects both. The samples of two runs are
compared unpaired.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import scipy  # imports scipy.stats, which takes a second, when a test is made
from numpy.typing import NDArray

from suite.benchmark.interleaved import TRAFFIC, Entrant, InterleavedRun, per_call
from suite.results.rows import TimingRow

Samples = NDArray[np.float64]

LEVEL = 0.95  # of every interval
CLAIM = 0.01  # the p-value below which two times are different; small, because a table has many comparisons
RESAMPLES = 2000
FEW = 10  # samples; with fewer, outliers and drift are not computed
ALIKE = 0.03  # the relative difference below which two times count as the same
SHORTEST = 0.001  # seconds of a sample, below which the resolution of the clock may show

WARNINGS: Mapping[str, tuple[Callable[[TimingRow], float | None], float]] = {
    "unsteady": (lambda row: not row.steady, 0.0),
    "spread": (lambda row: row.spread, 0.1),
    "outliers": (lambda row: len(row.outliers), 0.0),
    "drift": (lambda row: abs(row.drift or 0.0), 0.05),
    "unfinished": (lambda row: row.unfinished, 0.02),
    "threads": (lambda row: (row.cpu_share or 0.0) / row.threads, 1.1),
    "short": (lambda row: SHORTEST / (row.sample_seconds or SHORTEST), 1.0),
    "uncounted": (lambda row: abs(row.missing_steps or 0.0), 0.01),
    "busy": (lambda row: row.machine_load.get("others"), 0.05),
    "stolen": (lambda row: row.machine_load.get("stolen"), 0.01),
    "throttled": (lambda row: row.machine_load.get("pace"), 0.05),
}
"""Code of a measurement warning (see `suite.results.wording`) -> a quantity, and its largest value without warning."""


class Conclusion(Enum):
    """The conclusion of a comparison of two times."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Ratio:
    """One time over another, with its interval and the two-sided p-value of the hypothesis that both are equal."""

    value: float
    low: float
    high: float
    p: float

    def conclusion(self, floor: float) -> Conclusion:
        """Return the conclusion, given the noise floor: the relative difference of two copies of the same thing.

        Two times are different only if they differ by more than the floor. They are the same only if the whole
        interval is within the floor, or within `ALIKE` if that is larger.
        """
        margin = 1 + max(floor, ALIKE)
        if self.low > 1 + floor and self.p < CLAIM:
            return Conclusion.SLOWER
        if self.high < 1 / (1 + floor) and self.p < CLAIM:
            return Conclusion.FASTER
        return Conclusion.SAME if 1 / margin <= self.low and self.high <= margin else Conclusion.UNCLEAR


def interval(samples: Sequence[float], seed: int) -> tuple[float, float]:
    """Return the bootstrap interval of the median (percentile method)."""
    return _percentiles(np.median(np.asarray(samples)[_indices(len(samples), seed)], axis=1))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Return the ratio of two implementations of one run, from the ratios of their samples in each round.

    The ratio is the Hodges-Lehmann estimate: the median of the means of all pairs of logarithmic ratios (including each
    with itself). The interval contains every factor that Wilcoxon's signed-rank test does not reject, by its exact
    distribution, so that interval and test agree. With fewer than six rounds there is no such interval, and the range
    of the means is returned. (Hollander, Wolfe and Chicken, *Nonparametric Statistical Methods*, section 3.)

    Raises:
        ValueError: if the numbers of rounds are different.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} rounds can't be paired with {len(theirs)}")
    logarithms = np.log(np.asarray(ours) / np.asarray(theirs))
    means, outside = _means(logarithms), _rarely(len(logarithms))
    p = float(scipy.stats.wilcoxon(logarithms, zero_method="zsplit").pvalue) if len(logarithms) > 1 else 1.0
    value, low, high = (float(np.exp(x)) for x in (np.median(means), means[outside], means[-1 - outside]))
    return Ratio(value, low, high, p)


def _means(values: Samples) -> Samples:
    """Return the means of all pairs, including each value with itself (Walsh averages), sorted."""
    i, j = np.triu_indices(len(values))
    return np.sort((values[i] + values[j]) / 2)


def _rarely(count: int) -> int:
    """Return the number of means outside of the interval at either end, from the distribution of Wilcoxon's sum."""
    ways = np.ones(1)
    for rank in range(1, count + 1):  # to reach each sum with the ranks so far
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    below = np.cumsum(ways) / 2.0**count
    return max(0, int(np.searchsorted(below, (1 - LEVEL) / 2, side="right")) - 1)


def unpaired(ours: Sequence[float], theirs: Sequence[float], seed: int) -> Ratio:
    """Return the ratio of the medians of two runs, with a bootstrap interval and the p-value of Mann and Whitney."""
    one, other = np.asarray(ours), np.asarray(theirs)
    drawn = one[_indices(len(one), seed)], other[_indices(len(other), seed + 1)]
    found = np.median(drawn[0], axis=1) / np.median(drawn[1], axis=1)
    p = float(scipy.stats.mannwhitneyu(one, other).pvalue)
    return Ratio(float(np.median(one) / np.median(other)), *_percentiles(found), p)


def _indices(count: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))


def _percentiles(found: Samples) -> tuple[float, float]:
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def outliers(samples: Sequence[float]) -> list[int]:
    """Return the samples beyond three interquartile ranges from the quartiles; none if there are too few samples."""
    if len(samples) < FEW:
        return []
    low, high = np.quantile(samples, [0.25, 0.75])
    reach = 3 * (high - low)
    return [i for i, sample in enumerate(samples) if not low - reach <= sample <= high + reach]


def spread(samples: Sequence[float]) -> float:
    """Return the interquartile range over the median."""
    low, middle, high = np.quantile(samples, [0.25, 0.5, 0.75])
    return float((high - low) / middle)


def drift(samples: Sequence[float]) -> float:
    """Return the relative change from the first to the last sample (Theil and Sen); 0 if there is no trend.

    A trend is one that rank correlation with the order (Kendall) finds with p < 0.001.
    """
    if len(samples) < FEW:
        return 0.0
    order = np.arange(len(samples))
    if not scipy.stats.kendalltau(order, samples).pvalue < 0.001:
        return 0.0
    slope = float(scipy.stats.theilslopes(samples, order).slope)
    return slope * (len(samples) - 1) / float(np.median(samples))


def noise(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> float | None:
    """Return the noise floor: the largest relative difference of two copies, round by round; None without copies."""
    whole = [(np.asarray(one), np.asarray(other)) for one, other in pairs if len(one) == len(other) > 0]
    found = [abs(float(np.median(_means(np.log(one / other))))) for one, other in whole]
    return math.expm1(max(found)) if found else None


def timing_rows(run: InterleavedRun) -> Iterator[TimingRow]:
    """Yield a row for each entrant of a completed run."""
    entrants, load = run.entrants, run.machine_load.facts
    seconds = {
        (one.target.framework, one.target.implementation, one.target.instance): per_call(one.samples)
        for one in entrants
    }
    copies = [key for key in seconds if key[2] == 2 and (*key[:2], 1) in seconds]
    floor = noise([(seconds[(*key[:2], 1)], seconds[key]) for key in copies])
    traffic = [float(np.median(found)) for (_, name, _), found in seconds.items() if name == TRAFFIC and found]
    limit = min(traffic, default=None)
    baselines = {one.target.framework: one for one in reversed(entrants) if _is_baseline(one)}
    for entrant in entrants:
        row = replace(_with_statistics(entrant, run.seed), noise_floor=floor, machine_load=load, memory_limit=limit)
        row = _with_ratio(row, entrant, baselines.get(entrant.target.framework))
        row = replace(row, limit_share=limit / row.median if limit and row.median else None)
        yield replace(row, warnings=list(measurement_warnings(row)))


def _is_baseline(entrant: Entrant) -> bool:
    """Return whether others are compared with it: the built-in implementation, and the only one of the oracle."""
    target = entrant.target
    return target.instance == 1 and target.implementation in ("builtin", "numpy") and bool(entrant.samples)


def _with_statistics(entrant: Entrant, seed: int) -> TimingRow:
    """Return the row of an entrant with its samples and their statistics."""
    taken, samples = entrant.samples, per_call(entrant.samples)
    row = replace(
        entrant.row,
        samples=samples,
        started_at=[sample["started_at"] for sample in taken],
        context_switches=[sample["context_switches"] for sample in taken],
    )
    if not samples:
        return row
    seconds, used, unfinished = (
        np.array([sample[name] for sample in taken]) for name in ("seconds", "cpu_seconds", "unfinished")
    )
    return replace(
        row,
        median=float(np.median(samples)),
        interval=list(interval(samples, seed)),
        outliers=outliers(samples),
        spread=spread(samples),
        drift=drift(samples),
        sample_seconds=float(np.median(seconds)),
        cpu_share=float(np.sum(used) / np.sum(seconds)),
        unfinished=float(np.median(unfinished / seconds)),
    )


def _with_ratio(row: TimingRow, entrant: Entrant, baseline: Entrant | None) -> TimingRow:
    """Add the comparison with the baseline of the framework to a row with a noise floor."""
    if baseline is None or entrant is baseline or not entrant.samples:
        return row
    found = paired(per_call(entrant.samples), per_call(baseline.samples))
    return replace(
        row,
        baseline=f"{baseline.target.framework}/{baseline.target.implementation}",
        ratio=found.value,
        ratio_interval=[found.low, found.high],
        p_value=found.p,
        conclusion=found.conclusion(row.noise_floor or 0.0).value,
    )


def measurement_warnings(row: TimingRow) -> Iterator[str]:
    """Yield the codes of the warnings about a row with a median."""
    for code, (quantity, limit) in WARNINGS.items():
        value = quantity(row)
        if row.median is not None and value is not None and value > limit:
            yield code
