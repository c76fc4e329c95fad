"""Random numbers that are the same bytes everywhere: raw PCG64 bits and exact arithmetic.

NumPy promises the bits of a bit generator, not what `Generator.normal` makes of them; and `log` and `cos` differ from
one C library to the next. So: integers, and one rounding at the end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TERMS = 12  # uniforms to a deviate: their sum less 6 has mean 0 and variance 1


class Bits:
    """A stream of random numbers from a seed."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.PCG64(seed)

    def integers(self, shape: tuple[int, ...]) -> NDArray[np.uint64]:
        """Raw 64-bit words."""
        count = int(np.prod(shape))
        return np.asarray(self._generator.random_raw(count), np.uint64).reshape(shape)

    def uniform(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Multiples of 2^-53 in [0, 1), exactly."""
        words = self.integers(shape) >> np.uint64(11)
        return np.asarray(words.astype(np.float64) * 2.0**-53)

    def normal(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Nearly normal deviates, mean 0 and variance 1: the sum of 12 uniforms less 6 (Irwin-Hall), exactly.

        They stay within ±6, and are multiples of 2^-32.
        """
        words = (self.integers((*shape, _TERMS)) >> np.uint64(32)).astype(np.int64)
        centred = words.sum(axis=-1) - (_TERMS // 2) * 2**32
        return np.asarray(centred.astype(np.float64) * 2.0**-32)

    def permutation(self, n: int) -> NDArray[np.int64]:
        """The numbers below n in random order (by sorting words, ties by position)."""
        return np.argsort(self.integers((n,)), kind="stable").astype(np.int64)
