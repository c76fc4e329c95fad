"""Tests of metamorphic relations: each target replays one tape, and then the tapes that the relations make of it.

Equality is to the bit. NaN equals NaN. Zeros of either sign are equal, because x - x is +0 for x and for -x, so that no
relation determines the sign.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters, dialects
from reference.precision import format_of
from reference.replay import QUANTITIES
from suite.cases.metamorphic import HYPERPARAMETERS, MetamorphicRelation, first_tape
from suite.cases.tapes import Tape
from suite.compare.comparison import ComparisonResult, TraceError, ulp_distance
from suite.conformance.targets import TapeBatch, Target, read_trace, write_tape_batch
from suite.conformance.verdicts import Finding
from suite.results.rows import Mismatch, VerdictRow
from suite.workers.protocol import DataMismatch, Request, Response

Array = NDArray[Any]


@dataclass(frozen=True)
class RelationContext:
    """The context of a request: the relations that the replay tests, and in a second replay the first trace."""

    target: Target
    tape_batch: TapeBatch
    relations: tuple[MetamorphicRelation, ...]
    trace: Mapping[str, Array] | None = None


class MetamorphicVerdicts:
    """Makes the requests of the first replays, then those of the second replays, and the verdicts."""

    def __init__(self, relations: Sequence[MetamorphicRelation], seed: int, folder: Path) -> None:
        """Prepare the first tape, of this seed; `folder` is the results folder."""
        self.relations, self.folder, self.tape = tuple(relations), folder, first_tape(seed)
        self.second_requests: list[Request] = []
        self._tape_batches: dict[tuple[str, Hyperparameters], TapeBatch] = {}

    def first_requests(
        self,
        targets: Iterable[Target],
        *,
        selected: Callable[[Target, str], bool],
        done: frozenset[tuple[object, ...]],
    ) -> Iterator[Request]:
        """Yield the first replay of every target with a relation that is selected and not done.

        A scratch implementation is tested in its first two dialects, because relations hold in every dialect.
        """
        targets = [one for one in targets if one.dtype in self.tape.dtypes]
        targets = [one for one in targets if any(selected(one, relation.id) for relation in self.relations)]
        tested = [None, *dict.fromkeys(one.dialect for one in targets if one.dialect)][:3]
        for target in (one for one in targets if one.dialect in tested):
            applicable = (relation for relation in self.relations if target.twin or not relation.twin)
            relations = tuple(
                relation
                for relation in applicable
                if selected(target, relation.id) and target.key(relation.id) not in done
            )
            if relations:
                tape_batch = self._tape_batch("first", self.tape, HYPERPARAMETERS)
                yield self._request(target, RelationContext(target, tape_batch, relations))

    def first_rows(self, response: Response) -> Iterator[VerdictRow]:
        """Yield the verdicts that the first replay decides; the others add a request to `second_requests`."""
        context: RelationContext = response.request.context
        target, tape_batch = context.target, context.tape_batch

        def row(relation: MetamorphicRelation, finding: Finding) -> VerdictRow:
            return finding.row(target, response, tape_batch, relation.id)

        try:
            trace = _trace(response, tape_batch)
            dialect = dialects[target.requested_dialect or response.reply["dialect"]]
        except _NO_TRACE as reason:
            yield from (row(relation, Finding(reason=str(reason))) for relation in context.relations)
            return
        changed = int(trace.pop("changed_gradients", np.array(0)))
        for relation in context.relations:
            exempt = relation.exempt(dialect)
            if exempt:
                yield row(relation, Finding(reason=exempt, outcome="unsupported"))
            elif relation.tape is None:
                result = _gradient_result(changed)
                yield row(relation, Finding(result, result.reason))
            else:
                second = self._tape_batch(relation.id, relation.tape(self.tape), relation.hyperparameters(dialect))
                other = replace(target, implementation=target.twin) if relation.twin and target.twin else target
                next_context = RelationContext(target, second, (relation,), trace)
                self.second_requests.append(self._request(other, next_context))

    def second_rows(self, response: Response) -> Iterator[VerdictRow]:
        """Yield the verdict of a second replay."""
        context: RelationContext = response.request.context
        (relation,) = context.relations
        try:
            observed = _trace(response, context.tape_batch)
            result, found = compare_bits(relation.trace(context.trace or {}), observed, context.target.dtype)
        except _NO_TRACE as reason:
            finding = Finding(reason=str(reason))
        else:
            finding = Finding(result, result.reason, mismatches=found)
        yield finding.row(context.target, response, context.tape_batch, relation.id)

    def _tape_batch(self, name: str, tape: Tape, h: Hyperparameters) -> TapeBatch:
        if (name, h) not in self._tape_batches:
            file = f"{name.replace('/', '-')}-{len(self._tape_batches)}"
            self._tape_batches[name, h] = write_tape_batch(file, tape, h, (), self.folder / "tapes")
        return self._tape_batches[name, h]

    def _request(self, target: Target, context: RelationContext) -> Request:
        return target.request(context.tape_batch, self.folder / "traces", context)


def compare_bits(
    expected: Mapping[str, Array], observed: Mapping[str, Array], dtype: str
) -> tuple[ComparisonResult, list[Mismatch]]:
    """Compare every quantity of two traces to the bit; return the result, and the quantities that differ.

    Raises:
        TraceError: if the second trace lacks a quantity of the first, or has it in another shape.
    """
    for name, values in expected.items():
        if name not in observed or observed[name].shape != values.shape:
            raise TraceError(f"{name} is missing in the second trace, or has another shape than in the first")
    names = [name for name in QUANTITIES if name in expected]
    found = [one for name in names if (one := _mismatch(name, expected[name], observed[name], dtype))]
    if not found:
        return _agreeing(names[0]), []
    first = min(found, key=lambda one: one.step)
    ulps, worst, index = first.worst
    verb = "differ" if first.quantity == "parameters" else "differs"
    where = f"{first.quantity} {verb} at step {first.step}, coordinate {first.index}, by {first.ulps:.3g} ulps"
    size = sum(expected[name].size for name in names)
    reason = f"{where}; {sum(one.count for one in found)} of {size} values differ"
    place = int(worst or 0), [int(index or 0)], first.step
    return ComparisonResult("differs", first.quantity, *place, float(ulps or 0), np.inf, 1.0, reason), found


def _mismatch(name: str, expected: Array, observed: Array, dtype: str) -> Mismatch | None:
    ulps = ulp_distance(observed, expected.astype(np.longdouble), format_of(dtype))
    differ = ulps > 0
    if not np.any(differ):
        return None
    step, index = np.argwhere(differ)[0].tolist()
    worst, where = (int(i) for i in np.unravel_index(int(np.argmax(ulps)), ulps.shape))
    return Mismatch(
        quantity=name,
        step=step + 1,
        index=index,
        expected=float(expected[step, index]),
        observed=float(observed[step, index]),
        ulps=float(ulps[step, index]),
        worst=(float(ulps[worst, where]), worst + 1, where),
        count=int(np.sum(differ)),
        size=ulps.size,
    )


def _agreeing(quantity: str) -> ComparisonResult:
    return ComparisonResult("agrees", quantity, 0, [], None, 0.0, 0.0, 1.0, None)


def _gradient_result(changed: int) -> ComparisonResult:
    if not changed:
        return _agreeing("gradients")
    reason = f"it changed the caller's gradient in {changed} steps"
    return ComparisonResult("differs", "gradients", 0, [], None, np.nan, np.inf, 1.0, reason)


_NO_TRACE = (DataMismatch, OSError, ValueError, KeyError)


def _trace(response: Response, tape_batch: TapeBatch) -> dict[str, Array]:
    """Read the trace of a response and remove its file; raise one of `_NO_TRACE` if there is none."""
    if response.status != "ok":
        raise TraceError(response.reply["reason"])
    trace = read_trace(response, tape_batch.sha256)
    Path(response.request.message["output"]).unlink()
    return trace
