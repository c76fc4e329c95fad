"""`rmsuite identify`: which RMSProp is an optimizer that claims none? The judge asks, one question after another."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import packages
from .adapters import KINDS
from .adapters.contract import Unsupported
from .client import judge
from .user_optimizer import Subject

ASKED = ("float32", "float64")
"""Formats with enough digits to tell functions apart."""


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(
        prog="rmsuite identify",
        description="Which RMSProp does an optimizer compute, which axes can't be decided, and what are its defaults?",
        epilog="Exit status: 0 if it is identified, 1 if nothing fits, 2 if the command can't be carried out.",
    )
    made.add_argument("factory", help="as torch.optim:RMSprop, mypackage.optim:make or tests/test_mine.py:make")
    made.add_argument("--kind", choices=[*KINDS], help="of what the factory makes, if that can't be told from it")
    made.add_argument("-v", "--verbose", action="store_true", help="name each question on standard error")
    made.add_argument("--json", action="store_true", help="JSON to standard output, in place of tables")
    return made


def identify(arguments: Sequence[str]) -> int:
    """Carry out the command; returns its exit status.

    Raises:
        Mistake, FactoryError: if it can't be carried out.
        JudgeError: if the judge fails.
    """
    options = parser().parse_args(arguments)
    subject = Subject.named(options.factory, options.kind)
    court = judge()
    found = court.ask("identify", about=_about(subject))
    output = court.folder / "trace.safetensors"
    while "query" in found:
        if options.verbose:
            sys.stderr.write(f"{found['query']['id']}\n")
        found = court.ask("answered", reply=_answered(subject, found["query"], output), output=str(output))
    told = json.dumps(found["card"], indent=2) if options.json else "\n".join(found["lines"])
    sys.stdout.write(told + "\n")
    return int(found["card"]["exit_status"])


def _about(subject: Subject) -> dict[str, Any]:
    """What the judge is told; of defaults those that are numbers, switches or none."""
    said = {
        name: value for name, value in subject.defaults.items() if isinstance(value, (bool, int, float, type(None)))
    }
    return {
        "name": subject.name,
        "accepts": sorted(subject.accepts),
        "defaults": {name: None if value in (float("inf"), float("-inf")) else value for name, value in said.items()},
        "dtypes": [dtype for dtype in subject.dtypes if dtype in ASKED] or list(subject.dtypes)[:1],
        "scheduled": subject.scheduled,
    }


def _answered(subject: Subject, query: dict[str, Any], output: Path) -> dict[str, Any]:
    """Put a question to the subject; its trace goes to a file."""
    tape, _ = packages.arrays.read(Path(query["input"]))
    given = query["given"]
    if set(given) == subject.accepts:  # nothing is left to defaults; but what is off may stay unsaid
        given = subject.signature.chosen(packages.hyperparameters.Hyperparameters.from_json(given))
    try:
        trace = subject.answer(tape, given, query["dtype"])
    except Unsupported as reason:
        return {"status": "unsupported", "reason": str(reason)}
    except Exception as raised:  # whatever it is, it is the optimizer's
        return {"status": "error", "reason": f"{type(raised).__name__}: {raised}"[:2000]}
    packages.arrays.write(output, {"parameters": trace["parameters"]})
    return {"status": "ok"}
