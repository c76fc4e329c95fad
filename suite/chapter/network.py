"""Part 6, exercise 3: a small network on real images, with five learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reference import Hyperparameters
from reference.objectives import Network
from reports.figures.chart_style import Figure
from suite.cases import datasets
from suite.cases.datasets import Images
from suite.cases.random import Bits
from suite.cases.tasks import EVALUATIONS_PER_EPOCH, HIDDEN, Task, network
from suite.chapter.charts import HIGHLIGHT, STEP, Axis, FigureText, line_chart
from suite.chapter.descent import Array, Method, constant, descend
from suite.chapter.part import Columns, Context, Exhibit, Heading, Part, Rows, Section, points, run_name
from suite.chapter.text import agreement, counted, exact, listing, number, percent, run_table
from suite.conformance.targets import DIALECT
from suite.results.rows import ChapterRow

HEADING = Heading(
    6,
    "network",
    "Exercise 3: a real problem, and how to adjust η",
    "Exercise 3: “Try out what happens to RMSProp on a real machine learning problem, such as training on "
    "Fashion-MNIST. Experiment with different choices for adjusting the learning rate.”",
)
RATE, DECAY, EPSILON = 0.03, 0.9, 1e-6  # with this learning rate the schedules differ
INPUTS = {"learning_rate": RATE, "decay": DECAY, "epsilon": EPSILON}
PEAKS = (0.01, 0.03, 0.1)  # the largest learning rates of the schedules, compared in the oracle
SIZES = {"digits": (64, 8), "Fashion-MNIST": (128, 4)}
"""Data set -> batch size and epochs, which give about 180 steps."""

IMPLEMENTATIONS = ("scratch", "builtin")

RateSchedule = Callable[[int, int, int], float]
"""The factor of η as a function of the step (counted from 0), the steps per epoch, and the number of steps."""

_BY = Axis("schedule", "Schedule")


def step_decay(t: int, epoch: int, steps: int) -> float:  # noqa: ARG001  (schedules share a signature)
    """Divide by 10 after one half of the steps, and again after three quarters."""
    return float(0.1 ** ((2 * t >= steps) + (4 * t >= 3 * steps)))


def cosine(t: int, epoch: int, steps: int) -> float:  # noqa: ARG001
    """Decrease from 1 to 0 along half a cosine wave."""
    return 0.5 * (1 + math.cos(math.pi * t / steps))


def warm_up(t: int, epoch: int, steps: int) -> float:
    """Increase linearly to 1 during the first epoch, then decrease along half a cosine wave."""
    return (t + 1) / epoch if t < epoch else cosine(t - epoch, epoch, steps - epoch)


SCHEDULES: Mapping[str, RateSchedule] = {
    "constant": lambda t, epoch, steps: 1.0,  # noqa: ARG005
    "step": step_decay,
    "cosine": cosine,
    "inverse square root": lambda t, epoch, steps: 1 / math.sqrt(1 + t / epoch),  # noqa: ARG005
    "warm-up, then cosine": warm_up,
}


def run(context: Context) -> Iterator[ChapterRow]:
    """Train with each schedule in the oracle, with several peak rates, and in the frameworks with one."""
    options = context.run.options
    pictures = datasets.resolve_images(options.data, options.cache, download=options.download)
    context.run.progress.say(f"images: {pictures.detail}")
    tasks = list(scheduled_tasks(pictures, options.seed))
    classes: dict[str, NDArray[np.int64]] = {}
    for task in tasks:
        path = oracle_path(task)
        classes[task.id] = predicted_classes(task, path[-1], pictures)
        columns = _summarize(task, path, pictures)
        rates = [task.hyperparameters.rate(min(step, task.steps - 1)) for step in task.evaluate]
        columns["series"] = {**columns["series"], "rate": rates}
        yield context.oracle_row(columns, method="schedule", detail=pictures.detail)
    yield from _peak_rows(context, pictures)
    for one in context.train(tasks, IMPLEMENTATIONS):
        columns = {"problem": pictures.name, "setting": one.task.id}
        if one.path is not None:
            columns = _summarize(one.task, one.path, pictures)
            same = predicted_classes(one.task, one.path[-1], pictures) == classes[one.task.id]
            columns["results"]["same_class"] = float(np.mean(same))
        yield one.row(columns, method="schedule")


def oracle_path(task: Task) -> Array:
    """Run a task in the oracle; shape (steps + 1, n), with the initial parameters."""
    h, objective = task.hyperparameters, task.objective
    method = Method(lambda t: h.rate(t - 1), constant(DECAY), constant(EPSILON))
    return descend(lambda step, x: objective.gradient(x, step), task.initial, task.steps, method)


def _peak_rows(context: Context, pictures: Images) -> Iterator[ChapterRow]:
    """Compute, for each schedule and peak rate, the mean loss of the last epoch, which averages over its batches."""
    means: dict[str, list[float]] = {name: [] for name in SCHEDULES}
    for peak in PEAKS:
        for task in scheduled_tasks(pictures, context.run.options.seed, peak):
            path = oracle_path(task)
            last = [task.objective.loss(path[step]) for step in task.evaluate[-EVALUATIONS_PER_EPOCH:]]
            means[task.id].append(float(np.mean(last)))
    for name, losses in means.items():
        series = {"peak": PEAKS, "mean_loss": losses}
        yield context.oracle_row(problem=pictures.name, method="peaks", setting=name, series=series)


def scheduled_tasks(pictures: Images, seed: int, peak: float = RATE) -> Iterator[Task]:
    """Make a task for each schedule, with the same images, initial weights and batch order."""
    batch, epochs = SIZES[pictures.name]
    base = network(pictures.features, pictures.labels, batch, epochs, Bits(seed + 2))
    for name, schedule in SCHEDULES.items():
        rates = tuple(peak * schedule(t, base.steps_per_epoch, base.steps) for t in range(base.steps))
        h = Hyperparameters(learning_rate=rates, decay=DECAY, epsilon=EPSILON)
        yield replace(base, id=name, reason="a learning-rate schedule", hyperparameters=h)


def predicted_classes(task: Task, x: Array, pictures: Images) -> NDArray[np.int64]:
    """Predict the classes of the test images."""
    assert isinstance(task.objective, Network)  # noqa: S101
    return np.asarray(task.objective.predicted(x, pictures.test_features))


def _summarize(task: Task, path: Array, pictures: Images) -> Columns:
    losses = [task.objective.loss(path[step]) for step in task.evaluate]
    accuracy = [
        float(np.mean(predicted_classes(task, path[step], pictures) == pictures.test_labels)) for step in task.evaluate
    ]
    last = losses[-EVALUATIONS_PER_EPOCH:]
    return {
        "problem": pictures.name,
        "setting": task.id,
        "inputs": {
            **INPUTS,
            "steps": task.steps,
            "epochs": task.steps // task.steps_per_epoch,
            "test_images": len(pictures.test_labels),
        },
        "results": {
            "loss": losses[-1],
            "accuracy": accuracy[-1],
            "mean_loss": float(np.mean(last)),
            "loss_range": float(np.ptp(last)),
        },
        "series": {"step": task.evaluate, "loss": losses, "accuracy": accuracy},
    }


def describe(rows: Rows) -> Section:
    """Describe the losses and accuracies of each schedule in the oracle and in the frameworks."""
    ours, runs, peaks = rows.oracle(method="schedule"), rows.runs(method="schedule"), rows.oracle(method="peaks")
    if not ours:
        return Section(HEADING)
    losses = _curve_figure(ours, runs, Axis("loss", "Loss", log=True, format="~g"), "Loss on the training images")
    trained, trained_runs = (
        Rows(replace(row, series={name: values[1:] for name, values in row.series.items()}) for row in part)
        for part in (ours, runs)
    )
    axis = Axis("accuracy", "Accuracy", format="~%")
    accuracy = _curve_figure(trained, trained_runs, axis, "Accuracy on the test images")
    text = FigureText("figure-network-rates", "The schedules", "η of each step.")
    rates = line_chart(text, [(row.setting, row) for row in ours], STEP, Axis("rate", "η", zero=True), _BY, height=200)
    exhibits = (
        Exhibit(losses, (*best_schedule(ours), *constant_rate(ours), *data_set(ours))),
        Exhibit(accuracy, (*accuracies(ours), *in_frameworks(runs))),
        *([Exhibit(_peak_figure(peaks), tuple(by_peak(peaks)))] if peaks else []),
        Exhibit(rates, tuple(mean_rates(ours))),
    )
    tables = run_table(
        "The schedules in the oracle and in the frameworks",
        ("Schedule", "Implementation", "Dialect"),
        ("Loss", "Mean of the last epoch", "Accuracy"),
        Rows(sorted([*ours, *runs], key=lambda row: (row.setting, row.implementation is not None))),
        lambda row: (
            row.setting,
            run_name(row) if row.implementation else "oracle, float64",
            row.dialect or DIALECT,
            number(row.results.get("loss"), 7),
            number(row.results.get("mean_loss"), 4),
            percent(row.results.get("accuracy") or 0.0, 4),
        ),
    )
    return Section(HEADING, exhibits, tables)


def best_schedule(ours: Rows) -> Iterator[str]:
    """State which schedules end with the lowest and the highest loss."""
    means = ours.by_setting("mean_loss")
    if means:
        low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        yield (
            f"Of {counted(len(means), 'schedule')} with η of at most {exact(ours[0].inputs.get('learning_rate'))}, "
            f"“{low}” has the lowest mean loss in the last epoch, {number(means[low])}, and “{high}” the highest, "
            f"{number(means[high])}."
        )


def constant_rate(ours: Rows) -> Iterator[str]:
    """State whether the loss settles with a constant η."""
    ranges = ours.by_setting("loss_range")
    if "constant" in ranges and len(ranges) > 1:
        steadiest = min(ranges, key=ranges.__getitem__)
        verb = "settles" if ranges["constant"] <= 2 * ranges[steadiest] else "does not settle"
        yield (
            f"With a constant η the loss {verb}: in the last epoch it varies by {number(ranges['constant'], 2)}, with "
            f"“{steadiest}” by {number(ranges[steadiest], 2)}."
        )


def data_set(ours: Rows) -> Iterator[str]:
    """State the data and the size of the run."""
    row = ours[0]
    if row.detail:
        steps, epochs = (row.inputs.get(name) or 0 for name in ("steps", "epochs"))
        yield f"Data: {row.detail}. {epochs:.0f} epochs, {steps:.0f} steps; one hidden layer of {HIDDEN} units."


def by_peak(peaks: Rows) -> Iterator[str]:
    """State whether the best schedule depends on the largest η."""
    losses = {row.setting: dict(points(row, "peak", "mean_loss")) for row in peaks}
    every = sorted({peak for known in losses.values() for peak in known})
    if len(every) < 2:
        return
    best = {peak: min((known[peak], name) for name, known in losses.items() if peak in known)[1] for peak in every}
    peaks_of = {name: listing([exact(peak) for peak in every if best[peak] == name]) for name in best.values()}
    each = listing([f"“{name}” for a largest η of {own}" for name, own in peaks_of.items()])
    yield f"The best schedule {'depends' if len(peaks_of) > 1 else 'does not depend'} on the largest η: {each}."
    ranges = {name: max(known.values()) / min(known.values()) for name, known in losses.items() if known}
    robust, sensitive = min(ranges, key=ranges.__getitem__), max(ranges, key=ranges.__getitem__)
    yield (
        f"“{robust}” depends least on the largest η: from {exact(every[0])} to {exact(every[-1])} its loss changes by "
        f"a factor of {number(ranges[robust], 2)}, that of “{sensitive}” by {number(ranges[sensitive], 2)}."
    )


def accuracies(ours: Rows) -> Iterator[str]:
    """State the accuracies, and whether their difference is statistically meaningful."""
    right, losses = ours.by_setting("accuracy"), ours.by_setting("mean_loss")
    if not right or not losses:
        return
    high, low = max(right, key=right.__getitem__), min(right, key=right.__getitem__)
    lowest = min(losses, key=losses.__getitem__)
    tested = ours[0].inputs.get("test_images") or 0
    statement = (
        f"Of {tested:,.0f} test images, “{high}” classifies {percent(right[high], 3)} correctly and “{low}” "
        f"{percent(right[low], 3)}"
    )
    if high != lowest and right[lowest] != right[high]:
        statement += f", although “{lowest}” has the lowest training loss"
    error = (right[high] * (1 - right[high]) / tested) ** 0.5 if tested else 0.0
    if right[high] - right[low] < 2 * 2**0.5 * error:
        statement += "; with this number of images, chance alone can cause such a difference"
    yield f"{statement}."


def in_frameworks(runs: Rows) -> Iterator[str]:
    """State whether the frameworks agree with the oracle, and whether they predict the same classes."""
    if not runs:
        return
    worst = max((row.update_ratio or 0 for row in runs), default=0)
    yield (
        f"On the same images, initial weights and batches, {agreement(runs)}; the largest error of an update is "
        f"{number(worst, 2)} of its bound."
    )
    if shares := runs.select(dialect=DIALECT).numbers("same_class"):
        images_ = "all test images" if min(shares) == 1 else f"at least {percent(min(shares), 4)} of the test images"
        yield f"After training, the networks from scratch in the frameworks predict the oracle's class for {images_}."


def mean_rates(ours: Rows) -> Iterator[str]:
    """State the mean learning rate of each schedule."""
    rates = {row.setting: [rate for _, rate in points(row, "step", "rate")] for row in ours}
    means = {name: sum(known) / len(known) for name, known in rates.items() if known}
    if "constant" in means and len(means) > 1:
        others = [f"“{name}” {percent(mean / means['constant'])}" for name, mean in means.items() if name != "constant"]
        yield f"All schedules reach the same η. Their mean η, relative to the constant one, is: {listing(others)}."


def _curve_figure(ours: Rows, runs: Rows, axis: Axis, title: str) -> Figure:
    caption = f"Lines: the oracle. Marks: the frameworks from scratch, on the same batches. {HIGHLIGHT}"
    text = FigureText(f"figure-network-{axis.column}", title, caption)
    scratch = [(row.setting, row) for row in runs.select(dialect=DIALECT)]
    return line_chart(text, [(row.setting, row) for row in ours], STEP, axis, _BY, scratch, stride=2)


def _peak_figure(peaks: Rows) -> Figure:
    caption = f"The mean over the last epoch, in the oracle. {HIGHLIGHT}"
    text = FigureText("figure-network-peaks", "The loss at the end by the largest η", caption)
    peak, loss = Axis("peak", "Largest η", log=True, format="~g"), Axis("mean_loss", "Loss", log=True, format="~g")
    return line_chart(text, [(row.setting, row) for row in peaks], peak, loss, _BY, height=240)


PART = Part(HEADING, run, describe)
