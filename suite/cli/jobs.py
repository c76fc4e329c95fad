"""The commands that run implementations and keep a results folder: run, agree, train and bench."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console

import reports
from suite.benchmark import comparison
from suite.cli.options import (
    Claim,
    Conditions,
    Dialects,
    Inputs,
    Json,
    Replays,
    Results,
    Rounds,
    Targets,
    Tasks,
    job_options,
    results_folder,
)
from suite.errors import UserError
from suite.run import SECTION_DIALECTS, Job
from suite.workers.environments import PROJECT
from suite.workers.progress import Progress


def run(
    *,
    targets: Targets = Targets(),
    replays: Replays = Replays(),
    tasks: Tasks = (),
    rounds: Rounds = None,
    conditions: Conditions = Conditions(),
    inputs: Inputs = Inputs(),
    results: Results = Results(),
) -> int:
    """Run the main job: agreement, training, timing, and a report."""
    return _run_job(results, targets, replays, conditions, inputs, tasks=tasks, rounds=rounds)


def agree(
    *,
    targets: Targets = Targets(),
    replays: Replays = Replays(),
    claim: Claim = None,
    conditions: Conditions = Conditions(),
    inputs: Inputs = Inputs(),
    results: Results = Results(),
    json: Json = False,
) -> int:
    """Test whether implementations compute what they claim: a verdict for each case, from a derived bound."""
    groups = (targets, replays, conditions, inputs)
    return _run_job(results, *groups, claim=claim, tables=["agreement"], as_json=json)


def train(
    *,
    targets: Targets = Targets(),
    tasks: Tasks = (),
    dialects: Dialects = SECTION_DIALECTS,
    conditions: Conditions = Conditions(),
    inputs: Inputs = Inputs(),
    results: Results = Results(),
) -> int:
    """Train on every task, check each gradient and each update, and report the losses."""
    groups = (targets, conditions, inputs)
    return _run_job(results, *groups, tasks=tasks, dialects=dialects, tables=["training"])


bench_app = App(name="bench", help="Time steps and epochs of all implementations, interleaved in random order.")


@bench_app.default
def bench(
    *,
    targets: Targets = Targets(),
    quick: Annotated[bool, Parameter(help="Take a quick look: few sizes, few and short samples.")] = False,
    rigorous: Annotated[bool, Parameter(help="Take many and long samples, for publication.")] = False,
    sizes: Annotated[
        tuple[int, ...], Parameter(name="--size", help="Number of parameters of a step; repeatable.")
    ] = (),
    tensors: Annotated[
        tuple[int, ...], Parameter(help="Number of tensors that the parameters are divided among; repeatable.")
    ] = (),
    rounds: Rounds = None,
    conditions: Conditions = Conditions(),
    inputs: Inputs = Inputs(),
    results: Results = Results(),
) -> int:
    """Time steps and epochs of all implementations, interleaved in random order."""
    if quick and rigorous:
        raise UserError("--quick and --rigorous exclude each other: choose one, or neither")
    profile = "quick" if quick else "rigorous" if rigorous else "default"
    groups, tables = (targets, conditions, inputs), ["timing"]
    return _run_job(results, *groups, profile=profile, sizes=sizes, tensors=tensors, rounds=rounds, tables=tables)


@bench_app.command(name="compare")
def compare_timings(
    one: Annotated[Path, Parameter(help="A results folder.")],
    other: Annotated[Path, Parameter(help="Another, with the same data, device, dtype and number of threads.")],
    /,
    *,
    json: Json = False,
) -> None:
    """Compare the times of two runs: faster, slower, same or unclear, for each implementation and benchmark."""
    found = comparison.compare(one, other)
    if json:
        print(comparison.to_json(found))  # noqa: T201
    else:
        comparison.show(found, Console(width=max(120, Console().width)))


def _run_job(results: Results, *groups: object, as_json: bool = False, **given: Any) -> int:
    """Run the stages that make the tables, write the report, and return the exit status; see `job_options`."""
    options = job_options(*groups, results, folder=results_folder(results), **given)
    with resumable(options.output, "rows"), Job(options, Progress()) as job:
        stages: dict[str, Callable[[], None]] = {"agreement": job.agree, "training": job.train, "timing": job.bench}
        for table in options.tables:
            stages[table]()
    report_run(options.output, options.tables, as_json=as_json)
    return job.status


@contextmanager
def resumable(folder: Path, kept: str) -> Iterator[None]:
    """Let an interrupt say how to resume the run in a results folder."""
    try:
        yield
    except KeyboardInterrupt:
        if not (folder / "manifest.json").exists():
            raise KeyboardInterrupt("interrupted before there were any results") from None
        resume = f"resume with the same command and --resume --output {folder}"
        raise KeyboardInterrupt(f"interrupted; {folder} has the {kept} so far: {resume}") from None


def report_run(folder: Path, tables: Sequence[str], *, as_json: bool = False) -> None:
    """Write the report of a results folder, and print the tables or, as JSON, the summary."""
    written = reports.write(folder)  # before anything is printed: a closed pipe ends the command
    if as_json:
        sys.stdout.write((folder / "summary.json").read_text("utf-8"))
    else:
        reports.show(reports.load(folder), Console(), tables)
    say_written(written, folder)
    if shutil.which("rmsuite") is None:
        command = f"{shlex.quote(sys.executable)} -m suite"
        Progress().say(f"`rmsuite` is not on your path: run {command} in its place, in {PROJECT}")


def say_written(written: Sequence[Path], folder: Path) -> None:
    """Say which files were written."""
    Progress().say(f"wrote {', '.join(path.name for path in written)} into {folder}")
