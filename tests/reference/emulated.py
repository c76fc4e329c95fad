"""Arithmetic in a format that NumPy lacks: float64, rounded to the format after every operation."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.precision import Format


class Emulated:
    """Stands where a NumPy type does, as far as `tests.reference.orders` needs one: call it to make a number.

    A number made so turns whatever it meets into one of the format. Two roundings, to 53 bits and then to the format's,
    are as good as one but for a tie of the second, which is then off by half an ulp either way.
    """

    dtype = np.dtype(np.float64)

    def __init__(self, fmt: Format) -> None:
        class Numbers(np.ndarray):
            def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
                plain = (np.asarray(x, np.float64) for x in inputs)
                result = getattr(ufunc, method)(*plain, **kwargs)
                return rounded(result) if np.asarray(result).dtype.kind == "f" else result

        def rounded(value: Any) -> Any:
            return np.asarray(fmt.round(np.asarray(value, np.float64))).view(Numbers)

        self.rounded = rounded

    def __call__(self, value: Any) -> Any:
        return self.rounded(value)
