"""The rows of a results folder: their columns, types and meaning, declared once.

The suite writes these rows and `reports` reads them. JSON has no NaN and no infinity: a number that is not finite is
written as null and reads as None. Times are in seconds, steps are counted from 1, coordinates from 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, TypeVar

from suite.errors import UserError

SCHEMA = 2
"""The version of all tables. A column never changes its meaning within a version."""

Outcome = Literal["agrees", "differs", "undecided", "unsupported", "failed"]

AxisValue = str | bool | float | None | Sequence[float]
"""A value of a dialect's axis, or of a hyper-parameter (a learning rate may have one for each step)."""


def doc(text: str) -> dict[str, str]:
    """Metadata of a column: its meaning, which the JSON Schema and docs/results.md show."""
    return {"description": text}


@dataclass(frozen=True, kw_only=True)
class AxisChange:
    """One axis of a dialect, or one hyper-parameter, with the value that was expected and the one that was found."""

    axis: str = field(metadata=doc("the axis of `Dialect`, or `hyperparameter NAME`"))
    before: AxisValue = field(metadata=doc("the value in the claimed dialect or in the case"))
    after: AxisValue = field(metadata=doc("the value that fits better"))
    factor: float | None = field(default=None, metadata=doc("by which the change lessens the largest error"))


@dataclass(frozen=True, kw_only=True)
class NearestDialect:
    """The dialect, after the fewest changes, that fits a trace or comes nearest to it."""

    dialect: str = field(metadata=doc("the named dialect that was changed"))
    changes: Sequence[AxisChange] = field(metadata=doc("the changes of that dialect"))
    fits: bool = field(metadata=doc("whether every value is inside its bound then"))
    bound_ratio: float | None = field(metadata=doc("the largest error over its bound"))
    first_step: int | None = field(metadata=doc("the first step outside the bound"))
    best_change: AxisChange | None = field(
        default=None,
        metadata=doc("where nothing fits: the one change of the claimed dialect that lessens the error most"),
    )


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """The first difference in one quantity between two traces that a metamorphic relation requires to be equal."""

    quantity: str = field(metadata=doc("`parameters` or a part of the state"))
    step: int = field(metadata=doc("the first step at which the traces differ; 0 if they do not"))
    index: int = field(metadata=doc("the first coordinate at that step"))
    expected: float | None = field(metadata=doc("the value that the relation requires there"))
    observed: float | None = field(metadata=doc("the value in the second trace there"))
    ulps: float | None = field(metadata=doc("their distance, in units in the last place"))
    worst: Sequence[float | None] = field(metadata=doc("the largest distance in ulps, with its step and coordinate"))
    count: int = field(metadata=doc("the number of values that differ"))
    size: int = field(metadata=doc("the number of values"))


@dataclass(frozen=True, kw_only=True)
class VerdictRow:
    """A verdict: one implementation in one format on one case, compared with the oracle. A line of verdicts.jsonl."""

    framework: str = field(metadata=doc("`torch`, or with a release `mxnet==2.0.0b1`"))
    implementation: str = field(metadata=doc("`builtin`, `scratch`, …"))
    version: str = field(metadata=doc("of the framework"))
    device: str = field(metadata=doc("`cpu`, `cuda:0`, …"))
    dtype: str = field(metadata=doc("the floating-point format"))
    case: str = field(metadata=doc("the id of the case or of the metamorphic relation"))
    dialect: str | None = field(metadata=doc("the dialect that the trace was compared with"))
    requested_dialect: str | None = field(metadata=doc("the dialect that the user named, by --dialect or --claim"))
    outcome: Outcome = field(metadata=doc("`agrees`, `differs`, `undecided`, `unsupported` or `failed`"))
    quantity: str | None = field(default=None, metadata=doc("the quantity with the largest error over its bound"))
    worst_step: int | None = field(default=None, metadata=doc("the step of that error"))
    worst_index: Sequence[int] | None = field(default=None, metadata=doc("the coordinate of that error"))
    first_step: int | None = field(default=None, metadata=doc("the first step outside the bound"))
    first_quantity: str | None = field(default=None, metadata=doc("the quantity outside its bound at that step"))
    first_index: Sequence[int] | None = field(default=None, metadata=doc("the coordinate outside its bound there"))
    ulps: float | None = field(default=None, metadata=doc("the largest error, in ulps of the tested format"))
    bound_ratio: float | None = field(default=None, metadata=doc("the largest error over its bound; at most 1 agrees"))
    decided: float | None = field(default=None, metadata=doc("the share of coordinates that have a meaningful bound"))
    reason: str | None = field(default=None, metadata=doc("why it does not agree, in words"))
    fits: Sequence[str] = field(default=(), metadata=doc("the named dialects whose bounds hold the trace"))
    nearest: NearestDialect | None = field(default=None, metadata=doc("where no named dialect fits: the nearest one"))
    error_growth: Sequence[Sequence[float | None]] | None = field(
        default=None, metadata=doc("from the first step outside: step, error in ulps, error over bound")
    )
    error_curve: Sequence[Sequence[float | None]] | None = field(
        default=None, metadata=doc("at the steps 1, 2, 5, 10, …: step, error in ulps, bound in ulps")
    )
    ruled_out_at: Mapping[str, int] | None = field(
        default=None, metadata=doc("other dialect -> the first step at which the trace is outside its bound")
    )
    mismatches: Sequence[Mismatch] = field(
        default=(), metadata=doc("of a metamorphic relation that is broken: each quantity that differs")
    )
    trace_sha256: str | None = field(default=None, metadata=doc("fingerprint of the parameters after every step"))
    trace: str | None = field(default=None, metadata=doc("the file of the trace in `traces/`, where it was kept"))
    sha256: str = field(metadata=doc("SHA-256 of the tape's file, which the worker reported too"))
    seconds: float | None = field(default=None, metadata=doc("the replay took in the framework"))
    repeat: str | None = field(default=None, metadata=doc("the command that repeats the verdict"))
    expected: bool = field(default=True, metadata=doc("whether the outcome is as expectations.toml says"))
    expectation: str | None = field(default=None, metadata=doc("the known deviation, with its reason"))


