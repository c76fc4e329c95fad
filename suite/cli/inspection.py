"""The commands that keep no results folder.

They show what there is (explain, cases, envs, expectations), and test the suite itself (mutation, fuzz, fidelity).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console

from reports.render.terminal import print_table
from reports.tables.table import Column, Table, number
from suite.cases import datasets
from suite.cases.catalogue import catalogue
from suite.cases.description import choose, describe
from suite.cases.expression import Selection
from suite.cases.metamorphic import RELATIONS
from suite.cases.tasks import tasks
from suite.cli.options import (
    CasePatterns,
    Claim,
    Conditions,
    Data,
    Dialect,
    Dtype,
    Folder,
    Frameworks,
    Inputs,
    Json,
    Pythons,
    Seed,
    Select,
    Threads,
    cache,
    interpreters,
    job_options,
    newest,
    release_names,
)
from suite.diagnosis.explanation import explain as explanation_of
from suite.errors import UserError
from suite.results.expectations import Expectations, proposals
from suite.results.rows import TIMINGS, TRAINING, VERDICTS, RunRow, case_of
from suite.results.store import read_manifest, read_rows
from suite.run import Job
from suite.validation import fuzz as fuzz_test
from suite.validation import mutation as mutation_test
from suite.validation import timing_fidelity
from suite.workers.environments import EnvironmentMissing, Release, build, environments
from suite.workers.progress import Progress
from suite.workers.selection import framework_of

IN_FULL = 3
"""The number of cases up to which each is described in full."""


def explain(
    case: Annotated[str, Parameter(help="A case, such as decades/large-epsilon.")],
    implementation: Annotated[str, Parameter(help="Such as torch/builtin or mxnet==2.0.0b1/builtin.")],
    /,
    *,
    dtype: Dtype = "float32",
    dialect: Dialect = "d2l",
    claim: Claim = None,
    conditions: Conditions = Conditions(),
    inputs: Inputs = Inputs(),
) -> int:
    """Show every intermediate value of the first step that differs (or of the worst step) beside the oracle's."""
    framework, slash, name = implementation.partition("/")
    with tempfile.TemporaryDirectory() as folder:
        options = job_options(
            conditions,
            inputs,
            folder=Path(folder) / "results",
            frameworks=[framework],
            implementations=[framework_of(framework) + slash + name],
            cases=[case],
            dtypes=[dtype],
            dialects=[dialect],
            claim=claim,
            keep_traces=True,
        )
        with Job(options, Progress()) as job:
            job.agree()
            rows = list(job.store.rows(VERDICTS))
            if len(rows) != 1:
                raise UserError(f"one case and one implementation can be explained at a time, not {len(rows)}")
            explanation = explanation_of(rows[0], next(iter(job.cases), None), job.store.folder / "traces")
    console = Console(soft_wrap=True)
    for part in explanation.parts():
        if isinstance(part, Table):
            print_table(Console(), part)
        else:
            console.print(part, markup=False, highlight=False)
    return job.status


def cases(
    *, cases: CasePatterns = (), select: Select = "", seed: Seed = 0, data: Data = None, json: Json = False
) -> None:
    """List conformance cases and metamorphic relations with what they test, or describe a few in full."""
    found = tasks(datasets.resolve(data, cache(), download=False), seed)
    chosen = choose([*catalogue(found, seed), *RELATIONS], cases, Selection.of(select))
    described = [describe(one, found, seed) for one in chosen]
    if json:
        sys.stdout.write(dumps([asdict(one) for one in described], indent=2, ensure_ascii=False) + "\n")
    elif len(described) <= IN_FULL:
        texts = ("\n".join(one.lines()) for one in described)
        Console(soft_wrap=True).print(*texts, sep="\n\n", markup=False, highlight=False)
    else:
        columns = (Column("case", wrap=False), number("steps"), number("coordinates"), "tape", "setting")
        rows = []
        for one in described:
            reasons = (one.reason, "") if one.kind == "relation" else (one.tape.reason, one.reason)
            rows.append((one.id, str(one.tape.steps), str(one.tape.coordinates), *reasons))
        print_table(Console(), Table.of(columns, rows))


