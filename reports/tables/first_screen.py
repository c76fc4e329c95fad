"""The tables of the first screen: the overview matrix, final losses, and times, beside the book's numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reports.read.results import Results
from reports.tables.agreement import Agreement, counted
from reports.tables.findings import UNNAMED, is_relation
from reports.tables.numbers import coordinate, fixed, loss, share
from reports.tables.outcomes import Counts
from reports.tables.published import QUADRATIC, REGRESSION
from reports.tables.timing import ORACLE, SECTION, Benchmark, Timing
from reports.tables.timing_tables import published_seconds
from reports.tables.training import Run, Task, Training
from suite.results.rows import TrainingRow, VerdictRow

_Judged = VerdictRow | TrainingRow

# The overview matrix: every implementation by dialect and by property

PLAIN = "plain update"
TRAINING = "training"

PROPERTIES = {
    PLAIN: "the update alone, with several γ and ε",
    "momentum": "a momentum buffer, with and without Nesterov",
    "centered": "the centered variant",
    "weight decay": "where weight decay enters",
    "clipping": "clipping of gradients, their norm, or parameters",
    "schedule": "learning rates that change over steps or differ between parameters",
    "options": "gradient rescaling, maximization, bias correction",
    "sparse rows": "gradients that are given for some rows only",
    "shapes": "scalars, odd lengths, strided memory, many tensors",
    "long runs": "runs of one to ten thousand steps",
    "extremes": "NaN, infinity, overflow, subnormals, zero",
    "any η γ ε": "hyper-parameters over their whole range",
    "16 bits": "float16 and bfloat16",
    "metamorphic": "metamorphic relations between two replays, to the last bit",
    TRAINING: "whole training runs: every gradient and every update",
}
"""The properties that cases test, in the order of the columns, with their meaning."""

_BY_TAPE = {
    "shape": "shapes",
    "steps": "long runs",
    "edge": "extremes",
    "rows": "sparse rows",
    "norm": "clipping",
    "rates": "schedule",
    "range": "any η γ ε",
    "law": "metamorphic",
}
_BY_SETTING = {
    "centered": "centered",
    "momentum": "momentum",
    "nesterov": "momentum",
    "decay": "weight decay",
    "clipping": "clipping",
    "clip": "clipping",
    "schedule": "schedule",
    "rescaled": "options",
    "maximize": "options",
    "correction": "options",
}
_REDUCED = ("float16", "bfloat16")


def property_of(row: VerdictRow) -> str:
    """The property that a verdict tests: by its tape, else by its format, else by its setting."""
    tape, _, rest = row.case.partition("/")
    if tape in _BY_TAPE and tape != "edge":
        return _BY_TAPE[tape]
    if row.dtype in _REDUCED:
        return "16 bits"
    if tape in _BY_TAPE:
        return _BY_TAPE[tape]
    words = [*tape.split("-"), *rest.replace("/", "-").split("-")]
    return next((property_ for word, property_ in _BY_SETTING.items() if word in words), PLAIN)


@dataclass(frozen=True)
class MatrixRow:
    """One implementation in the overview matrix.

    Attributes:
        framework: name of the framework.
        name: its name within the framework.
        native: what users of the framework call it, as in `torch.optim.RMSprop`; empty where that is not known.
        dialects: dialect -> verdicts, without those on metamorphic relations.
        properties: tested property -> verdicts.
    """

    framework: str
    name: str
    native: str
    dialects: Mapping[str, Counts]
    properties: Mapping[str, Counts]

    @property
    def full_name(self) -> str:
        """As in `torch/builtin`."""
        return f"{self.framework}/{self.name}"


@dataclass(frozen=True)
class OverviewMatrix:
    """Every implementation by dialect and by tested property.

    Attributes:
        rows: by framework.
        dialects: columns of the first part.
        properties: columns of the second part, those that some row fills.
    """

    rows: tuple[MatrixRow, ...]
    dialects: tuple[str, ...]
    properties: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Whether all implementations compute the dialect that they declare."""
        unexpected = [row for row in self.rows if any(counts.unexpected for counts in row.properties.values())]
        size = len(self.rows)
        if unexpected:
            return f"{len(unexpected)} of {size} have unexpected verdicts; the others compute their declared dialect."
        known = any(counts.deviations for row in self.rows for counts in row.properties.values())
        return f"All {size} compute their declared dialect{', apart from known deviations' if known else ''}."

    @property
    def frameworks(self) -> list[tuple[str, list[MatrixRow]]]:
        """Each framework with its rows."""
        names = dict.fromkeys(row.framework for row in self.rows)
        return [(name, [row for row in self.rows if row.framework == name]) for name in names]


