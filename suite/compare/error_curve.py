"""What is kept of a trace in its place: a digest, the course of its error, and when it leaves other dialects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.compare.comparison import TraceComparison, outside
from suite.compare.error_growth import spread
from suite.compare.oracle import Oracle

Array = NDArray[Any]

DIGITS = 4  # of what is kept of a course


def digest(parameters: Array, dtype: str) -> str:
    """The SHA-256 of the parameters after every step; shape (steps, n). Equal digests: equal to the last bit.

    The numbers are those of the tested precision, in the narrowest format that every framework's NumPy has for it. A
    zero keeps its sign; a NaN is a NaN, whatever else its bits say.
    """
    wide = np.dtype("<f8") if dtype == "float64" else np.dtype("<f4")
    plain = parameters.astype(wide)
    plain[np.isnan(plain)] = np.nan
    return hashlib.sha256(repr(plain.shape).encode() + plain.tobytes()).hexdigest()


def course(comparison: TraceComparison, columns: slice) -> list[list[float]]:
    """How the error of the parameters goes on: rows of step (from 1), error in ulps, and bound in ulps.

    At the steps 1, 2, 5, 10, 20, 50, … and the last, each in the coordinate that is nearest to its bound, or furthest
    outside.
    """
    steps = np.array(list(spread(1, len(comparison.ratios["parameters"])))) - 1
    parts = (comparison.ratios, comparison.expected, comparison.observed)
    ratios, expected, observed = (part["parameters"][steps, columns] for part in parts)
    if not ratios.size:
        return []
    place = (np.arange(len(steps)), np.argmax(ratios, axis=1))
    unit = comparison.format.ulp(expected[place])
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.abs(observed[place] - expected[place]) / unit
        bounds = comparison.bounds[steps, columns][place] / unit
    return [
        [int(step) + 1, *(float(f"{value:.{DIGITS}g}") for value in pair)]
        for step, *pair in zip(steps, errors, bounds, strict=True)
    ]


def leaves(observed: Mapping[str, Array], oracle: Oracle, columns: slice, rivals: Iterable[str]) -> dict[str, int]:
    """Of each rival dialect that the parameters leave: the first step, from 1, at which they are outside its bound."""
    found = {}
    for name in rivals:
        prediction = oracle.predict(name)
        expected, bound = prediction.trace.parameters[:, columns], prediction.bounds.parameters[:, columns]
        out = outside(observed["parameters"][:, columns].astype(expected.dtype), expected, bound).any(axis=1)
        if out.any():
            found[name] = int(np.argmax(out)) + 1
    return found
