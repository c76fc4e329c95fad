"""The JSON Schema of the tables of a results folder, and their description in Markdown, from the declared rows.

`python -m suite.results.json_schema` writes both into `docs/`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from suite.results import rows
from suite.results.rows import CHAPTER_TABLES, SCHEMA, TABLES, AnyTable

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMA_FILE, PAGE_FILE = DOCS / "results.schema.json", DOCS / "results.md"
EVERY_TABLE: tuple[AnyTable, ...] = (*TABLES, *CHAPTER_TABLES)
NESTED = (rows.NearestDialect, rows.AxisChange, rows.Mismatch)
"""The types of nested objects."""

_INTRODUCTION = f"""# The files of a results folder

A results folder has a `manifest.json` (the conditions of the run, written first), a table with one JSON object on each
line for each stage of the run, and a `footer.json` (how the run ended, written last). The tables are described here,
and formally in [results.schema.json](results.schema.json); both are generated from `suite/results/rows.py` by
`python -m suite.results.json_schema`. This is version {SCHEMA} of the schema. A column never changes its meaning within
a version.

JSON has no NaN and no infinity: a number that is not finite is written as null. Times are in seconds, steps are
counted from 1, coordinates from 0. A column with a default may be missing.
"""


def schema() -> dict[str, Any]:
    """Return a JSON Schema whose `$defs` has one entry for each table, named as the table, and the nested types."""
    definitions: dict[str, Any] = {}
    for table in EVERY_TABLE:
        found = TypeAdapter(table.row).json_schema(ref_template="#/$defs/{model}")
        definitions.update(found.pop("$defs", {}))
        definitions[table.name] = {**found, "additionalProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rows of rmsuite's results",
        "version": SCHEMA,
        "$defs": definitions,
    }


def page() -> str:
    """Return the description of all tables in Markdown."""
    blocks = [_INTRODUCTION.strip()]
    for table in EVERY_TABLE:
        key = ", ".join(f"`{name}`" for name in table.key)
        blocks += [f"## {table.file}", _summary(table.row), f"Key: {key}.", "\n".join(_columns(table.row))]
    blocks.append("## Nested objects")
    for part in NESTED:
        blocks += [f"### {part.__name__}", _summary(part), "\n".join(_columns(part))]
    return "\n\n".join(blocks) + "\n"


def _summary(kind: type) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


def _columns(kind: type) -> Iterator[str]:
    yield "| Column | Type | Meaning |"
    yield "|---|---|---|"
    for field in dataclasses.fields(kind):
        name = str(field.type).replace("|", "\\|")
        meaning = field.metadata["description"].replace("|", "\\|")
        yield f"| `{field.name}` | {name} | {meaning} |"


def write() -> None:
    """Write the schema and its description into `docs/`."""
    SCHEMA_FILE.write_text(json.dumps(schema(), indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE_FILE.write_text(page(), "utf-8")


if __name__ == "__main__":
    write()
