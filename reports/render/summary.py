"""The outcome of a run for machines: `summary.json`, the same that `rmsuite agree --json` prints.

Its fields are documented in README.md; none changes its meaning within a `schema`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from reports.read.results import Results, records
from reports.read.schema import Row

SCHEMA = 1
USUAL = ("agrees", "unsupported")
"""The outcomes that are expected where a row does not say."""


def render(results: Results) -> str:
    """The document."""
    return json.dumps(build(results), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def build(results: Results) -> dict[str, Any]:
    """The summary as JSON has it: outcomes by table and implementation, what was not expected, and on what."""
    timed = [row for row in records(results.timings) if row["outcome"] is not None]  # older ones were not judged
    tables = {"agreement": records(results.verdicts), "training": records(results.training), "timing": timed}
    unexpected = [_unexpected(table, row) for table, rows in tables.items() for row in rows if not _expected(row)]
    missing = {one.name: one.missing for one in results.manifest.frameworks if one.missing is not None}
    manifest = results.manifest
    return {
        "schema": SCHEMA,
        "exit_status": 1 if unexpected or missing else 0,
        "complete": results.complete,
        "notes": list(results.notes),
        "outcomes": {table: _counted(rows) for table, rows in tables.items()},
        "implementations": _implementations(tables),
        "unexpected": unexpected,
        "missing": missing,
        "versions": {one.name: dict(one.versions) for one in manifest.frameworks if one.missing is None},
        "data": dict(manifest.data),
        "inputs": sorted({row["sha256"] for rows in tables.values() for row in rows if row["sha256"]}),
        "catalogue": manifest.catalogue,
        "seed": manifest.seed,
        "device": manifest.device,
        "threads": manifest.threads,
        "machine": dict(manifest.machine),
        "commit": manifest.commit,
        "created": manifest.created,
        "command": list(manifest.command),
        "sharpness": _sharpness(results),
    }


def _expected(row: Row) -> bool:
    """Whether a row is as expected; what does not say so is, if it agrees or is unsupported."""
    return bool(row["expected"]) if row["expected"] is not None else row["outcome"] in USUAL


def _counted(rows: Iterable[Row]) -> dict[str, int]:
    return dict(sorted(Counter(row["outcome"] for row in rows).items()))


def _implementations(tables: Mapping[str, list[Row]]) -> dict[str, dict[str, Any]]:
    """By framework and name: version, device, and the outcomes in each table that has any."""
    found: dict[str, dict[str, Any]] = {}
    for table, rows in tables.items():
        parts: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            parts[f"{row['framework']}/{row['implementation']}"].append(row)
        for name, part in parts.items():
            known = {"version": part[0]["version"], "device": part[0]["device"]}
            found.setdefault(name, known)[table] = _counted(part)
    return dict(sorted(found.items()))


def _unexpected(table: str, row: Row) -> dict[str, Any]:
    """What was not expected: who, what, and the command that repeats it."""
    names = ("framework", "implementation", "version", "device", "dtype", "dialect", "outcome", "expectation")
    known = {name: row[name] for name in names}
    about = {"agreement": "case", "training": "task", "timing": "benchmark"}[table]
    more = ("first_step", "first_quantity", "first_index", "ulps", "bound_ratio", "fits", "nearest")
    found = {name: row[name] for name in more if table == "agreement"}
    last = {"reason": row["reason"], "repeat": row.get("repeat")}
    return {"table": table, "case": row[about], **known, **found, **last}


def _sharpness(results: Results) -> dict[str, int] | None:
    sharp = results.sharpness
    if sharp is None:
        return None
    numbers = {"total": sharp.total, "killed": sharp.killed, "proven_same": sharp.proven_same}
    return {**numbers, "survivors": len(sharp.survivors)}
