"""What a case asks, in full: for people, and as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from rich.table import Table

from reference import Hyperparameters
from suite.cases.catalogue import Case, select
from suite.cases.expression import Selection
from suite.cases.metamorphic import HYPERPARAMETERS, MetamorphicRelation, first
from suite.cases.tapes import Tape
from suite.cases.tasks import Task

IN_FULL = 3
"""So many cases are described in full; more are listed."""

Described = dict[str, Any]


def choose(
    everything: Iterable[Case | MetamorphicRelation], patterns: Sequence[str], selection: Selection
) -> list[Case | MetamorphicRelation]:
    """The cases and laws that match a pattern, if there is one, and an expression.

    Raises:
        LookupError: if a pattern matches nothing, or nothing is left.
    """
    chosen = [one for one in select(everything, patterns) if selection.matches(one.id)]
    if not chosen:
        raise LookupError(f"-k {selection.expression!r} selects no case; see `rmsuite cases`")
    return chosen


def describe(one: Case | MetamorphicRelation, tasks: Mapping[str, Task], seed: int) -> Described:
    """A case or a law: id, reason, source, what it needs, its setting and its tape."""
    tape = one.tape if isinstance(one, Case) else first(seed)
    law = isinstance(one, MetamorphicRelation)
    h = HYPERPARAMETERS if isinstance(one, MetamorphicRelation) else one.setting.hyperparameters
    task = tasks.get(tape.id)
    return {
        "id": one.id,
        "kind": "law" if law else "case",
        "reason": one.reason if isinstance(one, MetamorphicRelation) else one.setting.reason,
        "source": task.source if task else f"generated from seed {seed}",
        "seed": seed,
        "needs": _needs(tape, h),
        "hyperparameters": _changed(h),
        "tape": {
            "id": tape.id,
            "reason": tape.reason,
            "steps": len(tape.gradients),
            "coordinates": int(tape.initial.size),
            "shapes": None if tape.shapes is None else [list(shape) for shape in tape.shapes],
            "dtypes": list(tape.dtypes),
            "sha256": digest(tape),
        },
    }


def digest(tape: Tape) -> str:
    """The SHA-256 of a tape's arrays: of each in the order of their names the name, the dtype, the shape, the bytes.

    Tapes that tape_batch in one file share that file's hash in the results; this one is the tape's own.
    """
    found = hashlib.sha256()
    for name, array in sorted(tape.file().items()):
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _changed(h: Hyperparameters) -> Described:
    """The hyper-parameters that are not the default, and the three that every RMSProp has."""
    usual, basic = Hyperparameters(), ("learning_rate", "decay", "epsilon")
    values = h.to_json()
    return {
        field.name: values[field.name]
        for field in fields(h)
        if field.name in basic or getattr(h, field.name) != getattr(usual, field.name)
    }


def _needs(tape: Tape, h: Hyperparameters) -> list[str]:
    """What an implementation must have, or be able to do, for a verdict."""
    usual, basic = Hyperparameters(), ("learning_rate", "decay", "epsilon")
    needed = [f.name for f in fields(h) if f.name not in basic and getattr(h, f.name) != getattr(usual, f.name)]
    able = {
        "a learning rate that changes": h.scheduled,
        "gradients with gaps in memory": tape.strided,
        "empty parameters": tape.initial.size == 0,
        "gradients of few rows": tape.sparse is not None,
        "learning rates of parameters' own": tape.rates is not None,
        "a state that can be saved": tape.restored is not None,
    }
    return [*needed, *(what for what, is_needed in able.items() if is_needed)]


def to_json(every: Sequence[Described]) -> str:
    """All of them, as a JSON array."""
    return json.dumps(every, indent=2, ensure_ascii=False) + "\n"


def in_full(one: Described) -> str:
    """One, for people."""
    tape = one["tape"]
    shapes = "any; it shares a tape with others" if tape["shapes"] is None else _shapes(tape["shapes"])
    lines = {
        "reason": one["reason"],
        "source": one["source"],
        "needs": ", ".join(one["needs"]) or "nothing beside what every RMSProp has",
        "hyper-parameters": ", ".join(f"{name} {_value(value)}" for name, value in one["hyperparameters"].items()),
        "tape": f"{tape['id']}: {tape['reason']}",
        "steps": f"{tape['steps']:,}",
        "coordinates": f"{tape['coordinates']:,}",
        "shapes": shapes,
        "dtypes": ", ".join(tape["dtypes"]),
        "SHA-256": tape["sha256"],
        "ask": f"rmsuite agree -c {one['id']}" + (f" --seed {one['seed']}" if one["seed"] else ""),
    }
    return "\n".join([one["id"], *(f"  {name:<17} {value}" for name, value in lines.items())])


def listed(every: Iterable[Described]) -> Table:
    """Many, a line each."""
    table = Table(box=None, pad_edge=False)
    table.add_column("case", no_wrap=True, overflow="fold")
    for name in ("steps", "coordinates", "tape", "setting"):
        table.add_column(name, justify="right" if name in ("steps", "coordinates") else "left")
    for one in every:
        tape, law = one["tape"], one["kind"] == "law"
        reasons = (one["reason"], "") if law else (tape["reason"], one["reason"])
        table.add_row(one["id"], str(tape["steps"]), str(tape["coordinates"]), *reasons)
    return table


def _shapes(shapes: Sequence[Sequence[int]]) -> str:
    each = [f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})" for shape in shapes]
    return ", ".join(each[:10]) + (f" and {len(each) - 10} more" if len(each) > 10 else "")


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"from {value[0]:g} to {value[-1]:g} over {len(value)} steps"
    return str(value).lower() if isinstance(value, bool) else str(value)
