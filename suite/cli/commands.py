"""What the command line offers. Each command reads as what it does; how is elsewhere."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from json import dumps
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import reports
from suite.cases import datasets
from suite.cases.catalogue import catalogue
from suite.cases.description import Description, choose, describe
from suite.cases.expression import Selection
from suite.cases.metamorphic import RELATIONS
from suite.cases.tasks import tasks
from suite.cli.baseline import baseline
from suite.cli.bench import compare, fidelity, side_by_side
from suite.cli.chapter import chapter, is_chapter, write
from suite.cli.explanation import Explanation
from suite.cli.options import (
    DTYPES,
    Cases,
    Claim,
    Data,
    Device,
    Dialects,
    Download,
    Dtypes,
    Frameworks,
    Implementations,
    Json,
    Output,
    Pythons,
    Quick,
    Releases,
    Resume,
    Rigorous,
    Rounds,
    Seed,
    Select,
    Sizes,
    Tasks,
    Tensors,
    Threads,
    Timeout,
    cache,
    interpreters,
    names,
    newest,
    options_from,
    profile,
)
from suite.cli.plugin_commands import offer
from suite.cli.regress import regress
from suite.cli.validation import sharpness, soundness
from suite.results.expectations import Expectations, proposals
from suite.results.store import TABLES, read_rows
from suite.run import SECTION_DIALECTS, Job, Options
from suite.workers.environments import PROJECT, EnvironmentMissing, Release, build, environments
from suite.workers.progress import Progress
from suite.workers.selection import framework_of

app = typer.Typer(
    name="rmsuite",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Which RMSProp does an optimizer compute? Run the implementations of several frameworks on identical "
    "data, hold each against a NumPy oracle with a derived rounding bound, and compare losses and times.",
    epilog="Start with `rmsuite run`. Exit status: 0 if all is as expected, 1 if not, 2 if the command can't be "
    "carried out, 130 if it was interrupted.",
)


IN_FULL = 3
"""The number of cases up to which each is described in full."""

NUMBERS = 160
"""Columns of a table of numbers; a terminal that has fewer wraps it, since a number that is cut is none."""


class Interrupted(Exception):
    """The user stopped the run; the message says how to go on."""


@app.command()
def run(
    framework: Frameworks = [],  # noqa: B006  (typer reads the default, nobody changes it)
    implementation: Implementations = [],  # noqa: B006
    case: Cases = [],  # noqa: B006
    task: Tasks = [],  # noqa: B006
    dtype: Dtypes = list(DTYPES),  # noqa: B006
    dialect: Dialects = list(SECTION_DIALECTS),  # noqa: B006
    device: Device = "cpu",
    threads: Threads = 1,
    seed: Seed = 0,
    rounds: Rounds = None,
    timeout: Timeout = 180.0,
    python: Pythons = [],  # noqa: B006
    data: Data = None,
    download: Download = True,
    output: Output = None,
    resume: Resume = False,
    select: Select = "",
) -> None:
    """The main job: agreement, training, timing, and a report."""
    _carry_out(options_from(**locals()))


@app.command()
def agree(
    framework: Frameworks = [],  # noqa: B006
    implementation: Implementations = [],  # noqa: B006
    case: Cases = [],  # noqa: B006
    dtype: Dtypes = list(DTYPES),  # noqa: B006
    dialect: Dialects = list(SECTION_DIALECTS),  # noqa: B006
    claim: Claim = None,
    device: Device = "cpu",
    threads: Threads = 1,
    seed: Seed = 0,
    timeout: Timeout = 180.0,
    python: Pythons = [],  # noqa: B006
    data: Data = None,
    download: Download = True,
    output: Output = None,
    resume: Resume = False,
    select: Select = "",
    json: Json = False,
) -> None:
    """Do implementations compute what they claim? A verdict for each case, inside a derived bound."""
    given = {name: value for name, value in locals().items() if name != "json"}
    _carry_out(options_from(**given, tables=["agreement"]), as_json=json)


@app.command()
def train(
    framework: Frameworks = [],  # noqa: B006
    implementation: Implementations = [],  # noqa: B006
    task: Tasks = [],  # noqa: B006
    dialect: Dialects = list(SECTION_DIALECTS),  # noqa: B006
    device: Device = "cpu",
    threads: Threads = 1,
    seed: Seed = 0,
    timeout: Timeout = 180.0,
    python: Pythons = [],  # noqa: B006
    data: Data = None,
    download: Download = True,
    output: Output = None,
    resume: Resume = False,
    select: Select = "",
) -> None:
    """What losses do they reach? Each gradient and each update is checked on the way."""
    _carry_out(options_from(**locals(), tables=["training"]))


bench_app = typer.Typer(invoke_without_command=True)
app.add_typer(bench_app, name="bench")


@bench_app.callback()
def bench(
    context: typer.Context,
    framework: Frameworks = [],  # noqa: B006
    implementation: Implementations = [],  # noqa: B006
    quick: Quick = False,
    rigorous: Rigorous = False,
    size: Sizes = [],  # noqa: B006
    tensors: Tensors = [],  # noqa: B006
    device: Device = "cpu",
    threads: Threads = 1,
    seed: Seed = 0,
    rounds: Rounds = None,
    timeout: Timeout = 180.0,
    python: Pythons = [],  # noqa: B006
    data: Data = None,
    download: Download = True,
    output: Output = None,
    resume: Resume = False,
    select: Select = "",
) -> None:
    """How long do they take? Steps over numbers of parameters and tensors, and epochs of tasks, interleaved.

    `rmsuite bench compare A B` sets two runs against each other.
    """
    if context.invoked_subcommand is None:
        given = {name: value for name, value in locals().items() if name not in ("context", "quick", "rigorous")}
        _carry_out(options_from(**given, profile=profile(quick, rigorous), tables=["timing"]))


bench_app.command()(compare)


@app.command()
def report(
    results: Annotated[list[Path] | None, typer.Argument(help="A results folder [default: the newest].")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Set two results folders side by side.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where a comparison goes [default: the second folder].")
    ] = None,
) -> None:
    """Write the report of a results folder again, and show its tables; or compare two: `--compare A B`."""
    folders = results or [newest()]
    if len(folders) != (2 if compare else 1):
        raise LookupError("`rmsuite report` takes one results folder, and `rmsuite report --compare` two")
    if compare:
        side_by_side(folders[0], folders[1], output)
    elif is_chapter(folders[0]):
        write(folders[0], Progress(Console(stderr=True)))
    else:
        _report(folders[0], ("agreement", "training", "timing"))


@app.command()
def envs(
    release: Releases = [],  # noqa: B006
    framework: Frameworks = [],  # noqa: B006
    python: Pythons = [],  # noqa: B006
    make: Annotated[bool, typer.Option("--build", help="Build what is missing or out of date.")] = False,
) -> None:
    """Where is the interpreter of each framework, or of these releases? Exit status 1 if one is missing."""
    progress = Progress(Console(stderr=True))
    failed = 0
    table = Table("framework", "state", "interpreter", box=None, pad_edge=False)
    wanted = names([*release, *framework])
    known = environments(interpreters(python), releases=map(Release.parse, wanted))
    for name in wanted:
        try:
            if make:
                build(known[name], progress.say)
        except EnvironmentMissing as error:
            progress.say(str(error))
        state = known[name].state
        failed += state == "missing" or (make and state != "ready")
        table.add_row(name, state, str(known[name].python))
    Console(soft_wrap=True).print(table)
    raise typer.Exit(1 if failed else 0)


@app.command()
def cases(
    case: Cases = [],  # noqa: B006
    select: Select = "",
    seed: Seed = 0,
    data: Data = None,
    json: Json = False,
) -> None:
    """List the conformance cases and laws, and what each is there to tell apart; describe in full what is chosen."""
    found = tasks(datasets.resolve(data, cache(), download=False), seed)
    chosen = choose([*catalogue(found, seed), *RELATIONS], case, Selection.of(select))
    described = [describe(one, found, seed) for one in chosen]
    if json:
        sys.stdout.write(dumps([one.to_json() for one in described], indent=2, ensure_ascii=False) + "\n")
    elif len(described) <= IN_FULL:
        texts = ("\n".join(one.lines()) for one in described)
        Console(soft_wrap=True).print(*texts, sep="\n\n", markup=False, highlight=False)
    else:
        Console().print(_listed(described))


def _listed(described: Sequence[Description]) -> Table:
    """Return a table with a row for each case."""
    table = Table(box=None, pad_edge=False)
    table.add_column("case", no_wrap=True, overflow="fold")
    for name in ("steps", "coordinates", "tape", "setting"):
        table.add_column(name, justify="right" if name in ("steps", "coordinates") else "left")
    for one in described:
        reasons = (one.reason, "") if one.kind == "relation" else (one.tape.reason, one.reason)
        table.add_row(one.id, str(one.tape.steps), str(one.tape.coordinates), *reasons)
    return table


@app.command()
def explain(
    case: Annotated[str, typer.Argument(help="One case, as decades/large-epsilon.")],
    implementation: Annotated[str, typer.Argument(help="One, as torch/builtin or mxnet==2.0.0b1/builtin.")],
    dtype: Annotated[str, typer.Option(help="As of agree.")] = "float32",
    dialect: Annotated[str, typer.Option(help="What a scratch implementation runs.")] = "d2l",
    claim: Claim = None,
    device: Device = "cpu",
    seed: Seed = 0,
    timeout: Timeout = 180.0,
    python: Pythons = [],  # noqa: B006
    data: Data = None,
    download: Download = True,
) -> None:
    """Take the first step that differs apart (or the worst): oracle and implementation side by side."""
    framework, slash, name = implementation.partition("/")
    with tempfile.TemporaryDirectory() as folder:
        options = options_from(
            framework=[framework],
            implementation=[framework_of(framework) + slash + name],
            case=[case],
            dtype=[dtype],
            dialect=[dialect],
            claim=claim,
            device=device,
            seed=seed,
            timeout=timeout,
            python=python,
            data=data,
            download=download,
            output=Path(folder) / "results",
            resume=False,
            keep_traces=True,
        )
        with Job(options, Progress(Console(stderr=True))) as job:
            job.agree()
            lines = Explanation.of(job).lines()
    Console(soft_wrap=True, width=NUMBERS).print(*lines, sep="\n")
    raise typer.Exit(job.status)


app.command()(chapter)
app.command()(sharpness)
app.command()(soundness)
app.command()(fidelity)
app.command()(regress)
app.add_typer(baseline, name="baseline")
offer(app)

deviations = typer.Typer(help="Known deviations: what is expected, and what should be.", no_args_is_help=True)
app.add_typer(deviations, name="expectations")


@deviations.command("list")
def list_expectations() -> None:
    """What is expected to deviate, and why."""
    table = Table("implementation", "versions", "cases", "outcome", "reason", box=None, pad_edge=False)
    for entry in Expectations.read().entries:
        reason = f"{entry.reason} {entry.link}".strip()
        table.add_row(
            *map(escape, (entry.implementation, entry.versions, entry.cases, " or ".join(entry.outcomes), reason))
        )
    Console().print(table)


@deviations.command("update")
def propose_expectations(
    results: Annotated[Path | None, typer.Argument(help="A results folder [default: the newest].")] = None,
) -> None:
    """Propose entries for what was not expected in a run; to standard output, for suite/results/expectations.toml."""
    store = results or newest()
    known = Expectations.read()
    rows = [known.judged(row) for table in TABLES for row in read_rows(store / f"{table}.jsonl")]
    say = Progress(Console(stderr=True)).say
    for row in rows:
        if row["outcome"] == "agrees" and not row["expected"]:
            say(f"no longer so: {row['framework']}/{row['implementation']}, {row.get('case')}: {row['expectation']}")
    Console(soft_wrap=True).print(proposals(rows), markup=False, highlight=False)


def _carry_out(options: Options, *, as_json: bool = False) -> None:
    """Run the stages that make the tables, then report; the exit status is the job's."""
    progress = Progress(Console(stderr=True))
    try:
        with Job(options, progress) as job:
            stages: dict[str, Callable[[], None]] = {"agreement": job.agree, "training": job.train, "timing": job.bench}
            for table in options.tables:
                stages[table]()
    except KeyboardInterrupt:
        if not (options.output / "manifest.json").exists():
            raise Interrupted("interrupted before there was anything to keep") from None
        where = f"interrupted; the rows so far are in {options.output}"
        raise Interrupted(f"{where}. Go on with the same command and --resume --output {options.output}") from None
    _report(options.output, options.tables, as_json=as_json)
    raise typer.Exit(job.status)


def _report(folder: Path, tables: Sequence[str], *, as_json: bool = False) -> None:
    written = reports.write(folder)  # first, since a pipe that is closed early ends what prints
    if as_json:
        sys.stdout.write((folder / "summary.json").read_text("utf-8"))
    else:
        reports.show(reports.load(folder), Console(), tables)
    say = Progress(Console(stderr=True)).say
    say(f"wrote {', '.join(path.name for path in written)} into {folder}")
    if shutil.which("rmsuite") is None:
        say(f"`rmsuite` is not on your path: say {shlex.quote(sys.executable)} -m suite in its place, in {PROJECT}")
