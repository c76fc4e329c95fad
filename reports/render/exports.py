"""A run for programs: `summary.json`, JUnit XML and CSV.

The fields of `summary.json` are documented in README.md; none changes its meaning within a `schema`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from xml.etree import ElementTree as ET  # only written here, never read

import pandas as pd

from reports.read import Results, by_key
from reports.tables.findings import is_relation
from suite.results.rows import RunRow, RunRowT, Table, TimingRow, TrainingRow, VerdictRow, case_of, name_of

# CSV


def csv(table: Table[RunRowT], rows: Sequence[RunRowT]) -> str:
    """A table as CSV: numbers with all digits, lists and objects as JSON, missing values empty."""
    columns = [column.name for column in fields(table.row)]
    cells = [[_cell(getattr(row, name)) for name in columns] for row in rows]
    return str(pd.DataFrame(cells, columns=columns, dtype="object").to_csv(index=False, lineterminator="\n"))


def _cell(value: object) -> object:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return json.dumps(value, ensure_ascii=False, default=asdict)


# summary.json

SCHEMA = 2
_MANIFEST = ("catalogue", "seed", "device", "threads", "machine", "commit", "created", "command")  # fields as they are
_Json = dict[str, object]


def summary_json(results: Results) -> str:
    """The summary as a JSON document."""
    return json.dumps(summary(results), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def summary(results: Results) -> _Json:
    """Outcomes by table and implementation, unexpected results, and the conditions of the run."""
    manifest = results.manifest
    tables: Mapping[str, Sequence[RunRow]] = {
        "agreement": results.verdicts,
        "training": results.training,
        "timing": [row for row in results.timings if row.outcome is not None],
    }
    unexpected = [_unexpected(table, row) for table, rows in tables.items() for row in rows if not row.expected]
    missing = {one.name: one.missing for one in manifest.frameworks if one.missing is not None}
    sharpness = None
    if matrix := results.kill_matrix:
        sharpness = {name: getattr(matrix, name) for name in ("total", "killed", "proven_same")}
        sharpness["survivors"] = len(matrix.survivors)
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
        "inputs": sorted({row.sha256 for rows in tables.values() for row in rows if row.sha256}),
        **{name: getattr(manifest, name) for name in _MANIFEST},
        "sharpness": sharpness,
    }


def _counted(rows: Iterable[RunRow]) -> dict[str, int]:
    return dict(sorted(Counter(row.outcome for row in rows if row.outcome is not None).items()))


def _implementations(tables: Mapping[str, Sequence[RunRow]]) -> dict[str, _Json]:
    """Name -> version, device, and the number of outcomes in each table that has any."""
    found: dict[str, _Json] = {}
    for table, rows in tables.items():
        for name, part in by_key(rows, name_of).items():
            known: _Json = {"version": part[0].version, "device": part[0].device}
            found.setdefault(name, known)[table] = _counted(part)
    return dict(sorted(found.items()))


def _unexpected(table: str, row: RunRow) -> _Json:
    """An unexpected result: the implementation, the case, and the command that repeats it."""
    names = ["framework", "implementation", "version", "device", "dtype", "dialect", "outcome", "expectation"]
    found: _Json = {}
    if isinstance(row, VerdictRow):
        names += ["first_step", "first_quantity", "first_index", "ulps", "bound_ratio"]
        found = {"fits": list(row.fits), "nearest": row.nearest and asdict(row.nearest)}
    known = {name: getattr(row, name) for name in names}
    repeat = None if isinstance(row, TimingRow) else row.repeat
    return {"table": table, "case": case_of(row), **known, **found, "reason": row.reason, "repeat": repeat}


# JUnit XML

_TAGS = ("failure", "error", "skipped")


def junit(results: Results) -> str:
    """Cases, metamorphic relations and training runs as JUnit XML, which CI services read.

    Each table is a test suite and each row a test case. Known deviations and unsupported cases are skipped, failed rows
    are errors, and everything else that does not agree is a failure.
    """
    verdicts = results.verdicts
    tables: Sequence[tuple[str, Sequence[VerdictRow | TrainingRow]]] = (
        ("agreement", [row for row in verdicts if not is_relation(row)]),
        ("metamorphic relations", [row for row in verdicts if is_relation(row)]),
        ("training", results.training),
    )
    return junit_document("rmsuite", ((name, list(map(_case, rows))) for name, rows in tables))


def _case(row: VerdictRow | TrainingRow) -> ET.Element:
    names = (row.framework, row.implementation, row.dialect, row.dtype)
    case = junit_case(names, case_of(row), time=f"{row.seconds or 0:.6f}")
    reason, repeat = xml_text(row.reason or row.expectation), xml_text(row.repeat)
    if row.outcome == "agrees" and row.expected:
        return case
    if row.outcome == "agrees":
        message = f"not as expected: {xml_text(row.expectation)}"
        ET.SubElement(case, "failure", type="agrees", message=message).text = repeat
    elif row.outcome == "unsupported" or row.expected:
        ET.SubElement(case, "skipped", message=reason)
    else:
        tag = "error" if row.outcome == "failed" else "failure"
        ET.SubElement(case, tag, type=row.outcome, message=reason).text = repeat
    return case


def junit_document(name: str, suites: Iterable[tuple[str, Sequence[ET.Element]]]) -> str:
    """A JUnit XML document of test suites, each with its name and its test cases."""
    root = ET.Element("testsuites", name=name)
    for title, cases in suites:
        failures, errors, skipped = (str(sum(case.find(tag) is not None for case in cases)) for tag in _TAGS)
        counts = {"tests": str(len(cases)), "failures": failures, "errors": errors, "skipped": skipped}
        ET.SubElement(root, "testsuite", {"name": xml_text(title), **counts}).extend(cases)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def junit_case(names: Iterable[str | None], case: str, **attributes: str) -> ET.Element:
    """A test case that passes; the names that are not None form the name of its class."""
    classname = xml_text(".".join(filter(None, names)))
    return ET.Element("testcase", {"classname": classname, "name": xml_text(case), **attributes})


def xml_text(value: object) -> str:
    """Text with the characters replaced that XML 1.0 does not allow."""
    words = "" if value is None else str(value)
    return "".join(c if c.isprintable() or c in "\t\n" else "\N{REPLACEMENT CHARACTER}" for c in words)
