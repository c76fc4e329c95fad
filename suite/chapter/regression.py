"""Part 3: the losses and seconds of the section's programs beside the published ones, and what changes the loss.

The runs behind the published losses differ in five things besides the framework. Here one of them changes at a time,
starting from a run that is the same for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference import dialects, replay
from reports.figures.chart_style import Figure
from reports.tables import published
from reports.tables.numbers import duration, fixed
from reports.tables.table import Table
from suite.benchmark import interleaved
from suite.benchmark.statistics import timing_rows
from suite.cases import tasks
from suite.cases.benchmarks import PROFILES, epoch
from suite.cases.tasks import EPOCHS, LOSS_EVERY, Task
from suite.chapter.charts import HIGHLIGHT, STEP, Axis, FigureText, line_chart, strip_chart
from suite.chapter.descent import Array, LeastSquares
from suite.chapter.part import Columns, Context, Exhibit, Heading, Part, PrintedNumber, Rows, Section, run_name
from suite.chapter.text import agreement, capitalized, listing, number, run_table
from suite.results.rows import ChapterRow

HEADING = Heading(
    3,
    "regression",
    "From scratch and concise, and why losses can't be compared",
    "Linear regression on NASA's airfoil data, batches of 10, η = 0.01, γ = 0.9. The section prints a loss and the "
    "seconds per epoch for a program from scratch and for a concise one, in three frameworks. These runs differ in "
    "five things besides the framework.",
)
PROGRAMS = ("section", "section-concise")
RERUNS = 40  # batch orders, and initial weights, that are drawn
EPSILONS = {
    "1e-6 inside": (1e-6, "d2l"),
    "1e-8 outside": (1e-8, "torch"),
    "1e-7 inside": (1e-7, "keras3"),
    "1e-8 inside": (1e-8, "mxnet1"),
}
"""ε and dialect of the section's program from scratch, and of the defaults of PyTorch, Keras and MXNet."""

CHANGES = {
    "order": "the order of the batches",
    "start": "the initial weights",
    "both": "both order and weights",
    "epochs": "the number of epochs",
    "doubled": "the factor ½ of the loss",
    "epsilon": "the size and place of ε",
}
REPEATED = {"order": "1", "start": "1", "epochs": "4", "doubled": "gradients doubled", "epsilon": "1e-8 inside"}
"""The change of each kind that is repeated in the frameworks: method -> setting."""

IN_A_FRAMEWORK = "in a framework"
AIRFOIL = "airfoil"
HALF_DIGIT = 5e-4  # half a unit of the last printed digit of a loss


def run(context: Context) -> Iterator[ChapterRow]:
    """Run and time both programs in the frameworks; change one thing at a time in the oracle, then in frameworks."""
    task = tasks.regression(context.data, context.run.options.seed)
    inputs = {"epochs": EPOCHS, "minimum_loss": LeastSquares(task).minimum_loss}
    columns: Columns = {"problem": task.id, "inputs": inputs}
    for one in context.train([task], PROGRAMS):
        summary = Columns() if one.path is None else _losses(task, one.path)
        yield one.row(columns, summary, method="program", detail=context.data.name)
    yield from _timings(context, task)
    repeated = []
    for method, setting, changed, dialect in changed_tasks(context, task):
        gradient = lambda step, x: changed.objective.gradient(x, step)  # noqa: B023, E731
        h = changed.hyperparameters
        trace = replay(gradient, changed.initial, h, dialects[dialect], steps=changed.steps)
        loss = changed.objective.loss(trace.parameters[-1])
        yield context.oracle_row(columns, method=method, setting=setting, results={"loss": loss})
        if method == "nothing" or REPEATED.get(method) == setting:
            repeated.append(replace(changed, id=method))
    for one in context.train(repeated, ("scratch",)):
        results = {} if one.path is None else _losses(one.task, one.path)["results"]
        yield one.row(columns, method=one.task.id, setting=IN_A_FRAMEWORK, results=results)


