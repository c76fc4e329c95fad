"""Validation of results folders with the published JSON Schema of their tables."""

import json

import jsonschema

from suite.results.json_schema import EVERY_TABLE, schema


def validator(table):
    """Return a validator for the rows of a table."""
    document = schema()
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{table}", "$defs": document["$defs"]})


def require_valid(folder, *tables):
    """Require that a folder has exactly these tables, and that each of their rows is valid."""
    assert {table.name for table in EVERY_TABLE if (folder / table.file).exists()} == set(tables)
    for name in tables:
        lines = (folder / f"{name}.jsonl").read_text("utf-8").splitlines()
        assert lines
        table_validator = validator(name)
        for line in lines:
            assert not list(table_validator.iter_errors(json.loads(line))), line
