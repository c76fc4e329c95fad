"""A baseline: what implementations gave, under which conditions. Plain data; read from a folder, and written to one.

    baseline.json                       conditions: catalogue, seed, device, data, machine, versions, …
    FRAMEWORK/IMPLEMENTATION.jsonl      a line a case, sorted: its verdict, and the digest of its trace
    FRAMEWORK/traces.safetensors        compact traces, one for each digest, in the order of the digests

So a diff of two baselines shows the lines of those cases that changed, and no others.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, Self

from suite.compare.fingerprint import CompactTrace, TraceShape, pack, unpack
from suite.errors import UserError
from suite.results.store import Row
from suite.workers import arrays

FORMAT = 1
MANIFEST, TRACES = "baseline.json", "traces.safetensors"
_FILE = re.compile(r"[a-z0-9_]+/[\w-][\w.-]*\.(jsonl|safetensors)")


class BaselineError(UserError):
    """A folder is no baseline, or can't become one; the message says why."""


class Key(NamedTuple):
    """What a record is about.

    Attributes:
        framework: whose implementation it is.
        implementation: its name there.
        case: the id of a case or a law.
        dtype: in which it was asked.
        asked: the dialect that it was told to run, or was held against; empty for its own.
    """

    framework: str
    implementation: str
    case: str
    dtype: str
    asked: str

    @classmethod
    def of(cls, row: Row) -> Self:
        """That of a verdict."""
        return cls(row["framework"], row["implementation"], row["case"], row["dtype"], row["asked"] or "")

    @property
    def name(self) -> str:
        """As `torch/builtin`."""
        return f"{self.framework}/{self.implementation}"

    @property
    def law(self) -> bool:
        """Whether it is about a law: of two traces, and so without a digest."""
        return self.case.startswith("law/")

    def words(self, dialect: str | None) -> str:
        """What an expression selects it by, as a verdict."""
        return f"{self.name} {self.case} {self.dtype} {self.asked or dialect or ''}"


@dataclass(frozen=True)
class Record:
    """What one implementation gave in one case.

    Attributes:
        outcome: the verdict's: agrees, differs, undecided, unsupported or failed.
        dialect: that it is held against.
        digest: SHA-256 of its trace; None if there is none.
        fits: the named dialects inside whose bound the trace lies.
        first_step: the first that leaves the bound of `dialect`, counted from 1.
        bound_ratio: the largest error over that bound.
        nearest: where no named dialect fits, what comes nearest, as in a verdict.
        reason: for people, unless it agrees, or what fits instead says enough.
        compact: of its trace.
    """

    outcome: str
    dialect: str | None = None
    digest: str | None = None
    fits: tuple[str, ...] = ()
    first_step: int | None = None
    bound_ratio: float | None = None
    nearest: Mapping[str, Any] | None = None
    reason: str | None = None
    compact: CompactTrace | None = field(default=None, compare=False)

    @classmethod
    def of(cls, row: Row, digest: str | None = None, compact: CompactTrace | None = None) -> Self:
        """Of a verdict, and what was made of its trace."""
        ratio = row["bound_ratio"]
        return cls(
            outcome=row["outcome"],
            dialect=row["dialect"],
            digest=digest,
            fits=tuple(sorted(row["fits"])),
            first_step=row["first_step"],
            bound_ratio=None if ratio is None or not math.isfinite(ratio) else float(f"{ratio:.3g}"),
            nearest=row.get("nearest"),
            reason=row["reason"] if not row["fits"] or row["dialect"] in row["fits"] else None,
            compact=compact,
        )

    @property
    def answers(self) -> bool:
        """Whether there was something to judge."""
        return self.outcome not in ("unsupported", "failed")


