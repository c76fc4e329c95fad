"""Recording: the catalogue is put to implementations, and what they give becomes a baseline.

Cases are always batched with the whole catalogue, whatever is selected: a kernel may compute the end of an array in
another way than the rest of it, so that the last bits depend on the position of a coordinate.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import dialects
from suite.cases import datasets
from suite.cases.catalogue import Case
from suite.compare.comparison import QUANTITIES, ComparisonResult
from suite.compare.fingerprint import CompactTrace, trace_fingerprint
from suite.conformance.findings import Finding
from suite.conformance.targets import Target, evidence
from suite.conformance.verdicts import Asked, Verdicts
from suite.regression.baseline import Baseline, BaselineError, Key, Record
from suite.results.store import Row
from suite.run import Job, Options
from suite.workers import selection
from suite.workers.progress import Progress
from suite.workers.protocol import Response
from suite.workers.selection import framework_of

Array = NDArray[Any]


def record(options: Options, progress: Progress, known: Baseline | None = None, among: Sequence[str] = ()) -> Baseline:
    """Ask, and keep what is answered.

    Args:
        options: who is asked, about what; `output` and `data` are not used.
        progress: to report to.
        known: an earlier baseline. What gives the same bits is not judged again.
        among: patterns of implementations; others are not asked. Unlike those of the options they need not match any.

    Returns:
        A baseline in which a release goes by its framework's name, so that it can be held against another.

    Raises:
        DataError, StoreError, LookupError: as `Job`.
        BaselineError: if two releases of a framework are asked.
    """
    names = {name: framework_of(name) for name in options.frameworks}
    if len(set(names.values())) < len(names):
        raise BaselineError("a baseline is of one release of a framework; `rmsuite regress` compares several")
    known = known and known.under({framework: name for name, framework in names.items()})
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "results"
        with Recording(replace(options, output=output, whole=True), progress, known, among) as job:
            job.agree()
            return job.baseline().under(names)


class Recording(Job):
    """A job that keeps the digests of traces."""

    def __init__(
        self, options: Options, progress: Progress, known: Baseline | None = None, among: Sequence[str] = ()
    ) -> None:
        """As `record`, and a `Job`."""
        self.known = known.records if known else {}
        self.among = among
        self.traces: dict[Key, tuple[str, CompactTrace]] = {}
        super().__init__(options, progress)

    def dataset(self) -> datasets.Dataset:
        """What is generated, everywhere the same: a baseline does not depend on a download."""
        return datasets.generated()

    def targets(self) -> Iterator[Target]:
        """Those among whom one is to be."""
        for target in super().targets():
            name = f"{target.framework}/{target.implementation}"
            if not self.among or any(selection.matches_pattern(name, pattern) for pattern in self.among):
                yield target

    def verdicts(self) -> Verdicts:
        """Those that keep digests."""
        return _Digesting(self)

    def baseline(self) -> Baseline:
        """What there is to keep."""
        return Baseline(self._conditions(), dict(map(self._record, self.store.rows("verdicts"))))

    def _record(self, row: Row) -> tuple[Key, Record]:
        key = Key.of(row)
        given, compact = self.traces.get(key, (None, None))
        before = self.known.get(key)
        same = before is not None and given is not None and before.digest == given
        return key, before if before is not None and same else Record.of(row, given, compact)

    def _conditions(self) -> dict[str, Any]:
        options, manifest = self.options, self.store.manifest
        parts = ("created", "commit", "catalogue", "seed", "device", "threads", "data", "machine")
        asked = {name: frame for name, frame in manifest["frameworks"].items() if "missing" not in frame}
        said = {name: {"instructions": self.hellos[name].get("instructions", {})} for name in asked}
        return {
            **{part: manifest[part] for part in parts},
            "frameworks": {name: {**frame, **said[name]} for name, frame in asked.items()},
            "missing": self.missing,
            "selection": {
                "frameworks": list(options.frameworks),
                "implementations": list(options.implementations) or list(self.among),
                "cases": list(options.cases),
                "dtypes": list(options.dtypes),
                "dialects": list(options.dialects),
                "claim": options.claim,
                "select": options.select,
            },
            "dialects": sorted(dialects),
        }


class _Digesting(Verdicts):
    """Verdicts that keep digests and compact traces on the way, and leave the oracle alone where bits are known."""

    def __init__(self, job: Recording) -> None:
        super().__init__(job.catalogue)
        self.job = job

    def findings(self, answer: Response, asked: Asked, wanted: Sequence[tuple[Case, slice]]) -> list[Finding]:
        """See `Verdicts`."""
        trace = evidence(answer, asked.tape_batch)
        if not _regular(trace, asked.tape_batch.tape.initial.size):
            return super().findings(answer, asked, wanted)  # which says what is wrong with it
        before = [self._known(asked.target, case.id, _part(trace, columns)) for case, columns in wanted]
        if any(one is None for one in before):
            return super().findings(answer, asked, wanted)
        Path(answer.request.message["output"]).unlink()
        return [_as_before(one) for one in before if one is not None]

    def _known(self, target: Target, case: str, part: Mapping[str, Array]) -> Record | None:
        """Keep what there is of a trace; returns the earlier record if that is of the same bits."""
        key = Key(target.framework, target.implementation, case, target.dtype, target.asked or "")
        self.job.traces[key] = trace_fingerprint(part), CompactTrace.of(part)
        before = self.job.known.get(key)
        return before if before is not None and before.digest == self.job.traces[key][0] else None


def _regular(trace: Mapping[str, Array], size: int) -> bool:
    """Whether every quantity of a trace has as many steps and coordinates as the others."""
    shapes = {values.shape for name, values in trace.items() if name in QUANTITIES}
    return "parameters" in trace and len(shapes) == 1 and len(min(shapes)) == 2 and min(shapes)[1] == size


def _part(trace: Mapping[str, Array], columns: slice) -> dict[str, Array]:
    return {name: values if values.ndim == 0 else values[:, columns] for name, values in trace.items()}


def _as_before(record: Record) -> Finding:
    """What was found of the same bits; the numbers of the result that a record leaves out are no numbers."""
    result = ComparisonResult(
        record.outcome, "parameters", 0, [], record.first_step, np.nan, np.nan, np.nan, record.reason
    )
    return Finding(result, record.reason, record.fits)
