"""`rmsuite identify`: find out which RMSProp an optimizer computes, by experiments that the server designs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import shared
from .adapters import KINDS
from .adapters.contract import Unsupported
from .client import client
from .user_optimizer import UserOptimizer

PRECISE = ("float32", "float64")
"""Formats with enough digits to distinguish dialects."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="rmsuite identify",
        description="Find out which RMSProp an optimizer computes, which axes are undecided, and its defaults.",
        epilog="Exit status: 0 if it is identified, 1 if nothing fits, 2 if the command can't be carried out.",
    )
    made.add_argument("factory", help="for example torch.optim:RMSprop, mypackage:make or tests/test_mine.py:make")
    made.add_argument("--kind", choices=[*KINDS], help="the kind of optimizer, if it can't be determined")
    made.add_argument("-v", "--verbose", action="store_true", help="print the id of each experiment on standard error")
    made.add_argument("--json", action="store_true", help="write JSON instead of tables")
    return made


def identify(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        UserError: if it can't be carried out.
        ServerError: if the server fails.
    """
    options = parser().parse_args(arguments)
    optimizer = UserOptimizer.named(options.factory, options.kind)
    server = client()
    found = server.ask("identify", optimizer=_description(optimizer))
    output = server.folder / "trace.safetensors"
    while "experiment" in found:
        if options.verbose:
            sys.stderr.write(f"{found['experiment']['id']}\n")
        found = server.ask("replayed", reply=_replayed(optimizer, found["experiment"], output), output=str(output))
    text = json.dumps(found["report"], indent=2) if options.json else "\n".join(found["lines"])
    sys.stdout.write(text + "\n")
    return int(found["report"]["exit_status"])


def _description(optimizer: UserOptimizer) -> dict[str, Any]:
    """Return the properties of the optimizer that the server needs; of its defaults those that JSON can hold."""
    plain = {
        name: value for name, value in optimizer.defaults.items() if isinstance(value, (bool, int, float, type(None)))
    }
    return {
        "name": optimizer.name,
        "accepts": sorted(optimizer.accepts),
        "defaults": {name: None if value in (float("inf"), float("-inf")) else value for name, value in plain.items()},
        "dtypes": [dtype for dtype in optimizer.dtypes if dtype in PRECISE] or list(optimizer.dtypes)[:1],
        "scheduled": optimizer.scheduled,
    }


def _replayed(optimizer: UserOptimizer, experiment: dict[str, Any], output: Path) -> dict[str, Any]:
    """Replay the tape of an experiment, write the trace to a file, and return the status."""
    tape, _ = shared.arrays.read(Path(experiment["input"]))
    given = experiment["hyperparameters"]
    if set(given) == optimizer.accepts:  # everything is set; a hyper-parameter that is off may be omitted
        given = optimizer.signature.chosen(shared.hyperparameters.Hyperparameters.from_json(given))
    try:
        trace = optimizer.replay(tape, given, experiment["dtype"])
    except Unsupported as reason:
        return {"status": "unsupported", "reason": str(reason)}
    except Exception as raised:  # an exception of the optimizer
        return {"status": "error", "reason": f"{type(raised).__name__}: {raised}"[:2000]}
    shared.arrays.write(output, {"parameters": trace["parameters"]})
    return {"status": "ok"}