@dataclass
class Baseline:
    """What implementations gave.

    Attributes:
        manifest: under which conditions; see `docs/regression.md`.
        records: by what they are about.
    """

    manifest: dict[str, Any]
    records: dict[Key, Record]

    @property
    def frameworks(self) -> Mapping[str, Any]:
        """Framework -> `versions`, `python`, `threads`, `instructions`."""
        found: Mapping[str, Any] = self.manifest["frameworks"]
        return found

    def version(self, framework: str) -> str:
        """Of a framework; empty if it was not asked."""
        return str(self.frameworks.get(framework, {}).get("versions", {}).get(framework, ""))

    def versions(self, framework: str) -> Mapping[str, str]:
        """Of a framework and of what of it computes."""
        found: Mapping[str, str] = self.frameworks.get(framework, {}).get("versions", {})
        return found

    def instructions(self, framework: str) -> tuple[Any, ...]:
        """What may decide which kernels a framework runs: equal for equal instruction sets."""
        said = self.frameworks.get(framework, {}).get("instructions", {})
        return tuple(self.manifest["machine"].get("instructions", ())), tuple(sorted(said.items()))

    def implementations(self) -> dict[str, dict[Key, Record]]:
        """The records of each implementation, as `torch/builtin`, sorted."""
        found: dict[str, dict[Key, Record]] = {}
        for key in sorted(self.records):
            found.setdefault(key.name, {})[key] = self.records[key]
        return found

    def fitting(self, known: frozenset[str]) -> dict[tuple[str, str], frozenset[str]]:
        """Which of some dialects fit in every case in which any of them does: by implementation, and what it was asked.

        Where one case can't tell two dialects apart, another may.
        """
        found: dict[tuple[str, str], frozenset[str]] = {}
        for key, record in self.records.items():
            fits = known.intersection(record.fits)
            found[key.name, key.asked] = found.get((key.name, key.asked), known) & (fits or known)
        return found

    def under(self, names: Mapping[str, str]) -> Baseline:
        """What some frameworks gave, under other names.

        Args:
            names: the name of each here, as of a release -> the name there.
        """
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
        """Write to a folder, in place of the baseline that is there; returns the files.

        Raises:
            BaselineError: if something else is there.
            OSError: if it can't be written.
        """
        require_room(folder, replace=True)
        if (folder / MANIFEST).exists():
            for name in _manifest(folder)["files"]:
                (folder / name).unlink(missing_ok=True)
        written, compacts = [], dict[Path, dict[str, CompactTrace]]()
        for name, records in self.implementations().items():
            file = folder / f"{name}.jsonl"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join(f"{_line(key, record)}\n" for key, record in records.items()), "utf-8")
            kept = ((one.digest, one.compact) for one in records.values())
            found = {digest: compact for digest, compact in kept if digest is not None and compact is not None}
            compacts.setdefault(file.with_name(TRACES), {}).update(found)
            written.append(file)
        for file, found in compacts.items():
            arrays.write(file, pack([found[digest] for digest in sorted(found)]))
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
            BaselineError: if it is none.
        """
        manifest = _manifest(folder)
        if manifest.pop("format", None) != FORMAT:
            raise BaselineError(f"{folder / MANIFEST} is of another format than {FORMAT}; record it anew")
        files = [folder / name for name in manifest["files"] if name.endswith(".jsonl")]
        return cls(manifest, {key: one for _, own in groupby(files, _folder) for key, one in _read(list(own))})


def require_room(folder: Path, *, replace: bool) -> None:
    """See to it that a baseline can be written to a folder.

    Raises:
        BaselineError: if there is something else in it, or a baseline that is not to be replaced.
    """
    if (folder / MANIFEST).exists():
        if not replace:
            raise BaselineError(f"{folder} holds a baseline already; put another in its place with --replace")
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BaselineError(f"{folder} is not empty, and there is no baseline in it; name another folder")


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if not file.is_file():
        raise BaselineError(f"{folder} is no baseline: it has no {MANIFEST}; `rmsuite baseline record` makes one")
    try:
        found = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise BaselineError(f"{file} can't be read: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("files"), list):
        raise BaselineError(f"{file} can't be read: it names no files")
    strange = [name for name in found["files"] if not isinstance(name, str) or not _FILE.fullmatch(name)]
    if strange:
        raise BaselineError(f"{file} can't be read: {strange[0]!r} is no file of a baseline")
    return found


def _line(key: Key, record: Record) -> str:
    """What there is of a record; lists as words, and nothing that goes without saying, so that a line stays short."""
    shape = record.compact.shape if record.compact else None
    found = {
        "case": key.case,
        "dtype": key.dtype,
        "asked": key.asked,
        "outcome": record.outcome,
        "sha256": record.digest,
        "dialect": None if record.dialect == key.asked else record.dialect,
        "fits": " ".join(record.fits),
        "first_step": record.first_step,
        "bound_ratio": record.bound_ratio,
        "nearest": record.nearest,
        "reason": record.reason,
        "shape": shape and [shape.steps, shape.size],
        "shows": shape and " ".join(shape.quantities),
        "kind": record.compact and _unusual(record.compact.values.dtype.name, key.dtype),
    }
    return json.dumps({name: value for name, value in found.items() if value not in (None, "")}, ensure_ascii=False)


def _usual(dtype: str) -> str:
    """In which format the values of a trace in a format are kept."""
    return "float64" if dtype == "float64" else "float32"


def _unusual(kind: str, dtype: str) -> str | None:
    return None if kind == _usual(dtype) else kind


def _read(files: Sequence[Path]) -> list[tuple[Key, Record]]:
    """The records of the implementations of one framework."""
    parent = files[0].parent
    try:
        lines = [(file, json.loads(line)) for file in files for line in file.read_text("utf-8").splitlines()]
        compacts = _compacts([line for _, line in lines], parent / TRACES)
        return [_record(line, file, compacts) for file, line in lines]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BaselineError(f"{parent} can't be read: {type(error).__name__}: {error}") from error


def _folder(file: Path) -> Path:
    return file.parent


def _record(line: Row, file: Path, compacts: Mapping[str, CompactTrace]) -> tuple[Key, Record]:
    key = Key(file.parent.name, file.stem, line["case"], line["dtype"], line.get("asked", ""))
    return key, Record(
        outcome=line["outcome"],
        dialect=line.get("dialect", line.get("asked")),
        digest=line.get("sha256"),
        fits=tuple(line.get("fits", "").split()),
        first_step=line.get("first_step"),
        bound_ratio=line.get("bound_ratio"),
        nearest=line.get("nearest"),
        reason=line.get("reason"),
        compact=compacts.get(line.get("sha256", "")),
    )


def _compacts(lines: Iterable[Row], file: Path) -> dict[str, CompactTrace]:
    """Digest -> compact trace."""
    shapes = {
        line["sha256"]: (
            TraceShape(steps, size, tuple(line["shows"].split())),
            line.get("kind") or _usual(line["dtype"]),
        )
        for line in lines
        if "sha256" in line
        for steps, size in [line["shape"]]
    }
    digests = sorted(shapes)
    found = unpack(arrays.read(file)[0], [shapes[one] for one in digests])
    return dict(zip(digests, found, strict=True))
