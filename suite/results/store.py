"""A results folder that is written. Rows are appended and flushed as they come, so that an interrupted run keeps them.

manifest.json     what was run, with which frameworks, on which machine: written first
verdicts.jsonl    training.jsonl    timings.jsonl    one row a line (see `suite.results.rows`)
footer.json       how the run ended: written last
tapes/            traces/          safetensors
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from suite.errors import UserError
from suite.results import decoding
from suite.results.rows import TABLES, AnyTable, RowT, Table, require_schema

_FIXED = ("catalogue", "seed", "device", "threads", "data")
"""What a run must have in common with the run that it resumes."""


class Store:
    """A results folder that is being written."""

    def __init__(
        self, folder: Path, manifest: Mapping[str, Any], *, resume: bool, tables: Sequence[AnyTable] = TABLES
    ) -> None:
        """Create a new folder, or with `resume` continue one that an earlier run left.

        Raises:
            UserError: if the folder has other results, or none to continue, or they were made under other conditions.
        """
        require_usable(folder, resume=resume)
        self.folder, self.tables = folder, {table.row: table for table in tables}
        existing = folder / "manifest.json"
        self.manifest = _resumed(existing, manifest) if resume else dict(manifest)
        for name in ("tapes", "traces"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "footer.json").unlink(missing_ok=True)
        _write_json(existing, self.manifest)
        for table in tables:
            _remove_unfinished_line(folder / table.file)

    def append(self, row: Any) -> None:
        """Add a row to the table of its type; numbers that JSON does not have (NaN, infinity) become null."""
        with (self.folder / self.tables[type(row)].file).open("a", encoding="utf-8") as file:
            file.write(json.dumps(to_json(row), ensure_ascii=False, allow_nan=False) + "\n")

    def rows(self, table: Table[RowT]) -> list[RowT]:
        """Return the rows of a table so far."""
        return list(read_rows(self.folder, table))

    def finish(self, footer: Mapping[str, Any]) -> None:
        """Write how the run ended, with the number of rows of each table."""
        counts = {table.name: _lines(self.folder / table.file) for table in self.tables.values()}
        _write_json(self.folder / "footer.json", {**footer, "rows": counts})


def require_usable(folder: Path, *, resume: bool) -> None:
    """Check that results can be written to a folder.

    Raises:
        UserError: if it has other results, or with `resume` none.
    """
    manifest = folder / "manifest.json"
    if resume and not manifest.is_file():
        raise UserError(f"nothing to resume: there is no {manifest}")
    if not resume and manifest.exists():
        raise UserError(f"{folder} has results already; continue with --resume, or name another folder")


def read_rows(folder: Path, table: Table[RowT]) -> Iterator[RowT]:
    """Yield the rows of a table of a results folder; none if the table has no file.

    Raises:
        UserError: if a line can't be read.
    """
    file = folder / table.file
    if file.exists():
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    row = decoding.decode(table, decoding.parse(line))
                except ValueError as error:
                    where = f"{file}, line {number}"
                    raise UserError(f"{where} can't be read: {error}; remove the line, and resume the run") from error
                yield row


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a results folder.

    Raises:
        UserError: if there is none, it can't be read, or it was written by a release with another schema.
    """
    file = folder / "manifest.json"
    if not file.is_file():
        raise UserError(f"{folder} is not a results folder: it has no manifest.json")
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file} can't be read: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{file} can't be read: it is not a JSON object")
    require_schema(found.get("schema"), folder)
    return found


def _resumed(existing: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    before = read_manifest(existing.parent)
    for name in _FIXED:
        if before.get(name) != manifest[name]:
            raise UserError(
                f"can't resume: {name} was {before.get(name)!r} and is now {manifest[name]!r}; name another folder"
            )
    frameworks = {**before["frameworks"], **_same_versions(before["frameworks"], manifest["frameworks"])}
    implementations = {**before["implementations"], **manifest["implementations"]}
    resumed = [*before.get("resumed", []), manifest["created"]]
    return {**before, "frameworks": frameworks, "implementations": implementations, "resumed": resumed}


def _same_versions(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the frameworks of the resuming run; those of the earlier run must have the same versions.

    Raises:
        UserError: if a version differs.
    """
    for name, framework in now.items():
        earlier = before.get(name, {}).get("versions")
        if earlier and framework.get("versions") and earlier != framework["versions"]:
            was, is_now = (", ".join(f"{k} {v}" for k, v in each.items()) for each in (earlier, framework["versions"]))
            raise UserError(f"can't resume: {name} was {was} and is now {is_now}; name another folder")
    return {name: framework for name, framework in now.items() if "versions" in framework or name not in before}


def _remove_unfinished_line(file: Path) -> None:
    """Cut off a last line that does not end in a line feed."""
    if file.exists():
        content = file.read_bytes()
        end = content.rfind(b"\n") + 1
        if end != len(content):
            with file.open("r+b") as stream:
                stream.truncate(end)


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0


def to_json(row: Any) -> dict[str, Any]:
    """Return a row as an object that JSON can hold."""
    found: dict[str, Any] = plain(asdict(row))
    return found


def plain(value: Any) -> Any:
    """Convert a value to what JSON can hold: NumPy's numbers to Python's, and numbers that are not finite to None."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n", "utf-8")
    unfinished.replace(path)
