"""The commands that write pages: report and chapter.

They are apart from the other jobs because the libraries that draw figures take half a second to import.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

import reports
from suite.adapters import FRAMEWORKS
from suite.benchmark import comparison
from suite.chapter import chapter as section
from suite.cli.jobs import report_run, resumable, say_written
from suite.cli.options import (
    RESULTS,
    Conditions,
    Frameworks,
    Inputs,
    Results,
    newest,
    one_of,
    results_folder,
    run_options,
)
from suite.errors import UserError
from suite.run import STAGES
from suite.workers.progress import Progress

CHAPTERS = RESULTS / "chapter"
"""The folder of the results of `rmsuite chapter`, apart from those of the other jobs."""


def chapter(
    *,
    parts: Annotated[
        tuple[str, ...], Parameter(name="--part", help="Number or name of a part, such as 4 or gamma-one; repeatable.")
    ] = (),
    frameworks: Frameworks = (),
    conditions: Conditions = Conditions(),
    inputs: Inputs = Inputs(),
    results: Results = Results(),
) -> int:
    """Reproduce section 11.8 of "Dive into Deep Learning": its figures, numbers and exercises."""
    named = [one_of(name, FRAMEWORKS, "framework") for name in frameworks]
    folder, chosen = results_folder(results, CHAPTERS), section.select_parts(parts)
    fields = run_options(conditions, inputs, results, folder=folder, frameworks=named, parts=chosen)
    options = section.Options(**fields)
    with resumable(options.output, "parts"), section.Chapter(options, Progress()) as job:
        job.run()
    _report_chapter(options.output)
    return job.status


def report(
    *folders: Annotated[Path, Parameter(help="A results folder [default: the newest].")],
    compare: Annotated[bool, Parameter(help="Compare two results folders.")] = False,
    output: Annotated[
        Path | None, Parameter(name=("--output", "-o"), help="Folder for a comparison [default: the second folder].")
    ] = None,
) -> None:
    """Write the report of a results folder again and print its tables, or compare two folders."""
    given = folders or (newest(),)
    if len(given) != (2 if compare else 1):
        raise UserError("`rmsuite report` takes one results folder, and `rmsuite report --compare` two")
    if compare:
        _compare_runs(given[0], given[1], output or given[1])
    elif (given[0] / "chapter.jsonl").is_file():
        _report_chapter(given[0])
    else:
        report_run(given[0], STAGES)


def _compare_runs(one: Path, other: Path, output: Path) -> None:
    runs = reports.load(one), reports.load(other)
    try:
        times, times_not_compared = comparison.compare(one, other), None
    except UserError as error:
        times, times_not_compared = [], str(error)
    found = reports.compare(*runs, times, times_not_compared)
    written = reports.write_comparison(found, output)
    reports.show_comparison(found, Console(width=max(120, Console().width)))
    say_written(written, output)


def _report_chapter(folder: Path) -> None:
    written = section.write(folder)
    Console(soft_wrap=True).print(*section.findings(folder), sep="\n", markup=False, highlight=False)
    say_written(written, folder)
