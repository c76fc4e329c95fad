"""Descriptions of cases: id, reason, source, requirements, hyper-parameters and tape."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from reference import Hyperparameters
from suite.cases.catalogue import Case, select
from suite.cases.expression import Selection
from suite.cases.metamorphic import HYPERPARAMETERS, MetamorphicRelation, first_tape
from suite.cases.tapes import Tape
from suite.cases.tasks import Task
from suite.errors import UserError

BASIC = ("learning_rate", "decay", "epsilon")
"""The hyper-parameters that every RMSProp has."""


@dataclass(frozen=True)
class TapeDescription:
    """A tape without its numbers; `shapes` is None if the tape may be batched with others."""

    id: str
    reason: str
    steps: int
    coordinates: int
    shapes: Sequence[Sequence[int]] | None
    dtypes: Sequence[str]
    sha256: str


@dataclass(frozen=True)
class Description:
    """A case or a metamorphic relation.

    Attributes:
        id: the identifier.
        kind: `case` or `relation`.
        reason: what it tests.
        source: where its numbers come from.
        seed: the seed of its numbers.
        needs: what an implementation must support.
        hyperparameters: the basic ones, and those that differ from their defaults.
        tape: the tape.
    """

    id: str
    kind: str
    reason: str
    source: str
    seed: int
    needs: Sequence[str]
    hyperparameters: Mapping[str, Any]
    tape: TapeDescription

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object with the same names."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the description as lines of text."""
        tape = self.tape
        shapes = "any; the tape is batched with others" if tape.shapes is None else _shapes(tape.shapes)
        parts = {
            "reason": self.reason,
            "source": self.source,
            "needs": ", ".join(self.needs) or "nothing beyond the basic hyper-parameters",
            "hyper-parameters": ", ".join(f"{name} {_value(value)}" for name, value in self.hyperparameters.items()),
            "tape": f"{tape.id}: {tape.reason}",
            "steps": f"{tape.steps:,}",
            "coordinates": f"{tape.coordinates:,}",
            "shapes": shapes,
            "dtypes": ", ".join(tape.dtypes),
            "SHA-256": tape.sha256,
            "run": f"rmsuite agree -c {self.id}" + (f" --seed {self.seed}" if self.seed else ""),
        }
        return [self.id, *(f"  {name:<17} {text}" for name, text in parts.items())]


def choose(
    items: Iterable[Case | MetamorphicRelation], patterns: Sequence[str], selection: Selection
) -> list[Case | MetamorphicRelation]:
    """Return the cases and relations that match a pattern (all without patterns) and an expression.

    Raises:
        UserError: if a pattern matches nothing, or nothing is selected.
    """
    chosen = [item for item in select(items, patterns) if selection.matches(item.id)]
    if not chosen:
        raise UserError(f"-k {selection.expression!r} selects no case; `rmsuite cases` lists them")
    return chosen


def describe(item: Case | MetamorphicRelation, tasks: Mapping[str, Task], seed: int) -> Description:
    """Describe a case or a relation.

    Args:
        item: the case or relation.
        tasks: the tasks, by id, whose recorded tapes name their source.
        seed: the seed of the catalogue.
    """
    if isinstance(item, Case):
        kind, reason, tape, h = "case", item.setting.reason, item.tape, item.setting.hyperparameters
    else:
        kind, reason, tape, h = "relation", item.reason, first_tape(seed), HYPERPARAMETERS
    task = tasks.get(tape.id)
    values = h.to_json()
    return Description(
        id=item.id,
        kind=kind,
        reason=reason,
        source=task.source if task else f"generated from seed {seed}",
        seed=seed,
        needs=_needs(tape, h),
        hyperparameters={name: values[name] for name in (*BASIC, *_changed(h))},
        tape=TapeDescription(
            id=tape.id,
            reason=tape.reason,
            steps=len(tape.gradients),
            coordinates=int(tape.initial.size),
            shapes=None if tape.shapes is None else [list(shape) for shape in tape.shapes],
            dtypes=list(tape.dtypes),
            sha256=digest(tape),
        ),
    )


def digest(tape: Tape) -> str:
    """Return the SHA-256 of the name, dtype, shape and bytes of a tape's arrays, in the order of their names.

    Tapes that are batched in one file share the hash of that file in the results; this hash is the tape's own.
    """
    found = hashlib.sha256()
    for name, array in sorted(tape.arrays().items()):
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _changed(h: Hyperparameters) -> list[str]:
    """Return the names of the hyper-parameters beyond the basic ones that differ from their defaults."""
    defaults = Hyperparameters()
    names = [field.name for field in fields(h) if field.name not in BASIC]
    return [name for name in names if getattr(h, name) != getattr(defaults, name)]


def _needs(tape: Tape, h: Hyperparameters) -> list[str]:
    """Return what an implementation must support."""
    conditions = {
        "a learning-rate schedule": h.scheduled,
        "non-contiguous gradients": tape.strided,
        "empty parameters": tape.initial.size == 0,
        "row-sparse gradients": tape.sparse is not None,
        "a learning rate for each parameter": tape.rates is not None,
        "saving and restoring its state": tape.restored is not None,
    }
    return [*_changed(h), *(need for need, required in conditions.items() if required)]


def _shapes(shapes: Sequence[Sequence[int]]) -> str:
    each = [f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})" for shape in shapes]
    return ", ".join(each[:10]) + (f" and {len(each) - 10} more" if len(each) > 10 else "")


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"from {value[0]:g} to {value[-1]:g} over {len(value)} steps"
    return str(value).lower() if isinstance(value, bool) else str(value)
