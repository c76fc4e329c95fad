"""`rmsuite baseline`: results to standard output, progress to standard error."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from suite.cli.options import (
    DTYPES,
    Cases,
    Claim,
    Device,
    Dialects,
    Dtypes,
    Frameworks,
    Implementations,
    Json,
    Pythons,
    Seed,
    Select,
    Threads,
    Timeout,
    options_from,
)
from suite.regression import junit, report
from suite.regression.baseline import Baseline, require_room
from suite.regression.baseline_selection import Narrowing
from suite.regression.comparison import Change, compare, failing
from suite.regression.recording import record as recorded
from suite.results.repeat_command import Conditions
from suite.run import SECTION_DIALECTS, Options
from suite.workers.progress import Progress

WIDE = 160  # columns of a table of counts, where the terminal has fewer


class Threshold(StrEnum):
    """What fails a check."""

    BITS = "bits"
    ROUNDING = "rounding"
    DIALECT = "dialect"


Folder = Annotated[Path, typer.Argument(help="The folder of the baseline.", show_default=False)]
Another = Annotated[Path, typer.Argument(help="That of another.", show_default=False)]
Replace = Annotated[bool, typer.Option("--replace", help="Put it in the place of the one that is there.")]
FailOn = Annotated[
    Threshold,
    typer.Option(
        help="Exit with status 1 if: any bit moved (bits); one did that another instruction set does not explain "
        "(rounding); another function is computed, a law broken, an answer missing (dialect).",
    ),
]
Junit = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML there too.")]

baseline = typer.Typer(help="Has a release changed the numbers? Record what there is, and check it later.",
                       no_args_is_help=True)  # fmt: skip


@baseline.command()
def record(
    folder: Folder,
    framework: Frameworks = [],  # noqa: B006  (typer reads the default, nobody changes it)
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
    select: Select = "",
    replace: Replace = False,
) -> None:
    """Store what the catalogue gives: a digest of every trace, and as much of it as explains a change later."""
    require_room(folder, replace=replace)
    given = {name: value for name, value in locals().items() if name not in ("folder", "replace")}
    made = recorded(options_from(**given, output=folder, resume=False, tables=["agreement"]), _progress())
    written = made.write(folder)
    size = sum(path.stat().st_size for path in written)
    _progress().say(f"wrote {len(written)} files, {size / 1e6:.2f} MB, into {folder}")
    names = ", ".join(f"{name} {made.version(name)}" for name in made.frameworks)
    typer.echo(f"{names}: {len(made.records):,} recorded")
    raise typer.Exit(1 if made.manifest["missing"] else 0)


@baseline.command()
def check(
    folder: Folder,
    framework: Frameworks = [],  # noqa: B006
    implementation: Implementations = [],  # noqa: B006
    case: Cases = [],  # noqa: B006
    dtype: Dtypes = [],  # noqa: B006
    device: Device = "cpu",
    threads: Threads = 1,
    timeout: Timeout = 180.0,
    python: Pythons = [],  # noqa: B006
    select: Select = "",
    fail_on: FailOn = Threshold.ROUNDING,
    json: Json = False,
    junit_file: Junit = None,
) -> None:
    """Ask again what was recorded, or the part of it that is named: same bits, moved within rounding, or beyond?"""
    old = Baseline.read(folder)
    wanted = Narrowing(old, framework, implementation, case, dtype, select)
    wanted.require(device)
    options = options_from(
        **wanted.selection(), device=device, threads=threads, timeout=timeout, python=python, output=folder,
        resume=False, tables=["agreement"],
    )  # fmt: skip
    new = recorded(options, _progress(), known=old, among=wanted.among)
    _conclude(wanted.narrowed(), new, fail_on, json, junit_file, folder=folder, options=options)


@baseline.command("compare")
def set_side_by_side(
    folder: Folder,
    other: Another,
    fail_on: FailOn = Threshold.ROUNDING,
    json: Json = False,
    junit_file: Junit = None,
) -> None:
    """Hold one baseline against another, such as those of two releases: nobody is asked."""
    old, new = Baseline.read(folder), Baseline.read(other)
    _conclude(old, new, fail_on, json, junit_file, folder=folder)


def _progress() -> Progress:
    return Progress(Console(stderr=True))


def _conclude(
    old: Baseline,
    new: Baseline,
    fail_on: Threshold,
    as_json: bool,
    junit_file: Path | None,
    *,
    folder: Path,
    options: Options | None = None,
) -> None:
    """Compare, say what was found, and end with the exit status."""
    changes = compare(old, new)
    failed = failing(changes, fail_on)
    if junit_file is not None:
        junit_file.write_text(junit.render(changes, failed, lambda change: _repeat(change, folder, options)), "utf-8")
    if as_json:
        typer.echo(report.to_json(changes, old, new, failed))
    else:
        report.show(changes, old, new, Console(width=max(WIDE, Console().width)))
        typer.echo(f"\n{report.summary(changes)}")
    raise typer.Exit(1 if failed else 0)


def _repeat(change: Change, folder: Path, options: Options | None) -> str:
    """The command that asks again about one case; empty where nobody was asked."""
    if options is None:
        return ""
    key = change.key
    conditions = Conditions(threads=options.threads, timeout=options.timeout, pythons=options.pythons)
    arguments = (str(folder), "-c", key.case, "--dtype", key.dtype)
    return conditions.command("baseline check", key.framework, key.implementation, *arguments)