@dataclass(frozen=True, kw_only=True)
class TrainingRow:
    """A training run: each gradient and each update is checked by the oracle. A line of training.jsonl."""

    framework: str = field(metadata=doc("as in a verdict"))
    implementation: str = field(metadata=doc("as in a verdict"))
    version: str = field(metadata=doc("of the framework"))
    device: str = field(metadata=doc("`cpu`, `cuda:0`, …"))
    dtype: str = field(metadata=doc("the floating-point format"))
    task: str = field(metadata=doc("the id of the task"))
    dialect: str | None = field(metadata=doc("the dialect that the updates were compared with"))
    requested_dialect: str | None = field(metadata=doc("the dialect that a scratch implementation had to run"))
    outcome: Outcome = field(metadata=doc("as in a verdict: of gradients and updates together"))
    gradient_ratio: float | None = field(default=None, metadata=doc("the largest error of a gradient over its bound"))
    update_ratio: float | None = field(default=None, metadata=doc("the largest error of an update over its bound"))
    loss: float | None = field(default=None, metadata=doc("the final loss, in float64"))
    oracle_loss: float | None = field(default=None, metadata=doc("the final loss of the oracle's own run"))
    loss_distance: float | None = field(default=None, metadata=doc("the largest relative distance of the loss curves"))
    steps: Sequence[int] | None = field(default=None, metadata=doc("the steps at which losses were evaluated"))
    losses: Sequence[float | None] | None = field(default=None, metadata=doc("the losses at these steps"))
    oracle_losses: Sequence[float | None] | None = field(default=None, metadata=doc("the oracle's losses there"))
    final: Sequence[float | None] | None = field(default=None, metadata=doc("the final parameters"))
    oracle_final: Sequence[float | None] | None = field(default=None, metadata=doc("the oracle's final parameters"))
    path: Sequence[Sequence[float | None]] | None = field(default=None, metadata=doc("of two parameters: the values"))
    oracle_path: Sequence[Sequence[float | None]] | None = field(default=None, metadata=doc("the oracle's path"))
    reason: str | None = field(default=None, metadata=doc("why it does not agree, in words"))
    sha256: str = field(metadata=doc("SHA-256 of the task's file, which the worker reported too"))
    seconds: float | None = field(default=None, metadata=doc("the training took in the framework"))
    repeat: str | None = field(default=None, metadata=doc("the command that repeats the training"))
    expected: bool = field(default=True, metadata=doc("whether the outcome is as expectations.toml says"))
    expectation: str | None = field(default=None, metadata=doc("the known deviation, with its reason"))


