"""Random numbers with the same bytes on every platform: raw PCG64 bits and exact arithmetic.

NumPy guarantees the bits of a bit generator but not the stream of `Generator.normal`, and `log` and `cos` differ
between C libraries. This module therefore works with integers and rounds once at the end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TERMS = 12  # uniform numbers in one deviate: their sum less 6 has mean 0 and variance 1


class Bits:
    """A stream of random numbers from a seed."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.PCG64(seed)

    def integers(self, shape: tuple[int, ...]) -> NDArray[np.uint64]:
        """Return raw 64-bit words."""
        count = int(np.prod(shape))
        return np.asarray(self._generator.random_raw(count), np.uint64).reshape(shape)

    def uniform(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return multiples of 2^-53 in [0, 1)."""
        words = self.integers(shape) >> np.uint64(11)
        return np.asarray(words.astype(np.float64) * 2.0**-53)

    def normal(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return nearly normal deviates of mean 0 and variance 1: the sum of 12 uniform numbers less 6 (Irwin-Hall).

        They are multiples of 2^-32 within ±6.
        """
        words = (self.integers((*shape, _TERMS)) >> np.uint64(32)).astype(np.int64)
        centred = words.sum(axis=-1) - (_TERMS // 2) * 2**32
        return np.asarray(centred.astype(np.float64) * 2.0**-32)

    def permutation(self, n: int) -> NDArray[np.int64]:
        """Return the integers below n in random order (by sorting words, ties by position)."""
        return np.argsort(self.integers((n,)), kind="stable").astype(np.int64)
