"""Baselines of a user's optimizer: recorded in a session, or compared with a later one."""

from __future__ import annotations

import dataclasses
import platform
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from reference import dialects
from suite.cases import datasets
from suite.cases.catalogue import VERSION
from suite.compare.fingerprint import CompactTrace, trace_fingerprint
from suite.errors import UserError
from suite.plugin.server.case_list import SEED
from suite.regression.baseline import Baseline, Key, Record, require_writable
from suite.regression.comparison import FAILING_KINDS, compare
from suite.results import provenance
from suite.results.rows import VerdictRow
from suite.workers.arrays import Arrays


class BaselineRecorder:
    """Collects the traces of an optimizer in one session."""

    def __init__(self) -> None:
        self.records: dict[Key, Record] = {}
        self.frameworks: dict[str, Any] = {}

    def keep(self, row: VerdictRow, trace: Arrays | None) -> None:
        """Add a verdict and its trace, if there is one."""
        one = _baseline(row, _key(row), trace)
        self.records.update(one.records)
        self.frameworks.update(one.manifest["frameworks"])

    def write(self, folder: Path, *, replace: bool) -> int:
        """Write the records as a baseline; returns their number.

        Raises:
            UserError: if the folder holds something else, or a baseline that is not to be replaced.
        """
        require_writable(folder, replace=replace)
        Baseline(_manifest(self.frameworks), self.records).write(folder)
        return len(self.records)


@lru_cache
def recorded(folder: Path) -> Baseline:
    """Read a baseline of one optimizer.

    Raises:
        UserError: if the folder holds none, or one of several implementations.
    """
    found = Baseline.read(folder)
    names = list(found.implementations())
    if len(names) != 1:
        raise UserError(f"{folder} has {len(names)} implementations; a factory is compared with a baseline of one")
    return found


def before(folder: Path, case: str, dtype: str) -> tuple[Key, Record] | None:
    """Return the record of a case; None if there is none."""
    records = recorded(folder).records
    return next((pair for pair in records.items() if pair[0].case == case and pair[0].dtype == dtype), None)


def compared(folder: Path, row: VerdictRow, trace: Arrays | None, fail_on: str) -> tuple[VerdictRow, dict[str, str]]:
    """Compare a verdict with the baseline; return it with `expected` filled in, and the change.

    Args:
        folder: the folder of the baseline.
        row: the verdict.
        trace: its trace, if there is one.
        fail_on: the smallest unexpected change: `bits`, `rounding` or `dialect`.

    Raises:
        UserError: if the two can't be compared.
    """
    earlier = before(folder, row.case, row.dtype)
    key = earlier[0] if earlier else _key(row)
    old = Baseline(recorded(folder).manifest, dict([earlier] if earlier else []))
    (change,) = compare(old, _baseline(row, key, trace))
    row = dataclasses.replace(row, expected=change.kind not in FAILING_KINDS[fail_on], expectation=None)
    return row, {"kind": change.kind.value, "words": change.words}


def _key(row: VerdictRow) -> Key:
    """Return the key of a record, with a name that a file can have."""
    return Key.of(row)._replace(implementation=re.sub(r"[^\w.-]+", ".", row.implementation).lstrip("."))


def _baseline(row: VerdictRow, key: Key, trace: Arrays | None) -> Baseline:
    """Return a baseline of one verdict."""
    fingerprints = (trace_fingerprint(trace), CompactTrace.of(trace)) if trace is not None else (None, None)
    versions = {key.framework: row.version}
    here = {"python": platform.python_version(), "versions": versions, "threads": 1, "instructions": {}}
    return Baseline(_manifest({key.framework: here}), {key: Record.of(row, *fingerprints)})


def _manifest(frameworks: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "created": provenance.now(),
        "commit": None,
        "catalogue": VERSION,
        "seed": SEED,
        "device": "cpu",
        "threads": 1,
        "data": provenance.describe(datasets.generated()),
        "machine": {**provenance.processor(), "numpy": np.__version__},
        "frameworks": dict(frameworks),
        "missing": {},
        "selection": {},
        "dialects": sorted(dialects),
    }