def _timings(context: Context, task: Task) -> Iterator[ChapterRow]:
    """Time an epoch of each program: one sample of every program in each round, in random order."""
    benchmark, profile, run = epoch(task), PROFILES["quick"], context.run
    every = interleaved.timed_targets(run.hellos, context.available(PROGRAMS), benchmark)
    targets = [one for one in every if one.instance == 1]
    if not targets:
        return
    shared = (run.coordinator, benchmark, run.store.folder, profile)
    timing_run = interleaved.InterleavedRun(*shared, profile.rounds, run.options.seed)
    with run.progress.stage("timing", timing_run.step_count(targets)) as advance:
        for entrant in timing_run.run(targets):
            advance(entrant.target.framework)
    names = ("framework", "implementation", "version", "device", "dtype", "dialect", "outcome", "reason")
    for timing in timing_rows(timing_run):
        low, high = timing.interval or (None, None)
        copied = {name: getattr(timing, name) for name in names}
        results = {"median": timing.median, "low": low, "high": high}
        yield ChapterRow(part=context.part, problem=task.id, method="seconds", results=results, **copied)


def changed_tasks(context: Context, task: Task) -> Iterator[tuple[str, str, Task, str]]:
    """Change one thing at a time; yield the method, the setting, the changed task, and the dialect that runs it."""
    yield "nothing", "", task, "d2l"
    for rerun in range(1, RERUNS + 1):
        other = tasks.regression(context.data, context.run.options.seed + rerun)
        yield "order", str(rerun), reordered(task, other.data["batches"]), "d2l"
        yield "start", str(rerun), replace(task, initial=other.initial), "d2l"
        yield "both", str(rerun), other, "d2l"
    for epochs in (1, 2, 3, 4):
        yield "epochs", str(epochs), lengthened(task, epochs), "d2l"
    yield "doubled", "gradients doubled", with_hyperparameters(task, rescale_gradient=2.0), "d2l"
    for name, (epsilon, dialect) in EPSILONS.items():
        yield "epsilon", name, with_hyperparameters(task, epsilon=epsilon), dialect


def reordered(task: Task, batches: NDArray[np.int64]) -> Task:
    """Replace the batches of a task."""
    return replace(task, objective=replace(task.objective, batches=batches), data={**task.data, "batches": batches})  # type: ignore[type-var]


def lengthened(task: Task, epochs: int) -> Task:
    """Change the number of epochs; the batches repeat from the first one."""
    steps, batches = epochs * task.steps_per_epoch, task.data["batches"]
    longer = reordered(task, np.resize(batches, (steps, batches.shape[1])))
    return replace(longer, steps=steps, evaluate=tuple(range(0, steps + 1, LOSS_EVERY)))


def with_hyperparameters(task: Task, **changes: Any) -> Task:
    """Change some hyper-parameters of a task."""
    return replace(task, hyperparameters=replace(task.hyperparameters, **changes))


def _losses(task: Task, path: Array) -> Columns:
    losses = [task.objective.loss(path[step]) for step in task.evaluate]
    return {"results": {"loss": losses[-1]}, "series": {"step": task.evaluate, "loss": losses}}


def describe(rows: Rows) -> Section:
    """Describe both programs in every framework, and how the loss depends on each change."""
    programs, repeated = rows.runs(method="program"), rows.runs(setting=IN_A_FRAMEWORK)
    seconds = {run_name(row): row for row in rows.runs(method="seconds")}
    changed = {name: rows.oracle(method=name) for name in CHANGES}
    original = next(iter(rows.oracle(method="nothing")), None)
    exhibits = []
    if original and any(changed.values()):
        findings = (*reruns(changed, programs), *single_changes(changed, original), *in_frameworks(rows, repeated))
        exhibits.append(Exhibit(_changes_figure(changed, original, repeated), findings))
    if any(row.series for row in programs):
        caption = f"The loss over all rows during two epochs. {HIGHLIGHT}"
        text = FigureText("figure-regression", "The section's two programs, on the same data, order and start", caption)
        lines = [(run_name(row), row) for row in programs]
        losses = line_chart(text, lines, STEP, Axis("loss", "Loss"), Axis("program", "Program"))
        exhibits.append(Exhibit(losses, tuple(programs_agree(programs))))
    if speed := tuple(speeds(seconds)):
        exhibits.append(Exhibit(_seconds_figure(seconds), speed))
    numbers = _published(programs, seconds, _span(changed["both"]))
    tables = run_table(
        "One change at a time in the frameworks",
        ("Change", "Implementation"),
        ("Loss",),
        repeated,
        lambda row: (CHANGES.get(row.method, "nothing"), run_name(row), fixed(row.results.get("loss"), 6)),
    )
    return Section(HEADING, tuple(exhibits), (*_program_table(programs, seconds), *tables), tuple(numbers))


