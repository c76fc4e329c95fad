"""A baseline: the verdicts and the fingerprints of implementations, with the conditions under which they were recorded.

    baseline.json                       conditions: catalogue, seed, device, data, machine, versions, …
    FRAMEWORK/IMPLEMENTATION.jsonl      one line for each case, sorted: its verdict and the digest of its trace
    FRAMEWORK/traces.safetensors        compact traces, one for each digest, in the order of the digests

A diff of two baselines shows the lines of the cases that changed, and no others.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Self, cast

from suite.compare.fingerprint import CompactTrace, TraceShape, pack, unpack
from suite.errors import UserError
from suite.results import decoding
from suite.results.rows import NearestDialect, Outcome, VerdictRow
from suite.results.store import to_json
from suite.workers import arrays
from suite.workers.protocol import Message
from suite.workers.selection import selection_text

FORMAT = 1
MANIFEST, TRACES = "baseline.json", "traces.safetensors"
_AXES = {"hyperparameters": "hyperparameter_rounding", "complement": "decay_complement"}
"""Names of axes in earlier releases, which a recorded baseline may have -> their present names."""
_FILE = re.compile(r"[a-z0-9_]+/[\w-][\w.-]*\.(jsonl|safetensors)")


class Key(NamedTuple):
    """The key of a record: the columns of a verdict, with an empty `requested_dialect` if the user named none."""

    framework: str
    implementation: str
    case: str
    dtype: str
    requested_dialect: str

    @classmethod
    def of(cls, row: VerdictRow) -> Self:
        """Return the key of a verdict."""
        return cls(row.framework, row.implementation, row.case, row.dtype, row.requested_dialect or "")

    @property
    def name(self) -> str:
        """The implementation, as `torch/builtin`."""
        return f"{self.framework}/{self.implementation}"

    @property
    def metamorphic(self) -> bool:
        """Whether it is about a metamorphic relation, which compares two traces and has no digest."""
        return self.case.startswith("law/")

    def text(self, dialect: str | None) -> str:
        """Return the text that an expression is matched with, as of a verdict."""
        return selection_text(
            self.framework, self.implementation, self.case, self.dtype, self.requested_dialect or dialect
        )


@dataclass(frozen=True)
class Record:
    """The verdict on one implementation in one case, with the digest of its trace."""

    outcome: Outcome
    dialect: str | None = None  # the dialect that the trace was compared with
    digest: str | None = None  # the SHA-256 of the trace; None if there is none
    fits: tuple[str, ...] = ()  # the named dialects whose bounds hold the trace
    first_step: int | None = None  # the first step outside the bound of `dialect`, counted from 1
    bound_ratio: float | None = None  # the largest error over that bound
    nearest: NearestDialect | None = None  # the nearest dialect after changes, if no named dialect fits
    reason: str | None = None  # why it does not agree, in words, unless `fits` says it
    compact: CompactTrace | None = field(default=None, compare=False)

    @classmethod
    def of(cls, row: VerdictRow, digest: str | None = None, compact: CompactTrace | None = None) -> Self:
        """Return the record of a verdict and its trace."""
        ratio = row.bound_ratio
        return cls(
            outcome=row.outcome,
            dialect=row.dialect,
            digest=digest,
            fits=tuple(sorted(row.fits)),
            first_step=row.first_step,
            bound_ratio=None if ratio is None or not math.isfinite(ratio) else float(f"{ratio:.3g}"),
            nearest=row.nearest,
            reason=row.reason if not row.fits or row.dialect in row.fits else None,
            compact=compact,
        )

    @property
    def has_trace(self) -> bool:
        """Whether there was a trace to compare."""
        return self.outcome not in ("unsupported", "failed")


@dataclass
class Baseline:
    """The records of implementations, and the manifest: the conditions under which they were made."""

    manifest: dict[str, Any]
    records: dict[Key, Record]

    @property
    def frameworks(self) -> Mapping[str, Any]:
        """Framework -> `versions`, `python`, `threads`, `instructions`."""
        found: Mapping[str, Any] = self.manifest["frameworks"]
        return found

    def version(self, framework: str) -> str:
        """Return the version of a framework; empty if it was not run."""
        return self.versions(framework).get(framework, "")

    def versions(self, framework: str) -> Mapping[str, str]:
        """Return the versions of a framework and of the packages that compute for it."""
        found: Mapping[str, str] = self.frameworks.get(framework, {}).get("versions", {})
        return found

    def instructions(self, framework: str) -> tuple[Any, ...]:
        """Return what determines the kernels that a framework runs: equal for equal instruction sets."""
        reported = self.frameworks.get(framework, {}).get("instructions", {})
        return tuple(self.manifest["machine"].get("instructions", ())), tuple(sorted(reported.items()))

    def implementations(self) -> dict[str, dict[Key, Record]]:
        """Return the sorted records of each implementation, such as `torch/builtin`."""
        found: dict[str, dict[Key, Record]] = {}
        for key in sorted(self.records):
            found.setdefault(key.name, {})[key] = self.records[key]
        return found

    def fitting(self, known: frozenset[str]) -> dict[tuple[str, str], frozenset[str]]:
        """Return the known dialects that fit in every case in which any does, by implementation and requested dialect.

        Two dialects that one case does not distinguish may be distinguished by another.
        """
        found: dict[tuple[str, str], frozenset[str]] = {}
        for key, record in self.records.items():
            fits = known.intersection(record.fits)
            name = key.name, key.requested_dialect
            found[name] = found.get(name, known) & (fits or known)
        return found

    def renamed(self, names: Mapping[str, str]) -> Baseline:
        """Return the records of some frameworks, or releases of them, under other names (name here -> new name)."""
        records = {
            key._replace(framework=names[key.framework]): record
            for key, record in self.records.items()
            if key.framework in names
        }
        parts = {
            part: {new: self.manifest[part][name] for name, new in names.items() if name in self.manifest[part]}
            for part in ("frameworks", "missing")
        }
        return Baseline({**self.manifest, **parts}, records)

    def write(self, folder: Path) -> list[Path]:
        """Write to a folder, in place of a baseline that is there; return the files.

        Raises:
            UserError: if the folder holds something else.
            OSError: if it can't be written.
        """
        require_writable(folder, replace=True)
        if (folder / MANIFEST).exists():
            for name in _manifest(folder)["files"]:
                (folder / name).unlink(missing_ok=True)
        written, compacts = [], dict[Path, dict[str, CompactTrace]]()
        for name, records in self.implementations().items():
            file = folder / f"{name}.jsonl"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join(f"{_line(key, record)}\n" for key, record in records.items()), "utf-8")
            written.append(file)
            kept = compacts.setdefault(file.with_name(TRACES), {})
            kept.update((one.digest, one.compact) for one in records.values() if one.digest and one.compact)
        for file, kept in compacts.items():
            arrays.write(file, pack([kept[digest] for digest in sorted(kept)]))
            written.append(file)
        folder.mkdir(parents=True, exist_ok=True)
        self.manifest["files"] = [path.relative_to(folder).as_posix() for path in written]
        text = json.dumps({"format": FORMAT, **self.manifest}, indent=1, ensure_ascii=False) + "\n"
        (folder / MANIFEST).write_text(text, "utf-8")
        return [folder / MANIFEST, *written]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read from a folder.

        Raises:
            UserError: if the folder holds no baseline, or one that can't be read.
        """
        manifest = _manifest(folder)
        if manifest.pop("format", None) != FORMAT:
            raise UserError(f"{folder / MANIFEST} has another format than {FORMAT}; record it again")
        files = [folder / name for name in manifest["files"] if name.endswith(".jsonl")]
        frameworks = groupby(files, lambda file: file.parent)
        return cls(manifest, {key: one for folder, own in frameworks for key, one in _read(folder, list(own))})


