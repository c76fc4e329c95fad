"""The commands that test the suite itself: mutation, fuzz and fidelity."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from reports.render.terminal import print_table
from reports.tables.table import Table, number
from suite.cli.options import Folder, Frameworks, Pythons, Seed, Threads, interpreters, release_names
from suite.validation.fuzz import FuzzTest, sample_counts
from suite.validation.mutation import KillMatrix
from suite.validation.timing_fidelity import CALLED_AT, SLOWDOWN, Fidelity, FidelityResult
from suite.workers.coordinator import Coordinator
from suite.workers.environments import Release, environments
from suite.workers.progress import Progress
from suite.workers.protocol import WorkerError


def mutation(*, seed: Seed = 0, output: Folder = None) -> int:
    """Test that the catalogue catches every wrong optimizer: mutants of every dialect, and typical mistakes."""
    _make(output)
    matrix = KillMatrix.complete(seed)
    with Progress().stage("mutation", len(matrix.cases)) as stage:
        matrix.fill(stage)
    found = matrix.to_json()
    details = {name: found[name] for name in ("cases", "mutants")}
    _write({name: value for name, value in found.items() if name not in details}, output, "sharpness.json")
    _write(details, output, "mutants.json")
    _print(_mutation_tables(found))
    console = Console(soft_wrap=True, markup=False)
    for row in found["survivors"]:
        value = f" {row['value']}" if "value" in row else ""
        console.print(f"survives: {row['dialect']}, {row['kind']} {row['wrong']}{value}")
    killed, same, total = found["killed"], found["proven_same"], found["total"]
    console.print(f"{killed:,} of {total:,} are killed, {same:,} proven to be the same function, ", end="")
    console.print(f"{total - killed - same:,} survive {len(found['cases']):,} cases (seed {seed})")
    return 1 if found["survivors"] else 0


def fuzz(
    *,
    count: Annotated[
        int,
        Parameter(help="Number of evaluations in float32; the other formats get a tenth.", validator=Number(gte=1)),
    ] = 100_000,
    seed: Seed = 0,
    output: Folder = None,
) -> int:
    """Test that no correct optimizer is flagged: random inputs, evaluated in random orders of operations."""
    _make(output)
    run, plan = FuzzTest(seed), sample_counts(count)
    with Progress().stage("fuzz", sum(plan.values())) as stage:
        run.run(plan, stage)
    found = run.to_json()
    _write(found, output, "soundness.json")
    _print([_fuzz_table(found)])
    console = Console(soft_wrap=True, markup=False)
    for alarm in found["false_alarms"]:
        console.print(f"false alarm: {json.dumps(alarm, ensure_ascii=False)}", highlight=False)
    alarms, evaluations = len(found["false_alarms"]), sum(found["evaluations"].values())
    console.print(f"{alarms:,} false alarms in {evaluations:,} evaluations (seed {seed})")
    return 1 if alarms else 0


def fidelity(
    *,
    frameworks: Frameworks = (),
    pythons: Pythons = (),
    threads: Threads = 1,
    seed: Seed = 0,
    output: Folder = None,
) -> int:
    """Test the timing: against a minimal loop, and with an implementation that is slowed down on purpose."""
    wanted = release_names(frameworks)
    known = environments(interpreters(pythons), releases=map(Release.parse, wanted))
    progress = Progress()
    _make(output)
    with (
        tempfile.TemporaryDirectory() as folder,
        Coordinator({name: known[name] for name in wanted}, "cpu", threads, 180.0) as coordinator,
    ):
        greetings = coordinator.hello()
        hellos = {name: hello for name, hello in greetings.items() if not isinstance(hello, WorkerError)}
        for name in greetings.keys() - hellos.keys():
            progress.say(f"{name} is left out: {greetings[name]}")
        experiment = Fidelity(coordinator, hellos, Path(folder), seed)
        rows = []
        with progress.stage("fidelity", experiment.turns()) as advance:
            for row in experiment.run():
                rows.append(row)
                advance(row.framework)
    found = FidelityResult.of(rows, hellos, threads=threads, seed=seed)
    _print(_fidelity_tables(found))
    for reason in dict.fromkeys(found.failed):
        Console(soft_wrap=True).print(f"failed: {reason}", markup=False)
    _write(asdict(found), output, "fidelity.json", indent=1)
    return 1 if found.failed or len(hellos) < len(wanted) else 0


def _mutation_tables(found: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the counts by dialect, by axis, of pairs of dialects, and by mistake."""
    sums: dict[str, dict[str, dict[str, int]]] = {"dialect": {}, "axis": {}}
    for dialect, axes in found["dialects"].items():
        for axis, counts in axes.items():
            for row in (sums["dialect"].setdefault(dialect, {}), sums["axis"].setdefault(axis, {})):
                row.update({name: row.get(name, 0) + count for name, count in counts.items()})
    sums["axis"]["another dialect"] = found["pairs"]
    for heading, rows in {**sums, "mistake": found["mistakes"]}.items():
        same = "not applicable" if heading == "mistake" else "the same"
        counted = (
            (name, *(str(row[part]) for part in ("killed", "proven_same", "total"))) for name, row in rows.items()
        )
        yield Table.of((heading, *map(number, ("killed", same, "of"))), counted)


def _fuzz_table(found: Mapping[str, Any]) -> Table:
    """Return the quantiles of error over bound, where a step is visible."""
    lengths = [(fmt, steps, spread) for fmt, lengths in found["ratios"].items() for steps, spread in lengths.items()]
    quantiles = [f"{float(quantile):.0%}" for quantile in lengths[0][2]["quantiles"]]
    rows = []
    for fmt, steps, spread in lengths:
        ratios = ("" if value is None else f"{value:.2f}" for value in spread["quantiles"].values())
        rows.append((fmt, steps, f"{spread['evaluations']:,}", f"{spread['visible']:,}", *ratios))
    return Table.of(("format", *map(number, ("steps", "evaluations", "visible", *quantiles))), rows)


def _fidelity_tables(found: FidelityResult) -> Iterator[Table]:
    """Yield the ratios to the minimal loop, and the conclusions about implementations slowed down on purpose."""
    headings = ("parameters", "minimal loop, µs", "suite / minimal", "least", "greatest", "memory above, copies")
    rows = []
    for row in found.beside:
        ratios = (f"{ratio:.3f}" for ratio in (row.ratio, row.low, row.high))
        copies = f"{row.copies:.2f}" if row.size >= CALLED_AT else ""
        rows.append((row.framework, f"{row.size:,}", f"{row.seconds * 1e6:,.1f}", *ratios, copies))
    yield Table.of(("framework", *map(number, headings)), rows)
    called = ("runs", f"slower by {SLOWDOWN:.0%}: called slower", "equal: called different", "noise floor")
    conclusions = (
        (row.framework, *map(str, (row.races, row.slower, row.different)), f"{row.noise_floor:.1%}")
        for row in found.calls
    )
    yield Table.of(("framework", *map(number, called)), conclusions)


def _print(tables: Iterable[Table]) -> None:
    for table in tables:
        print_table(Console(), table)


def _make(folder: Path | None) -> None:
    """Make the folder before the work, so that an error costs no time."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)


def _write(found: Mapping[str, Any], folder: Path | None, name: str, indent: int | None = None) -> None:
    if folder is not None:
        text = json.dumps(found, ensure_ascii=False, allow_nan=indent is not None, indent=indent)
        (folder / name).write_text(f"{text}\n", "utf-8")
