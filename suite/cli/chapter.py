"""`rmsuite chapter`: progress to standard error, rows and a page into a folder, the findings to standard output."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from suite.adapters import FRAMEWORKS
from suite.cli.options import (
    RESULTS,
    Data,
    Device,
    Download,
    Frameworks,
    Output,
    Pythons,
    Resume,
    Seed,
    Threads,
    Timeout,
    cache,
    interpreters,
    one_of,
)
from suite.workers.progress import Progress

ROOM = RESULTS / "chapter"
"""Where chapters go, apart from the results of the main job."""

INTERRUPTED = 130

Parts = Annotated[list[str], typer.Option("--part", help="A part's number or name, as 4 or gamma-one; repeatable.")]


def chapter(
    part: Parts = [],  # noqa: B006  (typer reads the default, nobody changes it)
    framework: Frameworks = [],  # noqa: B006
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
    """The section of the book from top to bottom: each figure, number and exercise, the published value beside ours."""
    from suite.chapter.chapter import Chapter, Options, select_parts  # other commands start without it

    options = Options(
        output=output or _folder(resume),
        parts=select_parts(part),
        frameworks=[one_of(name, FRAMEWORKS, "framework") for name in framework] or FRAMEWORKS,
        device=device,
        threads=threads,
        seed=seed,
        timeout=timeout,
        pythons=interpreters(python),
        data=data,
        cache=cache(),
        download=download,
        resume=resume,
    )
    progress = Progress(Console(stderr=True))
    try:
        with Chapter(options, progress) as run:
            run.run()
    except KeyboardInterrupt:
        if (options.output / "manifest.json").exists():
            where = f"interrupted; the parts so far are in {options.output}"
            progress.say(f"{where}. Go on with the same command and --resume --output {options.output}")
        else:
            progress.say("interrupted before there was anything to keep")
        raise typer.Exit(INTERRUPTED) from None
    write(options.output, progress)
    raise typer.Exit(run.status)


def is_chapter(folder: Path) -> bool:
    """Whether a results folder holds the section, and not a main job."""
    return (folder / "chapter.jsonl").is_file()


def write(folder: Path, progress: Progress) -> None:
    """Write the page of a folder, and print what it says."""
    from suite.chapter.chapter import findings  # other commands start without it
    from suite.chapter.chapter import write as write_page

    written = write_page(folder)
    Console(soft_wrap=True).print(*findings(folder), sep="\n", markup=False, highlight=False)
    progress.say(f"wrote {', '.join(path.name for path in written)} into {folder}")


def _folder(resume: bool) -> Path:
    """A new folder, or the newest that there is."""
    if not resume:
        return ROOM / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    found = sorted(path.parent for path in ROOM.glob("*/manifest.json"))
    if not found:
        raise LookupError(f"there is nothing to resume in {ROOM.resolve()}; start with `rmsuite chapter`")
    return found[-1]
