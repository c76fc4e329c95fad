"""Changes as JUnit XML: a test suite for each implementation, a test case for each case; failing changes fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from xml.etree import ElementTree as ET  # only written here, never read

from reports.render.exports import xml_text as text
from suite.regression.comparison import CaseChange, ChangeKind


def render(changes: Sequence[CaseChange], failing: Sequence[CaseChange], repeat: Callable[[CaseChange], str]) -> str:
    """Return the XML.

    Args:
        changes: all changes.
        failing: the changes that fail.
        repeat: returns the command that repeats a case.
    """
    fails = {change.key for change in failing}
    root = ET.Element("testsuites", name="rmsuite baseline")
    for name, group in groupby(changes, key=lambda change: change.key.name):
        own = list(group)
        failed = [change for change in own if change.key in fails]
        tests, failures = str(len(own)), str(len(failed))
        suite = ET.SubElement(
            root, "testsuite", name=text(name), tests=tests, failures=failures, errors="0", skipped="0"
        )
        for change in own:
            suite.append(_case(change, repeat(change) if change.key in fails else None))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(change: CaseChange, repeat: str | None) -> ET.Element:
    key = change.key
    where = [key.framework, key.implementation, key.requested_dialect, key.dtype]
    case = ET.Element("testcase", classname=text(".".join(filter(None, where))), name=text(key.case))
    message = text(": ".join(filter(None, (change.kind.value, change.words))))
    if repeat is not None:
        ET.SubElement(case, "failure", type=change.kind.value, message=message).text = text(repeat)
    elif change.kind is not ChangeKind.SAME:
        ET.SubElement(case, "system-out").text = message
    return case
