"""The options of a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from suite.cases.tapes import REDUCED, WIDE

STAGES = ("agreement", "training", "timing")
"""The stages of a job, each of which fills a table."""

SECTION_DIALECTS = ("d2l", "torch", "keras3", "tf-kernel", "tf1", "mxnet1")
"""The dialects that scratch implementations run by default: those of the section's implementations."""


@dataclass(frozen=True)
class Options:
    """The options of a job, as the help of the command line describes them.

    Attributes:
        among: patterns of the implementations that are run; unlike `implementations`, they need not match any.
        whole: whether all cases are batched, whatever is selected, because the position of a coordinate in an array
            can change its last bits.
    """

    output: Path
    frameworks: Sequence[str]
    implementations: Sequence[str] = ()
    among: Sequence[str] = ()
    cases: Sequence[str] = ()
    tasks: Sequence[str] = ()
    dtypes: Sequence[str] = (*WIDE, *REDUCED)
    dialects: Sequence[str] = SECTION_DIALECTS
    claim: str | None = None
    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    profile: str = "quick"
    rounds: int | None = None
    sizes: Sequence[int] = ()
    tensors: Sequence[int] = ()
    timeout: float = 180.0
    pythons: Mapping[str, Path] = field(default_factory=dict)
    data: Path | None = None
    cache: Path = Path()
    download: bool = True
    resume: bool = False
    keep_traces: bool = False
    whole: bool = False
    select: str = ""
    tables: Sequence[str] = STAGES
