"""Recording: a job replays the catalogue, and its verdicts and the fingerprints of its traces become a baseline.

Cases are always batched with the whole catalogue, whatever is selected: a kernel may compute the end of an array in
another way than the rest of it, so that the last bits depend on the position of a coordinate.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import dialects
from reference.replay import QUANTITIES
from suite.cases import catalogue, datasets
from suite.cases.catalogue import Case
from suite.cases.expression import Selection
from suite.compare.comparison import ComparisonResult
from suite.compare.fingerprint import CompactTrace, trace_fingerprint
from suite.conformance.targets import Target, read_trace
from suite.conformance.verdicts import Finding, ReplayContext, Verdicts
from suite.errors import UserError
from suite.regression.baseline import Baseline, Key, Record
from suite.regression.comparison import require_catalogue
from suite.results.rows import VERDICTS, VerdictRow
from suite.run import Job, Options
from suite.workers.progress import Progress
from suite.workers.protocol import Response
from suite.workers.selection import framework_of, matches_pattern

Array = NDArray[Any]


def record(options: Options, progress: Progress, known: Baseline | None = None) -> Baseline:
    """Replay the catalogue and return a baseline, in which a release has the name of its framework.

    Args:
        options: the options of the job; `output` and `data` are not used.
        progress: shows messages and the progress of stages.
        known: an earlier baseline. Traces with the same bits are not compared with the oracle again.

    Raises:
        UserError: as `Job`; also if two releases of a framework are given.
    """
    names = {name: framework_of(name) for name in options.frameworks}
    if len(set(names.values())) < len(names):
        raise UserError("a baseline has one release of a framework; `rmsuite regress` compares several")
    known = known and known.renamed({framework: name for name, framework in names.items()})
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "results"
        with Recording(replace(options, output=output), progress, known) as recording:
            recording.agree()
            return recording.baseline().renamed(names)


class Recording(Job):
    """A job whose verdicts and fingerprints become a baseline.

    The data set is always the generated one, so that baselines do not depend on a download.
    """

    def __init__(self, options: Options, progress: Progress, known: Baseline | None = None) -> None:
        """Start the job; the arguments are those of `record`."""
        super().__init__(replace(options, whole=True), progress, datasets.generated())
        self.known = known.records if known else {}
        self._verdicts = _FingerprintingVerdicts(self.catalogue, self.known)

    def agree(self, verdicts: Verdicts | None = None) -> None:
        """Replay the cases."""
        super().agree(verdicts or self._verdicts)

    def baseline(self) -> Baseline:
        """Return the baseline of the verdicts so far."""
        return Baseline(self._baseline_manifest(), dict(map(self._record, self.store.rows(VERDICTS))))

    def _record(self, row: VerdictRow) -> tuple[Key, Record]:
        key = Key.of(row)
        digest, compact = self._verdicts.traces.get(key, (None, None))
        before = self.known.get(key)
        if before is not None and digest is not None and before.digest == digest:
            return key, before
        return key, Record.of(row, digest, compact)

    def _baseline_manifest(self) -> dict[str, Any]:
        options, manifest, hellos = self.options, self.store.manifest, self.hellos
        entries = ("created", "commit", "catalogue", "seed", "device", "threads", "data", "machine")
        available = {name: entry for name, entry in manifest["frameworks"].items() if "missing" not in entry}
        return {
            **{name: manifest[name] for name in entries},
            "frameworks": {
                name: {**entry, "instructions": hellos[name].get("instructions", {})}
                for name, entry in available.items()
            },
            "missing": self.missing,
            "selection": {
                "frameworks": list(options.frameworks),
                "implementations": list(options.implementations) or list(options.among),
                "cases": list(options.cases),
                "dtypes": list(options.dtypes),
                "dialects": list(options.dialects),
                "claim": options.claim,
                "select": options.select,
            },
            "dialects": sorted(dialects),
        }


class _FingerprintingVerdicts(Verdicts):
    """Verdicts that keep fingerprints and compact traces; traces with known bits are not compared with the oracle."""

    def __init__(self, cases: Iterable[Case], known: Mapping[Key, Record]) -> None:
        super().__init__(cases)
        self.known = known
        self.traces: dict[Key, tuple[str, CompactTrace]] = {}

    def findings(
        self, response: Response, context: ReplayContext, wanted: Sequence[tuple[Case, slice]]
    ) -> list[Finding]:
        """See `Verdicts`."""
        trace = read_trace(response, context.tape_batch.sha256)
        if not _consistent(trace, context.tape_batch.tape.initial.size):
            return super().findings(response, context, wanted)  # it reports the error
        before = [self._known_record(context.target, case.id, _columns(trace, columns)) for case, columns in wanted]
        if any(one is None for one in before):
            return super().findings(response, context, wanted)
        Path(response.request.message["output"]).unlink()
        return [_finding_of(one) for one in before if one is not None]

    def _known_record(self, target: Target, case: str, part: Mapping[str, Array]) -> Record | None:
        """Keep the fingerprint of a trace; return the earlier record if it has the same bits."""
        key = Key(target.framework, target.implementation, case, target.dtype, target.requested_dialect or "")
        self.traces[key] = trace_fingerprint(part), CompactTrace.of(part)
        before = self.known.get(key)
        return before if before is not None and before.digest == self.traces[key][0] else None


def _consistent(trace: Mapping[str, Array], size: int) -> bool:
    """Return whether all quantities of a trace have the same number of steps, and this number of coordinates."""
    shapes = {values.shape for name, values in trace.items() if name in QUANTITIES}
    return "parameters" in trace and len(shapes) == 1 and len(min(shapes)) == 2 and min(shapes)[1] == size


def _columns(trace: Mapping[str, Array], columns: slice) -> dict[str, Array]:
    return {name: values if values.ndim == 0 else values[:, columns] for name, values in trace.items()}


def _finding_of(record: Record) -> Finding:
    """Return the finding of an earlier record, in which numbers that a record lacks are NaN."""
    result = ComparisonResult(
        record.outcome, "parameters", 0, [], record.first_step, np.nan, np.nan, np.nan, record.reason
    )
    return Finding(result, record.reason, record.fits)


@dataclass(frozen=True)
class BaselineSelection:
    """The part of a baseline that a check repeats; an empty attribute selects everything.

    `frameworks` may be releases, which have the names of their frameworks in a baseline. `implementations` and `cases`
    are patterns, and `select` is an expression.
    """

    old: Baseline
    frameworks: Sequence[str]
    implementations: Sequence[str]
    cases: Sequence[str]
    dtypes: Sequence[str]
    select: str

    def require(self, device: str) -> None:
        """Check that everything selected was recorded, on this device, with this version of the catalogue.

        Raises:
            UserError: if it was not.
        """
        require_catalogue(self.old, catalogue.VERSION)
        if self.old.manifest["device"] != device:
            raise UserError(f"this baseline was recorded on {self.old.manifest['device']}, not on {device}")
        recorded = {"dtypes": self._recorded["dtypes"], "frameworks": list(self.old.frameworks)}
        for kind, named in (("dtypes", self.dtypes), ("frameworks", map(framework_of, self.frameworks))):
            lacking = [one for one in named if one not in recorded[kind]]
            if lacking:
                raise UserError(f"{lacking[0]} is not in this baseline; there are {', '.join(recorded[kind])}")
        for pattern in self.cases:
            if not any(catalogue.matches(name, pattern) for name in self._ids):
                raise UserError(f"no case of this baseline matches {pattern!r}")

    @property
    def _recorded(self) -> Mapping[str, Any]:
        """The selection of the recording."""
        found: Mapping[str, Any] = self.old.manifest["selection"]
        return found

    @cached_property
    def _ids(self) -> list[str]:
        return sorted({key.case for key in self.old.records})

    def selection(self) -> dict[str, Any]:
        """Return the options of the job that repeats the selection.

        The patterns of the recorded implementations are `among`: they need not match any that is installed now.
        """
        recorded = self._recorded
        ids = [name for name in self._ids if _any(catalogue.matches, name, self.cases)]
        return {
            "frameworks": self.frameworks or list(self.old.frameworks),
            "implementations": self.implementations,
            "among": recorded["implementations"],
            "cases": ids if self.cases else recorded["cases"],
            "dtypes": self.dtypes or recorded["dtypes"],
            "dialects": recorded["dialects"],
            "claim": recorded["claim"],
            "seed": self.old.manifest["seed"],
            "select": " and ".join(f"({part})" for part in (recorded["select"], self.select) if part.strip()),
        }

    def narrowed(self) -> Baseline:
        """Return the selected records as a baseline."""
        frameworks, expression = set(map(framework_of, self.frameworks)), Selection.of(self.select)
        kept = {
            key: record
            for key, record in self.old.records.items()
            if (not frameworks or key.framework in frameworks)
            and (not self.dtypes or key.dtype in self.dtypes)
            and _any(matches_pattern, key.name, self.implementations)
            and _any(catalogue.matches, key.case, self.cases)
            and expression.matches(key.text(record.dialect))
        }
        return Baseline(self.old.manifest, kept)


def _any(matches: Callable[[str, str], bool], name: str, patterns: Sequence[str]) -> bool:
    """Return whether a name matches one of the patterns, or there are none."""
    return not patterns or any(matches(name, pattern) for pattern in patterns)
