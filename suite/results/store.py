"""Harness side: a results folder. Rows are appended and flushed as they come, so that whatever happens they are there.

manifest.json     what was asked, of whom, on what: written first
verdicts.jsonl    training.jsonl    timings.jsonl    a row a line
footer.json       how it ended: written last
tapes/            traces/          safetensors
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.errors import UserError

Row = dict[str, Any]

SCHEMA = 1
TABLES = ("verdicts", "training", "timings")
_SAME = ("schema", "catalogue", "seed", "device", "threads", "data")  # for a run to go on


class StoreError(UserError):
    """A results folder can't be used; the message says why and what to do."""


class Store:
    """A results folder that is being written."""

    def __init__(
        self, folder: Path, manifest: Mapping[str, Any], *, resume: bool, tables: Sequence[str] = TABLES
    ) -> None:
        """Make the folder, or go on with one.

        Args:
            folder: new, or empty, or with `resume` one that an earlier run left.
            manifest: of this run.
            resume: go on.
            tables: that it has.

        Raises:
            StoreError: if there are other results in the folder, or none to go on with, or they are of another kind.
        """
        require_room(folder, resume=resume)
        self.folder, self.tables = folder, tables
        existing = folder / "manifest.json"
        self.manifest = _continued(existing, manifest) if resume else dict(manifest)
        for name in ("tapes", "traces"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "footer.json").unlink(missing_ok=True)
        _write_json(existing, self.manifest)
        for table in tables:
            _mend(self._table(table))

    def append(self, table: str, row: Row) -> None:
        """Add a row; numbers that JSON has not (NaN, infinity) become null."""
        with self._table(table).open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain(row), ensure_ascii=False, allow_nan=False) + "\n")

    def rows(self, table: str) -> Iterator[Row]:
        """The rows so far."""
        return read_rows(self._table(table))

    def finish(self, footer: Mapping[str, Any]) -> None:
        """Write how the run ended."""
        counts = {table: sum(1 for _ in self.rows(table)) for table in self.tables}
        _write_json(self.folder / "footer.json", {**footer, "rows": counts})

    def _table(self, table: str) -> Path:
        return self.folder / f"{table}.jsonl"


def require_room(folder: Path, *, resume: bool) -> None:
    """See to it that a folder can be used, as far as can be told before there is a manifest.

    Raises:
        StoreError: if there are other results in it, or none to go on with.
    """
    manifest = folder / "manifest.json"
    if resume and not manifest.is_file():
        raise StoreError(f"nothing to resume: there is no {manifest}")
    if not resume and manifest.exists():
        raise StoreError(f"{folder} holds results already; go on with --resume, or name another folder")


def read_rows(file: Path) -> Iterator[Row]:
    """The rows of a table's file; none if there is no file."""
    if file.exists():
        with file.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def _continued(existing: Path, manifest: Mapping[str, Any]) -> Row:
    try:
        before = json.loads(existing.read_text("utf-8"))
    except ValueError as error:
        raise StoreError(f"{existing} is not readable: {error}") from error
    for name in _SAME:
        if before.get(name) != manifest[name]:
            raise StoreError(f"can't resume: {name} was {before.get(name)!r} and is now {manifest[name]!r}; start anew")
    frameworks = {**before["frameworks"], **_unchanged(before["frameworks"], manifest["frameworks"])}
    implementations = {**before["implementations"], **manifest["implementations"]}
    resumed = [*before.get("resumed", []), manifest["created"]]
    return {**before, "frameworks": frameworks, "implementations": implementations, "resumed": resumed}


def _unchanged(before: Row, now: Row) -> Row:
    """The frameworks that are asked now; those that were asked before must have the same versions.

    Raises:
        StoreError: if one has not.
    """
    for name, framework in now.items():
        earlier = before.get(name, {}).get("versions")
        if earlier and framework.get("versions") and earlier != framework["versions"]:
            was, is_now = (", ".join(f"{k} {v}" for k, v in each.items()) for each in (earlier, framework["versions"]))
            raise StoreError(f"can't resume: {name} was {was} and is now {is_now}; start anew")
    return {name: framework for name, framework in now.items() if "versions" in framework or name not in before}


def _mend(file: Path) -> None:
    """Cut off a last line that was not written to its end."""
    if file.exists():
        content = file.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            with file.open("r+b") as stream:
                stream.truncate(whole)


def plain(value: Any) -> Any:
    """What JSON can hold of a value: NumPy's numbers as Python's, and null for what is no finite one."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(plain(dict(value)), indent=2, ensure_ascii=False) + "\n", "utf-8")
    unfinished.replace(path)
