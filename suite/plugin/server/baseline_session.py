"""Baselines of a user's optimizer: what it gives is kept, or held against what it gave."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from reference import dialects
from suite.cases import datasets
from suite.cases.catalogue import VERSION
from suite.plugin.server.case_list import SEED
from suite.regression.baseline import Baseline, BaselineError, Key, Record, require_room
from suite.regression.compact_traces import Compact, digest
from suite.regression.comparison import FAILING, compare
from suite.results import processor
from suite.results.store import Row
from suite.workers.arrays import Arrays


class BaselineRecorder:
    """What an optimizer gave in this session."""

    def __init__(self) -> None:
        self.records: dict[Key, Record] = {}
        self.frameworks: dict[str, Any] = {}

    def keep(self, row: Row, trace: Arrays | None) -> None:
        """A verdict, and what it is of, if there was an answer."""
        one = _baseline(row, _key(row), trace)
        self.records.update(one.records)
        self.frameworks.update(one.manifest["frameworks"])

    def write(self, folder: Path, *, replace: bool) -> int:
        """All that was kept, as a baseline; returns how much that is.

        Raises:
            BaselineError: if something else is in the folder, or a baseline that is not to be replaced.
        """
        require_room(folder, replace=replace)
        Baseline(_manifest(self.frameworks), self.records).write(folder)
        return len(self.records)


@lru_cache
def recorded(folder: Path) -> Baseline:
    """A baseline of one optimizer.

    Raises:
        BaselineError: if there is none in the folder, or it is of several.
    """
    found = Baseline.read(folder)
    names = list(found.implementations())
    if len(names) != 1:
        raise BaselineError(f"{folder} is of {len(names)} implementations, where one factory is held against one")
    return found


def before(folder: Path, case: str, dtype: str) -> tuple[Key, Record] | None:
    """What was recorded of a case; None if it was not asked then."""
    records = recorded(folder).records
    return next((pair for pair in records.items() if pair[0].case == case and pair[0].dtype == dtype), None)


def held(folder: Path, row: Row, trace: Arrays | None, fail_on: str) -> Row:
    """The verdict with what the case has become: `change`, and whether that is `expected`.

    Args:
        folder: of the baseline.
        row: a verdict.
        trace: that it is of, if there was an answer.
        fail_on: `bits`, `rounding` or `dialect`: what more than this is not expected.

    Raises:
        BaselineError: if the two can't be compared.
    """
    earlier = before(folder, row["case"], row["dtype"])
    key = earlier[0] if earlier else _key(row)
    old = Baseline(recorded(folder).manifest, dict([earlier] if earlier else []))
    (change,) = compare(old, _baseline(row, key, trace))
    said = {"kind": change.kind.value, "words": change.words}
    return {**row, "change": said, "expected": change.kind not in FAILING[fail_on], "expectation": None}


def _key(row: Row) -> Key:
    """A name that a file can have."""
    return Key.of({**row, "implementation": re.sub(r"[^\w.-]+", ".", row["implementation"]).lstrip(".")})


def _baseline(row: Row, key: Key, trace: Arrays | None) -> Baseline:
    """Of one verdict."""
    seen = (digest(trace), Compact.of(trace)) if trace is not None else (None, None)
    versions = {key.framework: row["version"]}
    here = {"python": platform.python_version(), "versions": versions, "threads": 1, "instructions": {}}
    return Baseline(_manifest({key.framework: here}), {key: Record.of(row, *seen)})


def _manifest(frameworks: Mapping[str, Any]) -> dict[str, Any]:
    data = datasets.generated()
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": None,
        "catalogue": VERSION,
        "seed": SEED,
        "device": "cpu",
        "threads": 1,
        "data": {"name": data.name, "source": data.source, "detail": data.detail, "sha256": data.sha256},
        "machine": {
            "cpu": processor.name(),
            "instructions": processor.instructions(),
            "os": f"{platform.system()} {platform.release()} {platform.machine()}",
            "numpy": np.__version__,
        },
        "frameworks": dict(frameworks),
        "missing": {},
        "selection": {},
        "dialects": sorted(dialects),
    }
