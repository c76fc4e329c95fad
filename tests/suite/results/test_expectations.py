"""Known deviations are expectations, strict both ways."""

from __future__ import annotations

import pytest
import tomllib

from reference import dialects
from suite.results.expectations import FILE, Expectation, ExpectationError, Expectations, proposals

KNOWN = Expectation(
    "torch/comp*", ">=2.13,<2.14", "*/no-memory", "differs", "stale", "https://example.org", ["float32"], (10, 1e9)
)


def row(**given):
    usual = {"framework": "torch", "implementation": "compiled", "version": "2.13.0+cpu", "dtype": "float32"}
    return {**usual, "case": "decades/no-memory", "outcome": "differs", "bound_ratio": 1e7, **given}


def expected(entry):
    return Expectations([KNOWN]).judged(entry)["expected"]


def test_a_known_deviation_is_expected_and_says_why():
    judged = Expectations([KNOWN]).judged(row())
    assert judged["expected"]
    assert judged["expectation"] == "differs: stale (https://example.org)"


@pytest.mark.parametrize(
    "given", [{"outcome": "agrees"}, {"outcome": "failed"}, {"bound_ratio": 2.0}, {"bound_ratio": None}]
)
def test_an_unexpected_pass_is_as_loud_as_an_unexpected_failure(given):
    assert not expected(row(**given))


@pytest.mark.parametrize(
    "given", [{"version": "2.14.0"}, {"case": "decades/plain"}, {"dtype": "float64"}, {"implementation": "builtin"}]
)
def test_what_an_entry_is_not_about_must_agree(given):
    assert not expected(row(**given))
    assert expected(row(**given, outcome="agrees"))
    assert expected(row(**given, outcome="unsupported"))


@pytest.mark.parametrize(("outcome", "met"), [("differs", True), ("agrees", True), ("failed", False)])
def test_what_depends_on_the_machine_may_have_more_than_one_outcome(outcome, met):
    entry = Expectation("torch/*", ">=2", "law/*", ["differs", "agrees"], "vector width")
    judged = Expectations([entry]).judged(row(case="law/splitting", outcome=outcome))
    assert judged["expected"] is met
    assert judged["expectation"] == "differs or agrees: vector width"


def test_an_entry_may_be_about_some_dialects_alone():
    entry = Expectation("*/*", ">=0", "edge/*", "undecided", "ε vanishes", dialects=("torch", "d2l"))
    known = Expectations([entry])
    assert known.judged(row(case="edge/zero", outcome="undecided", dialect="d2l"))["expected"]
    assert not known.judged(row(case="edge/zero", outcome="agrees", dialect="d2l"))["expected"]
    assert not known.judged(row(case="edge/zero", outcome="undecided", dialect="tf1"))["expected"]


def test_the_file_names_those_dialects_of_which_the_average_starts_at_one():
    named = {name for name, dialect in dialects.items() if dialect.initial_accumulator == 1}
    assert {name for entry in Expectations.read().entries for name in entry.dialects} == named


def test_proposed_entries_make_expected_what_was_not(tmp_path):
    unexpected = Expectations([]).judged(row(reason='it said "no"\nand left'))
    (tmp_path / "e.toml").write_text(proposals([unexpected, unexpected]))
    assert len(tomllib.loads((tmp_path / "e.toml").read_text())["expectation"]) == 1
    assert Expectations.read(tmp_path / "e.toml").judged(row())["expected"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[expectation", "e.toml"),
        ('[[expectation]]\nimplementation = "a/b"', "entry 1"),
        ('[[expectation]]\nimplementation="a/b"\nversions="=1"\ncases="*"\noutcome="differs"\nreason=""', "entry 1"),
        (
            '[[expectation]]\nimplementation="a/b"\nversions=">=1"\ncases="*"\noutcome="agrees"\nreason=""',
            "is no deviation",
        ),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_with_the_entry(tmp_path, text, words):
    (tmp_path / "e.toml").write_text(text)
    with pytest.raises(ExpectationError, match=words):
        Expectations.read(tmp_path / "e.toml")


def test_the_file_that_is_shipped_can_be_read():
    assert FILE.is_file()
    Expectations.read()
