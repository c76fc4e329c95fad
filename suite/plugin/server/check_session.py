"""A session in which a user's optimizer is tested case by case, against a dialect or against a baseline of its own."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from reference import dialects
from suite.cases import datasets
from suite.cases.catalogue import VERSION
from suite.compare.comparison import TraceComparison, TraceError
from suite.compare.fingerprint import CompactTrace, trace_fingerprint
from suite.compare.oracle import Oracle
from suite.conformance.targets import TapeBatch, Target, read_trace, tape_batches
from suite.conformance.verdicts import Finding, ReplayContext, Verdicts
from suite.errors import UserError
from suite.plugin.server.case_list import SEED, testable_cases
from suite.regression.baseline import Baseline, Key, Record, require_writable
from suite.regression.comparison import FAILING_KINDS, compare
from suite.results import provenance
from suite.results.expectations import Expectations
from suite.results.rows import VerdictRow
from suite.results.store import to_json
from suite.workers import arrays
from suite.workers.protocol import DataMismatch, Message, Request, Response


@dataclass(frozen=True)
class BaselineTarget:
    """The folder of a baseline that an optimizer is compared with, and the smallest unexpected change."""

    folder: Path
    fail_on: str

    def before(self, case: str, dtype: str) -> tuple[Key, Record] | None:
        """Return the record of a case; None if there is none."""
        records = _read(self.folder).records.items()
        return next((pair for pair in records if pair[0].case == case and pair[0].dtype == dtype), None)

    def dialect(self, case: str, dtype: str) -> str:
        """Return the dialect that was claimed when the baseline was recorded."""
        known = [record.dialect for record in _read(self.folder).records.values() if record.dialect]
        earlier = self.before(case, dtype)
        return (earlier and earlier[1].dialect) or next(iter(known), "d2l")

    def compared(self, row: VerdictRow, trace: arrays.Arrays | None) -> tuple[VerdictRow, dict[str, str]]:
        """Compare a verdict with the baseline; return it with `expected` filled in, and the change.

        Raises:
            UserError: if the two can't be compared.
        """
        earlier = self.before(row.case, row.dtype)
        key = earlier[0] if earlier else _key(row)
        old = Baseline(_read(self.folder).manifest, dict([earlier] if earlier else []))
        new = _baseline({key.framework: row.version}, {key: _record(row, trace)})
        (change,) = compare(old, new)
        row = replace(row, expected=change.kind not in FAILING_KINDS[self.fail_on], expectation=None)
        return row, {"kind": change.kind.value, "words": change.words}


@lru_cache
def _read(folder: Path) -> Baseline:
    """Read a baseline of one optimizer.

    Raises:
        UserError: if the folder holds none, or one of several implementations.
    """
    found = Baseline.read(folder)
    number = len(found.implementations())
    if number != 1:
        raise UserError(f"{folder} has {number} implementations; a factory is compared with a baseline of one")
    return found


class CheckSession:
    """Compares the replays of an optimizer with the oracle; keeps the oracle's predictions and explanations."""

    def __init__(self, folder: Path) -> None:
        """Start a session whose tapes are written to the folder."""
        self.folder = folder
        self.cases = {case.id: case for case in testable_cases()}
        self.verdicts = Verdicts(self.cases.values())
        self.records: dict[Key, Record] = {}
        self.versions: dict[str, str] = {}
        self._tape_batches: dict[str, TapeBatch] = {}

    def tape_batch(self, name: str) -> TapeBatch:
        """Return a tape batch of the case with this id; its tape is written to the folder."""
        if name not in self._tape_batches:
            (self._tape_batches[name],) = tape_batches([self.cases[name]], self.folder)
        return self._tape_batches[name]

    def verdict(
        self,
        name: str,
        target: Target,
        reply: Message,
        output: Path,
        against: Expectations | BaselineTarget,
        *,
        keep: bool,
    ) -> Message:
        """Return the verdict on a replay, with `about`, the purpose of the case, and `change` since a baseline.

        Args:
            name: the id of the case.
            target: the tested optimizer, with the dialect that it claims.
            reply: the reply in the form of a worker's: `status`, `sha256` of the tape, and the `reason` if it failed.
            output: the file of the trace, which is removed.
            against: the known deviations, or a baseline, which replaces the claimed dialect.
            keep: whether to keep the trace for a baseline.

        Raises:
            UserError: if the dialect is unknown, or the baseline can't be used.
        """
        dialect = against.dialect(name, target.dtype) if isinstance(against, BaselineTarget) else target.claim
        if dialect is None or dialect not in dialects:
            raise UserError(f"no dialect {dialect!r}; there are {', '.join(dialects)}")
        target = replace(target, claim=dialect)
        context = ReplayContext(self.tape_batch(name), target, frozenset({name}))
        response = Response(Request(target.framework, {"output": str(output)}, context), reply, 0.0)
        trace = arrays.read(output)[0] if response.status == "ok" else None
        row = None
        if not keep and isinstance(against, Expectations):
            row = _agreeing(response, context, dialect)
        row = row or next(self.verdicts.rows(response))
        output.unlink(missing_ok=True)
        if keep:
            self.records[_key(row)] = _record(row, trace)
            self.versions[target.framework] = target.version
        row = replace(row, repeat=None, trace=None)
        about = {"about": self.cases[name].setting.reason}
        if isinstance(against, BaselineTarget):
            row, change = against.compared(row, trace)
            return {**to_json(row), **about, "change": change}
        row = against.apply(row)
        if row.outcome == "undecided" and row.expectation is None:
            row = replace(row, expected=True)  # neither a pass nor a defect: the bound can't decide the case
        return {**to_json(row), **about}

    def record(self, folder: Path, *, replace: bool) -> None:
        """Write the traces that were kept as a baseline.

        Raises:
            UserError: if the folder holds something else, or a baseline that is not to be replaced.
        """
        require_writable(folder, replace=replace)
        _baseline(self.versions, self.records).write(folder)


