"""Traces, digested and made compact: enough to say whether bits moved, from which step on, and how far.

A digest is of the whole trace. What is kept of it besides is small and lies at places that its shape alone decides, so
that two compact traces of one shape can be held side by side: a mark of the parameters at each of the first steps and
at some later ones, and the values of a few coordinates at a few steps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from reference.precision import format_of
from suite.compare.comparison import QUANTITIES

Array = NDArray[Any]

MARKED = 64  # steps from the first on, of which each has a mark; of those after, 100, 200, 500, …
COLUMNS = 5  # coordinates of which values are kept, at most

Values = dict[str, Array]


@dataclass(frozen=True)
class Shape:
    """What decides where the parts of a compact trace lie.

    Attributes:
        steps: of the trace.
        size: its coordinates.
        quantities: that it has, in the order of `QUANTITIES`.
    """

    steps: int
    size: int
    quantities: tuple[str, ...]

    @classmethod
    def of(cls, trace: Mapping[str, Array]) -> Self:
        """That of a trace."""
        steps, size = trace["parameters"].shape
        return cls(steps, size, tuple(name for name in QUANTITIES if name in trace))

    @property
    def marked(self) -> list[int]:
        """The steps that have a mark, counted from 1."""
        return [*range(1, min(self.steps, MARKED) + 1), *_rounded(MARKED + 1, self.steps)]

    @property
    def kept(self) -> list[int]:
        """The steps of which values are kept, counted from 1."""
        return list(_rounded(1, self.steps))

    @property
    def columns(self) -> list[int]:
        """The coordinates of which values are kept."""
        return sorted({int(place) for place in np.linspace(0, self.size - 1, min(self.size, COLUMNS))})

    @property
    def values(self) -> int:
        """How many values are kept."""
        return len(self.quantities) * len(self.kept) * len(self.columns)


def _rounded(first: int, last: int) -> Iterator[int]:
    """1, 2, 5, 10, 20, 50, … between two steps, and the last."""
    for step in (digit * 10**power for power in count() for digit in (1, 2, 5)):
        if step >= last:
            break
        if step >= first:
            yield step
    if last >= first:
        yield last


@dataclass(frozen=True, eq=False)
class Compact:
    """What is kept of a trace.

    Attributes:
        shape: of the whole.
        marks: uint32, one for each of `shape.marked`: equal parameters have equal ones, and others nearly never.
        values: shape (quantities, kept steps, columns), exact: float64 if the trace is, else float32.
    """

    shape: Shape
    marks: Array
    values: Array

    @classmethod
    def of(cls, trace: Mapping[str, Array]) -> Self:
        """Of a whole trace, each quantity of shape (steps, n)."""
        shape = Shape.of(trace)
        parameters = _canonical(trace["parameters"])
        marks = np.array([_mark(parameters[step - 1]) for step in shape.marked], np.uint32)
        places = np.ix_([step - 1 for step in shape.kept], shape.columns)
        wide = np.float64 if any(trace[name].dtype == np.float64 for name in shape.quantities) else np.float32
        values = np.array([trace[name][places] for name in shape.quantities], wide)
        return cls(shape, marks, values)


@dataclass(frozen=True)
class Parting:
    """Where two traces part, and how far.

    Attributes:
        after: the last marked step at which the parameters are the same; 0 if there is none.
        step: the next marked step, at which they are not; None if they are the same at each, and so the state alone
            moved.
        ulps: the largest distance among the values that are kept, in ulps of the largest of its coordinate; 0 where
            none of these moved.
        quantity: of which that is; None where none moved.
        at: the step of it.
    """

    after: int
    step: int | None
    ulps: float
    quantity: str | None
    at: int | None

    @property
    def words(self) -> str:
        """As in `from step 3 on, by up to 2 ulps (parameters, step 50)`."""
        if self.step is None:
            where = "in the state alone"
        elif self.step == self.after + 1:
            where = f"from step {self.step} on"
        else:
            where = f"from a step after {self.after} on, at the latest {self.step}"
        if self.quantity is None:
            return f"{where}, in none of the values that are kept"
        return f"{where}, by up to {self.ulps:.3g} ulps ({self.quantity}, step {self.at})"


def parting(one: Compact, other: Compact, dtype: str) -> Parting | None:
    """Where two compact traces in a format part; None if they are of different shapes."""
    if one.shape != other.shape:
        return None
    shape = one.shape
    apart = np.flatnonzero(one.marks != other.marks)
    step = shape.marked[int(apart[0])] if apart.size else None
    after = 0 if not apart.size or apart[0] == 0 else shape.marked[int(apart[0]) - 1]
    ulps = _ulps(one.values, other.values, dtype)
    if not ulps.size or not ulps.max() > 0:
        return Parting(after, step, 0.0, None, None)
    quantity, at, _ = (int(place) for place in np.unravel_index(int(np.argmax(ulps)), ulps.shape))
    return Parting(after, step, float(ulps.max()), shape.quantities[quantity], shape.kept[at])


def _ulps(one: Array, other: Array, dtype: str) -> Array:
    """The distance in ulps of the largest value that the coordinate has at any step, elementwise; infinite where one is
    not finite, and the other is not the same. An ulp of what has cancelled to nearly nothing would say nothing.
    """  # noqa: D205
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    finite = (np.where(np.isfinite(values), np.abs(values), 0) for values in (one, other))
    largest = np.maximum(*finite).max(axis=1, keepdims=True, initial=0)
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(other - one.astype(np.longdouble)) / format_of(dtype).ulp(largest)
    return np.where(same, 0, np.where(np.isnan(distance), np.inf, distance))


def digest(trace: Mapping[str, Array]) -> str:
    """SHA-256 of a trace: of name, type, shape and bits of each quantity, and of the number of spoiled gradients.

    All NaN are one; zeros have their sign.
    """
    found = hashlib.sha256()
    for name in Shape.of(trace).quantities:
        values = _canonical(trace[name])
        found.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        found.update(values.tobytes())
    if spoiled := int(trace.get("spoiled", 0)):
        found.update(f"spoiled {spoiled}\n".encode())
    return found.hexdigest()


def _canonical(values: Array) -> Array:
    """Little-endian, in order, and with one kind of NaN: its sign and payload are nobody's intention."""
    values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<"))


