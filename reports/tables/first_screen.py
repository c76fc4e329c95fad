"""The short tables of the first screen: what losses, and how fast, with the book's figures beside ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.tables.numbers import coordinate, fixed, loss, share
from reports.tables.published import QUADRATIC, REGRESSION
from reports.tables.timing import ORACLE, SECTION, Benchmark, Timing
from reports.tables.timing_columns import book
from reports.tables.training import Run, Task, Training

KINDS = ("scratch", "builtin")
"""The two programs of the book, as implementations are called here."""

BOOK = "regression"

ROWS = 9
"""Of times on the first screen."""


@dataclass(frozen=True)
class Losses:
    """The final losses of the book's regression: of each framework the two programs, ours and the book's.

    Attributes:
        rows: framework, and for each of `KINDS` our loss and the book's.
        sentences: what else there is to say.
    """

    rows: tuple[tuple[str, tuple[str, ...]], ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Speeds:
    """An epoch of the book's regression, and a step over the most parameters.

    Attributes:
        heads: of the columns, each with its unit.
        rows: of each framework the rows of its implementations: name, cells, and the bar's length from 0 to 1.
        sentence: what to know of them.
    """

    heads: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[tuple[str, tuple[str, ...], float], ...]], ...]
    sentence: str


def losses(training: Training) -> Losses:
    """Of the training runs."""
    regression = next((task for task in training.tasks if task.name == BOOK), None)
    rows = []
    for framework in dict.fromkeys(run.row["framework"] for run in regression.runs) if regression else ():
        cells: list[str] = []
        for kind in KINDS:
            run = _run(regression, framework, kind)
            printed = REGRESSION.get((framework, kind))
            cells += [loss(run.row["loss"], 6) if run else "", fixed(printed.loss, 3) if printed else ""]
        if any(cells):
            rows.append((framework, tuple(cells)))
    return Losses(tuple(rows), tuple(_sentences(training)))


def _run(task: Task | None, framework: str, kind: str) -> Run | None:
    """In float32 if there is one; what is written from scratch is the book's dialect."""
    found = [
        run
        for section in (task.sections if task else ())
        for run in section.runs
        if (run.row["framework"], run.row["implementation"]) == (framework, kind)
        and (kind == "builtin" or section.dialect == "d2l")
    ]
    return min(found, key=lambda run: run.row["dtype"] != "float32", default=None)


def _sentences(training: Training) -> Iterable[str]:
    runs = [run for task in training.tasks for run in task.runs]
    agree = sum(run.outcome.name == "agrees" for run in runs)
    if runs:
        yield f"{'All' if agree == len(runs) else f'{agree} of'} {len(runs)} runs agree."
    plane = next((task for task in training.tasks if task.name == "quadratic"), None)
    ends = {
        tuple(map(coordinate, run.final))
        for section in (plane.sections if plane else ())
        if section.dialect == "d2l"
        for run in section.runs
        if run.final and run.row["outcome"] == "agrees"
    }
    printed = tuple(map(coordinate, QUADRATIC))
    if ends:
        found = "; ".join(_point(end) for end in sorted(ends))
        beside = ", as in D2L" if ends == {printed} else f", and at {_point(printed)} in D2L"
        yield f"The 2-D run ends at {found}{beside}."


def _point(point: tuple[str, ...]) -> str:
    return f"({', '.join(point)})"


def speeds(benchmarks: Sequence[Benchmark]) -> Speeds | None:
    """Of the timings; None where no epoch was timed."""
    epoch = next((one for one in benchmarks if one.name == f"epoch/{BOOK}" and one.measured), None)
    if epoch is None:
        epoch = next((one for one in benchmarks if not one.is_step and one.measured), None)
    if epoch is None:
        return None
    step = _largest(benchmarks, epoch.setting)
    heads = [("epoch", epoch.unit.sign), ("interval", ""), ("D2L", epoch.unit.sign)]
    if step:
        heads += [(f"step, {step.brief}", step.unit.sign), ("of the", "limit")]
    shown = _shown(epoch)
    longest = max(timing.median or 0.0 for timing in shown) or 1.0
    groups: dict[str, list[tuple[str, tuple[str, ...], float]]] = {}
    for timing in shown:
        cells = (epoch.show(timing.median), _between(epoch, timing), book(epoch, timing), *_step(step, timing))
        length = (timing.median or 0.0) / longest
        groups.setdefault(timing.row["framework"], []).append((timing.within, cells, length))
    sentence = " ".join(filter(None, (_margin(epoch), _memory(step))))
    return Speeds(tuple(heads), tuple((name, tuple(rows)) for name, rows in groups.items()), sentence)


def _margin(epoch: Benchmark) -> str:
    return "" if epoch.floor is None else f"Two of the same part by {share(epoch.floor)}."


def _memory(step: Benchmark | None) -> str:
    if step is None or step.limit is None:
        return ""
    return f"The memory alone needs {step.show(step.limit[0])} {step.unit.sign}."


def _largest(benchmarks: Sequence[Benchmark], setting: str) -> Benchmark | None:
    """The step over the most parameters for which it is known what the memory needs."""
    limited = (one for one in benchmarks if one.is_step and one.tensors == 1 and one.limit and one.setting == setting)
    return max(limited, key=lambda one: one.size, default=None)


def _shown(epoch: Benchmark) -> list[Timing]:
    """Of each framework the book's loop, its built-in, and its fastest."""
    shown: list[Timing] = []
    measured = sorted(epoch.measured, key=lambda timing: timing.place)
    for framework in dict.fromkeys(timing.row["framework"] for timing in measured):
        ours = [timing for timing in measured if timing.row["framework"] == framework]
        known = [timing for timing in ours if timing.row["implementation"] in (SECTION, "builtin")]
        fastest = min(ours, key=lambda timing: timing.median or 0.0)
        shown += [*known, *([] if fastest in known else [fastest])] if framework != ORACLE else []
    usual = [timing for timing in shown if timing.row["implementation"] == "builtin"]
    return shown if len(shown) <= ROWS else (usual or shown)[:ROWS]


def _between(epoch: Benchmark, timing: Timing) -> str:
    return f"{epoch.show(timing.interval[0])} – {epoch.show(timing.interval[1])}" if timing.interval else ""


def _step(step: Benchmark | None, timing: Timing) -> list[str]:
    if step is None:
        return []
    same = next((one for one in step.timings if one.label == timing.label and one.median is not None), None)
    if same is None:
        return ["", ""]
    return [step.show(same.median), share(same.fraction) if same.fraction else ""]
