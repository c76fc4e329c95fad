"""Fingerprints of traces, and compact traces: enough to tell whether bits changed, from which step on, and how far.

A fingerprint covers the complete trace. A compact trace keeps a few values at places that depend on the shape alone, so
that two compact traces of one shape can be compared: a checksum of the parameters after each of the first steps and
after some later ones, and the values of a few coordinates at a few steps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from reference.precision import Array, format_of
from reference.replay import QUANTITIES
from suite.compare.comparison import step_series, ulp_distance

CHECKSUMMED = 64  # steps from the first on that have a checksum each; later ones have it at 100, 200, 500, …
MAX_COLUMNS = 5  # coordinates whose values are kept


def fingerprint(parameters: Array, dtype: str) -> str:
    """Return the SHA-256 of the parameters after every step, shape (steps, n). Equal bits give equal fingerprints.

    The values are converted to the narrowest NumPy type that holds the tested format in all supported versions, so that
    a trace has one fingerprint whichever type a worker returned it in. Zeros keep their sign; all NaN are equal.
    """
    values = _canonical(parameters.astype(np.float64 if dtype == "float64" else np.float32))
    return hashlib.sha256(repr(values.shape).encode() + values.tobytes()).hexdigest()


def trace_fingerprint(trace: Mapping[str, Array]) -> str:
    """Return the SHA-256 of a complete trace: name, type, shape and bits of each quantity.

    The number of steps that changed the caller's gradient (`changed_gradients`) is included if it is not zero, under
    the label that recorded baselines have.
    """
    found = hashlib.sha256()
    for name in TraceShape.of(trace).quantities:
        values = _canonical(trace[name])
        found.update(f"{name} {values.dtype.str} {values.shape}\n".encode() + values.tobytes())
    if changed := int(trace.get("changed_gradients", 0)):
        found.update(f"spoiled {changed}\n".encode())
    return found.hexdigest()


def _canonical(values: Array) -> Array:
    """Convert to little-endian, contiguous values with a single kind of NaN, as its sign and payload are arbitrary."""
    values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<"))


@dataclass(frozen=True)
class TraceShape:
    """The shape of a trace, which decides what a compact trace keeps. Steps are counted from 1."""

    steps: int
    size: int  # the number of coordinates
    quantities: tuple[str, ...]  # in the order of `QUANTITIES`

    @classmethod
    def of(cls, trace: Mapping[str, Array]) -> Self:
        """Return the shape of a trace."""
        steps, size = trace["parameters"].shape
        return cls(steps, size, tuple(name for name in QUANTITIES if name in trace))

    @property
    def checksummed_steps(self) -> list[int]:
        """The steps that have a checksum."""
        first = range(1, min(self.steps, CHECKSUMMED) + 1)
        return [*first, *(step for step in step_series(self.steps) if step > CHECKSUMMED)]

    @property
    def kept_steps(self) -> list[int]:
        """The steps whose values are kept."""
        return step_series(self.steps)

    @property
    def columns(self) -> list[int]:
        """The coordinates whose values are kept."""
        return sorted({int(place) for place in np.linspace(0, self.size - 1, min(self.size, MAX_COLUMNS))})

    @property
    def values_shape(self) -> tuple[int, int, int]:
        """The shape of the kept values: quantities, steps, coordinates."""
        return len(self.quantities), len(self.kept_steps), len(self.columns)


@dataclass(frozen=True, eq=False)
class CompactTrace:
    """The part of a trace that is kept.

    Equal parameters have equal checksums; different parameters have equal ones with probability 2**-32.
    """

    shape: TraceShape  # of the complete trace
    checksums: Array  # uint32, one for each of `shape.checksummed_steps`
    values: Array  # exact, of shape `shape.values_shape`; float64 if the trace has float64 values, else float32

    @classmethod
    def of(cls, trace: Mapping[str, Array]) -> Self:
        """Reduce a trace, whose quantities each have the shape (steps, n)."""
        shape = TraceShape.of(trace)
        parameters = _canonical(trace["parameters"])
        content = (parameters[step - 1].tobytes() for step in shape.checksummed_steps)
        digests = b"".join(hashlib.blake2s(each, digest_size=4).digest() for each in content)
        checksums = np.frombuffer(digests, "<u4").astype(np.uint32)
        places = np.ix_([step - 1 for step in shape.kept_steps], shape.columns)
        wide = np.float64 if any(trace[name].dtype == np.float64 for name in shape.quantities) else np.float32
        values = np.array([trace[name][places] for name in shape.quantities], wide)
        return cls(shape, checksums, values)


@dataclass(frozen=True)
class TraceDifference:
    """The first difference of two traces, and the largest distance of their kept values."""

    last_equal_step: int  # with equal checksums before the first difference; 0 if there is none
    first_step: int | None  # with different checksums; None if all are equal, so that only state differs
    ulps: float  # the largest distance, in ulps of the largest value of the coordinate; 0 if no kept value differs
    quantity: str | None  # the quantity and the step of that distance; None if no kept value differs
    worst_step: int | None

    @property
    def words(self) -> str:
        """The difference in words, such as `from step 3 on, by up to 2 ulps (parameters, step 50)`."""
        if self.first_step is None:
            where = "in the state alone"
        elif self.first_step == self.last_equal_step + 1:
            where = f"from step {self.first_step} on"
        else:
            where = f"from a step after {self.last_equal_step} on, at the latest {self.first_step}"
        if self.quantity is None:
            return f"{where}, in none of the values that are kept"
        return f"{where}, by up to {self.ulps:.3g} ulps ({self.quantity}, step {self.worst_step})"


def trace_difference(before: CompactTrace, after: CompactTrace, dtype: str) -> TraceDifference | None:
    """Compare two compact traces in a format. Returns None if their shapes differ."""
    if before.shape != after.shape:
        return None
    shape = before.shape
    unequal = np.flatnonzero(before.checksums != after.checksums).tolist()
    first_step = shape.checksummed_steps[unequal[0]] if unequal else None
    last_equal = shape.checksummed_steps[unequal[0] - 1] if unequal and unequal[0] else 0
    # An ulp of a value that has cancelled to nearly nothing would be meaningless: use the coordinate's largest value.
    finite = (np.where(np.isfinite(values), np.abs(values), 0) for values in (before.values, after.values))
    largest = np.maximum(*finite).max(axis=1, keepdims=True, initial=0)
    ulps = ulp_distance(after.values, before.values.astype(np.longdouble), format_of(dtype), largest)
    if not ulps.size or not ulps.max() > 0:
        return TraceDifference(last_equal, first_step, 0.0, None, None)
    quantity, step, _ = (int(place) for place in np.unravel_index(int(np.argmax(ulps)), ulps.shape))
    worst_step = shape.kept_steps[step]
    return TraceDifference(last_equal, first_step, float(ulps.max()), shape.quantities[quantity], worst_step)


def pack(traces: Sequence[CompactTrace]) -> dict[str, Array]:
    """Concatenate compact traces into the three arrays of a baseline file: `marks` (checksums), float32, float64."""
    found = {"marks": np.concatenate([np.empty(0, np.uint32), *(one.checksums for one in traces)])}
    for dtype in (np.float32, np.float64):
        own = [one.values.ravel() for one in traces if one.values.dtype == dtype]
        found[np.dtype(dtype).name] = np.concatenate([np.empty(0, dtype), *own])
    return found


def unpack(arrays: Mapping[str, Array], shapes: Sequence[tuple[TraceShape, str]]) -> list[CompactTrace]:
    """Split the arrays of `pack` into compact traces; `shapes` names the array that holds the values of each.

    Raises:
        ValueError: if the arrays hold more or fewer values than the shapes need.
    """
    taken, found = dict.fromkeys(("marks", "float32", "float64"), 0), []

    def take(name: str, number: int) -> Array:
        begin = taken[name]
        taken[name] += number
        return arrays[name][begin : taken[name]]

    for shape, kind in shapes:
        checksums, values = take("marks", len(shape.checksummed_steps)), take(kind, int(np.prod(shape.values_shape)))
        if values.size != np.prod(shape.values_shape):
            break
        found.append(CompactTrace(shape, checksums, values.reshape(shape.values_shape)))
    if any(arrays[name].size != number for name, number in taken.items()):
        raise ValueError("the arrays of compact traces do not match the lines of the baseline")
    return found