def _span(rows: Rows) -> tuple[float, float] | None:
    """The smallest and the largest loss."""
    losses = rows.numbers("loss")
    return (min(losses), max(losses)) if losses else None


def reruns(changed: Mapping[str, Rows], programs: Rows) -> Iterator[str]:
    """State whether the published losses lie within those of reruns of one program."""
    span = _span(changed["both"])
    printed = sorted(one.loss for one in published.REGRESSION.values())
    if span is None:
        return
    if programs and any(row.detail != AIRFOIL for row in programs):
        yield "The airfoil data were not available: losses of generated data can't be compared with the published ones."
        return
    conclusion = (
        "are within this range, so they show no difference between the frameworks"
        if span[0] - HALF_DIGIT <= printed[0] and printed[-1] <= span[1] + HALF_DIGIT
        else "are not all within this range, so order and weights do not explain them"
    )
    yield (
        f"Running the same program {len(changed['both'])} times with other batch orders and initial weights gives "
        f"losses from {_to(span)}. The published losses, {fixed(printed[0], 3)} to {fixed(printed[-1], 3)}, "
        f"{conclusion}."
    )


def single_changes(changed: Mapping[str, Rows], original: ChapterRow) -> Iterator[str]:
    """State by how much each change alone moves the loss; changes without an effect are listed together."""
    without_effect, before = [], original.results.get("loss") or 0.0
    for name, words in CHANGES.items():
        span = _span(changed[name])
        if name == "both" or span is None:
            continue
        farthest = max(abs(end - before) for end in span)
        if farthest < HALF_DIGIT:
            without_effect.append(f"{words} ({number(farthest, 1)})")
        else:
            yield f"Changing {words} alone gives losses from {_to(span)} instead of {fixed(before, 4)}."
    if without_effect:
        yield (
            f"These changes alone do not move a printed digit: {listing(without_effect)}. A doubled gradient is "
            "divided by a doubled root, and ε is small compared with these gradients."
        )


def in_frameworks(rows: Rows, repeated: Rows) -> Iterator[str]:
    """State whether the frameworks repeat the oracle's changes."""
    if repeated:
        oracles = {
            name: loss
            for name, setting in REPEATED.items()
            for loss in rows.oracle(method=name, setting=setting).numbers("loss")
        }
        off = [
            abs(loss - oracles[row.method]) / oracles[row.method]
            for row in repeated
            if row.method in oracles and (loss := row.results.get("loss")) is not None
        ]
        close = f"; their losses differ from the oracle's by at most {number(max(off), 2)}, relatively" if off else ""
        yield f"With one change of each kind, from scratch in each framework, {agreement(repeated)}{close}."


def programs_agree(programs: Rows) -> Iterator[str]:
    """State how far apart the losses are if only the framework differs."""
    losses = programs.numbers("loss")
    if len(losses) > 1:
        scratch = programs.select(implementation="section").numbers("loss")
        statement = (
            f"With the same data, batch order and initial weights, the {len(losses)} programs end with losses from "
            f"{number(min(losses), 6)} to {number(max(losses), 6)}, at most {number(max(losses) - min(losses), 2)} "
            "apart"
        )
        if len(scratch) > 1:
            apart = number(max(scratch) - min(scratch), 2)
            statement += f"; those from scratch compute the same update and are at most {apart} apart"
        yield f"{statement}. {capitalized(agreement(programs))}."


def speeds(seconds: Mapping[str, ChapterRow]) -> Iterator[str]:
    """State the fastest and the slowest program, here and in the book."""
    times = {name: median for name, row in seconds.items() if (median := row.results.get("median"))}
    if len(times) < 2:
        return
    fastest, slowest = min(times, key=times.__getitem__), max(times, key=times.__getitem__)
    statement = f"An epoch takes {duration(times[fastest])} in {fastest} and {duration(times[slowest])} in {slowest}"
    printed = {name: one.seconds for name in times if (one := _published_run(seconds[name]))}
    if len(printed) == len(times):
        first = min(printed, key=printed.__getitem__)
        statement += ", the fastest in the book too" if first == fastest else f"; in the book {first} is the fastest"
        ratios = sorted(printed[name] / times[name] for name in times)
        ratio = f"{number(ratios[0], 2)} to {number(ratios[-1], 2)}"
        statement += f". The published seconds, from another machine, are {ratio} times ours"
    yield f"{statement}."


