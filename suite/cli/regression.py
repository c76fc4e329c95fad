"""The commands that compare releases: `rmsuite regress` and `rmsuite baseline`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number
from rich.console import Console

from suite.cli.options import (
    THRESHOLDS,
    CasePatterns,
    Claim,
    Conditions,
    Dialects,
    Dtypes,
    FailOn,
    ImplementationPatterns,
    Json,
    Output,
    Replays,
    Results,
    Rounds,
    Seed,
    Select,
    Targets,
    Threshold,
    interpreters,
    job_options,
    release_names,
    results_folder,
)
from suite.errors import UserError
from suite.regression import recording, report
from suite.regression.baseline import Baseline, require_writable
from suite.regression.comparison import compare, failing
from suite.regression.history import history, timed
from suite.regression.recording import BaselineSelection, Recording
from suite.run import Options
from suite.workers.environments import Release, build_all, compared_releases, environments
from suite.workers.progress import Progress

baseline_app = App(name="baseline", help="Record what implementations compute, and check it against later releases.")

BaselineFolder = Annotated[Path, Parameter(help="The folder of the baseline.")]
Junit = Annotated[Path | None, Parameter(name="--junit", help="Also write JUnit XML into this file.")]


def regress(
    *releases: Annotated[
        str,
        Parameter(
            help="Such as mxnet==2.0.0b1, of one or several frameworks, the oldest first [default: the releases listed "
            "in pyproject.toml]."
        ),
    ],
    implementations: ImplementationPatterns = (),
    cases: CasePatterns = (),
    select: Select = "",
    dtypes: Dtypes = ("float32",),
    dialects: Dialects = ("d2l",),
    timing: Annotated[bool, Parameter(negative="--no-timing", help="Time steps, too.")] = True,
    size: Annotated[int, Parameter(help="Number of parameters of the timed step.", validator=Number(gte=1))] = 100_000,
    rounds: Rounds = None,
    fail_on: Annotated[
        Threshold | None,
        Parameter(
            help=f"Exit with status 1 if, from one release to the next, {THRESHOLDS} By default no change fails."
        ),
    ] = None,
    conditions: Conditions = Conditions(),
    seed: Seed = 0,
    output: Output = None,
    json: Json = False,
) -> int:
    """Find the release that changed the numbers: build an environment for each, and compare one with the next."""
    progress = Progress()
    wanted = release_names(releases or [one.full_name for one in compared_releases()])
    known = environments(interpreters(conditions.pythons), releases=map(Release.parse, wanted))
    missing = build_all([known[name] for name in wanted], progress.say)
    if len(missing) == len(wanted):
        raise UserError("none of these releases can be run; see `rmsuite envs`")
    options = job_options(
        conditions,
        folder=results_folder(Results(output)),
        frameworks=[name for name in wanted if name not in missing],
        implementations=implementations,
        cases=cases,
        select=select,
        dtypes=dtypes,
        dialects=dialects,
        sizes=[size],
        rounds=rounds,
        seed=seed,
        tables=["agreement"],
    )
    with Recording(options, progress) as job:
        job.agree()
        entries = history(job.baseline(), options.frameworks, job.catalogue)
        if timing:
            entries = timed(job, entries)
        missing |= job.missing
        benchmark = job.benchmarks[0].id if timing else None
        found = report.write_history(job, entries, missing, benchmark)
    if json:
        sys.stdout.write((options.output / "history.json").read_text("utf-8") + "\n")
    else:
        report.show_history(*found, Console(width=max(200, Console().width)))
    progress.say(f"wrote history.json and history.md into {options.output}")
    changes = [change for entry in entries for change in entry.changes]
    return 1 if missing or (fail_on and failing(changes, fail_on)) else 0


@baseline_app.command
def record(
    folder: BaselineFolder,
    /,
    *,
    targets: Targets = Targets(),
    replays: Replays = Replays(),
    claim: Claim = None,
    conditions: Conditions = Conditions(),
    seed: Seed = 0,
    replace: Annotated[bool, Parameter(help="Replace the baseline in the folder.")] = False,
) -> int:
    """Record a fingerprint of every trace, with as much of the trace as explains a later change."""
    require_writable(folder, replace=replace)
    options = job_options(targets, replays, conditions, folder=folder, claim=claim, seed=seed, tables=["agreement"])
    progress = Progress()
    made = recording.record(options, progress)
    written = made.write(folder)
    size = sum(path.stat().st_size for path in written)
    progress.say(f"wrote {len(written)} files, {size / 1e6:.2f} MB, into {folder}")
    names = ", ".join(f"{name} {made.version(name)}" for name in made.frameworks)
    sys.stdout.write(f"{names}: {len(made.records):,} recorded\n")
    return 1 if made.manifest["missing"] else 0


@baseline_app.command
def check(
    folder: BaselineFolder,
    /,
    *,
    targets: Targets = Targets(),
    cases: CasePatterns = (),
    dtypes: Dtypes = (),
    conditions: Conditions = Conditions(),
    fail_on: FailOn = "rounding",
    json: Json = False,
    junit_file: Junit = None,
) -> int:
    """Replay the recorded cases, or some of them, and compare: same bits, changed within rounding, or beyond it."""
    old = Baseline.read(folder)
    wanted = BaselineSelection(old, targets.frameworks, targets.implementations, cases, dtypes, targets.select)
    wanted.require(conditions.device)
    options = job_options(conditions, folder=folder, tables=["agreement"], **wanted.selection())
    new = recording.record(options, Progress(), known=old)
    return _conclude(wanted.narrowed(), new, fail_on, json, junit_file, folder, options)


@baseline_app.command(name="compare")
def compare_baselines(
    folder: BaselineFolder,
    other: Annotated[Path, Parameter(help="The folder of another baseline.")],
    /,
    *,
    fail_on: FailOn = "rounding",
    json: Json = False,
    junit_file: Junit = None,
) -> int:
    """Compare two baselines, such as those of two releases; no framework runs."""
    return _conclude(Baseline.read(folder), Baseline.read(other), fail_on, json, junit_file, folder)


def _conclude(
    old: Baseline,
    new: Baseline,
    fail_on: Threshold,
    as_json: bool,
    junit_file: Path | None,
    folder: Path,
    options: Options | None = None,
) -> int:
    """Compare, print what changed, and return the exit status."""
    changes = compare(old, new)
    failed = failing(changes, fail_on)
    if junit_file is not None:
        junit_file.write_text(report.junit(changes, failed, folder, options), "utf-8")
    if as_json:
        sys.stdout.write(report.to_json(changes, old, new, failed) + "\n")
    else:
        report.show(changes, old, new, Console(width=max(160, Console().width)))
    return 1 if failed else 0
