"""The arguments that commands share: their types, as typer reads them, with their help; and what is made of them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import platformdirs
import typer

from reference import dialects
from suite.adapters import FRAMEWORKS
from suite.cases import datasets
from suite.cases.tapes import REDUCED, WIDE
from suite.run import SECTION_DIALECTS, Options
from suite.workers.environments import Release

RESULTS = Path("results")
DTYPES = (*WIDE, *REDUCED)

Frameworks = Annotated[
    list[str],
    typer.Option(
        "-f", "--framework", help=f"One of {', '.join(FRAMEWORKS)}, or a release, as mxnet==2.0.0b1; repeatable."
    ),
]
Releases = Annotated[list[str], typer.Argument(metavar="[FRAMEWORK]...", help="As -f.", show_default=False)]
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
Rounds = Annotated[
    int | None,
    typer.Option(min=1, help="Samples of every implementation [default: the profile's]."),
]
Quick = Annotated[bool, typer.Option("--quick", help="A look: few sizes, few and short samples.")]
Rigorous = Annotated[bool, typer.Option("--rigorous", help="For a publication: many and long samples.")]
Sizes = Annotated[list[int], typer.Option("--size", min=1, help="Time steps over so many parameters only; repeatable.")]
Tensors = Annotated[
    list[int], typer.Option("--tensors", min=1, help="Divide the parameters among so many tensors; repeatable.")
]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds that a worker may take for one answer.")]
Pythons = Annotated[
    list[str],
    typer.Option("--python", metavar="FRAMEWORK=PATH", help="A framework's interpreter, or a release's; repeatable."),
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
Select = Annotated[
    str,
    typer.Option(
        "-k",
        metavar="EXPRESSION",
        help="Only what an expression selects, as in 'torch and not (momentum or float64)': names are parts of "
        "FRAMEWORK/IMPLEMENTATION CASE DTYPE DIALECT.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON to standard output, in place of a table.")]


def options_from(
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
    size: Sequence[int] = (),
    claim: str | None = None,
    **plain: Any,
) -> Options:
    """A command's parameters, each checked; those in `plain` need no more than typer has done."""
    return Options(
        output=folder(output, resume),
        frameworks=names(framework),
        implementations=implementation,
        cases=case,
        sizes=size,
        tasks=task,
        dtypes=[one_of(name, DTYPES, "dtype") for name in dtype],
        dialects=[one_of(name, tuple(dialects), "dialect") for name in dialect],
        claim=one_of(claim, tuple(dialects), "dialect") if claim else None,
        pythons=interpreters(python),
        cache=cache(),
        resume=resume,
        **plain,
    )


def names(releases: Sequence[str]) -> Sequence[str]:
    """The frameworks, or releases of them, that a run asks, each once, as they are called in it; if none is named, all.

    Raises:
        LookupError: if there is no such framework, or one is no release.
    """
    return list(dict.fromkeys(Release.parse(text).name for text in releases)) or FRAMEWORKS


def profile(quick: bool, rigorous: bool) -> str:
    """The name of the profile that two flags choose.

    Raises:
        LookupError: if they are both set.
    """
    if quick and rigorous:
        raise LookupError("--quick and --rigorous exclude each other: choose one, or neither")
    return "quick" if quick else "rigorous" if rigorous else "default"


def folder(output: Path | None, resume: bool) -> Path:
    """Where results go: where the user says; else to the newest that there are, or to a new folder."""
    if output is not None:
        return output
    return newest() if resume else RESULTS / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")


def newest() -> Path:
    """The results folder that was made last.

    Raises:
        LookupError: if there is none.
    """
    found = sorted(path.parent for path in RESULTS.glob("*/manifest.json"))
    if not found:
        raise LookupError(
            f"there are no results in {RESULTS.resolve()}; make some with `rmsuite run`, or name a folder"
        )
    return found[-1]


def cache() -> Path:
    """Where downloads are kept."""
    return Path(os.environ.get("RMSUITE_CACHE") or platformdirs.user_cache_path("rmsuite"))


def one_of(name: str, known: Sequence[str], kind: str) -> str:
    """The name, if it is one that is known.

    Raises:
        LookupError: if it is not; it says what there is.
    """
    if name not in known:
        raise LookupError(f"no {kind} {name!r}; there are {', '.join(known)}")
    return name


def interpreters(pairs: Sequence[str]) -> dict[str, Path]:
    """Framework, or release, -> interpreter, from `FRAMEWORK=PATH` or `FRAMEWORK==VERSION=PATH`.

    Raises:
        LookupError: if something else is there.
    """
    found = {}
    for pair in pairs:
        parts = re.fullmatch("([^=]*(?:==[^=]*)?)=([^=].*)", pair)
        if parts is None:
            raise LookupError(f"--python takes FRAMEWORK=PATH, as torch=/usr/bin/python3, not {pair!r}")
        found[Release.parse(parts[1]).name] = Path(parts[2])
    return found
