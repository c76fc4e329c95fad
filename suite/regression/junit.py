"""Changes as JUnit XML: a suite an implementation, a test case a case; what is beyond the threshold fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from xml.etree import ElementTree as ET  # only written here, never read

from reports.render.exports import xml_text as text
from suite.regression.comparison import Change, Kind


def render(changes: Sequence[Change], failing: Sequence[Change], repeat: Callable[[Change], str]) -> str:
    """The XML.

    Args:
        changes: all.
        failing: those of them that fail.
        repeat: the command that asks again about one of them.
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


def _case(change: Change, repeat: str | None) -> ET.Element:
    key = change.key
    where = [key.framework, key.implementation, key.asked, key.dtype]
    case = ET.Element("testcase", classname=text(".".join(filter(None, where))), name=text(key.case))
    said = text(": ".join(filter(None, (change.kind.value, change.words))))
    if repeat is not None:
        ET.SubElement(case, "failure", type=change.kind.value, message=said).text = text(repeat)
    elif change.kind is not Kind.SAME:
        ET.SubElement(case, "system-out").text = said
    return case
