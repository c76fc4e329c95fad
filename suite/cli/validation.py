"""`rmsuite sharpness` and `rmsuite soundness`: tables to standard output, progress to standard error, JSON too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from suite.workers.progress import Progress

Seed = Annotated[int, typer.Option(min=0, help="Of what is drawn.")]
Count = Annotated[int, typer.Option(min=1, help="Evaluations in float32; in each other format a tenth as many.")]
Folder = Annotated[Path | None, typer.Option("-o", "--output", help="A folder for the same in a JSON file.")]


def sharpness(seed: Seed = 0, output: Folder = None) -> None:
    """Is what is wrong told from what is right? Every mutant of every dialect, and mistakes, over the catalogue."""
    from suite.validation.mutation import KillMatrix  # other commands start without it

    _make(output)
    matrix = KillMatrix.complete(seed)
    with Progress(Console(stderr=True)).stage("sharpness", len(matrix.cases)) as stage:
        matrix.fill(stage)
    found = matrix.to_json()
    details = {name: found[name] for name in ("cases", "mutants")}
    _write({name: value for name, value in found.items() if name not in details}, output, "sharpness.json")
    _write(details, output, "mutants.json")
    console = Console(soft_wrap=True)
    for table in _sharpness(found):
        console.print(table)
    for row in found["survivors"]:
        value = f" {row['value']}" if "value" in row else ""
        console.print(f"survives: {row['dialect']}, {row['kind']} {row['wrong']}{value}", markup=False)
    killed, same, total = found["killed"], found["proven_same"], found["total"]
    console.print(f"{killed:,} of {total:,} are killed, {same:,} proven to be the same function, ", end="")
    console.print(f"{total - killed - same:,} survive {len(found['cases']):,} cases (seed {seed})")
    raise typer.Exit(1 if found["survivors"] else 0)


def soundness(count: Count = 100_000, seed: Seed = 0, output: Folder = None) -> None:
    """Is what is right never called wrong? Random questions, answered in random orders of operations."""
    from suite.validation.fuzz import FuzzTest, sample_counts

    _make(output)
    run, plan = FuzzTest(seed), sample_counts(count)
    with Progress(Console(stderr=True)).stage("soundness", sum(plan.values())) as stage:
        run.run(plan, stage)
    found = run.to_json()
    _write(found, output, "soundness.json")
    console = Console(soft_wrap=True)
    console.print(_soundness(found))
    for alarm in found["false_alarms"]:
        console.print(f"false alarm: {json.dumps(alarm, ensure_ascii=False)}", markup=False, highlight=False)
    alarms, evaluations = len(found["false_alarms"]), sum(found["evaluations"].values())
    console.print(f"{alarms:,} false alarms in {evaluations:,} evaluations (seed {seed})")
    raise typer.Exit(1 if alarms else 0)


def _sharpness(found: dict[str, Any]) -> Iterator[Table]:
    """Killed and proven the same: by dialect, by axis, pairs, and by mistake."""
    sums: dict[str, dict[str, dict[str, int]]] = {"dialect": {}, "axis": {}}
    for dialect, axes in found["dialects"].items():
        for axis, counts in axes.items():
            for row in (sums["dialect"].setdefault(dialect, {}), sums["axis"].setdefault(axis, {})):
                row.update({name: row.get(name, 0) + number for name, number in counts.items()})
    sums["axis"]["another dialect"] = found["pairs"]
    for heading, rows in sums.items():
        table = Table(heading, *(_number(name) for name in ("killed", "the same", "of")), box=None, pad_edge=False)
        for name, counts in rows.items():
            table.add_row(name, *_counts(counts))
        yield table
    table = Table("mistake", *(_number(name) for name in ("killed", "no place", "of")), box=None, pad_edge=False)
    for name, counts in found["mistakes"].items():
        table.add_row(name, *_counts(counts))
    yield table


def _soundness(found: dict[str, Any]) -> Table:
    """Error over bound where a step is visible."""
    lengths = [(fmt, steps, spread) for fmt, lengths in found["ratios"].items() for steps, spread in lengths.items()]
    quantiles = list(lengths[0][2]["quantiles"])
    headings = ["steps", "evaluations", "visible", *(f"{float(q):.0%}" for q in quantiles)]
    table = Table("format", *map(_number, headings), box=None, pad_edge=False)
    for fmt, steps, spread in lengths:
        ratios = ("" if value is None else f"{value:.2f}" for value in spread["quantiles"].values())
        table.add_row(fmt, steps, f"{spread['evaluations']:,}", f"{spread['visible']:,}", *ratios)
    return table


def _number(heading: str) -> Column:
    return Column(heading, justify="right")


def _counts(counts: dict[str, int]) -> Iterator[str]:
    return (str(counts[name]) for name in ("killed", "proven_same", "total"))


def _make(folder: Path | None) -> None:
    """Before the work, so that a folder that can't be made costs none."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)


def _write(found: dict[str, Any], folder: Path | None, name: str) -> None:
    if folder is not None:
        (folder / name).write_text(json.dumps(found, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