def _agreeing(response: Response, context: ReplayContext, dialect: str) -> VerdictRow | None:
    """Return the verdict if the trace agrees with the claimed dialect, else None; no other dialect is tried."""
    tape_batch = context.tape_batch
    if response.status != "ok":
        return None
    try:
        observed = read_trace(response, tape_batch.sha256)
        oracle = Oracle.of(tape_batch.tape, tape_batch.hyperparameters, context.target.dtype, [dialect])
        result = TraceComparison(observed, oracle, dialect).result(slice(None))
    except (TraceError, DataMismatch, OSError, ValueError):  # explained by the complete comparison
        return None
    if result.outcome != "agrees" or int(observed.get("changed_gradients", 0)):
        return None
    (case, _) = tape_batch.cases[0]
    return Finding(result, fits=(dialect,)).row(context.target, response, tape_batch, case.id)


def _key(row: VerdictRow) -> Key:
    """Return the key of a record, with a name that a file can have."""
    return Key.of(row)._replace(implementation=re.sub(r"[^\w.-]+", ".", row.implementation).lstrip("."))


def _record(row: VerdictRow, trace: arrays.Arrays | None) -> Record:
    return Record.of(row) if trace is None else Record.of(row, trace_fingerprint(trace), CompactTrace.of(trace))


def _baseline(versions: Mapping[str, str], records: dict[Key, Record]) -> Baseline:
    """Return records as a baseline, with the conditions of this session and the versions of the frameworks."""
    python = platform.python_version()
    manifest = {
        "created": provenance.now(),
        "commit": None,
        "catalogue": VERSION,
        "seed": SEED,
        "device": "cpu",
        "threads": 1,
        "data": provenance.describe(datasets.generated()),
        "machine": {**provenance.processor(), "numpy": np.__version__},
        "frameworks": {
            name: {"python": python, "versions": {name: version}, "threads": 1, "instructions": {}}
            for name, version in versions.items()
        },
        "missing": {},
        "selection": {},
        "dialects": sorted(dialects),
    }
    return Baseline(manifest, records)
