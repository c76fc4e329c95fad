"""The options of the command line.

Each option is declared once, with its names, type and help. Options that occur together form a frozen dataclass, whose
fields cyclopts turns into options of every command that takes it; their names are those of the fields of `Options`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from cyclopts import Group, Parameter
from cyclopts.validators import Number

from reference import dialects
from suite.adapters import FRAMEWORKS
from suite.cases import datasets
from suite.cases.tapes import REDUCED, WIDE
from suite.errors import UserError
from suite.run import SECTION_DIALECTS, Options
from suite.workers.environments import Release

RESULTS = Path("results")
DTYPES = (*WIDE, *REDUCED)


def one_of(name: str, known: Sequence[str], kind: str) -> str:
    """Return a name that must be one of the known ones.

    Raises:
        UserError: if it is not; the message lists the known names.
    """
    if name not in known:
        raise UserError(f"no {kind} {name!r}; there are {', '.join(known)}")
    return name


def _all_of(known: Sequence[str], kind: str) -> Callable[[Any, str | Sequence[str] | None], None]:
    """Return a validator of an option that takes known names."""

    def validate(_: Any, value: str | Sequence[str] | None) -> None:
        for name in [value] if isinstance(value, str) else value or ():
            one_of(name, known, kind)

    return validate


_AT_LEAST_ONE = Number(gte=1)
_DTYPE = Parameter(name="--dtype", validator=_all_of(DTYPES, "dtype"))
_DIALECT = _all_of(tuple(dialects), "dialect")

# What is tested

Frameworks = Annotated[
    tuple[str, ...],
    Parameter(
        name=("--framework", "-f"),
        help=f"A framework ({', '.join(FRAMEWORKS)}) or a release of one, such as mxnet==2.0.0b1; repeatable.",
    ),
]
ImplementationPatterns = Annotated[
    tuple[str, ...],
    Parameter(name=("--implementation", "-i"), help="Such as torch/builtin, torch, builtin or 'torch/*'; repeatable."),
]
CasePatterns = Annotated[
    tuple[str, ...],
    Parameter(name=("--case", "-c"), help="Such as decades/momentum, decades, momentum or '*/plain'; repeatable."),
]
Tasks = Annotated[
    tuple[str, ...], Parameter(name=("--task", "-t"), help="quadratic, rotated or regression; repeatable.")
]
Dtypes = Annotated[tuple[str, ...], _DTYPE, Parameter(help="float32, float64, float16 or bfloat16; repeatable.")]
Dtype = Annotated[str, _DTYPE, Parameter(help="float32, float64, float16 or bfloat16.")]
Dialects = Annotated[
    tuple[str, ...],
    Parameter(name="--dialect", help="A dialect that scratch implementations run; repeatable.", validator=_DIALECT),
]
Dialect = Annotated[
    str, Parameter(name="--dialect", help="The dialect that a scratch implementation runs.", validator=_DIALECT)
]
Claim = Annotated[
    str | None,
    Parameter(help="Compare built-in implementations with this dialect instead of their own.", validator=_DIALECT),
]
Select = Annotated[
    str,
    Parameter(
        name="-k",
        help="Run only what an expression selects, such as 'torch and not (momentum or float64)'. A name matches part "
        "of the text FRAMEWORK/IMPLEMENTATION CASE DTYPE DIALECT.",
    ),
]

# How it is tested

Device = Annotated[str, Parameter(help="The device for all frameworks, such as cpu or cuda:0.")]
Threads = Annotated[int, Parameter(help="Number of threads in every framework.", validator=_AT_LEAST_ONE)]
Timeout = Annotated[float, Parameter(help="Seconds that a worker may take for one request.", validator=Number(gte=0.1))]
Pythons = Annotated[
    tuple[str, ...],
    Parameter(
        name="--python", help="FRAMEWORK=PATH: the interpreter for a framework, or for a release of one; repeatable."
    ),
]
Seed = Annotated[
    int,
    Parameter(help="Seed of tapes, initial parameters, batch order and timing order.", validator=Number(gte=0)),
]
Rounds = Annotated[
    int | None,
    Parameter(help="Number of samples of every implementation [default: the profile's].", validator=_AT_LEAST_ONE),
]

# Data and results

Data = Annotated[
    Path | None,
    Parameter(
        help=f"Folder that holds {datasets.FILE} [default: ${datasets.VARIABLE}, then the cache, a download, generated "
        "data]."
    ),
]
Download = Annotated[bool, Parameter(negative="--no-download", help="Allow downloading the data set.")]
Output = Annotated[
    Path | None, Parameter(name=("--output", "-o"), help="The results folder [default: a new one in results/].")
]
Resume = Annotated[bool, Parameter(help="Continue the run in the results folder: run only what is missing.")]
Folder = Annotated[Path | None, Parameter(name=("--output", "-o"), help="Also write the results into this folder.")]
Json = Annotated[bool, Parameter(help="Print JSON instead of a table.")]


Threshold = Literal["bits", "rounding", "dialect"]
"""The smallest change of a result that fails a check."""

THRESHOLDS = (
    "any bit changed (bits); one changed that a different instruction set does not explain (rounding); a different "
    "function is computed, a metamorphic relation is violated or a result is missing (dialect)."
)
FailOn = Annotated[Threshold, Parameter(help=f"Exit with status 1 if {THRESHOLDS}")]


@Parameter(name="*", group=Group("Selection", sort_key=1))
@dataclass(frozen=True)
class Targets:
    """Which implementations are tested."""

    frameworks: Frameworks = ()
    implementations: ImplementationPatterns = ()
    select: Select = ""


@Parameter(name="*", group=Group("Selection", sort_key=1))
@dataclass(frozen=True)
class Replays:
    """Which cases are replayed, and how."""

    cases: CasePatterns = ()
    dtypes: Dtypes = DTYPES
    dialects: Dialects = SECTION_DIALECTS


@Parameter(name="*", group=Group("Conditions", sort_key=2))
@dataclass(frozen=True)
class Conditions:
    """How the workers run."""

    device: Device = "cpu"
    threads: Threads = 1
    timeout: Timeout = 180.0
    pythons: Pythons = ()


@Parameter(name="*", group=Group("Data", sort_key=3))
@dataclass(frozen=True)
class Inputs:
    """What the inputs are made from."""

    seed: Seed = 0
    data: Data = None
    download: Download = True


@Parameter(name="*", group=Group("Results", sort_key=4))
@dataclass(frozen=True)
class Results:
    """Where results go."""

    output: Output = None
    resume: Resume = False


def job_options(*groups: object, folder: Path, **given: Any) -> Options:
    """Return the options of a job: the fields of the groups and single options, both under their names in `Options`.

    Raises:
        UserError: if a framework or an interpreter is not written as it should be.
    """
    return Options(**run_options(*groups, folder=folder, **given))


def run_options(*groups: object, folder: Path, **given: Any) -> dict[str, Any]:
    """Return the options of any run; see `job_options`."""
    fields = {name: value for group in groups for name, value in vars(group).items()} | given
    frameworks, pythons = release_names(fields["frameworks"]), interpreters(fields["pythons"])
    return {**fields, "frameworks": frameworks, "pythons": pythons, "output": folder, "cache": cache()}


def release_names(texts: Sequence[str]) -> Sequence[str]:
    """Return the normalized names of frameworks and releases, without duplicates; all frameworks if none is named.

    Raises:
        UserError: if there is no such framework, or a version is malformed.
    """
    return list(dict.fromkeys(Release.parse(text).name for text in texts)) or FRAMEWORKS


def interpreters(pairs: Sequence[str]) -> dict[str, Path]:
    """Map frameworks and releases to interpreters, from texts `FRAMEWORK=PATH` or `FRAMEWORK==VERSION=PATH`.

    Raises:
        UserError: if a text is neither.
    """
    found = {}
    for pair in pairs:
        parts = re.fullmatch("([^=]*(?:==[^=]*)?)=([^=].*)", pair)
        if parts is None:
            raise UserError(f"--python takes FRAMEWORK=PATH, such as torch=/usr/bin/python3, not {pair!r}")
        found[Release.parse(parts[1]).name] = Path(parts[2])
    return found


def results_folder(results: Results, parent: Path = RESULTS) -> Path:
    """Return the results folder: the given one, else the newest one to resume, else a new one."""
    if results.output is not None:
        return results.output
    return newest(parent) if results.resume else parent / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")


def newest(parent: Path = RESULTS) -> Path:
    """Return the newest results folder; raises UserError if there is none."""
    found = sorted(path.parent for path in parent.glob("*/manifest.json"))
    if not found:
        command = "run" if parent == RESULTS else parent.name
        raise UserError(
            f"there are no results in {parent.resolve()}; make some with `rmsuite {command}`, or name a folder"
        )
    return found[-1]


def cache() -> Path:
    """Return the folder where downloads are kept."""
    return Path(os.environ.get("RMSUITE_CACHE") or platformdirs.user_cache_path("rmsuite"))
