"""Tests of expectations: known deviations are required, and others are not allowed."""

from __future__ import annotations

import pytest
import tomllib

from reference import dialects
from suite.errors import UserError
from suite.results.expectations import FILE, Expectation, Expectations, proposals
from suite.results.rows import VerdictRow

KNOWN = Expectation(
    "torch/comp*", ">=2.13,<2.14", "*/no-memory", "differs", "stale", "https://example.org", ["float32"], (10, 1e9)
)


def row(**given):
    usual = {
        "framework": "torch",
        "implementation": "compiled",
        "version": "2.13.0+cpu",
        "device": "cpu",
        "dtype": "float32",
        "case": "decades/no-memory",
        "dialect": None,
        "requested_dialect": None,
        "outcome": "differs",
        "bound_ratio": 1e7,
        "sha256": "",
    }
    return VerdictRow(**{**usual, **given})


def expected(entry):
    return Expectations([KNOWN]).apply(entry).expected


def test_a_known_deviation_is_expected_with_its_reason():
    applied = Expectations([KNOWN]).apply(row())
    assert applied.expected
    assert applied.expectation == "differs: stale (https://example.org)"


@pytest.mark.parametrize(
    "given", [{"outcome": "agrees"}, {"outcome": "failed"}, {"bound_ratio": 2.0}, {"bound_ratio": None}]
)
def test_an_unexpected_pass_is_not_expected_just_as_an_unexpected_failure(given):
    assert not expected(row(**given))


@pytest.mark.parametrize(
    "given", [{"version": "2.14.0"}, {"case": "decades/plain"}, {"dtype": "float64"}, {"implementation": "builtin"}]
)
def test_a_row_without_an_entry_must_agree_or_be_unsupported(given):
    assert not expected(row(**given))
    assert expected(row(**given, outcome="agrees"))
    assert expected(row(**given, outcome="unsupported"))


@pytest.mark.parametrize(("outcome", "met"), [("differs", True), ("agrees", True), ("failed", False)])
def test_an_entry_may_have_more_than_one_outcome(outcome, met):
    entry = Expectation("torch/*", ">=2", "law/*", ["differs", "agrees"], "vector width")
    applied = Expectations([entry]).apply(row(case="law/splitting", outcome=outcome))
    assert applied.expected is met
    assert applied.expectation == "differs or agrees: vector width"


def test_an_entry_may_be_restricted_to_dialects():
    entry = Expectation("*/*", ">=0", "edge/*", "undecided", "ε vanishes", dialects=("torch", "d2l"))
    known = Expectations([entry])
    assert known.apply(row(case="edge/zero", outcome="undecided", dialect="d2l")).expected
    assert not known.apply(row(case="edge/zero", outcome="agrees", dialect="d2l")).expected
    assert not known.apply(row(case="edge/zero", outcome="undecided", dialect="tf1")).expected


def test_the_file_names_the_dialects_whose_average_starts_at_one():
    named = {name for name, dialect in dialects.items() if dialect.initial_accumulator == 1}
    assert {name for entry in Expectations.read().entries for name in entry.dialects} == named


def test_proposed_entries_make_unexpected_rows_expected(tmp_path):
    unexpected = Expectations([]).apply(row(reason='it said "no"\nand left'))
    (tmp_path / "e.toml").write_text(proposals([unexpected, unexpected]))
    assert len(tomllib.loads((tmp_path / "e.toml").read_text())["expectation"]) == 1
    assert Expectations.read(tmp_path / "e.toml").apply(row()).expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[expectation", "e.toml"),
        ('[[expectation]]\nimplementation = "a/b"', "entry 1"),
        ('[[expectation]]\nimplementation="a/b"\nversions="=1"\ncases="*"\noutcome="differs"\nreason=""', "entry 1"),
        (
            '[[expectation]]\nimplementation="a/b"\nversions=">=1"\ncases="*"\noutcome="agrees"\nreason=""',
            "is not a deviation",
        ),
    ],
)
def test_an_invalid_file_is_refused_with_the_number_of_the_entry(tmp_path, text, words):
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(UserError, match=words):
        Expectations.read(tmp_path / "e.toml")


def test_the_file_of_the_project_can_be_read():
    assert FILE.is_file()
    Expectations.read()
