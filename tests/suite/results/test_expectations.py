"""Expectations: known deviations must occur as recorded, and no others may occur."""

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


def row(**columns):
    defaults = {
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
    return VerdictRow(**{**defaults, **columns})


def is_expected(verdict):
    return Expectations([KNOWN]).apply(verdict).expected


def test_a_known_deviation_is_expected_with_its_reason():
    applied = Expectations([KNOWN]).apply(row())
    assert applied.expected
    assert applied.expectation == "differs: stale (https://example.org)"


@pytest.mark.parametrize(
    "columns", [{"outcome": "agrees"}, {"outcome": "failed"}, {"bound_ratio": 2.0}, {"bound_ratio": None}]
)
def test_a_known_deviation_must_have_the_recorded_outcome_and_size(columns):
    assert not is_expected(row(**columns))


@pytest.mark.parametrize(
    "columns", [{"version": "2.14.0"}, {"case": "decades/plain"}, {"dtype": "float64"}, {"implementation": "builtin"}]
)
def test_a_row_without_an_entry_must_agree_or_be_unsupported(columns):
    assert not is_expected(row(**columns))
    assert is_expected(row(**columns, outcome="agrees"))
    assert is_expected(row(**columns, outcome="unsupported"))


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


def test_the_project_file_names_the_dialects_whose_average_starts_at_one():
    named = {name for name, dialect in dialects.items() if dialect.initial_accumulator == 1}
    assert {name for entry in Expectations.read().entries for name in entry.dialects} == named


def test_proposed_entries_make_unexpected_rows_expected(tmp_path):
    unexpected = Expectations([]).apply(row(reason='a "quoted"\nreason'))
    (tmp_path / "e.toml").write_text(proposals([unexpected, unexpected]))
    assert len(tomllib.loads((tmp_path / "e.toml").read_text())["expectation"]) == 1
    assert Expectations.read(tmp_path / "e.toml").apply(row()).expected


@pytest.mark.parametrize(
    ("text", "message"),
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
def test_an_invalid_file_is_an_error_with_the_number_of_the_entry(tmp_path, text, message):
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(UserError, match=message):
        Expectations.read(tmp_path / "e.toml")


def test_the_project_file_is_valid():
    assert FILE.is_file()
    Expectations.read()