@dataclass(frozen=True, kw_only=True)
class TimingRow:
    """One implementation at one benchmark. A line of timings.jsonl."""

    framework: str = field(metadata=doc("as in a verdict"))
    implementation: str = field(metadata=doc("as in a verdict; `traffic` only moves the memory of a step"))
    instance: int = field(default=1, metadata=doc("1; 2 is a second copy of 1, which measures the noise floor"))
    version: str = field(metadata=doc("of the framework"))
    device: str = field(metadata=doc("`cpu`, `cuda:0`, …"))
    dtype: str = field(metadata=doc("the floating-point format"))
    dialect: str | None = field(default=None, metadata=doc("the dialect that it computes"))
    mode: str | None = field(default=None, metadata=doc("`eager`, `compiled`, …"))
    benchmark: str = field(metadata=doc("`step/SIZE`, `step/SIZE/TENSORS` or `epoch/TASK`"))
    size: int = field(metadata=doc("the number of parameters"))
    tensors: int = field(default=1, metadata=doc("the number of tensors that they are divided among"))
    threads: int = field(metadata=doc("threads of the framework"))
    seed: int = field(metadata=doc("of the order of the rounds"))
    profile: str = field(metadata=doc("`quick`, `default` or `rigorous`"))
    restarts: int | None = field(default=None, metadata=doc("how often all workers were started anew"))
    outcome: Outcome | None = field(default=None, metadata=doc("the oracle's verdict on the object that is timed"))
    bound_ratio: float | None = field(default=None, metadata=doc("the largest error over its bound"))
    reason: str | None = field(default=None, metadata=doc("why there are no samples"))
    first_call: float | None = field(default=None, metadata=doc("seconds of the first call, compilation included"))
    warm_up: Sequence[float] | None = field(default=None, metadata=doc("seconds of a call in each warm-up sample"))
    steady: bool | None = field(default=None, metadata=doc("whether the warm-up became steady"))
    loops: int | None = field(default=None, metadata=doc("calls in a sample"))
    samples: Sequence[float] = field(default=(), metadata=doc("seconds of a call, one sample in each round"))
    started_at: Sequence[float] = field(default=(), metadata=doc("the time of day at which each sample began"))
    context_switches: Sequence[int] = field(default=(), metadata=doc("involuntary context switches in each sample"))
    outliers: Sequence[int] = field(default=(), metadata=doc("the samples beyond three interquartile ranges"))
    median: float | None = field(default=None, metadata=doc("of the samples"))
    interval: Sequence[float] | None = field(default=None, metadata=doc("bootstrap interval of the median, 95 %"))
    spread: float | None = field(default=None, metadata=doc("interquartile range over the median"))
    drift: float | None = field(default=None, metadata=doc("relative change from the first to the last round"))
    sample_seconds: float | None = field(default=None, metadata=doc("the median duration of a sample"))
    cpu_share: float | None = field(default=None, metadata=doc("processor time over elapsed time"))
    unfinished: float | None = field(default=None, metadata=doc("share of work under way when the clock stopped"))
    missing_steps: float | None = field(default=None, metadata=doc("share of the requested steps that were not made"))
    noise_floor: float | None = field(default=None, metadata=doc("relative difference of two copies of the same thing"))
    baseline: str | None = field(default=None, metadata=doc("the implementation that this one is compared with"))
    ratio: float | None = field(default=None, metadata=doc("this time over the baseline's"))
    ratio_interval: Sequence[float] | None = field(default=None, metadata=doc("its interval"))
    p_value: float | None = field(default=None, metadata=doc("of Wilcoxon's signed-rank test"))
    conclusion: str | None = field(default=None, metadata=doc("`faster`, `slower`, `same` or `unclear`"))
    memory_limit: float | None = field(default=None, metadata=doc("the least median of `traffic`"))
    limit_share: float | None = field(default=None, metadata=doc("the memory limit over this median"))
    state_bytes: int | None = field(default=None, metadata=doc("of the optimizer's state"))
    held_bytes: int | None = field(default=None, metadata=doc("by which the process grew"))
    peak_bytes: int | None = field(default=None, metadata=doc("by which a step grew it beyond that"))
    resolution: float | None = field(default=None, metadata=doc("of the worker's clock"))
    machine_load: Mapping[str, float | None] = field(default_factory=dict, metadata=doc("what else ran on the machine"))
    warnings: Sequence[str] = field(default=(), metadata=doc("codes of reasons to doubt the figure"))
    sha256: str | None = field(default=None, metadata=doc("SHA-256 of the input's file"))
    expected: bool = field(default=True, metadata=doc("whether the outcome is as expectations.toml says"))
    expectation: str | None = field(default=None, metadata=doc("the known deviation, with its reason"))


