"""Verdicts on cases, on laws, and the training as JUnit XML, which every CI service reads.

A row is a test case: expected deviations and what is unsupported are skipped, anything else that does not agree fails,
and what gave no answer is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET  # only written here, never read

import pandas as pd

from reports.read.results import Results
from reports.read.schema import Row
from reports.tables.findings import is_law

_ALLOWED = "\t\n"


def render(results: Results) -> str:
    """The XML: a suite for each table, a case for each row."""
    root = ET.Element("testsuites", name="rmsuite")
    verdicts = list(_rows(results.verdicts))
    tables = (
        ("agreement", [row for row in verdicts if not is_law(row)], "case"),
        ("laws", [row for row in verdicts if is_law(row)], "case"),
        ("training", list(_rows(results.training)), "task"),
    )
    for name, rows, column in tables:
        cases = [_case(row, column) for row in rows]
        counts = {
            tag: str(sum(case.find(tag) is not None for case in cases)) for tag in ("failure", "error", "skipped")
        }
        suite = ET.SubElement(
            root,
            "testsuite",
            name=name,
            tests=str(len(cases)),
            failures=counts["failure"],
            errors=counts["error"],
            skipped=counts["skipped"],
        )
        suite.extend(cases)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _rows(frame: pd.DataFrame) -> Iterator[Row]:
    for row in frame.to_dict("records"):
        yield {str(name): _known(value) for name, value in row.items()}


def _known(value: object) -> object:
    return None if value is None or value is pd.NA else value


def _case(row: Row, column: str) -> ET.Element:
    where = [row["framework"], row["implementation"], row["dialect"], row["dtype"]]
    case = ET.Element(
        "testcase",
        classname=text(".".join(str(part) for part in where if part)),
        name=text(row[column]),
        time=f"{row['seconds'] or 0:.6f}",
    )
    outcome, reason = str(row["outcome"]), text(row["reason"] or row["expectation"] or "")
    if row["expected"] is False and outcome == "agrees":
        message = f"not as expected: {text(row['expectation'])}"
        ET.SubElement(case, "failure", type="agrees", message=message).text = text(row["repeat"])
    elif outcome == "unsupported" or (outcome != "agrees" and row["expected"] is True):
        ET.SubElement(case, "skipped", message=reason)
    elif outcome == "failed":
        ET.SubElement(case, "error", type=outcome, message=reason).text = text(row["repeat"])
    elif outcome != "agrees":
        ET.SubElement(case, "failure", type=outcome, message=reason).text = text(row["repeat"])
    return case


def text(value: object) -> str:
    """Text without the characters that XML 1.0 has no place for."""
    words = "" if value is None else str(value)
    return "".join(c if c.isprintable() or c in _ALLOWED else "\N{REPLACEMENT CHARACTER}" for c in words)
