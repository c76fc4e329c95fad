"""Descriptions of cases: id, reason, source, requirements, hyper-parameters and tape."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference import Hyperparameters
from suite.cases.catalogue import Case, select
from suite.cases.expression import Selection
from suite.cases.metamorphic import HYPERPARAMETERS, MetamorphicRelation, first_tape
from suite.cases.tapes import Shape, Tape
from suite.cases.tasks import Task
from suite.errors import UserError

BASIC = ("learning_rate", "decay", "epsilon")  # the hyper-parameters that every RMSProp has


@dataclass(frozen=True)
class TapeDescription:
    """A tape without its numbers; `shapes` is None if the tape may be batched with others."""

    id: str
    reason: str
    steps: int
    coordinates: int
    shapes: Sequence[Shape] | None
    dtypes: Sequence[str]
    sha256: str


@dataclass(frozen=True)
class Description:
    """A case or a metamorphic relation."""

    id: str
    kind: str  # `case` or `relation`
    reason: str  # what it tests
    source: str  # where its numbers come from
    seed: int
    needs: Sequence[str]  # what an implementation must support
    hyperparameters: Mapping[str, Any]  # the basic ones, and those that differ from their defaults
    tape: TapeDescription

    def lines(self) -> list[str]:
        """Return the description as lines of text."""
        tape = self.tape
        parts = {
            "reason": self.reason,
            "source": self.source,
            "needs": ", ".join(self.needs) or "nothing beyond the basic hyper-parameters",
            "hyper-parameters": ", ".join(f"{name} {_value(value)}" for name, value in self.hyperparameters.items()),
            "tape": f"{tape.id}: {tape.reason}",
            "steps": f"{tape.steps:,}",
            "coordinates": f"{tape.coordinates:,}",
            "shapes": "any; the tape is batched with others" if tape.shapes is None else _shapes(tape.shapes),
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
    """Describe a case or relation of the catalogue of a seed; a tape that a task recorded has the task's source."""
    if isinstance(item, Case):
        kind, reason, tape, h = "case", item.setting.reason, item.tape, item.setting.hyperparameters
    else:
        kind, reason, tape, h = "relation", item.reason, first_tape(seed), HYPERPARAMETERS
    source = tasks[tape.id].source if tape.id in tasks else f"generated from seed {seed}"
    values, defaults = h.to_json(), Hyperparameters().to_json()
    changed = [name for name in values if name not in BASIC and values[name] != defaults[name]]
    conditions = {
        "a learning-rate schedule": h.scheduled,
        "non-contiguous gradients": tape.strided,
        "empty parameters": tape.initial.size == 0,
        "row-sparse gradients": tape.sparse is not None,
        "a learning rate for each parameter": tape.rates is not None,
        "saving and restoring its state": tape.restored is not None,
    }
    needs = [*changed, *(need for need, required in conditions.items() if required)]
    steps, size = len(tape.gradients), int(tape.initial.size)
    about = TapeDescription(tape.id, tape.reason, steps, size, tape.shapes, tape.dtypes, _sha256(tape))
    set_values = {name: values[name] for name in (*BASIC, *changed)}
    return Description(item.id, kind, reason, source, seed, needs, set_values, about)


def _sha256(tape: Tape) -> str:
    """Return the SHA-256 of the name, dtype, shape and bytes of a tape's arrays, in the order of their names.

    Tapes that are batched in one file share the hash of that file in the results; this hash is the tape's own.
    """
    found = hashlib.sha256()
    for name, array in sorted(tape.arrays().items()):
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _shapes(shapes: Sequence[Shape]) -> str:
    return ", ".join(map(str, shapes[:10])) + (f" and {len(shapes) - 10} more" if len(shapes) > 10 else "")


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"from {value[0]:g} to {value[-1]:g} over {len(value)} steps"
    return str(value).lower() if isinstance(value, bool) else str(value)