@dataclass(frozen=True, kw_only=True)
class ChapterRow:
    """A computation or a run of one part of the reproduced section. A line of chapter.jsonl."""

    part: str = field(metadata=doc("the name of the part: `averages`, `trajectory`, …"))
    framework: str = field(metadata=doc("`oracle` for a computation of the oracle, else as in a verdict"))
    implementation: str | None = field(default=None, metadata=doc("as in a verdict; none for the oracle"))
    version: str | None = field(default=None, metadata=doc("of the framework"))
    device: str | None = field(default=None, metadata=doc("`cpu`, `cuda:0`, …"))
    dtype: str | None = field(default=None, metadata=doc("the floating-point format"))
    dialect: str | None = field(default=None, metadata=doc("the dialect that the updates were compared with"))
    problem: str = field(metadata=doc("the objective or data set: `quadratic`, `regression`, …"))
    method: str = field(metadata=doc("the optimizer or the experiment: `rmsprop`, `adagrad`, `schedule`, …"))
    setting: str = field(default="", metadata=doc("distinguishes rows of the same problem and method"))
    outcome: Outcome | None = field(default=None, metadata=doc("as in a training row; none for the oracle"))
    reason: str | None = field(default=None, metadata=doc("why it does not agree, in words"))
    gradient_ratio: float | None = field(default=None, metadata=doc("the largest error of a gradient over its bound"))
    update_ratio: float | None = field(default=None, metadata=doc("the largest error of an update over its bound"))
    inputs: Mapping[str, float | None] = field(
        default_factory=dict, metadata=doc("numbers that were chosen: hyper-parameters, steps, thresholds, by name")
    )
    results: Mapping[str, float | None] = field(default_factory=dict, metadata=doc("numbers that came out, by name"))
    series: Mapping[str, Sequence[float | None]] = field(
        default_factory=dict, metadata=doc("columns of equal length, by name: steps, losses, coordinates, …")
    )
    detail: str | None = field(default=None, metadata=doc("the data set, in words"))
    seconds: float | None = field(default=None, metadata=doc("the run took in the framework"))
    sha256: str | None = field(default=None, metadata=doc("SHA-256 of the task's file, which the worker reported too"))


@dataclass(frozen=True, kw_only=True)
class PartRow:
    """A part of the reproduced section that was completed. A line of parts.jsonl."""

    part: str = field(metadata=doc("the name of the part"))
    seconds: float | None = field(default=None, metadata=doc("the part took"))
    frameworks: Sequence[str] = field(default=(), metadata=doc("the frameworks that were run"))


RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Table(Generic[RowT]):
    """A table of a results folder."""

    name: str
    row: type[RowT]
    key: tuple[str, ...]  # the columns that identify a row: of two rows with equal keys the later one counts
    required: tuple[str, ...]  # the columns without which a line is not a row

    @property
    def file(self) -> str:
        """The file's name in a results folder."""
        return f"{self.name}.jsonl"

    def key_of(self, row: RowT) -> tuple[object, ...]:
        """Return the values that identify a row."""
        return tuple(getattr(row, name) for name in self.key)


VERDICTS = Table(
    "verdicts",
    VerdictRow,
    key=("framework", "implementation", "version", "device", "dtype", "case", "requested_dialect"),
    required=("framework", "implementation", "outcome"),
)
TRAINING = Table(
    "training",
    TrainingRow,
    key=("framework", "implementation", "version", "device", "dtype", "task", "requested_dialect"),
    required=("framework", "implementation", "task", "outcome"),
)
TIMINGS = Table(
    "timings",
    TimingRow,
    key=("framework", "implementation", "instance", "version", "device", "benchmark"),
    required=("framework", "implementation", "benchmark"),
)

RunRow = VerdictRow | TrainingRow | TimingRow
"""A row of a run."""

RunRowT = TypeVar("RunRowT", bound=RunRow)


def case_of(row: RunRow) -> str:
    """Return the id of the case, task or benchmark of a row."""
    return row.case if isinstance(row, VerdictRow) else row.task if isinstance(row, TrainingRow) else row.benchmark


def name_of(row: RunRow) -> str:
    """Return the implementation of a row, as in `torch/builtin`."""
    return f"{row.framework}/{row.implementation}"


TABLES: tuple[Table[VerdictRow] | Table[TrainingRow] | Table[TimingRow], ...] = (VERDICTS, TRAINING, TIMINGS)
"""The tables of a run, in the order in which they are made."""

CHAPTER = Table(
    "chapter",
    ChapterRow,
    key=("part", "framework", "implementation", "device", "problem", "method", "setting"),
    required=("part", "framework", "problem", "method"),
)
PARTS = Table("parts", PartRow, key=("part",), required=("part",))

AnyTable = Table[VerdictRow] | Table[TrainingRow] | Table[TimingRow] | Table[ChapterRow] | Table[PartRow]

CHAPTER_TABLES: tuple[AnyTable, ...] = (CHAPTER, PARTS)
"""The tables of a reproduced section: the rows of all parts, and one row for each part that was completed."""


def require_schema(found: object, folder: Path) -> None:
    """Check the schema version of a manifest.

    Raises:
        UserError: if it is not `SCHEMA`.
    """
    if found == SCHEMA:
        return
    if isinstance(found, int) and 0 < found < SCHEMA:
        raise UserError(
            f"{folder} has results of schema {found}, written by an earlier release; this release reads schema "
            f"{SCHEMA}: repeat the run, or use the release that wrote it"
        )
    raise UserError(f"{folder / 'manifest.json'} has schema {found!r}; this release reads schema {SCHEMA}")