def require_writable(folder: Path, *, replace: bool) -> None:
    """Check that a baseline can be written to a folder.

    Raises:
        UserError: if it holds something else, or a baseline that is not to be replaced.
    """
    if (folder / MANIFEST).exists():
        if not replace:
            raise UserError(f"{folder} holds a baseline already; replace it with --replace")
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not empty, and there is no baseline in it; name another folder")


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if not file.is_file():
        raise UserError(f"{folder} is not a baseline: it has no {MANIFEST}; `rmsuite baseline record` makes one")
    try:
        found = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"{file} can't be read: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("files"), list):
        raise UserError(f"{file} can't be read: it names no files")
    strange = [name for name in found["files"] if not isinstance(name, str) or not _FILE.fullmatch(name)]
    if strange:
        raise UserError(f"{file} can't be read: {strange[0]!r} is not a file of a baseline")
    return found


def _line(key: Key, record: Record) -> str:
    """Return the line of a record, short: lists are joined by spaces, and what is missing or implied is left out."""
    shape = record.compact.shape if record.compact else None
    kind = record.compact and record.compact.values.dtype.name
    found = {
        "case": key.case,
        "dtype": key.dtype,
        "asked": key.requested_dialect,
        "outcome": record.outcome,
        "sha256": record.digest,
        "dialect": None if record.dialect == key.requested_dialect else record.dialect,
        "fits": " ".join(record.fits),
        "first_step": record.first_step,
        "bound_ratio": record.bound_ratio,
        "nearest": record.nearest and _nearest_to_json(record.nearest),
        "reason": record.reason,
        "shape": shape and [shape.steps, shape.size],
        "shows": shape and " ".join(shape.quantities),
        "kind": None if kind == _usual(key.dtype) else kind,
    }
    return json.dumps({name: value for name, value in found.items() if value not in (None, "")}, ensure_ascii=False)


