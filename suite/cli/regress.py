"""`rmsuite regress`: the history of releases, to standard output, and into a results folder as JSON and Markdown."""

from __future__ import annotations

import json as json_format
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console

from suite.cases.expression import Selection
from suite.cli.baseline import Threshold
from suite.cli.options import (
    Cases,
    Device,
    Dialects,
    Dtypes,
    Implementations,
    Json,
    Output,
    Pythons,
    Rounds,
    Seed,
    Select,
    Threads,
    Timeout,
    interpreters,
    names,
    options_from,
)
from suite.regression import history_report
from suite.regression.comparison import failing
from suite.regression.history import Entry, history, timed
from suite.regression.recording import Recording
from suite.results.store import read_rows
from suite.run import Job
from suite.workers.environments import Environment, EnvironmentMissing, Release, build, compared_releases, environments
from suite.workers.progress import Progress

WIDE = 200  # columns of a table, where the terminal has fewer


def regress(
    release: Annotated[
        list[str],
        typer.Argument(
            metavar="[RELEASE]...",
            help="As mxnet==2.0.0b1; of one framework or several, the older first. Else those in pyproject.toml.",
            show_default=False,
        ),
    ] = [],  # noqa: B006  (typer reads the default, nobody changes it)
    implementation: Implementations = [],  # noqa: B006
    case: Cases = [],  # noqa: B006
    dtype: Dtypes = ["float32"],  # noqa: B006
    dialect: Dialects = ["d2l"],  # noqa: B006
    timing: Annotated[bool, typer.Option("--timing/--no-timing", help="Whether steps are timed, too.")] = True,
    size: Annotated[int, typer.Option(min=1, help="Parameters of the step that is timed.")] = 100_000,
    rounds: Rounds = None,
    fail_on: Annotated[
        Threshold | None,
        typer.Option(
            help="Exit with status 1 if a release moved bits, or did so by more than another instruction set explains, "
            "or computes another function than the one before. Left out, a history is no failure, whatever is in it.",
            show_default=False,
        ),
    ] = None,
    device: Device = "cpu",
    threads: Threads = 1,
    seed: Seed = 0,
    timeout: Timeout = 180.0,
    python: Pythons = [],  # noqa: B006
    output: Output = None,
    select: Select = "",
    json: Json = False,
) -> None:
    """Which release changed the numbers? Builds an environment for each, and compares them, the older first."""
    progress = Progress(Console(stderr=True))
    wanted = names(release or [one.full_name for one in compared_releases()])
    missing = unbuilt(wanted, python, progress)
    options = options_from(
        framework=[name for name in wanted if name not in missing],
        implementation=implementation,
        case=case,
        dtype=dtype,
        dialect=dialect,
        size=[size],
        rounds=rounds,
        device=device,
        threads=threads,
        seed=seed,
        timeout=timeout,
        python=python,
        output=output,
        resume=False,
        select=select,
        tables=["agreement"],
    )
    with Recording(options, progress) as job:
        job.agree()
        entries = history(job.baseline(), options.frameworks, job.catalogue)
        if timing:
            _time(job, entries)
            entries = timed(entries, read_rows(job.store.folder / "timings.jsonl"))
        missing |= job.missing
        found = _write(job, entries, missing, job.benchmarks[0].id if timing else None)
    if json:
        typer.echo((options.output / "history.json").read_text("utf-8"))
    else:
        history_report.show(*found, Console(width=max(WIDE, Console().width)))
    progress.say(f"wrote history.json and history.md into {options.output}")
    changes = [change for entry in entries for change in entry.changes]
    raise typer.Exit(1 if missing or (fail_on and failing(changes, fail_on)) else 0)


def unbuilt(wanted: Sequence[str], python: Sequence[str], progress: Progress) -> dict[str, str]:
    """Build the environments; why some are missing, by the release's name.

    Raises:
        LookupError: if all are.
    """
    known = environments(interpreters(python), releases=map(Release.parse, wanted))
    missing = {}
    for name in wanted:
        why = _built(known[name], progress)
        if why is not None:
            missing[name] = why
    if len(missing) == len(wanted):
        raise LookupError("there is no release to ask")
    return missing


def _built(environment: Environment, progress: Progress) -> str | None:
    """Build an environment; why that can't be, if it can't."""
    try:
        build(environment, progress.say)
    except EnvironmentMissing as error:
        progress.say(f"{environment.release.name} is left out: {error}")
        return str(error)
    return None


def _time(job: Job, entries: Sequence[Entry]) -> None:
    """Time who has a history, as what it turned out to be: only what is judged is timed."""
    units = dict.fromkeys((entry.release, entry.unit.implementation.partition("/")[2]) for entry in entries)
    job.chosen = {name: [one for release, one in units if release == name] for name in job.chosen}
    job.selection = Selection.of("")
    for entry in entries:
        name, found = entry.unit.implementation.partition("/")[2], entry.identity.dialects
        if not entry.unit.asked and found:
            job.believe(entry.release, name, found)
    job.bench()


def _write(
    job: Job, entries: Sequence[Entry], missing: Mapping[str, str], benchmark: str | None
) -> tuple[list[history_report.Page], list[str]]:
    """Write the history into the results folder; returns it as tables and lines."""
    pages = history_report.pages(entries, {case.id: case for case in job.catalogue}, benchmark)
    lines = [*history_report.summary(entries), *(f"{name} is left out: {why}" for name, why in missing.items())]
    manifest = job.store.manifest
    said = {
        "created": manifest["created"],
        "commit": manifest["commit"],
        "machine": manifest["machine"],
        "releases": {name: one for name, one in manifest["frameworks"].items() if "missing" not in one},
        "missing": dict(missing),
        "benchmark": benchmark,
        "summary": lines,
        "computed": pages[0].to_json(),
        "history": history_report.to_json(entries),
    }
    text = json_format.dumps(said, indent=1, ensure_ascii=False) + "\n"
    (job.store.folder / "history.json").write_text(text, "utf-8")
    (job.store.folder / "history.md").write_text(history_report.to_markdown(pages, lines), "utf-8")
    return pages, lines
