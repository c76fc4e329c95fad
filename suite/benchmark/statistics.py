"""From samples to a figure with its uncertainty, and from two of them to what may be said.

Samples of one benchmark are taken in rounds, each entrant once a round. Two entrants of the same run are compared
round by round: what slows the machine for a while slows both. Two runs are compared as they are.
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
CLAIM = 0.01  # the p below which two are called different: a table makes many claims
RESAMPLES = 2000
FEW = 10  # samples, of which too little can be said
ALIKE = 0.03  # what is closer than this is the same to whoever has to choose


class Conclusion(Enum):
    """What may be said of one thing against another."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Ratio:
    """One time over another.

    Attributes:
        value: the ratio.
        low: of its interval.
        high: likewise.
        p: that samples so far apart, or further, come of what is the same (two-sided).
    """

    value: float
    low: float
    high: float
    p: float

    def conclusion(self, floor: float) -> Conclusion:
        """What may be said, where a relative difference of `floor` is what the machine makes by itself.

        Nothing is called different by less than the floor; nothing is called the same unless the whole interval is
        closer than the floor, or than what is the same to anyone.
        """
        margin = 1 + max(floor, ALIKE)
        if self.low > 1 + floor and self.p < CLAIM:
            return Conclusion.SLOWER
        if self.high < 1 / (1 + floor) and self.p < CLAIM:
            return Conclusion.FASTER
        return Conclusion.SAME if 1 / margin <= self.low and self.high <= margin else Conclusion.UNCLEAR


def interval(samples: Sequence[float], seed: int) -> tuple[float, float]:
    """The bootstrap interval of the median (percentile method)."""
    return _percentiles(np.median(np.asarray(samples)[_indices(len(samples), seed)], axis=1))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Two entrants of one run, round by round: by what factor they part.

    It is Hodges and Lehmann's estimate, the median of all means of two of the rounds' logarithmic ratios (of one with
    itself, too). The interval holds each factor that Wilcoxon's test does not refuse, by its exact distribution, so
    that interval and test say the same. With fewer than six rounds there is no such interval, and it is as wide as
    what was seen. (Hollander, Wolfe and Chicken, *Nonparametric Statistical Methods*, section 3.)

    Raises:
        ValueError: if they have not run the same number of rounds.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} rounds can't be paired with {len(theirs)}")
    logarithms = np.log(np.asarray(ours) / np.asarray(theirs))
    means, outside = _means(logarithms), _rarely(len(logarithms))
    p = float(stats.wilcoxon(logarithms, zero_method="zsplit").pvalue) if len(logarithms) > 1 else 1.0
    value, low, high = (float(np.exp(x)) for x in (np.median(means), means[outside], means[-1 - outside]))
    return Ratio(value, low, high, p)


def _means(values: Samples) -> Samples:
    """Of all two of them, and of each with itself (Walsh averages), in order."""
    i, j = np.triu_indices(len(values))
    return np.sort((values[i] + values[j]) / 2)


def _rarely(count: int) -> int:
    """How many means lie outside of the interval at either end: a sum of Wilcoxon's that is reached so rarely."""
    ways = np.ones(1)
    for rank in range(1, count + 1):  # to reach each sum with the ranks so far
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    below = np.cumsum(ways) / 2.0**count
    return max(0, int(np.searchsorted(below, (1 - LEVEL) / 2, side="right")) - 1)


def unpaired(ours: Sequence[float], theirs: Sequence[float], seed: int) -> Ratio:
    """Two runs: the ratio of the medians, with the samples of each drawn anew; the test is that of Mann and Whitney."""
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
    """The floor: by how much two that are the same part, round by round, at most; None if there are none."""
    whole = [(np.asarray(one), np.asarray(other)) for one, other in pairs if len(one) == len(other) > 0]
    found = [abs(float(np.median(_means(np.log(one / other))))) for one, other in whole]
    return math.expm1(max(found)) if found else None
