"""The JSON Schema of results: it is up to date, and every written row validates against it."""

from __future__ import annotations

import json

import pytest

from suite.results.json_schema import EVERY_TABLE, PAGE_FILE, SCHEMA_FILE, page, schema
from suite.results.store import to_json
from suite.run import Job
from tests.support import sample_chapter
from tests.support.schema import require_valid, validator

COMMAND = "regenerate it with `python -m suite.results.json_schema`"


def test_the_published_schema_and_its_description_are_up_to_date():
    assert json.loads(SCHEMA_FILE.read_text("utf-8")) == schema(), COMMAND
    assert PAGE_FILE.read_text("utf-8") == page(), COMMAND


def test_every_column_has_a_description():
    for table in EVERY_TABLE:
        for name, column in schema()["$defs"][table.name]["properties"].items():
            assert column.get("description"), f"{table.name}.{name}"


def test_every_row_of_a_run_validates(options, quiet):
    """Correct and wrong implementations are run, so that all columns of explanations are filled in."""
    chosen = options(
        implementations=["builtin", "scratch", "wrong-epsilon", "raises"],
        cases=["decades/*", "law/*"],
        tasks=["quadratic"],
        sizes=[10],
        rounds=3,
    )
    with Job(chosen, quiet) as job:
        job.agree()
        job.train()
        job.bench()
    require_valid(chosen.output, "verdicts", "training", "timings")


def test_every_row_of_the_sample_chapter_validates(tmp_path):
    """A run of the chapter is validated in tests/suite/cli; the sample has rows of all parts."""
    require_valid(sample_chapter.build(tmp_path / "chapter"), "chapter", "parts")


@pytest.mark.parametrize(
    ("name", "change"),
    [("outcome", "fine"), ("ulps", "3"), ("fits", None), ("unknown", 1), ("nearest", {"dialect": 1})],
)
def test_malformed_rows_do_not_validate(name, change):
    row = {**to_json(sample_verdict()), name: change}
    assert list(validator("verdicts").iter_errors(row))
    assert not list(validator("verdicts").iter_errors(to_json(sample_verdict())))


def sample_verdict():
    (table,) = (table for table in EVERY_TABLE if table.name == "verdicts")
    texts = dict.fromkeys(("framework", "implementation", "version", "device", "dtype", "case", "sha256"), "x")
    return table.row(**texts, dialect=None, requested_dialect=None, outcome="agrees")