def _published_run(row: ChapterRow) -> published.Published | None:
    return published.published_run(row.framework, str(row.implementation), row.dialect)


def _to(span: tuple[float, float]) -> str:
    return f"{fixed(span[0], 4)} to {fixed(span[1], 4)}"


def _changes_figure(changed: Mapping[str, Rows], original: ChapterRow, repeated: Rows) -> Figure:
    dots = [
        {
            "change": words,
            "loss": loss,
            "source": row.framework,
            "run": run_name(row) if row.implementation else f"{words}: {row.setting}",
        }
        for name, words in CHANGES.items()
        for row in (*changed[name], *repeated.select(method=name))
        if (loss := row.results.get("loss")) is not None
    ]
    rules = [
        {"loss": one.loss, "run": f"published: {framework}, {column}"}
        for (framework, column), one in published.REGRESSION.items()
    ]
    caption = (
        f"Each row changes one thing of a run with the loss {fixed(original.results.get('loss'), 4)}. Dashed: the "
        "losses that the section prints."
    )
    text = FigureText("figure-regression-changes", "The loss after two epochs, with one change at a time", caption)
    return strip_chart(text, dots, Axis("loss", "Loss", format=".3f"), Axis("change", "Change"), rules)


def _seconds_figure(seconds: Mapping[str, ChapterRow]) -> Figure:
    dots: list[dict[str, Any]] = []
    for name, row in seconds.items():
        one, median = _published_run(row), row.results.get("median")
        for source, time in (("here", median), ("published", one.seconds if one else None)):
            if time:
                dots.append({"program": name, "seconds": time, "source": source, "run": f"{name}, {source}"})
    caption = "Medians of interleaved samples: one of every program in each round, in random order, on one thread."
    text = FigureText("figure-regression-seconds", "Seconds per epoch, here and published", caption)
    horizontal = Axis("seconds", "Seconds per epoch", log=True, format="~g")
    return strip_chart(text, dots, horizontal, Axis("program", "Program"))


def _program_table(programs: Rows, seconds: Mapping[str, ChapterRow]) -> tuple[Table, ...]:
    def cells(row: ChapterRow) -> tuple[str, ...]:
        one, timing = _published_run(row), seconds.get(run_name(row))
        times = timing.results if timing else {}
        return (
            run_name(row),
            row.dialect or "",
            fixed(one.loss, 3) if one else "",
            fixed(row.results.get("loss"), 6),
            fixed(one.seconds, 3) if one else "",
            fixed(times.get("median"), 4) if timing else "",
            f"{fixed(low, 4)} to {fixed(times.get('high'), 4)}" if (low := times.get("low")) is not None else "",
        )

    headings = ("Published loss", "Our loss", "Published s/epoch", "Our s/epoch", "95 % interval")
    return run_table("The section's table and ours", ("Program", "Dialect"), headings, programs, cells)


def _published(
    programs: Rows, seconds: Mapping[str, ChapterRow], span: tuple[float, float] | None
) -> Iterator[PrintedNumber]:
    """List losses and seconds. Both change from run to run, so that no digit can be required."""
    for row in programs:
        if one := _published_run(row):
            name = f"loss, {row.framework}, {'from scratch' if row.implementation == 'section' else 'concise'}"
            remark = "other data"
            if row.detail == AIRFOIL and span is not None:
                within = span[0] - HALF_DIGIT <= one.loss <= span[1] + HALF_DIGIT
                remark = f"other batch orders and initial weights give {_to(span)}, which "
                remark += f"{'includes' if within else 'does not include'} the published loss"
            yield PrintedNumber(name, fixed(one.loss, 3), fixed(row.results.get("loss"), 3), None, remark)
    for name, row in seconds.items():
        if one := _published_run(row):
            ours = fixed(row.results.get("median"), 3)
            yield PrintedNumber(f"seconds per epoch, {name}", fixed(one.seconds, 3), ours, None, "another machine")


PART = Part(HEADING, run, describe)