def envs(
    *releases: Annotated[str, Parameter(help="Frameworks or releases, as for --framework.")],
    frameworks: Frameworks = (),
    pythons: Pythons = (),
    make: Annotated[
        bool, Parameter(name="--build", help="Build the environments that are missing or out of date.")
    ] = False,
) -> int:
    """List the interpreters of frameworks and releases; the exit status is 1 if one is missing."""
    progress = Progress()
    failed, rows = False, []
    wanted = release_names([*releases, *frameworks])
    known = environments(interpreters(pythons), releases=map(Release.parse, wanted))
    for name in wanted:
        try:
            if make:
                build(known[name], progress.say)
        except EnvironmentMissing as error:
            progress.say(str(error))
        state = known[name].state
        failed |= state == "missing" or (make and state != "ready")
        rows.append((name, state, str(known[name].python)))
    columns = [Column(heading, wrap=False) for heading in ("framework", "state", "interpreter")]
    print_table(Console(), Table.of(columns, rows))
    return 1 if failed else 0


expectations_app = App(name="expectations", help="List the known deviations, or propose entries for new ones.")


@expectations_app.command(name="list")
def list_expectations() -> None:
    """List the known deviations and their reasons."""
    rows = (
        (one.implementation, one.versions, one.cases, " or ".join(one.outcomes), f"{one.reason} {one.link}".strip())
        for one in Expectations.read().entries
    )
    print_table(Console(), Table.of(("implementation", "versions", "cases", "outcome", "reason"), rows))


@expectations_app.command(name="update")
def propose_expectations(
    results: Annotated[Path | None, Parameter(help="A results folder [default: the newest].")] = None, /
) -> None:
    """Print entries for suite/results/expectations.toml that cover the unexpected results of a run."""
    store = results or newest()
    known = Expectations.read()
    read_manifest(store)
    rows: list[RunRow] = [known.apply(row) for row in read_rows(store, VERDICTS)]
    rows += [known.apply(row) for row in read_rows(store, TRAINING)]
    rows += [known.apply(row) for row in read_rows(store, TIMINGS)]
    for row in rows:
        if row.outcome == "agrees" and not row.expected:
            name = f"{row.framework}/{row.implementation}, {case_of(row)}"
            Progress().say(f"no longer deviates: {name}: {row.expectation}")
    Console(soft_wrap=True).print(proposals(rows), markup=False, highlight=False)


def mutation(*, seed: Seed = 0, output: Folder = None) -> int:
    """Test that the catalogue catches every wrong optimizer: mutants of every dialect, and typical mistakes."""
    _make(output)
    matrix = mutation_test.KillMatrix.complete(seed)
    with Progress().stage("mutation", len(matrix.cases)) as stage:
        matrix.fill(stage)
    found = matrix.to_json()
    details = {name: found[name] for name in ("cases", "mutants")}
    _write({name: value for name, value in found.items() if name not in details}, output, "sharpness.json")
    _write(details, output, "mutants.json")
    _print(mutation_test.tables(found))
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
    run, plan = fuzz_test.FuzzTest(seed), fuzz_test.sample_counts(count)
    with Progress().stage("fuzz", sum(plan.values())) as stage:
        run.run(plan, stage)
    found = run.to_json()
    _write(found, output, "soundness.json")
    _print([fuzz_test.table(found)])
    console = Console(soft_wrap=True, markup=False)
    for alarm in found["false_alarms"]:
        console.print(f"false alarm: {dumps(alarm, ensure_ascii=False)}", highlight=False)
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
    _make(output)
    found = timing_fidelity.measure({name: known[name] for name in wanted}, Progress(), threads=threads, seed=seed)
    _print(timing_fidelity.tables(found))
    for reason in dict.fromkeys(found.failed):
        Console(soft_wrap=True).print(f"failed: {reason}", markup=False)
    _write(asdict(found), output, "fidelity.json", indent=1)
    return 1 if found.failed or len(found.versions) < len(wanted) else 0


def _print(tables: Iterable[Table]) -> None:
    for table in tables:
        print_table(Console(), table)


def _make(folder: Path | None) -> None:
    """Make the folder before the work, so that an error costs no time."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)


def _write(found: Mapping[str, Any], folder: Path | None, name: str, indent: int | None = None) -> None:
    if folder is not None:
        text = dumps(found, ensure_ascii=False, allow_nan=indent is not None, indent=indent)
        (folder / name).write_text(f"{text}\n", "utf-8")