def matrix(results: Results, agreement: Agreement) -> OverviewMatrix:
    """Make the matrix from verdicts and training runs; all versions of an implementation share a row."""
    parts: dict[tuple[str, str], list[tuple[str | None, str, _Judged]]] = defaultdict(list)
    for row in results.verdicts:
        dialect = None if is_relation(row) else row.dialect or UNNAMED
        parts[row.framework, row.implementation].append((dialect, property_of(row), row))
    for run in results.training:
        parts[run.framework, run.implementation].append((None, TRAINING, run))
    known = results.manifest.implementations
    rows = [_matrix_row(*name, part, known) for name, part in sorted(parts.items(), key=_order)]
    filled = {name for row in rows for name in row.properties}
    return OverviewMatrix(tuple(rows), agreement.dialects, tuple(name for name in PROPERTIES if name in filled))


def _order(entry: tuple[tuple[str, str], object]) -> tuple[str, bool, str]:
    """By framework; within each, the built-in comes first."""
    framework, name = entry[0]
    return framework, name != "builtin", name


def _matrix_row(
    framework: str,
    name: str,
    part: Sequence[tuple[str | None, str, _Judged]],
    known: Mapping[str, Mapping[str, str]],
) -> MatrixRow:
    dialects: dict[str, list[_Judged]] = defaultdict(list)
    properties: dict[str, list[_Judged]] = defaultdict(list)
    for dialect, property_, row in part:
        if dialect is not None:
            dialects[dialect].append(row)
        properties[property_].append(row)
    return MatrixRow(
        framework,
        name,
        known.get(f"{framework}/{name}", {}).get("native", ""),
        {key: counted(rows) for key, rows in dialects.items()},
        {key: counted(rows) for key, rows in properties.items()},
    )


# Final losses

PROGRAMS = ("scratch", "builtin")
"""The two programs that the book has for each framework, under the names of our implementations."""

BOOK_TASK = "regression"
"""The task whose losses and seconds the book prints."""


@dataclass(frozen=True)
class Losses:
    """The final losses of the book's regression.

    Attributes:
        rows: framework, and for each of `PROGRAMS` our loss and the book's.
        sentences: a summary of all training runs.
    """

    rows: tuple[tuple[str, tuple[str, ...]], ...]
    sentences: tuple[str, ...]


def losses(training: Training) -> Losses:
    """Make the table of losses from the training runs."""
    regression = next((task for task in training.tasks if task.name == BOOK_TASK), None)
    rows = []
    for framework in dict.fromkeys(run.row.framework for run in regression.runs) if regression else ():
        cells: list[str] = []
        for program in PROGRAMS:
            run = _run(regression, framework, program)
            printed = REGRESSION.get((framework, program))
            cells += [loss(run.row.loss, 6) if run else "", fixed(printed.loss, 3) if printed else ""]
        if any(cells):
            rows.append((framework, tuple(cells)))
    return Losses(tuple(rows), tuple(_summary(training)))


def _run(task: Task | None, framework: str, program: str) -> Run | None:
    """The run of a program, in float32 if there is one; a scratch program counts in the book's dialect only."""
    found = [
        run
        for section in (task.sections if task else ())
        for run in section.runs
        if (run.row.framework, run.row.implementation) == (framework, program)
        and (program == "builtin" or section.dialect == "d2l")
    ]
    return min(found, key=lambda run: run.row.dtype != "float32", default=None)


