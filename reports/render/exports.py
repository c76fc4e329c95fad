"""A run for programs: `summary.json`, JUnit XML and CSV.

The fields of `summary.json` are documented in README.md; none changes its meaning within a `schema`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET  # only written here, never read

import pandas as pd

from reports.read.results import Results, records
from reports.read.schema import Row
from reports.tables.findings import is_relation
from reports.tables.outcomes import USUAL

# CSV


def csv(frame: pd.DataFrame) -> str:
    """A table as CSV: numbers with all digits, lists as JSON, missing values empty."""
    plain = frame.copy()
    for name in frame.select_dtypes("object").columns:
        plain[name] = [None if cell is None else json.dumps(cell, ensure_ascii=False) for cell in plain[name]]
    return str(plain.to_csv(index=False, lineterminator="\n"))


# summary.json

SCHEMA = 1

_Json = dict[str, Any]
"""A JSON object."""


def summary_json(results: Results) -> str:
    """The summary as a JSON document."""
    return json.dumps(summary(results), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def summary(results: Results) -> _Json:
    """Outcomes by table and implementation, unexpected results, and the conditions of the run."""
    timed = [row for row in records(results.timings) if row["outcome"] is not None]
    tables = {"agreement": records(results.verdicts), "training": records(results.training), "timing": timed}
    unexpected = [_unexpected(table, row) for table, rows in tables.items() for row in rows if not _is_expected(row)]
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
        "sharpness": _kill_matrix(results),
    }


def _is_expected(row: Row) -> bool:
    """Whether a row is as expected; a row that does not say is, if it agrees or is unsupported."""
    return bool(row["expected"]) if row["expected"] is not None else row["outcome"] in USUAL


def _counted(rows: Iterable[Row]) -> dict[str, int]:
    return dict(sorted(Counter(row["outcome"] for row in rows).items()))


def _implementations(tables: Mapping[str, list[Row]]) -> dict[str, _Json]:
    """Name -> version, device, and the number of outcomes in each table that has any."""
    found: dict[str, _Json] = {}
    for table, rows in tables.items():
        parts: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            parts[f"{row['framework']}/{row['implementation']}"].append(row)
        for name, part in parts.items():
            known = {"version": part[0]["version"], "device": part[0]["device"]}
            found.setdefault(name, known)[table] = _counted(part)
    return dict(sorted(found.items()))


def _unexpected(table: str, row: Row) -> _Json:
    """An unexpected result: the implementation, the case, and the command that repeats it."""
    names = ("framework", "implementation", "version", "device", "dtype", "dialect", "outcome", "expectation")
    known = {name: row[name] for name in names}
    column = {"agreement": "case", "training": "task", "timing": "benchmark"}[table]
    more = ("first_step", "first_quantity", "first_index", "ulps", "bound_ratio", "fits", "nearest")
    found = {name: row[name] for name in more if table == "agreement"}
    last = {"reason": row["reason"], "repeat": row.get("repeat")}
    return {"table": table, "case": row[column], **known, **found, **last}


def _kill_matrix(results: Results) -> dict[str, int] | None:
    matrix = results.sharpness
    if matrix is None:
        return None
    numbers = {"total": matrix.total, "killed": matrix.killed, "proven_same": matrix.proven_same}
    return {**numbers, "survivors": len(matrix.survivors)}


# JUnit XML

_TAGS = ("failure", "error", "skipped")


def junit(results: Results) -> str:
    """Cases, metamorphic relations and training runs as JUnit XML, which CI services read.

    Each table is a test suite and each row a test case. Known deviations and unsupported cases are skipped, failed rows
    are errors, and everything else that does not agree is a failure.
    """
    root = ET.Element("testsuites", name="rmsuite")
    verdicts = records(results.verdicts)
    tables: Sequence[tuple[str, Sequence[Row], str]] = (
        ("agreement", [row for row in verdicts if not is_relation(row)], "case"),
        ("metamorphic relations", [row for row in verdicts if is_relation(row)], "case"),
        ("training", records(results.training), "task"),
    )
    for name, rows, column in tables:
        cases = [_case(row, column) for row in rows]
        failures, errors, skipped = (str(sum(case.find(tag) is not None for case in cases)) for tag in _TAGS)
        counts = {"tests": str(len(cases)), "failures": failures, "errors": errors, "skipped": skipped}
        ET.SubElement(root, "testsuite", {"name": name, **counts}).extend(cases)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(row: Row, column: str) -> ET.Element:
    names = [row["framework"], row["implementation"], row["dialect"], row["dtype"]]
    case = ET.Element(
        "testcase",
        classname=xml_text(".".join(str(part) for part in names if part)),
        name=xml_text(row[column]),
        time=f"{row['seconds'] or 0:.6f}",
    )
    outcome, reason = str(row["outcome"]), xml_text(row["reason"] or row["expectation"] or "")
    if row["expected"] is False and outcome == "agrees":
        message = f"not as expected: {xml_text(row['expectation'])}"
        ET.SubElement(case, "failure", type="agrees", message=message).text = xml_text(row["repeat"])
    elif outcome == "unsupported" or (outcome != "agrees" and row["expected"] is True):
        ET.SubElement(case, "skipped", message=reason)
    elif outcome == "failed":
        ET.SubElement(case, "error", type=outcome, message=reason).text = xml_text(row["repeat"])
    elif outcome != "agrees":
        ET.SubElement(case, "failure", type=outcome, message=reason).text = xml_text(row["repeat"])
    return case


def xml_text(value: object) -> str:
    """Text with the characters replaced that XML 1.0 does not allow."""
    words = "" if value is None else str(value)
    return "".join(c if c.isprintable() or c in "\t\n" else "\N{REPLACEMENT CHARACTER}" for c in words)