def _mark(values: Array) -> int:
    return int.from_bytes(hashlib.blake2s(values.tobytes(), digest_size=4).digest(), "little")


def packed(compacts: Sequence[Compact]) -> dict[str, Array]:
    """Compact traces one after another, as a few arrays."""
    found = {"marks": np.concatenate([np.empty(0, np.uint32), *(one.marks for one in compacts)])}
    for dtype in (np.float32, np.float64):
        own = [one.values.ravel() for one in compacts if one.values.dtype == dtype]
        found[np.dtype(dtype).name] = np.concatenate([np.empty(0, dtype), *own])
    return found


def unpacked(arrays: Mapping[str, Array], shapes: Sequence[tuple[Shape, str]]) -> list[Compact]:
    """What `packed` made one of, from the shapes, each with `float32` or `float64`, whichever its values are in.

    Raises:
        ValueError: if there is more or less in the arrays than belongs to these shapes.
    """
    taken, found = dict.fromkeys(("marks", "float32", "float64"), 0), []

    def take(name: str, number: int) -> Array:
        begin = taken[name]
        taken[name] += number
        return arrays[name][begin : taken[name]]

    for shape, kind in shapes:
        marks, values = take("marks", len(shape.marked)), take(kind, shape.values)
        if values.size != shape.values:
            break
        found.append(Compact(shape, marks, values.reshape(len(shape.quantities), len(shape.kept), len(shape.columns))))
    if any(arrays[name].size != number for name, number in taken.items()):
        raise ValueError("its traces are not those of its lines")
    return found
