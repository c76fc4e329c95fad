"""What the command line offers. Each command reads as what it does; how is elsewhere."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import platformdirs
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import reports
from reference import dialects
from suite.adapters import FRAMEWORKS
from suite.cases import datasets
from suite.cases.catalogue import Case, catalogue, select
from suite.cases.laws import LAWS, Law, first
from suite.cases.tapes import REDUCED, WIDE
from suite.cases.tasks import tasks
from suite.expectations import Expectations, proposals
from suite.explanation import Explanation
from suite.job import SECTION_DIALECTS, Job, Options
from suite.progress import Progress
from suite.runner.environments import build, environments
from suite.runner.errors import EnvironmentMissing
from suite.runner.store import TABLES, read_rows

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


class Interrupted(Exception):
    """The user stopped the run; the message says how to go on."""


RESULTS = Path("results")
DTYPES = (*WIDE, *REDUCED)

Frameworks = Annotated[
    list[str], typer.Option("-f", "--framework", help=f"One of {', '.join(FRAMEWORKS)}; repeatable.")
]
Implementations = Annotated[
    list[str],
    typer.Option("-i", "--implementation", help="As torch/builtin, torch, builtin or 'torch/*'; repeatable."),
]
Cases = Annotated[
    list[str], typer.Option("-c", "--case", help="As decades/momentum, decades, momentum or '*/plain'; repeatable.")
]
Tasks = Annotated[list[str], typer.Option("-t", "--task", help="quadratic, rotated or regression; repeatable.")]
Dtypes = Annotated[list[str], typer.Option("--dtype", help="float32, float64, float16 or bfloat16; repeatable.")]
Dialects = Annotated[list[str], typer.Option("--dialect", help="What scratch implementations run; repeatable.")]
Claim = Annotated[
    str | None, typer.Option(help="Hold built-in implementations against this dialect in place of their own.")
]
Device = Annotated[str, typer.Option(help="cpu or cuda:0, for all alike.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads in every framework.")]
Seed = Annotated[int, typer.Option(min=0, help="Of tapes, start, batch order and the order of timing.")]
Rounds = Annotated[int, typer.Option(min=1, help="Timed epochs of every implementation.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds that a worker may take for one answer.")]
Pythons = Annotated[
    list[str], typer.Option("--python", metavar="FRAMEWORK=PATH", help="A framework's interpreter; repeatable.")
]
Data = Annotated[
    Path | None,
    typer.Option(
        help=f"The folder that holds {datasets.FILE} (or {datasets.VARIABLE}); else cache, download, generated."
    ),
]
Download = Annotated[bool, typer.Option("--download/--no-download", help="Whether the data's publisher may be asked.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="The results folder [default: results/TIME].")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a results folder: only what is missing runs.")]


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
    rounds: Rounds = 7,
    timeout: Timeout = 180.0,
    python: Pythons = [],  # noqa: B006
    data: Data = None,
    download: Download = True,
    output: Output = None,
    resume: Resume = False,
) -> None:
    """The main job: agreement, training, timing, and a report."""
    _carry_out(_options(**locals()), "agreement", "training", "timing")


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
) -> None:
    """Do implementations compute what they claim? A verdict for each case, inside a derived bound."""
    _carry_out(_options(**locals()), "agreement")


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
) -> None:
    """What losses do they reach? Each gradient and each update is checked on the way."""
    _carry_out(_options(**locals()), "training")


@app.command()
def bench(
    framework: Frameworks = [],  # noqa: B006
    implementation: Implementations = [],  # noqa: B006
    device: Device = "cpu",
    threads: Threads = 1,
    seed: Seed = 0,
    rounds: Rounds = 15,
    timeout: Timeout = 180.0,
    python: Pythons = [],  # noqa: B006
    data: Data = None,
    download: Download = True,
    output: Output = None,
    resume: Resume = False,
) -> None:
    """How long do they take? Seconds per epoch of the section's regression, interleaved."""
    _carry_out(_options(**locals()), "timing")


@app.command()
def report(
    results: Annotated[Path | None, typer.Argument(help="A results folder [default: the newest].")] = None,
) -> None:
    """Write the report of a results folder again, and show its tables."""
    folder = results or _newest()
    _report(folder, ("agreement", "training", "timing"))


@app.command()
def envs(
    framework: Frameworks = [],  # noqa: B006
    python: Pythons = [],  # noqa: B006
    make: Annotated[bool, typer.Option("--build", help="Build what is missing or out of date.")] = False,
) -> None:
    """Where is each framework's interpreter? Exit status 1 if one is missing."""
    known = environments(_pythons(python))
    progress = Progress(Console(stderr=True))
    failed = 0
    table = Table("framework", "state", "interpreter", box=None, pad_edge=False)
    for name in [_known(name, FRAMEWORKS, "framework") for name in framework] or FRAMEWORKS:
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
    seed: Seed = 0,
    data: Data = None,
) -> None:
    """List the conformance cases: tape, setting, and what each is there to tell apart; and the laws."""
    found = datasets.resolve(data, _cache(), download=False)
    table = Table("case", "steps", "coordinates", "tape", "setting", box=None, pad_edge=False)
    everything: list[Case | Law] = [*catalogue(tasks(found, seed), seed), *LAWS]
    for one in select(everything, case):
        tape = one.tape if isinstance(one, Case) else first(seed)
        reasons = (tape.reason, one.setting.reason) if isinstance(one, Case) else (one.reason, "")
        table.add_row(one.id, *map(str, tape.gradients.shape), *reasons)
    Console().print(table)