def _summary(training: Training) -> Iterable[str]:
    runs = [run for task in training.tasks for run in task.runs]
    agree = sum(run.outcome.name == "agrees" for run in runs)
    if runs:
        yield f"{'All' if agree == len(runs) else f'{agree} of'} {len(runs)} runs agree."
    quadratic = next((task for task in training.tasks if task.name == "quadratic"), None)
    ends = {
        tuple(map(coordinate, run.final))
        for section in (quadratic.sections if quadratic else ())
        if section.dialect == "d2l"
        for run in section.runs
        if run.final and run.row.outcome == "agrees"
    }
    printed = tuple(map(coordinate, QUADRATIC))
    if ends:
        found = "; ".join(_point(end) for end in sorted(ends))
        published = ", as in D2L" if ends == {printed} else f"; D2L prints {_point(printed)}"
        yield f"The 2-D run ends at {found}{published}."


def _point(point: tuple[str, ...]) -> str:
    return f"({', '.join(point)})"


# Times

ROWS = 9
"""The largest number of times on the first screen."""


@dataclass(frozen=True)
class Speeds:
    """The times of an epoch of the book's regression, and of a step over the most parameters.

    Attributes:
        headings: of the columns, each with its unit.
        rows: framework, and for each implementation its name, its cells, and the length of its bar from 0 to 1.
        sentence: the noise floor and the memory limit.
    """

    headings: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[tuple[str, tuple[str, ...], float], ...]], ...]
    sentence: str


def speeds(benchmarks: Sequence[Benchmark]) -> Speeds | None:
    """Make the table of times; None where no epoch was timed."""
    epochs = [one for one in benchmarks if not one.is_step and one.measured]
    epoch = next((one for one in epochs if one.name == f"epoch/{BOOK_TASK}"), next(iter(epochs), None))
    if epoch is None:
        return None
    step = _largest_step(benchmarks, epoch.setting)
    headings = [("epoch", epoch.unit.sign), ("interval", ""), ("D2L", epoch.unit.sign)]
    if step:
        headings += [(f"step, {step.short_name}", step.unit.sign), ("memory limit", "over time")]
    shown = _shown(epoch)
    longest = max(timing.median or 0.0 for timing in shown) or 1.0
    groups: dict[str, list[tuple[str, tuple[str, ...], float]]] = {}
    for timing in shown:
        interval = " – ".join(map(epoch.show, timing.interval)) if timing.interval else ""
        cells = (epoch.show(timing.median), interval, published_seconds(epoch, timing), *_step_cells(step, timing))
        length = (timing.median or 0.0) / longest
        groups.setdefault(timing.row.framework, []).append((timing.short_label, cells, length))
    rows = tuple((name, tuple(rows)) for name, rows in groups.items())
    return Speeds(tuple(headings), rows, " ".join(_limits(epoch, step)))


def _limits(epoch: Benchmark, step: Benchmark | None) -> Iterator[str]:
    if epoch.noise_floor is not None:
        yield f"Noise floor: {share(epoch.noise_floor)}."
    if step is not None and step.memory_limit is not None:
        yield f"Memory limit of the step: {step.show(step.memory_limit[0])} {step.unit.sign}."


def _largest_step(benchmarks: Sequence[Benchmark], setting: str) -> Benchmark | None:
    """The step over the most parameters among those with a memory limit."""
    steps = (one for one in benchmarks if one.is_step and one.tensors == 1 and one.setting == setting)
    return max((one for one in steps if one.memory_limit), key=lambda one: one.size, default=None)


def _shown(epoch: Benchmark) -> list[Timing]:
    """For each framework the book's loop, the built-in, and the fastest implementation."""
    shown: list[Timing] = []
    measured = sorted(epoch.measured, key=lambda timing: timing.order)
    for framework in dict.fromkeys(timing.row.framework for timing in measured):
        own = [timing for timing in measured if timing.row.framework == framework]
        known = [timing for timing in own if timing.row.implementation in (SECTION, "builtin")]
        fastest = min(own, key=lambda timing: timing.median or 0.0)
        shown += [*known, *([] if fastest in known else [fastest])] if framework != ORACLE else []
    builtins = [timing for timing in shown if timing.row.implementation == "builtin"]
    return shown if len(shown) <= ROWS else (builtins or shown)[:ROWS]


def _step_cells(step: Benchmark | None, timing: Timing) -> list[str]:
    if step is None:
        return []
    same = next((one for one in step.timings if one.label == timing.label and one.median is not None), None)
    if same is None:
        return ["", ""]
    return [step.show(same.median), share(same.limit_share) if same.limit_share else ""]
