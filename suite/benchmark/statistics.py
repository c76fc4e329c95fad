"""Statistics of timings: medians with intervals, and ratios of two implementations with a conclusion.

Samples of one benchmark are taken in rounds, one of each implementation in every round. Two implementations of the
same run are compared round by round, because a disturbance of the machine affects both. The samples of two runs are
compared unpaired.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Samples = NDArray[np.float64]

LEVEL = 0.95  # of every interval
CLAIM = 0.01  # the p-value below which two times are different; small, because a table has many comparisons
RESAMPLES = 2000
FEW = 10  # samples, of which too little can be said
ALIKE = 0.03  # the relative difference below which two times count as the same


class Conclusion(Enum):
    """The conclusion of a comparison of two times."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Ratio:
    """One time over another.

    Attributes:
        value: the ratio.
        low: the lower end of its interval.
        high: the upper end of its interval.
        p: the two-sided p-value of the hypothesis that both times are equal.
    """

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
    p = float(stats.wilcoxon(logarithms, zero_method="zsplit").pvalue) if len(logarithms) > 1 else 1.0
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
    p = float(stats.mannwhitneyu(one, other).pvalue)
    return Ratio(float(np.median(one) / np.median(other)), *_percentiles(found), p)


def _indices(count: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))


def _percentiles(found: Samples) -> tuple[float, float]:
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def outliers(samples: Sequence[float]) -> list[int]:
    """Which samples lie beyond three interquartile ranges from the quartiles; they are labelled, and kept.

    None, where there are too few for their quartiles to mean much.
    """
    if len(samples) < FEW:
        return []
    low, high = np.quantile(samples, [0.25, 0.75])
    reach = 3 * (high - low)
    return [i for i, sample in enumerate(samples) if not low - reach <= sample <= high + reach]


def spread(samples: Sequence[float]) -> float:
    """The interquartile range over the median."""
    low, middle, high = np.quantile(samples, [0.25, 0.5, 0.75])
    return float((high - low) / middle)


def drift(samples: Sequence[float]) -> float:
    """By how much, relatively, samples changed from the first to the last (Theil-Sen); 0 where that is no trend.

    A trend is one that rank correlation with the order (Kendall) finds with p < 0.001.
    """
    if len(samples) < FEW:
        return 0.0
    order = np.arange(len(samples))
    if not stats.kendalltau(order, samples).pvalue < 0.001:
        return 0.0
    slope = float(stats.theilslopes(samples, order).slope)
    return slope * (len(samples) - 1) / float(np.median(samples))


def noise(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> float | None:
    """Return the noise floor: the largest relative difference of two copies, round by round; None without copies."""
    whole = [(np.asarray(one), np.asarray(other)) for one, other in pairs if len(one) == len(other) > 0]
    found = [abs(float(np.median(_means(np.log(one / other))))) for one, other in whole]
    return math.expm1(max(found)) if found else None
