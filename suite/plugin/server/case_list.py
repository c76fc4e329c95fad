"""The list of cases that a factory can be tested on, as a file from which tests are collected without a server.

`python -m suite.plugin.server.case_list` writes the file after a change of the catalogue.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from reference import Hyperparameters
from suite.cases import datasets
from suite.cases.catalogue import VERSION, Case, catalogue
from suite.cases.tasks import replayed

SEED = 0
FILE = Path(__file__).resolve().parents[1] / "cases.json"


@lru_cache(maxsize=1)
def testable_cases() -> tuple[Case, ...]:
    """Return the cases of the catalogue that every kind of optimizer supports and that depend on its dialect.

    Excluded are row-sparse gradients, non-contiguous parameters and rate factors, which a factory has no arguments for,
    and tapes about subnormal numbers, whose treatment depends on framework and machine. The regression uses generated
    data, so that a test downloads nothing.
    """
    return tuple(case for case in catalogue(replayed(datasets.generated(), SEED), SEED) if not _special(case))


def _special(case: Case) -> bool:
    tape = case.tape
    return tape.strided or tape.subnormals or any(one is not None for one in (tape.sparse, tape.rates, tape.restored))


def text() -> str:
    """Return the text of the file, with a line for each case; `suite.plugin.claim.Case` documents the entries."""
    lines = ",\n".join(f"  {json.dumps(case.id)}: {json.dumps(_entry(case))}" for case in testable_cases())
    return f'{{"catalogue": {json.dumps(VERSION)}, "cases": {{\n{lines}\n}}}}\n'


def _entry(case: Case) -> dict[str, Any]:
    h, defaults = case.setting.hyperparameters, Hyperparameters()
    others = [field.name for field in fields(h) if field.name not in ("learning_rate", "decay", "epsilon")]
    return {
        "dtypes": case.tape.dtypes,
        "lean": case.tape.lean,
        "sets": [name for name in others if getattr(h, name) != getattr(defaults, name)],
        "scheduled": h.scheduled,
    }


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
