"""The results as JUnit XML."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from reports import load
from reports.render.exports import junit

DEFAULTS = {
    "framework": "torch", "implementation": "builtin", "version": "1", "device": "cpu", "dtype": "float32",
    "dialect": "torch", "seconds": 0.5, "expectation": None,
}  # fmt: skip


def junit_cases(folder, *rows):
    (folder / "manifest.json").write_text('{"schema": 2}')
    lines = [json.dumps({**DEFAULTS, "case": f"tape/{i}", **row}) for i, row in enumerate(rows)]
    (folder / "verdicts.jsonl").write_text("\n".join(lines) + "\n")
    suites = ET.fromstring(junit(load(folder)))
    return suites[0].attrib, list(suites[0])


@pytest.mark.parametrize(
    ("row", "tag"),
    [
        ({"outcome": "agrees", "expected": True}, None),
        ({"outcome": "agrees", "expected": False, "expectation": "differs: known"}, "failure"),
        ({"outcome": "differs", "expected": False}, "failure"),
        ({"outcome": "differs", "expected": True}, "skipped"),
        ({"outcome": "undecided", "expected": False}, "failure"),
        ({"outcome": "failed", "expected": False}, "error"),
        ({"outcome": "unsupported", "expected": True}, "skipped"),
        ({"outcome": "differs"}, "failure"),
    ],
)
def test_outcomes_become_failures_errors_and_skipped_tests(tmp_path, row, tag):
    counts, (case,) = junit_cases(tmp_path, row)
    assert [child.tag for child in case] == ([] if tag is None else [tag])
    assert case.get("classname") == "torch.builtin.torch.float32"
    assert (counts["tests"], counts["failures"]) == ("1", "1" if tag == "failure" else "0")


def test_hostile_text_is_escaped(tmp_path):
    _, (case,) = junit_cases(tmp_path, {"outcome": "failed", "reason": '"/><x>&\x00\x1b[31m', "expected": False})
    message = case[0].get("message")
    assert message.startswith('"/><x>&')
    assert "\x1b" not in message


def test_a_failure_contains_the_command_that_repeats_it(tmp_path):
    _, (case,) = junit_cases(tmp_path, {"outcome": "differs", "repeat": "rmsuite agree -c x"})
    assert case[0].text == "rmsuite agree -c x"
