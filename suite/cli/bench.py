"""`rmsuite bench compare` and `rmsuite fidelity`: tables to standard output, progress to standard error, JSON too."""

from __future__ import annotations

import json as json_format
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

import reports
from suite.benchmark import comparison
from suite.cli.options import Frameworks, Json, Pythons, Seed, Threads, interpreters, names
from suite.results import provenance
from suite.validation.timing_fidelity import BURDEN, CALLED_AT, Fidelity, summary
from suite.workers.coordinator import Coordinator
from suite.workers.environments import Release, environments
from suite.workers.progress import Progress
from suite.workers.protocol import WorkerError

WIDE = 120  # columns of a table of numbers, where the terminal has fewer


def compare(
    one: Annotated[Path, typer.Argument(help="A results folder.")],
    other: Annotated[Path, typer.Argument(help="Another, of the same data, device, dtype and threads.")],
    json: Json = False,
) -> None:
    """Is what was timed in OTHER faster than in ONE, slower, the same, or is that unclear? A line for each."""
    found = comparison.compare(one, other)
    if json:
        typer.echo(comparison.to_json(found))
    else:
        comparison.show(found, Console(width=max(WIDE, Console().width)))


def side_by_side(one: Path, other: Path, output: Path | None) -> None:
    """Compare all that two results folders have: a table, and one page with its Markdown."""
    runs = reports.load(one), reports.load(other)
    try:
        times, unlike = [_judged(time) for time in comparison.compare(one, other)], None
    except comparison.Unlike as error:
        times, unlike = [], str(error)
    found = reports.compare(*runs, times, unlike)
    written = reports.write_comparison(found, output or other)
    reports.show_comparison(found, Console(width=max(WIDE, Console().width)))
    say = Progress(Console(stderr=True)).say
    say(f"wrote {', '.join(path.name for path in written)} into {output or other}")


def _judged(time: comparison.Comparison) -> reports.Time:
    ratio, interval = (time.ratio.value, (time.ratio.low, time.ratio.high)) if time.ratio else (None, None)
    call = time.call.value if time.call else None
    return reports.Time(time.name, time.benchmark, time.medians, ratio, interval, time.floor, call, time.reason)


def fidelity(
    framework: Frameworks = [],  # noqa: B006  (typer reads the default, nobody changes it)
    python: Pythons = [],  # noqa: B006
    threads: Threads = 1,
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A folder for fidelity.json: the same, and each race.")
    ] = None,
) -> None:
    """Does the stopwatch add to what it times, and does it see what is there? Against bare loops, and in calls."""
    wanted = names(framework)
    known = environments(interpreters(python), releases=map(Release.parse, wanted))
    progress = Progress(Console(stderr=True))
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Coordinator({name: known[name] for name in wanted}, "cpu", threads, 180.0) as coordinator,
    ):
        greetings = coordinator.hello()
        hellos = {name: hello for name, hello in greetings.items() if not isinstance(hello, WorkerError)}
        for name in greetings.keys() - hellos.keys():
            progress.say(f"{name} is left out: {greetings[name]}")
        experiment = Fidelity(coordinator, known, hellos, Path(folder), seed)
        rows = []
        with progress.stage("fidelity", experiment.turns()) as advance:
            for row in experiment.run():
                rows.append(row)
                advance(row["framework"])
    found = {
        "created": provenance.now(),
        "machine": provenance.machine(),
        "commit": provenance.commit(),
        "threads": threads,
        "seed": seed,
        "versions": {name: hello["versions"][hello["framework"]] for name, hello in hellos.items()},
        **summary(rows),
        "failed": [f"{row['framework']}: {row['reason']}" for row in rows if row["reason"]],
    }
    console = Console(width=max(WIDE, Console().width))
    for table in _tables(found):
        console.print(table)
    for reason in dict.fromkeys(found["failed"]):
        console.print(f"failed: {reason}", markup=False)
    if output is not None:
        (output / "fidelity.json").write_text(json_format.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    raise typer.Exit(1 if found["failed"] or len(hellos) < len(wanted) else 0)


def _tables(found: Mapping[str, Any]) -> Iterator[Table]:
    table = _table("parameters", "a bare loop, µs", "suite / bare", "least", "greatest", "memory beside, copies")
    for row in found["beside"]:
        ratios = (f"{row[part]:.3f}" for part in ("ratio", "low", "high"))
        copies = f"{row['copies']:.2f}" if row["size"] >= CALLED_AT else ""
        table.add_row(row["framework"], f"{row['size']:,}", f"{row['seconds'] * 1e6:,.1f}", *ratios, copies)
    yield table
    table = _table("races", f"slower by {BURDEN:.0%}: called slower", "equal: called different", "noise floor")
    for row in found["calls"]:
        counts = (str(row[part]) for part in ("races", "slower", "different"))
        table.add_row(row["framework"], *counts, f"{row['floor']:.1%}")
    yield table


def _table(*headings: str) -> Table:
    return Table("framework", *(Column(heading, justify="right") for heading in headings), box=None, pad_edge=False)