@app.command()
def explain(
    case: Annotated[str, typer.Argument(help="One case, as decades/large-epsilon.")],
    implementation: Annotated[str, typer.Argument(help="One implementation, as torch/builtin.")],
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
    framework = _known(implementation.partition("/")[0], FRAMEWORKS, "framework")
    with tempfile.TemporaryDirectory() as folder:
        options = _options(
            framework=[framework],
            implementation=[implementation],
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
    Console(soft_wrap=True).print(*lines, sep="\n")
    raise typer.Exit(job.status)


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
    """Propose entries for what was not expected in a run; they go to standard output, for suite/expectations.toml."""
    store = results or _newest()
    known = Expectations.read()
    rows = [known.judged(row) for table in TABLES for row in read_rows(store / f"{table}.jsonl")]
    say = Progress(Console(stderr=True)).say
    for row in rows:
        if row["outcome"] == "agrees" and not row["expected"]:
            say(f"no longer so: {row['framework']}/{row['implementation']}, {row.get('case')}: {row['expectation']}")
    Console(soft_wrap=True).print(proposals(rows), markup=False, highlight=False)


def _options(
    *,
    framework: Sequence[str],
    python: Sequence[str],
    output: Path | None,
    resume: bool,
    implementation: Sequence[str] = (),
    case: Sequence[str] = (),
    task: Sequence[str] = (),
    dtype: Sequence[str] = ("float32",),
    dialect: Sequence[str] = SECTION_DIALECTS,
    claim: str | None = None,
    **plain: Any,
) -> Options:
    """A command's parameters, each checked; those in `plain` need no more than typer has done."""
    return Options(
        output=_folder(output, resume),
        frameworks=[_known(name, FRAMEWORKS, "framework") for name in framework] or FRAMEWORKS,
        implementations=implementation,
        cases=case,
        tasks=task,
        dtypes=[_known(name, DTYPES, "dtype") for name in dtype],
        dialects=[_known(name, tuple(dialects), "dialect") for name in dialect],
        claim=_known(claim, tuple(dialects), "dialect") if claim else None,
        pythons=_pythons(python),
        cache=_cache(),
        resume=resume,
        **plain,
    )


def _carry_out(options: Options, *tables: str) -> None:
    """Run the stages that make these tables, then report; the exit status is the job's."""
    progress = Progress(Console(stderr=True))
    try:
        with Job(options, progress) as job:
            stages: dict[str, Callable[[], None]] = {"agreement": job.agree, "training": job.train, "timing": job.bench}
            for table in tables:
                stages[table]()
    except KeyboardInterrupt:
        if not (options.output / "manifest.json").exists():
            raise Interrupted("interrupted before there was anything to keep") from None
        where = f"interrupted; the rows so far are in {options.output}"
        raise Interrupted(f"{where}. Go on with the same command and --resume --output {options.output}") from None
    _report(options.output, tables)
    raise typer.Exit(job.status)


def _report(folder: Path, tables: Sequence[str]) -> None:
    written = reports.write(folder)  # first, since a pipe that is closed early ends what prints
    reports.show(reports.load(folder), Console(), tables)
    Progress(Console(stderr=True)).say(f"wrote {', '.join(path.name for path in written)} into {folder}")


def _folder(output: Path | None, resume: bool) -> Path:
    if output is not None:
        return output
    return _newest() if resume else RESULTS / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")


def _newest() -> Path:
    found = sorted(path.parent for path in RESULTS.glob("*/manifest.json"))
    if not found:
        raise LookupError(
            f"there are no results in {RESULTS.resolve()}; make some with `rmsuite run`, or name a folder"
        )
    return found[-1]


def _cache() -> Path:
    return Path(os.environ.get("RMSUITE_CACHE") or platformdirs.user_cache_path("rmsuite"))


def _known(name: str, known: Sequence[str], kind: str) -> str:
    if name not in known:
        raise LookupError(f"no {kind} {name!r}; there are {', '.join(known)}")
    return name


def _pythons(pairs: Sequence[str]) -> dict[str, Path]:
    found = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals or not path:
            raise LookupError(f"--python takes FRAMEWORK=PATH, as torch=/usr/bin/python3, not {pair!r}")
        found[_known(name, FRAMEWORKS, "framework")] = Path(path)
    return found
