"""The cases that a factory can be asked, as a small file: test ids come from it, so that collecting starts no judge.

python -m suite.plugin.server.case_list        writes it again, when the catalogue has changed
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
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
def askable() -> tuple[Case, ...]:
    """The cases of the catalogue that every kind of optimizer can be asked, and that bear on its dialect.

    Not those of sparse gradients, gaps in memory and learning rates of a parameter's own, which a factory has no way to
    take; nor what tells who flushes subnormals, which is the framework's affair and the machine's. The regression has
    generated data: a test downloads nothing.
    """
    return tuple(case for case in catalogue(replayed(datasets.generated(), SEED), SEED) if not _special(case))


def _special(case: Case) -> bool:
    tape = case.tape
    return tape.strided or tape.subnormals or any(one is not None for one in (tape.sparse, tape.rates, tape.restored))


def listing(cases: Iterable[Case]) -> dict[str, Any]:
    """What is known of cases beforehand.

    `cases`: id -> `dtypes`, in which it is asked (a lean one in the first alone of those that are wanted: `lean`);
    `sets`, the hyper-parameters that it sets beside learning rate, decay and epsilon; and whether it is `scheduled`.
    """
    return {"catalogue": VERSION, "cases": {case.id: _entry(case) for case in cases}}


def _entry(case: Case) -> Mapping[str, Any]:
    h, plain = case.setting.hyperparameters, Hyperparameters()
    beside = [field.name for field in fields(h) if field.name not in ("learning_rate", "decay", "epsilon")]
    return {
        "dtypes": case.tape.dtypes,
        "lean": case.tape.lean,
        "sets": [name for name in beside if getattr(h, name) != getattr(plain, name)],
        "scheduled": h.scheduled,
    }


def text() -> str:
    """The file's: a line a case."""
    known = listing(askable())
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in known["cases"].items())
    return f'{{"catalogue": {json.dumps(known["catalogue"])}, "cases": {{\n{lines}\n}}}}\n'


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