def _nearest_to_json(nearest: NearestDialect) -> dict[str, Any]:
    """Return the nearest dialect as baselines store it: changes as axis -> [before, after]."""
    found = {name: value for name, value in to_json(nearest).items() if name != "best_change"}
    return {**found, "changes": {change.axis: [change.before, change.after] for change in nearest.changes}}


def _nearest_from_json(value: Message) -> NearestDialect:
    changes = [
        {"axis": _AXES.get(axis, axis), "before": before, "after": after}
        for axis, (before, after) in value["changes"].items()
    ]
    found = decoding.build(NearestDialect, {**value, "changes": changes})
    if found is None:
        raise ValueError(f"{value} is not the nearest dialect of a record")
    return found


def _usual(dtype: str) -> str:
    """Return the format of the values of a compact trace, by default."""
    return "float64" if dtype == "float64" else "float32"


def _read(folder: Path, files: Sequence[Path]) -> list[tuple[Key, Record]]:
    """Read the records of the implementations of one framework."""
    try:
        lines = [(file, json.loads(line)) for file in files for line in file.read_text("utf-8").splitlines()]
        compacts = _compacts([line for _, line in lines if "sha256" in line], folder / TRACES)
        return [_record(line, file, compacts) for file, line in lines]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder} can't be read: {type(error).__name__}: {error}") from error


def _record(line: Message, file: Path, compacts: Mapping[str, CompactTrace]) -> tuple[Key, Record]:
    key = Key(file.parent.name, file.stem, line["case"], line["dtype"], line.get("asked", ""))
    return key, Record(
        outcome=cast(Outcome, line["outcome"]),
        dialect=line.get("dialect", line.get("asked")),
        digest=line.get("sha256"),
        fits=tuple(line.get("fits", "").split()),
        first_step=line.get("first_step"),
        bound_ratio=line.get("bound_ratio"),
        nearest=_nearest_from_json(line["nearest"]) if "nearest" in line else None,
        reason=line.get("reason"),
        compact=compacts.get(line.get("sha256", "")),
    )


def _compacts(lines: Iterable[Message], file: Path) -> dict[str, CompactTrace]:
    """Return digest -> compact trace."""
    shapes = {}
    for line in lines:
        steps, size = line["shape"]
        shape = TraceShape(steps, size, tuple(line["shows"].split()))
        shapes[line["sha256"]] = shape, line.get("kind") or _usual(line["dtype"])
    digests = sorted(shapes)
    found = unpack(arrays.read(file)[0], [shapes[one] for one in digests])
    return dict(zip(digests, found, strict=True))
